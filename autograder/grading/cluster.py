"""Grading on many machines: shards of a class, each graded by the same command with its own journal, then put together.

Dask and submitit only start that command; what crosses between machines are paths and one line of text. All machines
see the same files. A shard that is lost goes on, on whichever machine, where its journal ends. Imports the journal and
grade; dask and submitit where they are asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..checks.bundle import write_file
from . import journal as journals
from .grade import Record, blind_to_the_folder
from .journal import Journal, JournalError

FOLDER = ".shards"  # of a results folder: what other machines are at work on
AUDIT = "audit.jsonl"
CLASS = "class.json"  # beside a shard's journal: who else is in the class, so that a shard that is not there is missed
POLL = 0.5  # seconds between looks at how far the shards are
PATIENCE = 60.0  # seconds that a shard waits for the machine that had it before to let go of its journal
ATTEMPTS = 3  # times that a job of Slurm is started
PROGRAM = (
    "import sys; from autograder.isolation.sandbox import die_with_parent; die_with_parent(int(sys.argv.pop(1))); "
    "from autograder.cli import main; sys.exit(main())"
)


class ClusterError(Exception):
    """Other machines cannot be had, or did not finish; the message says what to do."""


def shard_of(name: str, count: int) -> int:
    """Which shard, from 1, a submission belongs to: by its name alone, whoever else is there."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") % count + 1


def log(folder: Path, line: Mapping[str, Any]) -> None:
    """Add a line to the audit log of a results folder: where each record came about, and from what."""
    with (folder / AUDIT).open("ab+") as file:
        torn = file.tell() > 0 and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n"  # by a run that was killed
        file.write(b"\n" * torn + json.dumps(line, sort_keys=True).encode() + b"\n")


def settle_log(folder: Path, names: Collection[str]) -> None:
    """Leave one line a record in the audit log, the latest, in the order of names: also of a run that was stopped."""
    path, lines = folder / AUDIT, dict[str, bytes]()
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a torn one
                lines[json.loads(line)["submission"]] = line
    write_file(path, b"".join(lines[name] for name in sorted(names) if name in lines))


def keep_class(folder: Path, names: Collection[str], count: int) -> None:
    """Write beside a shard's journal who is in the whole class, and how many shards it has."""
    write_file(folder / CLASS, json.dumps({"shards": count, "submissions": sorted(names)}).encode())


def class_of(runs: Sequence[Path]) -> dict[str, str]:
    """Who is in the class that these shards are of, each with the shard that grades it: 3/4. Raises JournalError."""
    found: dict[str, str] = {}
    for path in (run / CLASS for run in runs):
        try:
            told = json.loads(path.read_bytes())
            found |= {name: f"{shard_of(name, told['shards'])}/{told['shards']}" for name in told["submissions"]}
        except FileNotFoundError:  # a run that is no shard
            continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise JournalError(f"{path}: is damaged; run the same 'autograder grade --shard' again") from None
    return found


# ---------------------------------------------------------------- one shard, on the machine that grades it


@dataclass(frozen=True)
class Shard:
    """A shard as it travels: text and numbers."""

    number: int
    count: int
    folder: str  # of its journal
    command: tuple[str, ...]

    def __call__(self) -> str:
        """Grade it here, in a process of its own that dies with this one. Returns "" or what went wrong."""
        command = [*self.command, "--shard", f"{self.number}/{self.count}", "--out", self.folder]
        patient_until = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run([sys.executable, "-P", "-c", PROGRAM, str(os.getpid()), *command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)  # fmt: skip
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            last = said[-1][:500] if said else f"exit code {done.returncode}"
            if done.returncode in (0, 1):  # 1: some could not be judged, and their records say so
                return ""
            if journals.BUSY not in last or time.monotonic() > patient_until:
                return last
            time.sleep(1.0)

    def checkpoint(self) -> Any:
        """What submitit asks of a job that is stopped and started anew: the same, which goes on."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


# ---------------------------------------------------------------- all shards


@dataclass(frozen=True)
class Plan:
    """command: what grades a shard. shards: how many; 0 leaves it to the engine. jobs: processes, on this machine."""

    command: tuple[str, ...]
    shards: int
    jobs: int


class Engine(Protocol):
    """Runs shards somewhere. `run` calls `look` now and then, and returns what went wrong, by shard."""

    def shards(self, jobs: int) -> int: ...
    def run(self, shards: Sequence[Shard], jobs: int, look: Callable[[], None]) -> dict[int, str]: ...


def grade(
    book: Journal, names: Sequence[str], plan: Plan, engine: Engine, stamped: Record, done: Callable[[str], None]
) -> None:
    """Grade submissions on other machines and take over their records. Raises ClusterError."""
    root = (book.path.parent / FOLDER).resolve()
    count = min(plan.shards or engine.shards(plan.jobs), len(names))
    wanted = {number: f"{number}-of-{count}" for number in sorted({shard_of(name, count) for name in names})}
    _deal(book, root, wanted, count)
    shards = [Shard(number, count, str(root / folder), plan.command) for number, folder in wanted.items()]
    seen: dict[str, int] = {}

    def look() -> None:
        for shard in shards:
            for name in _new_lines(Path(shard.folder) / AUDIT, seen):
                done(name)

    with blind_to_the_folder():
        failed = engine.run(shards, plan.jobs, look)
    look()
    gather(book, stamped)
    if failed:
        number = min(failed)
        raise ClusterError(
            f"{len(failed)} of {len(shards)} shards were not finished; {wanted[number]}: {failed[number]}. "
            "The same command goes on where they stopped"
        )


def _deal(book: Journal, root: Path, wanted: Mapping[int, str], count: int) -> None:
    """Give each shard the records that there are already: it grades what has none, or an old one."""
    for number, folder in wanted.items():
        with Journal(root / folder, book.head) as shard:
            shard.extend(record for record in book.records.in_order() if shard_of(record["submission"], count) == number)


def _new_lines(path: Path, seen: dict[str, int]) -> Iterator[str]:
    """The submissions of the whole lines that an audit log has had since it was last looked at."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(seen.get(str(path), 0))
        for line in file:
            if line.endswith(b"\n"):
                seen[str(path)] = seen.get(str(path), 0) + len(line)
                yield str(json.loads(line)["submission"])


def gather(book: Journal, stamped: Record) -> None:
    """Take over what shards have done, and clear them away. Raises JournalError for what was graded otherwise."""
    root = book.path.parent / FOLDER
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        take_over(book, folder, stamped)
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        root.rmdir()


def take_over(book: Journal, run: Path, stamped: Record) -> None:
    """Add a run's records to a journal, where they are not there already, and its audit log to the log there."""
    with Journal(run, book.head) as other:
        book.extend(record for record in other.records.in_order() if _is_news(record, book, run, stamped))
    audit = run / AUDIT
    if audit.exists():
        with audit.open("rb") as source, (book.path.parent / AUDIT).open("ab") as target:
            shutil.copyfileobj(source, target)


def _is_news(record: Record, book: Journal, run: Path, stamped: Record) -> bool:
    if book.records.get(record["submission"]) == record:
        return False
    refuse_foreign(record, run, stamped)
    return True


def refuse_foreign(record: Record, run: Path, stamped: Record) -> None:
    """Raise JournalError for a record that was not graded with this bundle, engine, Python, numpy and isolation."""
    was, now = ({**each, **each["audit"], "modules": ""} for each in (record, stamped))
    for key in ("isolation", "bundle", "engine", "python", "numpy", "questions"):
        if was.get(key) != now[key]:
            raise JournalError(
                f"{run}: {record['submission']} was graded with another {key} ({journals.short(was.get(key))}, here "
                f"{journals.short(now[key])}); grade all with the same"
            )


def check_runs(runs: Sequence[Path], head: Mapping[str, Any], stamped: Record) -> dict[str, list[Path]]:
    """The submissions that are in several of the runs, with these. Raises JournalError where the runs do not agree."""
    where: dict[str, list[Path]] = {}
    marks: dict[str, str] = {}
    for run in runs:
        journals.read_head(run)
        with Journal(run, head) as book:
            for record in book.records.in_order():
                name = record["submission"]
                refuse_foreign(record, run, stamped)
                mark = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
                where.setdefault(name, []).append(run)
                if marks.setdefault(name, mark) != mark:
                    raise JournalError(
                        f"{name}: has different records in {where[name][0]} and {run}; leave one of them out, or grade it again"
                    )
    return {name: found for name, found in where.items() if len(found) > 1}


# ---------------------------------------------------------------- engines


@dataclass(frozen=True)
class Dask:
    """Dask distributed: the workers of a scheduler, or processes of this machine."""

    address: str

    def shards(self, jobs: int) -> int:
        """Some for each worker, so that a lost one and a slow one do not cost much."""
        return 8 * jobs if self.address == "local" else 64

    def run(self, shards: Sequence[Shard], jobs: int, look: Callable[[], None]) -> dict[int, str]:
        """One task a shard. A task whose worker is lost is given to another one by the scheduler."""
        with self._client(jobs) as client:
            tasks = {shard.number: client.submit(Shard.__call__, shard, pure=False) for shard in shards}
            while any(not task.done() for task in tasks.values()):
                time.sleep(POLL)
                look()
            return {number: text for number, task in tasks.items() if (text := _outcome(task))}

    @contextlib.contextmanager
    def _client(self, jobs: int) -> Iterator[Any]:
        try:
            import distributed
        except ImportError:
            raise ClusterError("--dask needs dask: pip install 'memory-in-networks[dask]'") from None
        untyped: Any = distributed
        with contextlib.ExitStack() as stack:
            address: Any = self.address
            if address == "local":
                # The workers only start commands; it is these that take memory, and they have their own limits.
                address = stack.enter_context(untyped.LocalCluster(n_workers=jobs, threads_per_worker=1, memory_limit=0,
                                                           dashboard_address=None, silence_logs=50))  # fmt: skip
            try:
                client = stack.enter_context(untyped.Client(address, timeout=10))
            except (OSError, ValueError, TimeoutError) as error:
                raise ClusterError(f"--dask {self.address}: no scheduler answers there ({type(error).__name__}); "
                                   "start 'dask scheduler', or give local") from None  # fmt: skip
            yield client


def _outcome(task: Any) -> str:
    error = task.exception()
    return f"{type(error).__name__}: {error}" if error is not None else str(task.result())


@dataclass(frozen=True)
class Slurm:
    """Slurm by way of submitit: a job a shard. settings: submitit's; cluster=local runs them on this machine."""

    settings: Mapping[str, Any]

    def shards(self, jobs: int) -> int:
        """As many as there are processes here, where nothing is said: a cluster's jobs wait in a queue."""
        return jobs if self.settings.get("cluster") == "local" else 32

    def run(self, shards: Sequence[Shard], jobs: int, look: Callable[[], None]) -> dict[int, str]:
        """Start the jobs, and anew those that end without an answer, which then go on."""
        executor = self._executor(Path(shards[0].folder).parent.parent / ".submitit")
        left, failed = list(shards), dict[int, str]()
        for _ in range(ATTEMPTS):
            tasks = {shard: executor.submit(shard) for shard in left}
            while any(not task.done() for task in tasks.values()):
                time.sleep(POLL)
                look()
            failed = {shard.number: text for shard, task in tasks.items() if (text := _outcome_of_job(task))}
            left = [shard for shard in left if shard.number in failed]
            if not left:
                break
        return failed

    def _executor(self, folder: Path) -> Any:
        try:
            import submitit
        except ImportError:
            raise ClusterError("--slurm needs submitit: pip install 'memory-in-networks[slurm]'") from None
        settings = {"cluster": "slurm", "timeout_min": 24 * 60, **self.settings}
        try:
            executor = submitit.AutoExecutor(folder, cluster=settings.pop("cluster"))
            executor.update_parameters(**settings)
        except (RuntimeError, ValueError, NameError, TypeError, AssertionError) as error:
            raise ClusterError(f"--slurm: {' '.join(str(error).split())[:300]}; cluster=local needs no Slurm") from None
        return executor


def _outcome_of_job(task: Any) -> str:
    try:
        return str(task.result())
    except Exception as error:  # submitit has its own, and passes on those of the operating system
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
