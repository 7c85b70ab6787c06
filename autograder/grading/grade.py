"""Grades a folder of submissions in parallel, one record each. Imports the engine; what it runs is confined.

Each judge is a process of its own, with its own zygote; this process only hands out names and writes the journal.
Whatever one submission does, the others are graded. A question keeps its result while nothing that it depends on
changes: the submission's modules, the question as it was baked, the engine, Python, numpy and the isolation.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np

from ..authoring.declare import load_properties
from ..checks import bundle as bundles
from ..checks.bundle import BakedQuestion, Bundle, read
from ..checks.judge import Property, QuestionRun
from ..checks.question import parse_call
from ..checks.runner import ProcessRunner, Runner, clean
from ..isolation import lockdown
from ..isolation.sandbox import ENVIRONMENT, SandboxError, SandboxRunner, die_with_parent, meeting_name
from .intake import Entry, Submission, read_entry
from .journal import Journal
from .notebook_cells import NotebookError, definitions, read_cells, with_cells

OUTPUT_SHOWN = 4000  # characters of what a submission printed that its record keeps


class GradingError(Exception):
    """Nothing can be graded here; the message says what to do."""


Record = dict[str, Any]


@dataclass(frozen=True)
class Setup:
    """What a judge needs to begin: paths, not the answers themselves, because it is started by exec."""

    bundle: Path
    assignment: Path
    unsafe: bool = False
    level: str = ""  # of isolation, as it goes into records
    meeting: str = ""  # where the judges of a run share what makes workers


# ---------------------------------------------------------------- what a result depends on


def stamp(bundle: Bundle, assignment: Path, level: str) -> Record:
    """What a record says of how it came about. Two records with the same stamp and the same content are the same."""
    audit = {
        "engine": _engine(), "python": platform.python_version(), "numpy": np.__version__,
        "seed": bundle.assignment,  # public inputs are drawn from it, and from the names of question and case
        "hash_seed": ENVIRONMENT["PYTHONHASHSEED"], "questions": question_digests(bundle, assignment), "modules": "",
    }  # fmt: skip
    return {"isolation": level, "bundle": bundle.digest, "audit": audit}


def question_digests(bundle: Bundle, assignment: Path) -> dict[str, str]:
    """By question, a hash of all that its result depends on besides the submission and the engine."""
    properties = assignment / "properties.py"
    judged_by_code = properties.read_bytes().replace(b"\r\n", b"\n") if properties.exists() else b""
    found = {}
    for question in bundle.questions:
        alone = replace(bundle, title="", version="", parts={}, source="", questions=(question,))
        digest = hashlib.sha256(repr(bundle.torch_modules).encode())
        for part in bundles.encode(alone):
            digest.update(part)
        if any(case.verdict for case in question.cases):
            digest.update(judged_by_code)
        found[question.name] = digest.hexdigest()[:16]
    return found


@cache
def _engine() -> str:
    """A hash of the engine's files that decide what a record says."""
    package = Path(__file__).resolve().parent.parent
    files = [*sorted(package.glob("checks/*.py")), *sorted(package.glob("isolation/*.py"))]
    digest = hashlib.sha256()
    readers = (package / "grading" / f"{name}.py" for name in ("names", "files", "intake", "notebook_cells"))
    for path in (*files, *readers, Path(__file__)):
        digest.update(path.name.encode() + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def modules_digest(submission: Submission) -> str:
    """A hash of the code that is run: all modules, since they import each other, and what cells define, which may fill them."""
    digest = hashlib.sha256()
    for name, data in [*sorted(submission.sources.items()), ("", _defined_in_cells(submission.notebook))]:
        digest.update(f"{name}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()


def _defined_in_cells(notebook: bytes | None) -> bytes:
    try:
        found = definitions(read_cells(notebook)) if notebook is not None else []
    except NotebookError:  # nothing is taken from it
        return b""
    return "\n".join(item.source for item in found).encode("utf-8", "surrogatepass")


def _stamped(record: Record, stamped: Record, modules: str) -> Record:
    return {**record, **stamped, "audit": {**stamped["audit"], "modules": modules}}


def is_current(record: Record, submission: Submission, facts: Mapping[str, Any], stamped: Record) -> bool:
    """Whether grading the submission again would give this record."""
    now = _stamped({"content": submission.content, "problem": submission.problem, **facts}, stamped, modules_digest(submission))
    return record["status"] != "grader_error" and all(record.get(key) == value for key, value in now.items())


def kept_questions(old: Record | None, submission: Submission, stamped: Record) -> dict[str, Record]:
    """Those parts of an older record that are what grading again would give, by question.

    Where the submission printed something there are none: what a record keeps of it comes from all questions.
    """
    if old is None or old["status"] != "graded" or old["printed"] or old["isolation"] != stamped["isolation"]:
        return {}
    was, now = old["audit"], {**stamped["audit"], "modules": modules_digest(submission)}
    if any(was.get(key) != value for key, value in now.items() if key != "questions"):
        return {}
    same = {name for name, digest in now["questions"].items() if was["questions"].get(name) == digest}
    return {question["name"]: question for question in old["questions"] if question["name"] in same}


# ---------------------------------------------------------------- one submission


def judge_submission(
    submission: Submission,
    bundle: Bundle,
    runner: Runner,
    properties: Mapping[str, Property],
    kept: Mapping[str, Record] | None = None,
) -> Record:
    """The record of one submission: plain data that depends on the submission and the bundle alone.

    kept: parts of an older record, by question, that are still what they would be; the others are judged.
    """
    printed = ""
    submission = with_cells(submission, asked_functions(bundle), bundle.package)
    if submission.problem:
        questions = [_not_judged(question, "missing") for question in bundle.questions]
    else:
        questions, printed = _judge_questions(submission, bundle, runner, properties, kept or {})
        if kept and printed:  # only a run of everything prints what a run of everything prints
            questions, printed = _judge_questions(submission, bundle, runner, properties, {})
    verdicts = {question["verdict"] for question in questions}
    return {
        "submission": submission.name,
        "content": submission.content,
        "status": "unreadable" if submission.problem else ("grader_error" if "grader_error" in verdicts else "graded"),
        "problem": submission.problem,
        "notes": list(submission.notes),
        "printed": printed,
        "total": round(sum(question["earned"] for question in questions), 2),
        "possible": bundle.possible,
        "questions": questions,
    }


def asked_functions(bundle: Bundle) -> dict[str, list[str]]:
    """The functions and classes that questions ask for, by module."""
    asked: dict[str, list[str]] = {}
    for question in bundle.questions:
        calls = [parse_call(text) for text in question.calls]
        made = {target for call in calls for target in call.targets}
        names = [call.function for call in calls if call.function.partition(".")[0] not in made]
        asked.setdefault(question.module, []).extend(dict.fromkeys(names))
    return {module: list(dict.fromkeys(names)) for module, names in asked.items()}


def _judge_questions(
    submission: Submission, bundle: Bundle, runner: Runner, properties: Mapping[str, Property], kept: Mapping[str, Record]
) -> tuple[list[Record], str]:
    """Each question's part of a record, and what the submission printed."""
    fresh = tuple(question for question in bundle.questions if question.name not in kept)
    if not fresh:
        return [dict(kept[question.name]) for question in bundle.questions], ""
    runner.open(submission.sources)
    try:
        judged = iter(_judge_all(replace(bundle, questions=fresh), runner, properties))
    finally:
        runner.close()
    questions = [dict(kept[question.name]) if question.name in kept else next(judged) for question in bundle.questions]
    return questions, clean(runner.printed(), OUTPUT_SHOWN)


def _judge_all(bundle: Bundle, runner: Runner, properties: Mapping[str, Property]) -> list[Record]:
    """Each question's part of a record. The public cases of all questions come first.

    What code says in a public case is shown to its student: no worker may have seen a hidden input by then.
    """
    runs = [QuestionRun(question, runner, properties) for question in bundle.questions]
    for hidden in (False, True):
        for run in runs:
            for case in run.question.cases:
                if case.hidden is hidden:
                    run.run(case)
    for run in runs:
        done = {outcome.case.name: outcome for outcome in run.outcomes}
        run.outcomes = [done[case.name] for case in run.question.cases]
    return [run.report() for run in runs]


def _not_judged(question: BakedQuestion, verdict: str) -> dict[str, Any]:
    share = round(question.points / len(question.outputs), 4)
    outputs = [{"name": name, "earned": 0.0, "possible": share} for name in question.outputs]
    return {"name": question.name, "number": question.number, "module": question.module, "verdict": verdict,
            "earned": 0.0, "possible": question.points, "optional": question.optional, "outputs": outputs,
            "cases": []}  # fmt: skip


def grader_error(name: str, content: str, bundle: Bundle, text: str) -> dict[str, Any]:
    """The record of a submission that the grader itself could not judge: for the staff, never a silent zero."""
    questions = [_not_judged(question, "grader_error") for question in bundle.questions]
    return {"submission": name, "content": content, "status": "grader_error", "problem": text, "notes": [],
            "printed": "", "total": 0.0, "possible": bundle.possible, "questions": questions}  # fmt: skip


# ---------------------------------------------------------------- a judge's process


class _Judge:
    """What a judge's process keeps between submissions."""

    bundle: Bundle
    properties: Mapping[str, Property]
    runner: Runner
    stamp: Record


def make_runner(bundle: Bundle, *, unsafe: bool = False, meeting: str = "") -> Runner:
    """A runner that confines, or with `unsafe` one that does not; runners with one name of a meeting share zygotes."""
    if unsafe:
        return ProcessRunner(bundle.package, bundle.torch_modules)
    return SandboxRunner(bundle.package, bundle.torch_modules, meeting)


def _begin(setup: Setup) -> None:
    if sys.platform == "linux" and (parent := multiprocessing.parent_process()) and parent.pid:
        die_with_parent(parent.pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _Judge.bundle = read(setup.bundle)
    _Judge.properties = load_properties(setup.assignment)
    _Judge.stamp = stamp(_Judge.bundle, setup.assignment, setup.level)
    _Judge.runner = make_runner(_Judge.bundle, unsafe=setup.unsafe, meeting=setup.meeting)
    if isinstance(_Judge.runner, SandboxRunner):  # at exit in good order, so that its zygotes are waited for
        Finalize(None, _Judge.runner.shut_down, exitpriority=10)
    gc.freeze()  # what is here stays; looking through it for garbage is a tenth of a judge's time


def _judge(entry: Entry, old: Record | None) -> tuple[Record, Record]:
    """The record of an entry, and its line in the audit log."""
    record = {**_judge_entry(entry, old), **entry.facts()}
    return record, audit_line(record)


def audit_line(record: Record) -> Record:
    """What was graded, with what and where, in one line: the record's stamp without its questions, and this machine."""
    stamped = {key: record[key] for key in ("submission", "content", "bundle", "isolation")}
    return {**stamped, **{key: value for key, value in record["audit"].items() if key != "questions"}, "host": platform.node()}


def _judge_entry(entry: Entry, old: Record | None) -> Record:
    name, content, modules = entry.name, "", ""
    try:
        submission = read_entry(entry, package=_Judge.bundle.package)
        content, modules = submission.content, modules_digest(submission)
        kept = kept_questions(old, submission, _Judge.stamp)
        record = judge_submission(submission, _Judge.bundle, _Judge.runner, _Judge.properties, kept)
    except SandboxError as error:
        if isinstance(_Judge.runner, SandboxRunner):
            _Judge.runner.shut_down()
        record = grader_error(name, content, _Judge.bundle, str(error))
    except Exception as error:  # no submission may cost another one its grade
        record = grader_error(name, content, _Judge.bundle, f"{type(error).__name__}: {clean(str(error))}")
    return _stamped(record, _Judge.stamp, modules)


# ---------------------------------------------------------------- all submissions


def isolation(unsafe: bool) -> str:
    """The level of isolation that holds here. Raises GradingError where none can be had."""
    if unsafe:
        return "unsafe"
    try:
        return lockdown.probe().value
    except lockdown.CannotLock as error:
        raise GradingError(
            f"submissions cannot be confined here: {error}. Grade on Linux (WSL2 and containers will do), "
            "or type --unsafe to run them unconfined"
        ) from None


def pending(entries: Iterable[Entry], journal: Journal, package: str, stamped: Record) -> list[Entry]:
    """The submissions that have no record yet, or one that grading them again would not give."""
    return [entry for entry in entries if not _has_record(entry, journal, package, stamped)]


def _has_record(entry: Entry, journal: Journal, package: str, stamped: Record) -> bool:
    record = journal.records.get(entry.name)
    return record is not None and is_current(record, read_entry(entry, package=package), entry.facts(), stamped)


def grade(
    todo: Sequence[Entry],
    setup: Setup,
    bundle: Bundle,
    jobs: int,
    *,
    old: Callable[[str], Record | None] = lambda name: None,
    watch: Callable[[str, float], None] = lambda name, seconds: None,
) -> Iterator[tuple[Record, Record]]:
    """Grade submissions, yielding each record as it is known, with its line for the audit log.

    If a judge's process dies, the submissions that were under way are tried again one by one, each alone; one that
    kills its judge again gets a record that says so. The others go on in parallel.
    old: an older record of a submission, by name. watch: is told every second who has been under way the longest.
    """
    queue, run = list(todo), _Run(setup, old, watch)
    while queue:
        suspects: list[Entry] = []
        yield from _in_parallel(queue, suspects, run, jobs)
        for entry in suspects:
            alone, again = [entry], list[Entry]()
            yield from _in_parallel(alone, again, run, 1)
            if again:
                record = grader_error(entry.name, "", bundle, "the judge's process died of it, twice")
                stamped = {**_stamped(record, stamp(bundle, setup.assignment, setup.level), ""), **entry.facts()}
                yield stamped, audit_line(stamped)


@dataclass(frozen=True)
class _Run:
    """What stays the same while a folder is graded."""

    setup: Setup
    old: Callable[[str], Record | None]
    watch: Callable[[str, float], None]


def _in_parallel(queue: list[Entry], suspects: list[Entry], run: _Run, jobs: int) -> Iterator[tuple[Record, Record]]:
    """Grade from the queue until it is empty or a judge dies; those under way then become suspects."""
    queue.reverse()
    with _judges(min(jobs, len(queue)), run.setup) as pool:
        waiting: dict[Future[tuple[Record, Record]], tuple[Entry, float]] = {}
        while (queue and not suspects) or waiting:
            while queue and not suspects and len(waiting) < 2 * jobs:
                entry = queue.pop()
                waiting[pool.submit(_judge, entry, run.old(entry.name))] = (entry, time.monotonic())
            done, _ = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in done:
                entry, _ = waiting.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    suspects.append(entry)
            if waiting:
                entry, begun = min(waiting.values(), key=lambda value: value[1])
                run.watch(entry.name, time.monotonic() - begun)
    queue.reverse()


@contextmanager
def blind_to_the_folder() -> Iterator[None]:
    """Python processes that are started meanwhile import nothing from the folder that this one was started in.

    They would look there first, before their own library, and it may be that of a submission with a pickle.py.
    """
    name = "PYTHONSAFEPATH"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _judges(count: int, setup: Setup) -> Iterator[ProcessPoolExecutor]:
    """Processes that judge. When the run is stopped they are killed: one may be waiting for a program that hangs."""
    before = set[BaseProcess](multiprocessing.active_children())
    setup = replace(setup, meeting=meeting_name())  # zygotes end with the judges, and others are started anew
    context = multiprocessing.get_context("spawn")  # never a fork of a process that knows
    with blind_to_the_folder(), ProcessPoolExecutor(count, context, _begin, (setup,)) as pool:
        try:
            yield pool
        except BaseException:  # Ctrl-C too; it goes on its way when nothing is left behind
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - before:
                process.kill()
            raise


def default_jobs() -> int:
    """One judge a core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
