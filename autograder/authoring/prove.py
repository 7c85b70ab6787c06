"""Proves the grader: every known mistake caught and named, right programs of any style accepted, mutants killed.

Staff only. Declared mistakes are the staff's own functions and run in this process; all else is source text and
runs in workers, with a deadline. Imports the engine; torch comes in with the oracles.
"""

from __future__ import annotations

import ast
import copy
import json
import math
import multiprocessing
import random
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import bundle as bundles
from ..checks.bundle import BakedQuestion, Bundle
from ..checks.compare import matches
from ..checks.judge import Outcome, Property, QuestionRun, owner
from ..checks.question import Question, parse_call
from ..checks.runner import Answer, Runner
from ..checks.worker import plain, run_calls
from ..grading.grade import make_runner
from ..grading.intake import LIBRARIES
from ..isolation import lockdown
from . import mutants
from .bake import Assignment, AssignmentError, compute_lookup, load_properties
from .mutants import Mutant
from .release import split_solution

EQUIVALENT = "equivalent_mutants.toml"
WRONG_NAMES = 0.01  # the largest share of programs with several bugs that may be given a name they do not deserve
CLEAR = 10.0  # a mistake whose largest error is not this many times what is accepted is too close to being right
PATIENCE = 1.5  # seconds for a mutant, of which some never end
Sources = Mapping[str, bytes]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Amount:
    """How much is tried."""

    mutants: int | None  # of all together; None: all
    programs: int  # with several bugs, a question
    pairs: int  # of mutants that are known mistakes, in all
    measured: bool = True  # whether right programs run the long cases whose memory is measured


FULL, QUICK = Amount(None, 60, 400), Amount(120, 5, 15, measured=False)


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


@dataclass
class Score:
    """What is known of one question in the end."""

    name: str
    mistakes: int = 0
    caught: int = 0
    named: int = 0
    killed: int = 0
    harmless: int = 0  # mutants of helpers that do no harm to this question, and are killed by another
    listed: int = 0
    mutants: int = 0
    smallest: float = math.inf  # the mistake that is nearest to being right
    largest: float = 0.0  # the right program in float64 that is nearest to being wrong
    largest32: float = 0.0


@dataclass
class Proof:
    """The report. problems: what does not hold; nothing else decides the exit code."""

    scores: dict[str, Score]
    problems: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    survivors: list[str] = field(default_factory=list)
    programs: int = 0
    misnamed: int = 0
    relatives: int = 0  # programs given a name that tells what a planted mistake did to that value, and is another's
    helped: int = 0  # programs in which a planted mistake is named
    known: int = 0  # mutants that are a known mistake
    killed: int = 0
    tried: int = 0
    strangers: list[str] = field(default_factory=list)  # names that were not deserved


def prove(
    assignment: Assignment, bundle: Bundle, *, amount: Amount = FULL, question: str = "", jobs: int = 1,
    styles: Path | None = None, step: Step = lambda name: None,
) -> Proof:  # fmt: skip
    """Try everything. Raises AssignmentError for a question that is not there or a list that cannot be read."""
    names = [asked.name for asked in assignment.questions if question in ("", asked.name)]
    if not names:
        raise AssignmentError(f"{assignment.folder}: has no question {question}; name one of its questions")
    proof = Proof({name: Score(name) for name in names})
    chosen = [asked for asked in bundle.questions if asked.name in proof.scores]
    root = assignment.folder.parent.parent
    with np.errstate(all="ignore"):
        answers = prove_mistakes(assignment, chosen, proof, step)
        prove_programs(assignment, chosen, answers, proof, amount.programs, step)
    with Bench(bundle, assignment.folder, jobs) as bench:
        right = reference(root / "reference" / assignment.package)
        prove_packages(bench, right, styles or root / "tests", proof, amount, step)
        prove_mutants(bench, right, assignment, proof, amount, step)
    if proof.misnamed > WRONG_NAMES * proof.programs:
        proof.problems.append(f"{proof.misnamed} of {proof.programs} programs with several mistakes are misnamed")
    return proof


def steps(assignment: Assignment, amount: Amount, question: str = "") -> int:
    """About how many steps a proof takes, for a progress bar."""
    asked = [one for one in assignment.questions if question in ("", one.name)]
    tests = assignment.folder.parent.parent
    right = reference(tests / "reference" / assignment.package)
    found = _all_mutants(asked, right)
    styles = len(right_packages(tests / "tests", right, asked)) + 1
    return 2 * len(asked) + styles + min(len(found), len(found) if amount.mutants is None else amount.mutants)


def lines(proof: Proof) -> list[str]:
    """What a report says beside the table."""
    total = sum(score.mistakes for score in proof.scores.values())
    caught = sum(score.caught for score in proof.scores.values())
    named = sum(score.named for score in proof.scores.values())
    share = proof.misnamed / proof.programs if proof.programs else 0.0
    return [
        *(f"survives: {line}" for line in proof.survivors),
        f"{total} mistakes: {caught} caught in public and in hidden, {named} named by their own hint",
        f"{len(proof.styles)} right styles: {', '.join(proof.styles)}",
        f"{proof.programs} programs with two or three mistakes: one of them is named in {proof.helped}, one that does "
        f"the same to a value in {proof.relatives}, a wrong one in {proof.misnamed} ({share:.1%})",
        *(f"  {line}" for line in proof.strangers),
        f"{proof.tried} mutants: {proof.killed} killed, {len(proof.survivors)} survive; {proof.known} have a name",
        "errors are in units of what is accepted: a mistake's largest, and a right program's largest",
    ]


# ---------------------------------------------------------------- judging


class TrustedRunner(Runner):
    """Runs the staff's own functions, in this process. given: the first answer to each case, by id of its inputs."""

    def __init__(self, lookup: Callable[[str], Any]) -> None:
        super().__init__("", ())
        self._lookup = lookup
        self.given: dict[int, Answer] = {}

    def ask(
        self, module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str], *,
        layouts: Mapping[str, str], **options: Any,
    ) -> tuple[Answer, float]:  # fmt: skip
        """Run calls; what they raise is a crash."""
        try:
            values, _ = run_calls([parse_call(text) for text in calls], self._lookup, inputs, layouts)
            answer = Answer(values={name: plain(values[name]) for name in returns})
            self.given.setdefault(id(inputs), answer)
            return answer, 0.0
        except Exception as error:  # a mistake may crash wherever a student's program would
            return Answer("crashed", type(error).__name__), 0.0


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


# ---------------------------------------------------------------- the catalogue

Answers = dict[str, dict[str, Answer]]  # mistake -> case -> what it gives


def prove_mistakes(assignment: Assignment, chosen: Sequence[BakedQuestion], proof: Proof, step: Step) -> dict[str, Answers]:
    """Each declared mistake loses points, in public and in hidden, and is named by its own hint or by none."""
    declared = {question.name: question for question in assignment.questions}
    answers: dict[str, Answers] = {}
    for question in chosen:
        step(question.name)
        score = proof.scores[question.name]
        answers[question.name] = {}
        for mistake in declared[question.name].mistakes:
            runner = TrustedRunner(compute_lookup(declared[question.name], mistake.computes))
            judged, outcomes = judge(question, runner, assignment.properties, measured=False)
            # The judge keeps no values of a right answer, and a mistake does no harm in some cases.
            answers[question.name][mistake.name] = {
                outcome.case.name: runner.given[id(outcome.case.inputs)] if outcome.verdict == "passed" else outcome.answer
                for outcome in outcomes
            }
            score.mistakes += 1
            score.caught += judged.loses and judged.public and judged.hidden
            named = {question.hints[name] for name in judged.names if name} == {mistake.hint} and all(judged.names)
            named = named or bool(declared[question.name].verdict)  # a property says in words what is wrong
            score.named += named
            score.smallest = min(score.smallest, judged.far)
            proof.problems += _mistake_problems(question, mistake.name, judged, named)
    return answers


def _mistake_problems(question: BakedQuestion, name: str, judged: Judged, named: bool) -> Iterator[str]:
    where = f"{question.name}: mistake {name}"
    if not judged.loses:
        yield f"{where} loses no points"
    if not (judged.public and judged.hidden):
        yield f"{where} passes every {'hidden' if judged.public else 'public'} case"
    if not judged.names and not named:
        yield f"{where} crashes in every case, so it has no value to be named by; mend it, or take it out"
    elif not named:
        others = sorted({other or "nothing" for other in judged.names})
        yield f"{where} is named {', '.join(others)} in places"
    if judged.far < CLEAR:
        yield f"{where} is only {judged.far:.3g} times as far off as what is accepted"


# ---------------------------------------------------------------- several mistakes at once


def prove_programs(
    assignment: Assignment, chosen: Sequence[BakedQuestion], answers: Mapping[str, Answers], proof: Proof,
    amount: int, step: Step,
) -> None:  # fmt: skip
    """Two and three mistakes at once crash nothing, never earn all, and hardly ever get another's name."""
    for question in chosen:
        step(question.name)
        if any(case.verdict for case in question.cases if case.costs == 1.0) or len(answers[question.name]) < 3:
            continue
        rng = random.Random(f"several/{question.name}")
        for _ in range(amount):
            planted = rng.sample(sorted(answers[question.name]), rng.choice((2, 2, 3)))
            mix = _by_output if len(question.outputs) > 1 and rng.random() < 0.7 else _added
            given = mix(question, {name: answers[question.name][name] for name in planted}, rng)
            if given is not None:
                judged, _ = judge(question, GivenRunner(question, given), assignment.properties, measured=False)
                _count_program(proof, question, judged, planted, "several mistakes at once")


def _count_program(proof: Proof, question: BakedQuestion, judged: Judged, planted: Iterable[str], what: str) -> None:
    text = f"{question.name}: {what} ({', '.join(planted)})"
    if judged.verdict == "grader_error":
        proof.problems.append(f"{text}: the judge failed")
    if not judged.loses:
        proof.problems.append(f"{text} earn all points")
    hints = {question.hints[name] for name in planted}
    others = sorted({(leaf, name) for leaf, name in judged.named if name and question.hints[name] not in hints})
    strangers = [name for leaf, name in others if not _alike(question, leaf, name, planted)]
    proof.programs += 1
    proof.relatives += bool(others) and not strangers
    proof.misnamed += bool(strangers)
    proof.helped += any(name and question.hints[name] in hints for name in judged.names)
    if strangers:
        proof.strangers.append(f"{text}: named {', '.join(strangers)}")


def _alike(question: BakedQuestion, leaf: str, name: str, planted: Iterable[str]) -> bool:
    """Whether one of the planted mistakes does to a value, in every plain case, what the named one does."""
    cases = [case for case in question.cases if case.costs == 1.0]
    return any(
        all(matches(case.mistakes.get(name, {}).get(leaf), case.mistakes.get(other, {}).get(leaf), 1e-6) for case in cases)
        for other in planted
    )


def _by_output(
    question: BakedQuestion, planted: Mapping[str, Mapping[str, Answer]], rng: random.Random
) -> dict[str, Answer] | None:
    """Each output as one of the mistakes gives it; every mistake spoils at least one. None if that cannot be."""
    names = list(planted)
    for _ in range(20):
        of_output = {output: rng.choice(names) for output in question.outputs}
        if all(_spoils(question, name, [o for o in of_output if of_output[o] == name]) for name in names):
            break
    else:
        return None
    given = {}
    for case in (case for case in question.cases if not case.budget):
        parts = {name: of_output[owner(name, question.outputs)] for name in case.returns}
        crashed = [planted[name][case.name] for name in parts.values() if planted[name][case.name].verdict]
        values = {} if crashed else {name: planted[by][case.name].values[name] for name, by in parts.items()}
        given[case.name] = crashed[0] if crashed else Answer(values=values)
    return given


def _spoils(question: BakedQuestion, mistake: str, outputs: Sequence[str]) -> bool:
    return any(
        owner(leaf.partition("[")[0], question.outputs) in outputs
        for case in question.cases if case.costs == 1.0
        for leaf in case.mistakes.get(mistake, {})
    )  # fmt: skip


def _added(question: BakedQuestion, planted: Mapping[str, Mapping[str, Answer]], rng: random.Random) -> dict[str, Answer]:
    """What is right, plus each mistake's own error."""
    given = {}
    for case in (case for case in question.cases if not case.budget):
        answers = [by_case[case.name] for by_case in planted.values()]
        crashed = [answer for answer in answers if answer.verdict]
        if crashed or case.verdict:  # a property has no one right value
            given[case.name] = crashed[0] if crashed else answers[0]
            continue
        values = {name: _sum(case.expected[name], [a.values[name] for a in answers]) for name in case.returns}
        given[case.name] = Answer(values=values)
    return given


def _sum(right: Any, values: Sequence[Any]) -> Any:
    """right + sum of (value - right); where a value is of another kind or shape, that value."""
    strange = [value for value in values if not _addable(right, value)]
    if strange:
        return strange[0]
    if isinstance(right, list | tuple):
        return [_sum(part, [value[index] for value in values]) for index, part in enumerate(right)]
    return sum((value - right for value in values), right)


def _addable(right: Any, value: Any) -> bool:
    if isinstance(right, np.ndarray):
        return isinstance(value, np.ndarray) and value.shape == right.shape
    if isinstance(right, list | tuple):
        return isinstance(value, list | tuple) and len(value) == len(right)
    return isinstance(right, float) and isinstance(value, float)


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
    _Worker.runner = make_runner(_Worker.bundle, unsafe=not _can_confine())


def _can_confine() -> bool:
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


# ---------------------------------------------------------------- right programs and the blank


def reference(folder: Path) -> dict[str, str]:
    """The solution's modules by name."""
    return {path.stem: split_solution(path.read_text("utf-8"), str(path)).full for path in sorted(folder.glob("*.py"))}


def right_packages(tests: Path, right: Mapping[str, str], questions: Iterable[Question | BakedQuestion]) -> dict[str, Sources]:
    """Right programs by style: what each folder holds, over the reference.

    A folder is a style if it is in ``styles/``, or in ``submissions/`` and said there to earn everything. A style
    with a module ``_wrap`` has every asked function that it does not write itself passed through ``_wrap.wrap``.
    """
    asked = defaultdict(set)
    for question in questions:
        asked[question.module].add(parse_call(question.calls[0]).function)
    found: dict[str, Sources] = {}
    for folder in _style_folders(tests):
        paths = [path for path in sorted(folder.glob("*.py")) if path.stem not in LIBRARIES]
        own = {path.stem: path.read_text("utf-8") for path in paths}
        # A style is written over the reference, whose helpers other modules may need; a submission stands as it is.
        over = {name: f"{right[name]}\n\n{text}" if name in right else text for name, text in own.items()}
        package = {**right, **(over if folder.parent.parent.name == "styles" else own)}
        for module in sorted(asked.keys() & (right.keys() - own.keys())) if "_wrap" in own else ():
            names = [name for name in sorted(asked[module]) if not _is_class(right[module], name)]
            lines = ["", "from ._wrap import wrap", *(f"{name} = wrap({name})" for name in names)]
            package[module] += "\n".join(lines) + "\n"
        if own:
            found[folder.parent.name] = {name: text.encode() for name, text in package.items()}
    return found


def _style_folders(tests: Path) -> Iterator[Path]:
    yield from (path for path in sorted(tests.glob("styles/*/*")) if path.is_dir() and path.name != "__pycache__")
    for path in sorted(tests.glob("submissions/*/expected.json")):
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["status"] == "graded" and said["base"] == "solution" and not said["questions"]:
            yield from (inner for inner in sorted(path.parent.iterdir()) if inner.is_dir())


def _is_class(source: str, name: str) -> bool:
    return isinstance(mutants.units(source).get(name), ast.ClassDef)


def prove_packages(bench: Bench, right: Mapping[str, str], tests: Path, proof: Proof, amount: Amount, step: Step) -> None:
    """The reference and every right style earn all, and only what computes in float32 is told so; the blank none."""
    names = list(proof.scores)
    styles = right_packages(tests, right, bench.questions.values())
    proof.styles = sorted(styles)
    packages: dict[str, Sources] = {"the reference": {name: text.encode() for name, text in right.items()}, **styles}
    tasks = [(package, names) for package in packages.values()]
    for style, judged in zip(packages, bench.judge(tasks, measured=amount.measured), strict=True):
        step(style)
        for found in judged:
            score = proof.scores[found.question]
            score.largest = max(score.largest, found.near)
            score.largest32 = max(score.largest32, found.near32)
            if found.loses:
                proof.problems.append(f"{found.question}: {style} earns {found.earned:g} ({found.verdict})")
            elif found.warned and "float32" not in style:
                proof.problems.append(f"{found.question}: {style} computes in float64 and is told that it does not")
    blank = {name: _stubs(text).encode() for name, text in right.items()}
    for judged in bench.judge([(blank, names)]):
        for found in judged:
            if found.earned:
                proof.problems.append(f"{found.question}: the blank earns {found.earned:g}")


def _stubs(source: str) -> str:
    """The module with every function only raising NotImplementedError."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Raise(ast.Name("NotImplementedError", ast.Load()))]
    return ast.unparse(ast.fix_missing_locations(tree))


# ---------------------------------------------------------------- mutants of the reference


def prove_mutants(
    bench: Bench, right: Mapping[str, str], assignment: Assignment, proof: Proof, amount: Amount, step: Step
) -> None:
    """Every mutant loses points on a question that uses it, or is listed with the reason why it is none."""
    users = _users(bench.questions.values(), right)
    found = _all_mutants([one for one in assignment.questions if one.name in proof.scores], right)
    listed = read_equivalent(assignment.folder / EQUIVALENT)
    everything = amount.mutants is None or amount.mutants >= len(found)
    if not everything:
        found = _sample(found, amount.mutants or 0)
    if everything and len(proof.scores) == len(bench.questions):
        stale = set(listed) - {mutant.key for mutant in found}
        proof.problems += [f"{EQUIVALENT}: {_mutant_text(key)} does not exist" for key in sorted(stale)]
    packages = [_mutated(right, [mutant], users) for mutant in found]
    known: list[tuple[Mutant, str, str]] = []
    for mutant, judged in zip(found, bench.judge(packages, brief=True), strict=True):
        step(f"{mutant.module}.{mutant.function}")
        _count_mutant(proof, mutant, judged, listed)
        names = {(one.question, name) for one in judged for name in one.names}
        if len(names) == 1 and "" not in {name for _, name in names} and judged[0].verdict == "wrong":
            known.append((mutant, *names.pop()))
    proof.known = len(known)
    _prove_pairs(bench, right, users, known, proof, amount.pairs)


def _sample(found: Sequence[Mutant], amount: int) -> list[Mutant]:
    """So many mutants, of every function in turn and the same each time."""
    rng, by_function = random.Random("mutants"), defaultdict(list)
    for mutant in rng.sample(found, len(found)):
        by_function[mutant.module, mutant.function].append(mutant)
    turns = zip_longest(*(by_function[name] for name in sorted(by_function)))
    return [mutant for turn in turns for mutant in turn if mutant is not None][:amount]


def _all_mutants(questions: Iterable[Question], right: Mapping[str, str]) -> list[Mutant]:
    users = _users(questions, right)
    return [
        mutant
        for module, source in right.items()
        for mutant in mutants.mutants(module, source, [name for where, name in users if where == module])
    ]


def _users(questions: Iterable[Question | BakedQuestion], right: Mapping[str, str]) -> dict[tuple[str, str], list[str]]:
    """The questions that use each function of the reference, by module and name."""
    users = defaultdict(list)
    for question in questions:
        function = parse_call(question.calls[0]).function
        if question.module in right:
            for unit in sorted(mutants.uses(right, question.module, function)):
                users[unit].append(question.name)
    return dict(users)


def _mutated(
    right: Mapping[str, str], chosen: Sequence[Mutant], users: Mapping[tuple[str, str], list[str]]
) -> tuple[Sources, list[str]]:
    module = chosen[0].module
    texts = {**right, module: mutants.apply(right[module], chosen)}
    return {name: text.encode() for name, text in texts.items()}, users[module, chosen[0].function]


def _count_mutant(
    proof: Proof, mutant: Mutant, judged: Sequence[Judged], listed: Mapping[tuple[str, str, str, int], str]
) -> None:
    killed = any(one.loses for one in judged)
    proof.tried += 1
    proof.killed += killed
    for one in judged:
        if one.question not in proof.scores:
            continue
        score = proof.scores[one.question]
        score.mutants += 1
        score.killed += one.loses
        score.harmless += killed and not one.loses
        score.listed += not killed and mutant.key in listed
    text = _mutant_text(mutant.key)
    if killed and mutant.key in listed:
        proof.problems.append(f"{EQUIVALENT}: {text} loses points; take it out of the list")
    if not killed:
        proof.survivors.append(f"{text}: {listed.get(mutant.key, 'NOT LISTED')}")
        if mutant.key not in listed:
            proof.problems.append(f"{text} loses no points; add a case, or prove in {EQUIVALENT} that it is no mistake")


def _mutant_text(key: tuple[str, str, str, int]) -> str:
    where, was, becomes, nth = key
    return f"{where}: {was!r} -> {becomes!r}" + (f" (no. {nth})" if nth > 1 else "")


def read_equivalent(path: Path) -> dict[tuple[str, str, str, int], str]:
    """The list of mutants that are no mistakes: key -> why. Raises AssignmentError."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []) if path.exists() else []
        found = {(e["in"], e["was"], e["becomes"], int(e.get("nth", 1))): str(e["why"]) for e in entries}
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise AssignmentError(f"{path}: {type(error).__name__}: {error}; each needs in, was, becomes, why") from None
    if len(found) < len(entries) or not all(why.strip() for why in found.values()):
        raise AssignmentError(f"{path}: an entry is there twice or has no reason; mend it")
    return found


def _prove_pairs(
    bench: Bench, right: Mapping[str, str], users: Mapping[tuple[str, str], list[str]],
    known: Sequence[tuple[Mutant, str, str]], proof: Proof, amount: int,
) -> None:  # fmt: skip
    """Mutants that are known mistakes, two and three in one program: real programs whose bugs have names."""
    rng = random.Random("pairs")
    by_function = defaultdict(list)
    for entry in known:
        by_function[entry[0].module, entry[0].function, entry[1]].append(entry)
    groups = [group for group in by_function.values() if len({name for _, _, name in group}) > 1]
    programs = []
    for _ in range(amount if groups else 0):
        group = rng.choice(groups)
        chosen = rng.sample(group, min(len(group), rng.choice((2, 2, 3))))
        apart = all(not mutants.overlap(a[0], b[0]) for i, a in enumerate(chosen) for b in chosen[:i])
        if apart and len({name for _, _, name in chosen}) > 1:
            programs.append(chosen)
    packages = [_mutated(right, [mutant for mutant, _, _ in chosen], users) for chosen in programs]
    for chosen, judged in zip(programs, bench.judge(packages, brief=True), strict=True):
        one = next(found for found in judged if found.question == chosen[0][1])
        what = " and ".join(_mutant_text(mutant.key) for mutant, _, _ in chosen)
        _count_program(proof, bench.questions[one.question], one, sorted({name for _, _, name in chosen}), what)


# ---------------------------------------------------------------- a new mistake


def draft(question: Question, sources: Sources, submission: str) -> str:
    """Python text that declares a submission's function as a mistake of a question. Nothing of it is run.

    The text is made from the syntax tree, so that no comment or control character of a student's reaches a
    terminal. Raises AssignmentError if the function is not there or cannot be read.
    """
    function = parse_call(question.calls[0]).function
    where = f"{submission}, {question.module}.py"
    try:
        texts = {name: source.decode("utf-8", "replace") for name, source in sources.items()}
        needed = mutants.uses(texts, question.module, function) if question.module in texts else set()
        in_order = sorted(needed, key=lambda unit: (unit[1] == function, unit))
        units = [mutants.units(texts[module])[name] for module, name in in_order]
        parts = [ast.unparse(_without_docstrings(unit)) for unit in units]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise AssignmentError(f"{where}: {type(error).__name__}; it cannot be read") from None
    if not any(unit.name == function for unit in units):
        raise AssignmentError(f"{where}: has no function {function}; name another submission")
    name = f"_draft_{function}"
    text = "\n\n\n".join(parts)
    return (
        f"# From {where!r}. Paste it into the questions file; then give the mistake a name, and a hint that asks or\n"
        f"# points and does not give the line.\n{text}\n\n\n{name} = {function}\n"
        f'Mistake("DRAFT", "?", {name}),  # among the mistakes of {question.name}\n'
    )


def _without_docstrings(unit: mutants.Unit) -> mutants.Unit:
    unit = copy.deepcopy(unit)
    for node in ast.walk(unit):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return unit
