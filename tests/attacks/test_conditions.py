"""The same elsewhere: an ordinary user, Docker's root with and without Landlock, and where nothing may be run."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from autograder.isolation import lockdown

from ..conftest import write_package
from . import harness
from .catalogue import ATTACKS

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can simulate another place"),
    pytest.mark.attack,
]
PLACES = ["uid-1000", "docker", "docker-without-landlock", "docker-as-user", "no-landlock"]
OTHER_PYTHON = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
MAIN = "import sys; from autograder.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """A Python that every user can run: ours, or the system's with our packages."""
    ours = Path(sys.executable).resolve()
    if all(parent.stat().st_mode & 1 for parent in ours.parents):
        yield Path(sys.executable)
        return
    if not OTHER_PYTHON.exists():
        pytest.skip(f"{ours} is for root alone, and there is no {OTHER_PYTHON}")
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(OTHER_PYTHON)
        (folder / "pyvenv.cfg").write_text(f"home = {OTHER_PYTHON.parent}\n")
        site = folder / "lib" / OTHER_PYTHON.name / "site-packages"
        site.mkdir(parents=True)
        (site / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{harness.ROOT}\n")
        yield folder / "bin" / "python"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def run(place: str, *command: object) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, str(harness.HERE / "conditions.py"), place]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([*start, *map(str, command)], cwd=harness.ROOT, capture_output=True, text=True, timeout=300,
                          env={**environment, "PYTHONDONTWRITEBYTECODE": "1"}, check=False)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_every_attack_on_the_lock_is_refused_there_too(place: str, python: Path) -> None:
    probe = harness.ROOT / "tests" / "lockdown_probe.py"
    done = run(place, python, probe, "attacks")
    assert done.returncode == 0, done.stderr
    errors, kills = json.loads(done.stdout.splitlines()[-1])
    passed = {name: locked for name, (_, locked) in errors.items()
              if not re.match(r"PermissionError|RuntimeError: can't|ModuleNotFoundError", str(locked))}  # fmt: skip
    # What the place itself refuses never reaches our filter: an error instead of an end.
    lived = {name: locked for name, (_, locked) in kills.items()
             if locked != "SIGSYS" and not ("docker" in place and "Error" in str(locked))}  # fmt: skip
    assert (passed, lived) == ({}, {})
    benign = json.loads(run(place, python, probe, "benign").stdout.splitlines()[-1])
    assert {name: result for name, result in benign.items() if result is not True} == {}


@pytest.mark.parametrize("place", PLACES[:3])
def test_grading_there(
    place: str, python: Path, shared: Path, open_bundle: Path, baked, solution: Mapping[str, bytes]
) -> None:
    with harness.outside() as where:
        write_package(shared / "class" / "honest", {name: solution[name] for name in ("rnn", "order")})
        chosen = [attack for attack in ATTACKS if attack.stopped_by == "lock" and not attack.slow]
        for attack in chosen:
            modules = harness.package(harness.fill(attack.source, where, open_bundle, baked), solution)
            write_package(shared / "class" / attack.name.replace("/", " "), modules)
        subprocess.run(["chmod", "-R", "a+rX", shared / "class"], check=True)
        done = run(place, python, "-c", MAIN, "grade", shared / "class", "--out", shared / "out", "--bundle", open_bundle)
        assert done.returncode == 0, done.stderr
        assert where.touched() == []
    with (shared / "out" / "grades.csv").open(newline="") as file:
        totals = {row["submission"]: float(row["total"]) for row in csv.DictReader(file)}
    assert {name: total for name, total in totals.items() if total and name != "honest"} == {}
    assert totals["honest"] == 23
    assert len(totals) == len(chosen) + 1
    level = json.loads((shared / "out" / "records" / "honest.json").read_text())["isolation"]
    less = "without-landlock" in place or place == "no-landlock" or lockdown.probe() is lockdown.Level.NO_LANDLOCK
    assert level == ("no-landlock" if less else "full")
