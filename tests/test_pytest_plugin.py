"""Pytest as a grader for staff, through the real command."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .conftest import Run, write_package


@pytest.fixture
def submission(tmp_path: Path, solution: dict[str, bytes]) -> Path:
    """Right but for output_head, and with files that a careless grader would import."""
    folder = tmp_path / "student-017"
    modules = {name: data for name, data in solution.items() if name != "simple_rnn"}
    write_package(folder, {**modules, "rnn": modules["rnn"].replace(b"@ W_hy.T + b_y", b"@ W_hy.T")})
    trap = f"open({str(tmp_path / 'trapped')!r}, 'w').close()\n"
    for name in ("conftest.py", "test_mine.py", "numpy.py", "sitecustomize.py", "trap.py", "memnet/conftest.py"):
        (folder / name).write_text(trap)
    settings = "addopts = -p trap\npythonpath = .\n"
    (folder / "pytest.ini").write_text(f"[pytest]\n{settings}")
    (folder / "tox.ini").write_text(f"[pytest]\n{settings}")
    (folder / "setup.cfg").write_text(f"[tool:pytest]\n{settings}")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '-p trap'\npythonpath = '.'\n")
    return folder


def grade(run: Run, bundle_file: Path, submission: Path, *more: object, **where: Path) -> tuple[int, str]:
    done = run(
        "pytest", f"--submission={submission}", "--bundle", bundle_file, "-p", "no:cacheprovider", *more, **where
    )
    return done.returncode, done.stdout + done.stderr


def test_an_item_a_case(run: Run, bundle_file: Path, submission: Path, tmp_path: Path) -> None:
    code, text = grade(run, bundle_file, submission, "-v")
    assert code == 1
    assert "student-017::rnn_step::small PASSED" in text
    assert "student-017::output_head::small FAILED" in text
    assert "Hint (y): With h = 0 the scores should equal b_y" in text
    assert re.search(r"104 of 95 points, isolation: (full|no-landlock)", text)
    assert "tests/test_" not in text, "the project's own tests are not collected"
    assert not (tmp_path / "trapped").exists()


def test_k_and_junit(run: Run, bundle_file: Path, submission: Path, tmp_path: Path) -> None:
    xml = tmp_path / "report.xml"
    code, text = grade(run, bundle_file, submission, "-k", "output_head and small", "--junit-xml", xml)
    assert code == 1
    assert re.search(r"collected \d+ items / \d+ deselected / 2 selected", text)
    cases = {(case.get("classname"), case.get("name")): case for case in ET.parse(xml).iter("testcase")}
    case = cases["student-017.output_head", "small"]
    assert case.find("failure") is not None
    assert {p.get("name"): p.get("value") for p in case.iter("property")} == {"verdict": "wrong", "hidden": "false"}
    assert len(cases) == 2, "output_head and output_head_backward"


@pytest.mark.parametrize(
    ("path", "says"),
    [("nowhere", "there is no such submission"), ("empty", "the folder is empty")],
)
def test_bad_submissions(run: Run, bundle_file: Path, tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    code, text = grade(run, bundle_file, tmp_path / path)
    assert (code, says in text, "Traceback" in text) == (4, True, False), text


def test_it_will_not_start_inside_a_submission(run: Run, bundle_file: Path, submission: Path, tmp_path: Path) -> None:
    assert grade(run, bundle_file, Path(), cwd=submission / "memnet")[0] != 0
    # `python -m` puts the folder on its path, and pytest obeys the settings of where it is started: too early for us.
    (tmp_path / "trapped").unlink(missing_ok=True)
    for name in ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"):
        (submission / name).unlink()
    start = "import sys; sys.path = [p for p in sys.path if p]; import pytest; sys.exit(pytest.main())"
    done = run("python", "-c", start, f"--submission={submission}", cwd=submission)
    assert done.returncode == 4
    assert "go to another folder" in done.stderr
    assert not (tmp_path / "trapped").exists()


GAP = "[pytest]\npythonpath = .\naddopts = -p trap\n"


@pytest.mark.parametrize(
    "settings", ["", GAP, "[pytest]\npythonpath = .\n"]
)
def test_the_option_in_two_words(
    run: Run, bundle_file: Path, solution: dict[str, bytes], tmp_path: Path, settings: str
) -> None:
    """Of two words pytest takes the second for a folder of tests: settings that stand there end it at once."""
    folder = write_package(tmp_path / "student-017", {"rnn": solution["rnn"]})
    for name in ("conftest.py", "trap.py", "test_mine.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'trapped')!r}, 'w').close()\n")
    if settings:
        (folder / "pytest.ini").write_text(settings)
    done = run("pytest", "--submission", folder, "--bundle", bundle_file, "-k", "rnn_step and small", cwd=tmp_path)
    text = done.stdout + done.stderr
    # A known gap: what pytest imports before it looks for any plugin. The README's form, with "=", does not have it.
    assert (tmp_path / "trapped").exists() is (settings == GAP)
    if settings:
        assert (done.returncode, "Traceback" in text) == (4, False)
    else:
        assert "1 passed" in re.sub("2 selected", "", text) or "1 failed, 1 passed" in text, text


def test_without_the_option_pytest_is_as_ever(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("def test_x():\n    pass\n")
    done = run("pytest", "-q", "-p", "no:cacheprovider", tmp_path / "test_x.py", cwd=tmp_path)
    assert "1 passed" in done.stdout
