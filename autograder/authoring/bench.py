"""Judges programs as the grader does, and keeps what a proof needs of them; answers, or source text in workers.

Staff only. The staff's own functions run in this process; source text runs in workers, with a deadline. Imports the engine.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checks import bundle as bundles
from ..checks.bundle import BakedQuestion, Bundle
from ..checks.judge import Outcome, Property, QuestionRun
from ..checks.question import parse_call
from ..checks.runner import Answer, Runner
from ..checks.worker import plain, run_calls
from ..grading.grade import make_runner
from ..isolation import lockdown
from .declare import load_properties

PATIENCE = 1.5  # seconds for a mutant, of which some never end
Sources = Mapping[str, bytes]


@dataclass(frozen=True)
class Judged:
    """One program on one question. named: wrong values and their mistakes; public, hidden: which cases fail.

    far: the largest error of a wrong value, in units of what is accepted at all. near, near32: the largest error
    of a right value, in units of what float64 and float32 are allowed. warned: right to float32 accuracy only.
    """

    question: str
    verdict: str
    earned: float
    possible: float
    named: tuple[tuple[str, str], ...] = ()
    public: bool = False
    hidden: bool = False
    far: float = 0.0
    near: float = 0.0
    near32: float = 0.0
    warned: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The mistakes that wrong values are named by, "" for none."""
        return tuple(name for _, name in self.named)

    @property
    def loses(self) -> bool:
        """Whether any points are lost."""
        return self.earned < self.possible


class TrustedRunner(Runner):
    """Runs the staff's own functions, in this process. It keeps its answers, of which the judge keeps wrong ones alone."""

    def __init__(self, lookup: Callable[[str], Any]) -> None:
        super().__init__("", ())
        self._lookup = lookup
        self._answers: dict[int, Answer] = {}

    def ask(
        self, module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str], *,
        layouts: Mapping[str, str], **options: Any,
    ) -> tuple[Answer, float]:  # fmt: skip
        """Run calls; what they raise is a crash."""
        try:
            values, _ = run_calls([parse_call(text) for text in calls], self._lookup, inputs, layouts)
            answer = Answer(values={name: plain(values[name]) for name in returns})
        except Exception as error:  # a mistake may crash wherever a student's program would
            answer = Answer("crashed", type(error).__name__)
        self._answers[id(inputs)] = answer
        return answer, 0.0

    def answer(self, outcome: Outcome) -> Answer:
        """The whole answer to a case that was judged."""
        return self._answers[id(outcome.case.inputs)] if outcome.verdict == "passed" else outcome.answer


class GivenRunner(Runner):
    """Gives answers that are there already, by case."""

    def __init__(self, question: BakedQuestion, answers: Mapping[str, Answer]) -> None:
        super().__init__("", ())
        self._answers = {id(case.inputs): answers[case.name] for case in question.cases if case.name in answers}

    def ask(
        self, module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str], *,
        layouts: Mapping[str, str], **options: Any,
    ) -> tuple[Answer, float]:  # fmt: skip
        """The answer to the case whose inputs these are."""
        return self._answers[id(inputs)], 0.0


def judge(
    question: BakedQuestion,
    runner: Runner,
    properties: Mapping[str, Property],
    *,
    measured: bool = True,
    brief: bool = False,
) -> tuple[Judged, Sequence[Outcome]]:
    """Judge one program as the grader does, and keep what a proof needs of it.

    measured: run the cases whose memory is measured too, if all others are right; they are long. brief: no edge case
    where a plain one fails already, and little patience, for a program that is expected to fail.
    """
    run = QuestionRun(replace(question, seconds=min(question.seconds, PATIENCE)) if brief else question, runner, properties)
    plain = [case for case in question.cases if case.costs == 1.0 and not case.budget]
    edge = [case for case in question.cases if case.costs < 1.0 and not case.budget]
    long = [case for case in question.cases if case.budget and measured]
    for cases, stops in ((plain, False), (edge, brief), (long, True)):
        if stops and any(outcome.verdict != "passed" for outcome in run.outcomes):
            break
        if cases is long and brief and long:
            run = QuestionRun(question, runner, properties)
            cases = [*plain, *edge, *long]
        for case in cases:
            run.run(case)
    report = run.report()
    wrong = [value for case in report["cases"] for value in case["values"] if not value["right"]]
    failed = [outcome for outcome in run.outcomes if outcome.verdict != "passed"]
    errors = [
        (comparison.right, comparison.error / outcome.case.tolerances[leaf][0],
         comparison.error / outcome.case.tolerances[leaf][1])
        for outcome in run.outcomes for leaf, comparison in outcome.comparisons.items()
        if leaf in outcome.case.tolerances
    ]  # fmt: skip
    judged = Judged(
        question.name, report["verdict"], report["earned"], report["possible"],
        tuple((value["name"], value["mistake"]) for value in wrong),
        any(not outcome.case.hidden for outcome in failed), any(outcome.case.hidden for outcome in failed),
        far=max((at32 for right, _, at32 in errors if not right and math.isfinite(at32)),
                default=math.inf if failed else 0.0),
        near=max((at64 for right, at64, _ in errors if right and at64 <= 1), default=0.0),
        near32=max((at32 for right, at64, at32 in errors if right and at64 > 1), default=0.0),
        warned=any(right and at64 > 1 for right, at64, _ in errors),
    )  # fmt: skip
    return judged, run.outcomes


# ---------------------------------------------------------------- programs in workers


class Bench:
    """Judges packages of source text in workers, in this process or in several."""

    def __init__(self, bundle: Bundle, folder: Path, jobs: int) -> None:
        self.jobs = jobs
        self.questions = {question.name: question for question in bundle.questions}
        self._start = (bundles.to_bytes(bundle), folder)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Bench:
        if self.jobs > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.jobs, context, _begin, self._start)
        else:
            _begin(*self._start)
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        else:
            _Worker.runner.close()
            getattr(_Worker.runner, "shut_down", lambda: None)()

    def judge(
        self, packages: Sequence[tuple[Sources, Sequence[str]]], *, measured: bool = True, brief: bool = False
    ) -> Iterator[list[Judged]]:
        """Each package on the questions that are named with it, in order; `measured` and `brief` as in `judge`."""
        tasks = [(*package, measured, brief) for package in packages]
        if self._pool is None:
            yield from (_judge_package(*task) for task in tasks)
        elif tasks:
            yield from self._pool.map(_judge_package, *zip(*tasks, strict=True), chunksize=8)


class _Worker:
    """What a process keeps between packages."""

    bundle: Bundle
    properties: Mapping[str, Property]
    runner: Runner


def _begin(bundle: bytes, folder: Path) -> None:
    _Worker.bundle = bundles.from_bytes(bundle)
    _Worker.properties = load_properties(folder)
    _Worker.runner = make_runner(_Worker.bundle, unsafe=not can_confine())


def can_confine() -> bool:
    """Confined workers are forked and start in milliseconds; where there are none, plain ones do."""
    try:
        lockdown.probe()
    except lockdown.CannotLock:
        return False
    return True


def _judge_package(sources: Sources, names: Sequence[str], measured: bool, brief: bool) -> list[Judged]:
    _Worker.runner.open(sources)
    try:
        wanted = [question for question in _Worker.bundle.questions if question.name in names]
        found = (judge(q, _Worker.runner, _Worker.properties, measured=measured, brief=brief) for q in wanted)
        return [judged for judged, _ in found]
    finally:
        _Worker.runner.close()
