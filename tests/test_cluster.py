"""Other machines, for real: a Dask cluster of two processes of which one is killed, and submitit's local executor."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autograder.grading import cluster
from autograder.grading.cluster import ATTEMPTS, Shard, Slurm
from autograder.grading.journal import Journal

from . import small
from .conftest import ROOT, Run
from .test_grade import COMMAND, alive, children, files_of, wait_for

LONG = 180.0  # seconds that nothing takes but on a machine that is busy with much else: a guard against waiting for ever


@pytest.fixture(scope="module")
def file(baked: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write(small.small(baked), tmp_path_factory.mktemp("small") / "bundle.npz")


@pytest.fixture(scope="module")
def submissions(tmp_path_factory: pytest.TempPathFactory, solution: dict[str, bytes]) -> Path:
    return small.make_class(tmp_path_factory.mktemp("class"), solution, 10)


@pytest.fixture(scope="module")
def graded(submissions: Path, file: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "out"
    done = run("autograder", "grade", submissions, "--out", out, "--bundle", file)
    assert done.returncode == 0, done.stderr
    return out


CLUSTER = """
import json, sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs=50) as local:
        print(json.dumps([local.scheduler_address, [nanny.pid for nanny in local.workers.values()]]), flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and two worker processes with their nannies, as on other machines: the address, the workers' ids."""
    program = tmp_path / "two_workers.py"
    program.write_text(CLUSTER)
    with (tmp_path / "two_workers.log").open("w+") as log:
        process = subprocess.Popen([sys.executable, str(program)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=log, text=True)  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, Path(log.name).read_text()
        yield json.loads(said)
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(LONG)
        finally:
            process.kill()


def descendants(pid: int) -> list[int]:
    return [found for child in children_of_any_thread(pid) for found in (child, *descendants(child))]


def children_of_any_thread(pid: int) -> list[int]:
    """A worker starts its commands from threads."""
    try:
        tasks = [path.name for path in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for task in tasks for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:
        return children(pid)


def commands_at_work(worker: int) -> list[int]:
    """The shards' commands of a worker below which a submission's code is run: by a judge, its zygote and a fork of that."""
    return [
        command for command in children_of_any_thread(worker)
        if any(children(zygote) for judge in children_of_any_thread(command) for zygote in children_of_any_thread(judge))
    ]  # fmt: skip


def stopped_at_work(workers: list[int]) -> list[int]:
    """A worker in the middle of grading, whose command is held there; none if each is between two."""
    for worker in workers:
        for command in commands_at_work(worker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(command, signal.SIGSTOP)
            if command in commands_at_work(worker):
                return [worker]
            with contextlib.suppress(ProcessLookupError):
                os.kill(command, signal.SIGCONT)
    return []


def test_a_worker_killed_while_it_grades_costs_nothing(
    two_workers: tuple[str, list[int]], graded: Path, submissions: Path, file: Path, tmp_path: Path
) -> None:
    address, pids = two_workers
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, str(submissions), "--out", str(out), "--bundle", str(file), "--dask", address, "--shards", "4"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # Which of the two has work first is the scheduler's affair; a command that is held cannot end before the kill.
        killed = wait_for(lambda: stopped_at_work(pids), present=True, seconds=LONG)
        assert killed, "nobody began to grade"
        below = descendants(killed[0])
        os.kill(killed[0], signal.SIGKILL)
        left = wait_for(lambda: [pid for pid in below if alive(pid)], present=False, seconds=LONG)
        assert not left, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left if alive(pid)]
        _, said = process.communicate(timeout=2 * LONG)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert files_of(out) == files_of(graded)
    assert not (out / ".shards").exists()
    lines = [json.loads(line)["submission"] for line in (out / "audit.jsonl").read_text().splitlines()]
    assert lines == sorted(path.stem for path in submissions.iterdir())


def test_processes_of_this_machine_and_going_on(
    graded: Path, submissions: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    """The run is killed, its shards are left behind; the next one, of another kind, takes over what they did."""
    out = tmp_path / "out"
    arguments = [str(submissions), "--out", str(out), "--bundle", str(file), "--jobs", "2"]
    process = subprocess.Popen([*COMMAND, *arguments, "--dask", "local"], cwd=ROOT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    books = wait_for(
        lambda: [book for book in out.glob(".shards/*/journal.jsonl") if len(book.read_bytes().splitlines()) > 1],
        present=True, seconds=LONG,
    )  # fmt: skip
    below = descendants(process.pid)
    process.kill()
    process.wait()
    assert books, "nothing was graded"
    assert not wait_for(lambda: [pid for pid in below if alive(pid)], present=False, seconds=LONG)
    assert list(out.glob(".shards/*/journal.jsonl"))
    done = run("autograder", "grade", *arguments)
    assert done.returncode == 0, done.stderr
    assert "of 10 submissions have their record already" in done.stderr
    assert files_of(out) == files_of(graded)
    assert not (out / ".shards").exists()
    done = run("autograder", "grade", *arguments, "--dask", "local")
    assert "10 of 10 submissions have their record already" in done.stderr


def test_submitit_on_this_machine(graded: Path, submissions: Path, file: Path, run: Run, tmp_path: Path) -> None:
    """A class of which most is graded already, and one has changed: shards grade what is left alone."""
    out, here = tmp_path / "out", tmp_path / "class"
    shutil.copytree(submissions, here)
    module = here / "student-006" / "memnet" / "rnn.py"
    module.write_bytes(module.read_bytes() + b"\n# another\n")
    shutil.copytree(here / "student-007", here / "student-011")
    shutil.copytree(graded, out)
    arguments = ["grade", here, "--bundle", file]
    done = run("autograder", *arguments, "--out", out, "--slurm", "cluster=local", "--shards", "3")
    assert done.returncode == 0, done.stderr
    assert "9 of 11 submissions have their record already" in done.stderr
    assert "grading: 11 of 11, about 0 s left" in done.stderr
    assert run("autograder", *arguments, "--out", tmp_path / "plain").returncode == 0
    found = {name: data for name, data in files_of(out).items() if not name.startswith(".submitit")}
    assert found == files_of(tmp_path / "plain")


# ---------------------------------------------------------------- what goes wrong


def test_a_shard_says_in_one_line_what_went_wrong(tmp_path: Path) -> None:
    shard = Shard(1, 1, str(tmp_path / "out"), ("grade", str(tmp_path), "--bundle", str(tmp_path / "none.npz")))
    assert shard() == f"autograder: {tmp_path / 'none.npz'}: No such file or directory; bake it with 'autograder bake'"


def test_a_shard_waits_for_the_one_that_had_it_before(
    submissions: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    folder = tmp_path / "shard"
    shard = Shard(1, 1, str(folder), ("grade", str(submissions), "--bundle", str(file)))
    with Journal(folder, {"assignment": "memory-in-networks"}):
        begun = time.monotonic()
        assert "another grader is at work on it" in shard()
        assert time.monotonic() - begun > 0.5


@pytest.mark.long
def test_jobs_that_end_without_an_answer_are_started_again(tmp_path: Path) -> None:
    """Each job writes a letter and kills itself, until the third does not."""
    program = ("import os, pathlib, signal; path = pathlib.Path('tries'); path.open('a').write('x'); "
               "len(path.read_text()) < 3 and os.kill(os.getppid(), signal.SIGKILL)")  # fmt: skip
    found = Slurm({"cluster": "local"}).run([_Job(program, str(tmp_path / "a" / "b"))], 1, lambda: None)
    assert found == {}
    assert (tmp_path / "a" / "tries").read_text() == "xxx"
    (tmp_path / "a" / "tries").unlink()
    always = program.replace("< 3", "< 9")
    found = Slurm({"cluster": "local"}).run([_Job(always, str(tmp_path / "a" / "b"))], 1, lambda: None)
    assert list(found) == [1]
    assert len((tmp_path / "a" / "tries").read_text()) == ATTEMPTS


class _Job:
    """A shard in the eyes of an engine: a number, a folder, and what is done on the machine that has it."""

    number = 1

    def __init__(self, program: str, folder: str) -> None:
        self.program, self.folder = program, folder

    def __call__(self) -> str:
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-c", self.program], cwd=Path(self.folder).parent, check=True)
        return ""


def test_a_shard_that_fails_is_named_and_the_others_are_kept(
    submissions: Path, file: Path, run: Run, tmp_path: Path
) -> None:
    """One shard's folder is held by someone else for good."""
    book = Journal(tmp_path / "out", {"assignment": "memory-in-networks", "isolation": "full"})

    class Engine:
        def shards(self, jobs: int) -> int:
            return 2

        def run(self, shards: Any, jobs: int, look: Any) -> dict[int, str]:
            with Journal(Path(shards[0].folder), book.head) as shard:
                shard.append({"submission": "student-001", **STAMP, "status": "graded"})
            return {2: "the machine is gone"}

    plan, names = cluster.Plan((), 2, 1), ["student-001", "student-005"]
    with book, pytest.raises(cluster.ClusterError) as error:
        cluster.grade(book, names, plan, Engine(), STAMP, lambda name: None)
    assert str(error.value) == (
        "1 of 2 shards were not finished; 2-of-2: the machine is gone. The same command goes on where they stopped"
    )
    assert set(book.records) == {"student-001"}


STAMP = {"isolation": "full", "bundle": "b", "audit": {"engine": "e", "python": "p", "numpy": "n", "questions": {},
                                                      "modules": ""}}  # fmt: skip
