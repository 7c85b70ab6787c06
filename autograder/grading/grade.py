"""Grades a folder of submissions in parallel, one record each. Imports the engine; what it runs is confined.

Each judge is a process of its own, with its own zygote; this process only hands out names and writes the journal.
Whatever one submission does, the others are graded.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from ..authoring.bake import load_properties
from ..checks.bundle import BakedQuestion, Bundle, read
from ..checks.judge import Property, QuestionRun
from ..checks.question import parse_call
from ..checks.runner import ProcessRunner, Runner, clean
from ..isolation import lockdown
from ..isolation.sandbox import SandboxError, SandboxRunner, die_with_parent
from .intake import Submission, list_submissions, read_submission
from .journal import Journal
from .notebook_cells import with_cells

OUTPUT_SHOWN = 4000  # characters of what a submission printed that its record keeps


class GradingError(Exception):
    """Nothing can be graded here; the message says what to do."""


@dataclass(frozen=True)
class Setup:
    """What a judge needs to begin: paths, not the answers themselves, because it is started by exec."""

    bundle: Path
    assignment: Path
    unsafe: bool = False


# ---------------------------------------------------------------- one submission


def judge_submission(
    submission: Submission, bundle: Bundle, runner: Runner, properties: Mapping[str, Property]
) -> dict[str, Any]:
    """The record of one submission: plain data that depends on the submission and the bundle alone."""
    questions: list[dict[str, Any]] = []
    submission = with_cells(submission, asked_functions(bundle), bundle.package)
    if submission.problem:
        questions = [_not_judged(question, "missing") for question in bundle.questions]
    else:
        runner.open(submission.sources)
        try:
            questions = _judge_all(bundle, runner, properties)
        finally:
            runner.close()
    verdicts = {question["verdict"] for question in questions}
    return {
        "submission": submission.name,
        "content": submission.content,
        "status": "unreadable" if submission.problem else ("grader_error" if "grader_error" in verdicts else "graded"),
        "problem": submission.problem,
        "notes": list(submission.notes),
        "printed": clean(runner.printed(), OUTPUT_SHOWN) if not submission.problem else "",
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


def _judge_all(bundle: Bundle, runner: Runner, properties: Mapping[str, Property]) -> list[dict[str, Any]]:
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


def make_runner(bundle: Bundle, *, unsafe: bool = False) -> Runner:
    """A runner that confines, or with `unsafe` one that does not. Raises GradingError where it cannot be had."""
    if unsafe:
        return ProcessRunner(bundle.package, bundle.torch_modules)
    return SandboxRunner(bundle.package, bundle.torch_modules)


def _begin(setup: Setup) -> None:
    if sys.platform == "linux":
        die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _Judge.bundle = read(setup.bundle)
    _Judge.properties = load_properties(setup.assignment)
    _Judge.runner = make_runner(_Judge.bundle, unsafe=setup.unsafe)
    if isinstance(_Judge.runner, SandboxRunner):  # at exit in good order, so that its zygotes are waited for
        Finalize(None, _Judge.runner.shut_down, exitpriority=10)


def _judge(name: str, path: Path) -> dict[str, Any]:
    content = ""
    try:
        submission = read_submission(name, path, package=_Judge.bundle.package)
        content = submission.content
        return judge_submission(submission, _Judge.bundle, _Judge.runner, _Judge.properties)
    except SandboxError as error:
        if isinstance(_Judge.runner, SandboxRunner):
            _Judge.runner.shut_down()
        return grader_error(name, content, _Judge.bundle, str(error))
    except Exception as error:  # no submission may cost another one its grade
        return grader_error(name, content, _Judge.bundle, f"{type(error).__name__}: {clean(str(error))}")


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


def pending(folder: Path, journal: Journal, package: str) -> tuple[list[tuple[str, Path]], list[str]]:
    """The submissions that have no record yet or have changed since, and the names of all."""
    entries = list_submissions(folder)
    todo = []
    for name, path in entries:
        record = journal.records.get(name)
        if record is not None and record["status"] != "grader_error":
            found = read_submission(name, path, package=package)
            if (record["content"], record["problem"]) == (found.content, found.problem):
                continue
        todo.append((name, path))
    return todo, [name for name, _ in entries]


def grade(todo: Sequence[tuple[str, Path]], setup: Setup, bundle: Bundle, jobs: int) -> Iterator[tuple[dict[str, Any], float]]:
    """Grade submissions, yielding each record as it is known, with the seconds it took.

    If a judge's process dies, the submissions that were under way are tried again one by one, each alone; one that
    kills its judge again gets a record that says so. The others go on in parallel.
    """
    queue = list(todo)
    while queue:
        suspects: list[tuple[str, Path]] = []
        yield from _in_parallel(queue, suspects, setup, jobs)
        for name, path in suspects:
            alone, again = [(name, path)], list[tuple[str, Path]]()
            yield from _in_parallel(alone, again, setup, 1)
            if again:
                yield grader_error(name, "", bundle, "the judge's process died of it, twice"), 0.0


def _in_parallel(
    queue: list[tuple[str, Path]], suspects: list[tuple[str, Path]], setup: Setup, jobs: int
) -> Iterator[tuple[dict[str, Any], float]]:
    """Grade from the queue until it is empty or a judge dies; those under way then become suspects."""
    context = multiprocessing.get_context("spawn")  # never a fork of a process that knows
    queue.reverse()
    with ProcessPoolExecutor(min(jobs, len(queue)), context, _begin, (setup,)) as pool:
        waiting: dict[Future[dict[str, Any]], tuple[str, Path, float]] = {}
        while (queue and not suspects) or waiting:
            while queue and not suspects and len(waiting) < 2 * jobs:
                name, path = queue.pop()
                waiting[pool.submit(_judge, name, path)] = (name, path, time.monotonic())
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                name, path, begun = waiting.pop(future)
                try:
                    yield future.result(), time.monotonic() - begun
                except BrokenProcessPool:
                    suspects.append((name, path))
    queue.reverse()


def default_jobs() -> int:
    """One judge a core."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
