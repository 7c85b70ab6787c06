"""Grading a folder with the real command: records, resuming after a kill, and bad input."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from autograder.grading import grade as grading

from .conftest import ROOT, Run, write_package

COMMAND = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())", "grade"]


def files_of(folder: Path) -> dict[str, bytes]:
    """All files and what is in them."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def rows(out: Path) -> dict[str, dict[str, str]]:
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def numpy_only(solution: dict[str, bytes]) -> dict[str, bytes]:
    """The solution without the torch question, which would take seconds to start."""
    return {name: data for name, data in solution.items() if name != "simple_rnn"}


@pytest.fixture(scope="module")
def submissions(
    tmp_path_factory: pytest.TempPathFactory, numpy_only: dict[str, bytes], blank: dict[str, bytes]
) -> Path:
    """A small class: right, blank, wrong, one that kills its own process, a zip, one level down, unreadable."""
    folder = tmp_path_factory.mktemp("class")
    blank = {name: data for name, data in blank.items() if name != "simple_rnn"}
    write_package(folder / "student-001", numpy_only)
    write_package(folder / "student-002", blank)
    wrong = numpy_only["rnn"].replace(b"for t in range(T)", b"for t in range(1, T)", 1)
    assert wrong != numpy_only["rnn"]
    write_package(folder / "student-003", {**numpy_only, "rnn": wrong})
    write_package(folder / "student-004", {**blank, "gru": b"import os\ndef gru_step(*a):\n    os._exit(0)\n"})
    write_package(folder / "student-005" / "homework", numpy_only)
    with zipfile.ZipFile(folder / "student-006.zip", "w") as archive:
        for name, data in numpy_only.items():
            archive.writestr(f"memnet/{name}.py", data)
    (folder / "student-007.zip").write_bytes(b"PK no zip at all")
    write_package(folder / "Zoë O'Neil 佐藤", numpy_only)
    (folder / "notes.txt").write_text("not a submission")
    return folder


@pytest.fixture(scope="module")
def graded(submissions: Path, bundle_file: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "out"
    done = run("autograder", "grade", submissions, "--out", out, "--bundle", bundle_file)
    assert done.returncode == 0, done.stderr
    assert "not a submission: notes.txt" in done.stderr
    assert "8 submissions: 7 graded, 1 unreadable" in done.stdout
    assert "\nstudent-007: unreadable: " in f"\n{done.stderr}"
    assert re.search(r"^same_bag_pair +\d+% +\d +not written yet \(\d\)", done.stdout, re.M)
    return out


def test_grades(graded: Path) -> None:
    found = rows(graded)
    assert list(found["student-001"])[:4] == ["submission", "status", "total", "possible"]
    totals = {name: (row["status"], float(row["total"])) for name, row in found.items()}
    assert totals == {
        "student-001": ("graded", 105.0),
        "student-002": ("graded", 0.0),
        "student-003": ("graded", 100.0),
        "student-004": ("graded", 0.0),
        "student-005": ("graded", 105.0),
        "student-006": ("graded", 105.0),
        "student-007": ("unreadable", 0.0),
        "Zoë O'Neil 佐藤": ("graded", 105.0),
    }
    assert found["student-003"]["rnn_forward"] == "0"
    assert {row["possible"] for row in found.values()} == {"95"}


def test_a_record_and_a_page_each(graded: Path) -> None:
    records = {path.stem: json.loads(path.read_text("utf-8")) for path in (graded / "records").iterdir()}
    assert len(records) == len(list((graded / "feedback").iterdir())) == 8
    record = records["student-003"]
    assert record["isolation"] in ("full", "no-landlock")
    question = next(q for q in record["questions"] if q["name"] == "rnn_forward")
    assert question["verdict"] == "wrong"
    page = (graded / "feedback" / "student-003.html").read_text("utf-8")
    assert "h is " in page
    assert "student-007.zip is broken or is no zip" in (graded / "feedback" / "student-007.html").read_text("utf-8")
    hidden = [value for case in question["cases"] if case["hidden"] for value in case["values"]]
    assert hidden
    for value in hidden:
        for finding in value["findings"]:
            if "expected" in finding:
                assert finding not in page, "numbers of hidden cases are for the staff"


def test_again_nothing_is_graded_twice(graded: Path, submissions: Path, bundle_file: Path, run: Run) -> None:
    before = files_of(graded)
    done = run("autograder", "grade", submissions, "--out", graded, "--bundle", bundle_file)
    assert done.returncode == 0
    assert "8 of 8 submissions have their record already" in done.stderr
    assert files_of(graded) == before


def test_a_changed_submission_is_graded_again(
    graded: Path, submissions: Path, bundle_file: Path, run: Run, numpy_only: dict[str, bytes], tmp_path: Path
) -> None:
    here, out = tmp_path / "class", tmp_path / "out"
    shutil.copytree(submissions, here)
    shutil.copytree(graded, out)
    write_package(here / "student-002", numpy_only)
    done = run("autograder", "grade", here, "--out", out, "--bundle", bundle_file)
    assert "7 of 8 submissions have their record already" in done.stderr
    assert rows(out)["student-002"]["total"] == "105"


def test_twenty_kills_change_nothing(
    graded: Path, submissions: Path, bundle_file: Path, run: Run, tmp_path: Path
) -> None:
    """kill -9 of the judge at random points; the finished run's files are an undisturbed one's to the byte."""
    chance = random.Random(17)
    out = tmp_path / "out"
    arguments = [str(submissions), "--out", str(out), "--bundle", str(bundle_file)]
    killed, finished = 0, 0
    while killed < 20:
        # Its own session, so that what it leaves behind can be found.
        process = subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        try:
            process.wait(timeout=chance.uniform(0.2, 1.8))
            finished += 1
            shutil.rmtree(out)  # it came to its end before the kill: begin anew
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        assert finished < 40, "the kills come too late to show anything"
    assert run("autograder", "grade", *arguments).returncode == 0
    assert files_of(out) == files_of(graded)


def test_a_killed_run_leaves_no_process(submissions: Path, bundle_file: Path, tmp_path: Path) -> None:
    mark = f"{bundle_file}-{os.getpid()}"
    environment = {**os.environ, "AUTOGRADER_TEST_MARK": mark}
    arguments = [str(submissions), "--out", str(tmp_path / "out"), "--bundle", str(bundle_file)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)

    def judges() -> list[int]:
        return [pid for pid in marked(mark) if pid != process.pid]

    zygotes = wait_for(lambda: [child for judge in judges() for child in children(judge)], present=True)
    started = {*judges(), *zygotes}
    assert zygotes, "it was over before it could be killed"
    assert len(started) > len(zygotes)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not wait_for(lambda: [pid for pid in started if alive(pid)], present=False)


def wait_for(find: object, *, present: bool, seconds: float = 20.0) -> list[int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found: list[int] = find()  # type: ignore[operator]
        if bool(found) is present:
            return found
        time.sleep(0.02)
    return found


def marked(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark.encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
    return found


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_the_engine_is_all_that_decides_what_a_record_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that grading loads and whose change says nothing would leave old records in force."""
    loads = ("import sys, autograder.grading.grade; print(*(m.__file__ for n, m in sys.modules.items() if "
             "n.startswith('autograder.') and not m.__file__.endswith('__init__.py')))")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {Path(name).relative_to(ROOT / "autograder").as_posix() for name in done.stdout.split()}
    read = set[str]()
    real = Path.read_bytes

    def note(path: Path) -> bytes:
        read.add(path.relative_to(ROOT / "autograder").as_posix())
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", note)
    grading._engine.__wrapped__()
    # The journal keeps records and bake finds properties: neither has a say in them, and questions have hashes of their own.
    assert loaded - read == {"grading/journal.py", "authoring/declare.py"}


# ---------------------------------------------------------------- bad input: what, where, what to do


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda tmp, file: [tmp / "nowhere"], "nowhere"),
        (lambda tmp, file: [file], "bundle.npz"),
        (lambda tmp, file: [(tmp / "empty").mkdir() or tmp / "empty"], "empty"),
    ],
    ids=["no such folder", "a file", "nothing in it"],
)
def test_no_submissions(prepare: object, says: str, tmp_path: Path, bundle_file: Path, run: Run) -> None:
    arguments = prepare(tmp_path, bundle_file)  # type: ignore[operator]
    done = run("autograder", "grade", *arguments, "--out", tmp_path / "out", "--bundle", bundle_file)
    assert done.returncode == 2
    assert done.stderr.startswith("autograder: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_foreign_folders_and_bundles(submissions: Path, bundle_file: Path, tmp_path: Path, run: Run) -> None:
    def complaint(out: Path, bundle: Path) -> str:
        done = run("autograder", "grade", submissions, "--out", out, "--bundle", bundle)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        return done.stderr

    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert "holds other files" in complaint(other, bundle_file)
    assert (other / "thesis.txt").read_text() == "mine"
    (other / "journal.jsonl").write_text('{"assignment": "another", "bundle": "x"}\n')
    assert "graded with another assignment (another, now memory-in-networks)" in complaint(other, bundle_file)
    damaged = tmp_path / "bundle.npz"
    damaged.write_bytes(bundle_file.read_bytes()[:9999])
    assert "it is no bundle" in complaint(tmp_path / "a", damaged)
    assert "bake it with 'autograder bake'" in complaint(tmp_path / "b", tmp_path / "none.npz")


def test_a_stale_bundle_is_refused(submissions: Path, bundle_file: Path, tmp_path: Path, run: Run) -> None:
    changed = tmp_path / "assignments" / "memory_in_networks"
    shutil.copytree(ROOT / "assignments" / "memory_in_networks", changed)
    settings = changed / "assignment.toml"
    settings.write_text(settings.read_text().replace('version = "1.0"', 'version = "1.1"'))
    done = run("autograder", "grade", submissions, "--out", tmp_path / "out", "--bundle", bundle_file,
               "--assignment", changed)  # fmt: skip
    assert done.returncode == 2
    assert "(stale); run 'autograder bake'" in done.stderr


def test_a_full_disk_loses_nothing(submissions: Path, bundle_file: Path, tmp_path: Path, run: Run) -> None:
    """A limit on the size of files stands for the full disk: the journal ends with a whole record."""
    out = tmp_path / "out"
    limited = [sys.executable, "-c", "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
               "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); from autograder.cli import main; "
               "sys.exit(main())"]  # fmt: skip
    arguments = ["grade", str(submissions), "--out", str(out), "--bundle", str(bundle_file)]
    done = subprocess.run([*limited, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "journal.jsonl: File too large; make room and run the same command again" in done.stderr
    journal = (out / "journal.jsonl").read_bytes()
    assert journal.endswith(b"\n")
    assert all(json.loads(line) for line in journal.splitlines())
    again = run("autograder", *arguments)
    assert again.returncode == 0
    assert len(rows(out)) == 8
