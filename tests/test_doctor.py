"""The doctor: what it says where everything holds, where a layer is missing, and where nothing may be run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from autograder.isolation import doctor
from autograder.isolation.doctor import Control, Verdict

from .conftest import ROOT, Run

LINUX = sys.platform == "linux"
pytestmark = pytest.mark.skipif(not LINUX, reason="there is a lock on Linux alone")
needs_root = pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="only root can simulate another place")
CONTROLS = ["lock", "files", "programs", "network", "the judge", "new code", "memory", "kernel", "honest code", "rights",
            "landlock", "orphans", "processor", "workers"]  # fmt: skip


def full(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.attack)


def consult(condition: str, *words: str) -> tuple[int, list[str]]:
    command = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())", "doctor"]
    start = [sys.executable, str(ROOT / "tests/attacks/conditions.py"), condition]
    done = subprocess.run([*start, *command, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout.splitlines()


def test_here_a_line_a_control_and_one_for_all(run: Run) -> None:
    done = run("autograder", "doctor")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert [re.split(r"  +", line.split(maxsplit=1)[1])[0].strip() for line in lines[:-1]] == CONTROLS
    assert {line.split()[0] for line in lines[:-1]} <= {"holds", "absent"}
    assert lines[-1].startswith("SAFE")


@needs_root
@pytest.mark.parametrize(
    ("condition", "code", "says", "verdict"),
    [
        full("docker", 0, "holds   files        nothing is opened", "SAFE"),
        full("docker-without-landlock", 0, "absent  landlock     this kernel has none", "SAFE with one layer fewer"),
        ("no-landlock", 0, "absent  landlock     this kernel has none", "SAFE with one layer fewer"),
        ("no-seccomp", 3, "FAILS   lock         no seccomp filter here", "REFUSE"),
        ("root-without-rights", 3, "FAILS   lock         root can't become user 65534", "REFUSE"),
    ],
)
def test_elsewhere(condition: str, code: int, says: str, verdict: str) -> None:
    found, lines = consult(condition)
    assert found == code, lines
    assert any(line.startswith(says) for line in lines), lines
    assert lines[-1].startswith(f"{verdict}: "), lines


def examined(program: str) -> list[str]:
    """The controls that do not hold when a layer is taken out of the lock."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from autograder.isolation import doctor, lockdown; {program}; "
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + "doctor.examine()"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return re.findall(r'"name": "([^"]+)", "outcome": "FAILS"', done.stdout)


@pytest.mark.parametrize(
    ("program", "fails"),
    [
        full("pass", set()),
        # Landlock and the limits stand behind the filter: files and new processes stay out even so.
        ("lockdown._filter = lambda *_: None", {"files", "network", "the judge", "new code", "kernel"}),
        full("lockdown._limit = lambda *_: None", {"memory", "processor"}),
        full("lockdown._drop_rights = lambda *_: None", {"rights"}),
        full("lockdown.PR_SET_PDEATHSIG = 29", {"orphans"}),
        full("lockdown._landlock = lambda call: True", {"landlock"}),
        full("doctor._honest = lambda: 'clocks'", {"honest code"}),
    ],
)
def test_each_control_fails_without_what_it_tries(program: str, fails: set[str]) -> None:
    if "_drop_rights" in program and os.geteuid() != 0:
        pytest.skip("an ordinary user has no rights to drop")
    found = set(examined(program))
    assert found == fails or (len(fails) > 1 and fails <= found), found


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["holds", "holds"], Verdict.SAFE),
        (["holds", "absent"], Verdict.ONE_LAYER_FEWER),
        (["absent", "FAILS"], Verdict.REFUSE),
    ],
)
def test_one_that_fails_is_one_too_many(outcomes: Sequence[str], verdict: Verdict) -> None:
    assert doctor.judge([Control("x", outcome, "") for outcome in outcomes]) is verdict


def test_where_the_examination_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    controls, verdict = doctor.diagnose()
    assert verdict is Verdict.REFUSE
    assert "cannot be made" in controls[-1].text
    monkeypatch.setattr(sys, "executable", "/bin/false")
    controls, verdict = doctor.diagnose()
    assert (verdict, controls[-1].text) == (Verdict.REFUSE, "ended with status 1: no word")


def test_on_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    known = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*known[:4], "riscv64")))
    from autograder.isolation import lockdown

    lockdown.prepare.cache_clear()
    controls, verdict = doctor.diagnose()
    lockdown.prepare.cache_clear()
    assert verdict is Verdict.REFUSE
    assert "no lock for this Python on riscv64" in controls[0].text


def test_no_worker_no_grading(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograder.isolation import sandbox

    monkeypatch.setattr(sandbox, "ENVIRONMENT", {**sandbox.ENVIRONMENT, "PYTHONHOME": "/nowhere"})
    controls, verdict = doctor.diagnose()
    assert (controls[-1].name, controls[-1].outcome, verdict) == ("workers", "FAILS", Verdict.REFUSE)
    assert "did not start" in controls[-1].text


@needs_root
def test_the_grader_refuses_where_the_doctor_does(tmp_path: Path, bundle_file: Path) -> None:
    (tmp_path / "class" / "one" / "memnet").mkdir(parents=True)
    (tmp_path / "class" / "one" / "memnet" / "rnn.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    command = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())", "grade",
               str(tmp_path / "class"), "--out", str(tmp_path / "out"), "--bundle", str(bundle_file)]  # fmt: skip
    start = [sys.executable, str(ROOT / "tests/attacks/conditions.py"), "no-seccomp"]
    done = subprocess.run([*start, *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "submissions cannot be confined here: no seccomp filter here" in done.stderr
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "ran").exists()
    done = subprocess.run([*start, *command, "--unsafe"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert '"isolation": "unsafe"' in (tmp_path / "out" / "records" / "one.json").read_text("utf-8")
    page = (tmp_path / "out" / "feedback" / "one.html").read_text("utf-8")
    assert "unsafe" in page
