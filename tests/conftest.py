"""What tests share: the assignment baked once, its template, and a way to run the real commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring import publish, release
from autograder.authoring.bake import bake
from autograder.authoring.declare import Assignment, load_assignment
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


# ---------------------------------------------------------------- made once, whatever the number of processes


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """``once(name, make)``: a folder of that name, which the first process that asks has `make` fill; others wait for it."""
    base = tmp_path_factory.getbasetemp()
    common = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        import fcntl  # where there is none, nothing that needs this runs

        with (common / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (common / f"{name}.made").exists():
                shutil.rmtree(common / name, ignore_errors=True)
                (common / name).mkdir()
                make(common / name)
                (common / f"{name}.made").touch()
        return common / name

    return folder


@pytest.fixture(scope="session")
def assignment() -> Assignment:
    return load_assignment(ASSIGNMENT)


@pytest.fixture(scope="session")
def bundle_file(assignment: Assignment, once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    def make(folder: Path) -> None:
        bundles.write_file(folder / "bundle.npz", bundles.to_bytes(bake(assignment)))

    return once("bundle", make) / "bundle.npz"


@pytest.fixture(scope="session")
def baked(bundle_file: Path) -> Bundle:
    return bundles.read(bundle_file)


@dataclass(frozen=True)
class Demo:
    """A clean checkout in which ``make demo`` was typed, and what that said."""

    project: Path
    said: str


@pytest.fixture(scope="session")
def demo(once: Callable[[str, Callable[[Path], None]], Path]) -> Demo:
    if sys.platform != "linux":
        pytest.skip("submissions can be confined on Linux only")

    def make(folder: Path) -> None:
        checkout(folder / "project")
        (folder / "said").write_text(typed("make demo", folder / "project"), encoding="utf-8")

    made = once("demo", make)
    return Demo(made / "project", (made / "said").read_text(encoding="utf-8"))


def checkout(folder: Path) -> None:
    """A clean checkout, with the set-up that is there already: it is what `make` would make."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    os.utime(folder / "pyproject.toml", (0, 0))
    os.utime(folder / "constraints.txt", (0, 0))


def typed(command: str, folder: Path) -> str:
    """What a command says that is typed in a folder."""
    own = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}  # of make test
    environment = {**own, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                   "PYTHONPATH": str(folder), "COLUMNS": "200"}  # fmt: skip
    done = subprocess.run(command, cwd=folder, shell=True, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=300, check=False)  # fmt: skip
    # Where the project stands is nobody's business: paths are told from its root.
    return done.stdout.replace(f"{ROOT}/", "").replace(str(ROOT), "")


# ---------------------------------------------------------------- made by each process for itself


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
