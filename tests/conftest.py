"""What tests share: the assignment baked once, its template, and a way to run the real commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring import publish, release
from autograder.authoring.bake import Assignment, bake, load_assignment
from autograder.checks import bundle as bundles
from autograder.checks.bundle import Bundle

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = ROOT / "assignments" / "memory_in_networks"
Run = Callable[..., "subprocess.CompletedProcess[str]"]
ALL_ATTACKS = os.environ.get("ATTACKS") == "all"
ALL_OTTER = os.environ.get("OTTER") == "all"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "attack: in the full run of the attacks alone (make attack)")
    config.addinivalue_line("markers", "otter: in the full run of otter alone (make otter)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for wanted, marker in ((ALL_ATTACKS, "attack"), (ALL_OTTER, "otter")):
        if not wanted:
            left_out = [item for item in items if item.get_closest_marker(marker)]
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: item.path.name != "test_readme.py")  # the longest of all first, beside the others


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    return load_assignment(ASSIGNMENT)


@pytest.fixture(scope="session")
def baked(assignment: Assignment) -> Bundle:
    return bake(assignment)


@pytest.fixture(scope="session")
def bundle_file(baked: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "bundle.npz"
    bundles.write_file(path, bundles.to_bytes(baked))
    return path


@pytest.fixture(scope="session")
def template(assignment: Assignment, baked: Bundle) -> Mapping[str, bytes]:
    """The files of the student's folder, freshly generated."""
    return release.template_files(assignment, baked)


@pytest.fixture(scope="session")
def solution() -> dict[str, bytes]:
    """The reference's modules."""
    return {path.stem: path.read_bytes() for path in sorted((ROOT / "reference" / "memnet").glob("*.py"))}


@pytest.fixture(scope="session")
def blank(template: Mapping[str, bytes]) -> dict[str, bytes]:
    """The stubs."""
    return {Path(name).stem: data for name, data in template.items() if name.startswith("memnet/")}


@pytest.fixture(scope="session")
def made(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes]) -> publish.Release:
    """A release as it would be given out."""
    return publish.build(assignment, baked, template)


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command as a user would: ``run("autograder", "grade", ...)`` or ``run("python", ...)``."""

    def command(program: str, *arguments: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None,
                timeout: float = 120) -> subprocess.CompletedProcess[str]:  # fmt: skip
        start: Sequence[str] = [sys.executable] if program == "python" else [sys.executable, "-m", f"{program}"]
        if program == "autograder":
            start = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())"]
        return subprocess.run(
            [*start, *map(str, arguments)], cwd=cwd, env={**os.environ, "COLUMNS": "200", **(env or {})},
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    return command


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by playwright; without one, tests that look at pages are left out and say so."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium here to look at pages with; install the package chromium")
    from playwright.sync_api import sync_playwright

    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run")  # fmt: skip
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=quiet)
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file in a new window: ``open_page(path, width=380, dark=True, script=True)``.

    Afterwards no page may have complained on its console, or have asked for anything but files that it links to.
    """
    contexts: list[Any] = []
    complaints: list[str] = []
    asked: list[str] = []

    def opened(path: Path, *, width: int = 1100, dark: bool = False, script: bool = True, trusting: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light",
            java_script_enabled=script, bypass_csp=trusting, accept_downloads=True,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


AXE = ROOT / "build" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def accessible(open_page: Callable[..., Any]) -> Callable[[Path], None]:
    """Assert that axe-core finds nothing serious on a page, light or dark, wide or narrow."""
    if not AXE.exists():
        pytest.skip("axe-core is not here to audit pages with; fetch it with 'make axe'")

    def audit(path: Path) -> None:
        for dark, width in ((False, 1100), (True, 380)):
            page = open_page(path, width=width, dark=dark, trusting=True)
            page.evaluate(AXE.read_text(encoding="utf-8"))
            found = page.evaluate("axe.run()")
            assert len(found["passes"]) > 10
            serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
            assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []

    return audit


def write_package(folder: Path, modules: Mapping[str, bytes]) -> Path:
    """A submission: a folder with memnet/ in it."""
    for name, data in modules.items():
        path = folder / "memnet" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder
