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
from dataclasses import dataclass
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
NEEDED = ("numpy", "numpy.libs", "rich", "pygments", "markdown_it", "mdurl", "jinja2", "markupsafe", "yaml")
MAIN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from autograder.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Place:
    """What every user can run: a Python with what grading needs, and a copy of this project."""

    python: Path
    root: Path


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Copies, because this project and its environment may lie where only we may look."""
    ours = Path(sys.executable).resolve()
    base = ours if all(parent.stat().st_mode & 1 for parent in ours.parents) else OTHER_PYTHON
    if not base.exists():
        pytest.skip(f"{ours} is for root alone, and there is no {OTHER_PYTHON}")
    folder = Path(tempfile.mkdtemp())
    try:
        site = folder / "lib" / OTHER_PYTHON.name / "site-packages"
        for name in NEEDED:
            found = Path(sysconfig.get_path("purelib")) / name
            if found.exists():
                shutil.copytree(found, site / name, ignore=shutil.ignore_patterns("tests", "*.pyi", "include"))
        for name in ("autograder", "assignments", "reference", "tests"):
            shutil.copytree(harness.ROOT / name, folder / "project" / name, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(base)
        (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield Place(folder / "bin" / "python", folder / "project")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def run(condition: str, place: Place, *command: object) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, str(harness.HERE / "conditions.py"), condition, str(place.python)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run([*start, *map(str, command)], cwd=place.root, capture_output=True, text=True, timeout=600,
                          env={**environment, "PYTHONDONTWRITEBYTECODE": "1"}, check=False)  # fmt: skip


@pytest.mark.parametrize("condition", PLACES)
def test_every_attack_on_the_lock_is_refused_there_too(condition: str, place: Place) -> None:
    probe = place.root / "tests" / "lockdown_probe.py"
    done = run(condition, place, probe, "attacks")
    assert done.returncode == 0, done.stderr
    errors, kills = json.loads(done.stdout.splitlines()[-1])
    passed = {name: locked for name, (_, locked) in errors.items()
              if not re.match(r"PermissionError|RuntimeError: can't|ModuleNotFoundError", str(locked))}  # fmt: skip
    # What the place itself refuses never reaches our filter: an error instead of an end.
    lived = {name: locked for name, (_, locked) in kills.items()
             if locked != "SIGSYS" and not ("docker" in condition and "Error" in str(locked))}  # fmt: skip
    assert (passed, lived) == ({}, {})
    benign = json.loads(run(condition, place, probe, "benign").stdout.splitlines()[-1])
    assert {name: result for name, result in benign.items() if result is not True} == {}


@pytest.mark.parametrize("condition", PLACES[:3])
def test_grading_there(
    condition: str, place: Place, shared: Path, open_bundle: Path, baked, solution: Mapping[str, bytes]
) -> None:
    with harness.outside() as where:
        write_package(shared / "class" / "honest", {name: solution[name] for name in ("rnn", "order")})
        chosen = [attack for attack in ATTACKS if attack.stopped_by == "lock" and not attack.slow]
        for attack in chosen:
            modules = harness.package(harness.fill(attack.source, where, open_bundle, baked), solution)
            write_package(shared / "class" / attack.name.replace("/", " "), modules)
        subprocess.run(["chmod", "-R", "a+rX", shared / "class"], check=True)
        command = ("grade", shared / "class", "--out", shared / "out", "--bundle", open_bundle)
        done = run(condition, place, "-c", MAIN, place.root, *command)
        assert done.returncode == 0, done.stderr
        assert where.touched() == []
    with (shared / "out" / "grades.csv").open(newline="") as file:
        totals = {row["submission"]: float(row["total"]) for row in csv.DictReader(file)}
    assert {name: total for name, total in totals.items() if total and name != "honest"} == {}
    assert totals["honest"] == 23
    assert len(totals) == len(chosen) + 1
    level = json.loads((shared / "out" / "records" / "honest.json").read_text())["isolation"]
    less = "without-landlock" in condition or condition == "no-landlock" or lockdown.probe() is lockdown.Level.NO_LANDLOCK
    assert level == ("no-landlock" if less else "full")


def test_where_there_is_no_seccomp_nothing_is_run(place: Place, shared: Path, open_bundle: Path) -> None:
    write_package(shared / "class" / "one", {"rnn": f"open({str(shared / 'ran')!r}, 'w')".encode()})
    subprocess.run(["chmod", "-R", "a+rX", shared / "class"], check=True)
    command = ("grade", shared / "class", "--out", shared / "out", "--bundle", open_bundle)
    done = run("no-seccomp", place, "-c", MAIN, place.root, *command)
    assert (done.returncode, sorted(path.name for path in shared.iterdir())) == (3, ["class"])
    assert "no seccomp filter here" in done.stderr
