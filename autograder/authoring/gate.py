"""The gate of a release: the packages, as they will be given out, are used once before anything is written. Staff only.

The solution earns everything and the blank nothing by every front end that can run here, each in a process of its own;
the student's zip works alone. What cannot be tried here is said, never taken for granted.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..checks.bundle import Bundle, stored_zip
from ..isolation import lockdown
from .declare import AssignmentError

SECONDS = 300.0
SOURCE = Path(__file__).resolve().parents[2]  # the folder that holds `autograder`


@dataclass(frozen=True)
class Tried:
    """What a gate found: lines of what holds, and lines of what could not be tried here."""

    holds: tuple[str, ...]
    untried: tuple[str, ...]


Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Hands:
    """What is handed in to each front end: the solution's and the blank's files, by path, and what each must earn."""

    solution: Files
    blank: Files
    bundle: Bundle
    assignment: Path

    def each(self) -> tuple[tuple[str, Files, float], ...]:
        """Both, with the points that they must earn."""
        everything = sum(question.points for question in self.bundle.questions)
        return ("the solution", self.solution, everything), ("the blank", self.blank, 0.0)


def try_all(zips: Mapping[str, bytes], hands: Hands, *, full: bool) -> Tried:
    """Use the packages. zips: by kind. full: otter and pytest too. Raises AssignmentError naming what does not hold."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        trials: list[tuple[str, Callable[[], str]]] = []
        holds, untried = [], []
        root = Path(folder)
        for name, cannot, trial in front_ends(root, zips, hands):
            if cannot:
                untried.append(f"not tried here: {name}: {cannot}")
            elif full or name not in ("otter run", "pytest"):
                trials.append((name, trial))
        with ThreadPoolExecutor(max_workers=2) as pool:  # processes of their own do the work
            for (name, _), said in zip(trials, pool.map(lambda item: item[1](), trials), strict=True):
                holds.append(f"{name}: {said}")
    return Tried(tuple(holds), tuple(untried))


def front_ends(root: Path, zips: Mapping[str, bytes], hands: Hands) -> list[tuple[str, str, Callable[[], str]]]:
    """Each front end: its name, why it cannot run here ("" if it can), and its trial."""
    confined = _confinement()
    bash = "" if shutil.which("bash") else "there is no bash"
    otter = "" if importlib.util.find_spec("otter") else "otter-grader is not installed"
    pytest = "" if importlib.util.find_spec("pytest") else "pytest is not installed"
    return [
        ("otter run", confined or otter, partial(_points, hands, partial(otter_run, root / "otter", zips["otter-autograder"]))),
        ("Gradescope", confined or bash,
         partial(_points, hands, partial(run_gradescope, root / "gradescope", zips["gradescope-autograder"]))),
        ("pytest", confined or pytest, partial(_points, hands, partial(run_pytest, root / "pytest", hands))),
        ("the student's zip alone", "", partial(run_student, root / "student", zips["student"])),
    ]  # fmt: skip


def _confinement() -> str:
    try:
        lockdown.probe()
    except lockdown.CannotLock as error:
        return f"submissions cannot be confined ({error})"
    return ""


def _points(hands: Hands, front_end: Callable[[str, Files], float]) -> str:
    """What the solution and the blank earn. Raises AssignmentError if it is not what they must."""
    for what, files, should in hands.each():
        earned = front_end(what.split()[-1], files)
        if abs(earned - should) > 1e-6:
            raise AssignmentError(f"{what} earns {earned:g} by this front end and must earn {should:g}; see its output")
    return f"the solution earns {hands.each()[0][2]:g}, the blank 0"


def command(name: str, words: list[str], cwd: Path, more: Mapping[str, str] | None = None) -> str:
    """Run a front end; give its output. Raises AssignmentError if it cannot be run."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON"))}
    try:
        done = subprocess.run(words, cwd=cwd, env={**kept, **(more or {})}, capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, check=False)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise AssignmentError(f"{name}: is not done after {SECONDS:g} seconds") from None
    if done.returncode not in (0, 1):
        raise AssignmentError(f"{name}: ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout + done.stderr


def unpack(data: bytes, folder: Path) -> Path:
    """Unpack a zip of ours."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def _write(files: Files, folder: Path) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def run_gradescope(folder: Path, package: bytes, what: str, files: Files) -> float:
    """The score of a submission by the Gradescope zip, in a tree like Gradescope's."""
    root = folder / what
    unpack(package, root / "source")
    _write(files, root / "submission")
    command("Gradescope's run_autograder", ["bash", str(root / "source/run_autograder")], root,
            {"AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable})  # fmt: skip
    return float(json.loads((root / "results/results.json").read_bytes())["score"])


def otter_run(folder: Path, package: bytes, what: str, files: Files) -> float:
    """The score of a submission by `otter run`."""
    here = folder / what
    _write({"autograder.zip": package, "submission.zip": stored_zip(files)}, here)
    words = [sys.executable, "-m", "otter", "run", "-a", "autograder.zip", "-o", ".", "submission.zip"]
    said = command("otter run", words, here, {"PYTHONPATH": str(SOURCE)})
    try:
        tests = json.loads((here / "results.json").read_bytes())["tests"]
    except OSError:
        raise AssignmentError(f"otter run: left no results.json: {said[-2000:]}") from None
    return float(round(sum(test.get("score", 0.0) for test in tests), 4))


def run_pytest(folder: Path, hands: Hands, what: str, files: Files) -> float:
    """The points of a submission by pytest's front end."""
    from ..checks import bundle as bundles

    here = folder / what
    _write({**{f"submission/{name}": data for name, data in files.items()}, "bundle.npz": bundles.to_bytes(hands.bundle)}, here)
    words = [sys.executable, "-m", "pytest", "--submission=submission", "--bundle=bundle.npz",
             f"--assignment={hands.assignment.resolve()}", "-q", "-p", "no:cacheprovider"]  # fmt: skip
    plugin = ["-p", "autograder.pytest_plugin"] if not _plugin_installed() else []
    said = command("pytest", [*words, *plugin], here, {"PYTHONPATH": str(SOURCE)})
    found = re.search(r"^([\d.]+) of [\d.]+ points", said, re.MULTILINE)
    if not found:
        raise AssignmentError(f"pytest: says no points: {said[-2000:]}")
    return float(found[1])


def _plugin_installed() -> bool:
    from importlib.metadata import entry_points

    return any(entry.value == "autograder.pytest_plugin" for entry in entry_points(group="pytest11"))


def run_student(folder: Path, package: bytes) -> str:
    """The student's zip by itself: unpacked elsewhere, a Python with numpy and nothing else, no network."""
    root = unpack(package, folder / "unpacked")
    (home,) = root.iterdir()
    environment = folder / "environment"
    command("venv", [sys.executable, "-m", "venv", "--without-pip", str(environment)], folder)
    site = next(iter(sorted(environment.glob("[lL]ib/**/site-packages"))))
    numpy = Path(np.__file__).parent
    for path in (numpy, *numpy.parent.glob("numpy.libs")):
        if os.name == "nt":
            shutil.copytree(path, site / path.name)
        else:
            (site / path.name).symlink_to(path)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "HOME": str(folder)}
    said = command("the student's checks", [str(python), "-I", "checks"], home, nowhere)
    found = re.search(r"^([\d.]+) of ([\d.]+) points by the public checks", said, re.MULTILINE)
    if not found or float(found[1]) != 0 or "Traceback" in said:
        raise AssignmentError(f"the student's zip alone: its checks say {said[-2000:]!r}; they must say 0 points")
    return f"its checks run on numpy alone, offline, and say 0 of {found[2]}"
