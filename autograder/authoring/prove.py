"""Proves the grader: every known mistake caught and named, right programs of any style accepted, mutants killed.

Staff only. Programs are made in programs, mixtures and mutants, and judged on a bench; here is what must come of it.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import numpy as np

from ..checks.bundle import BakedQuestion, Bundle
from ..checks.compare import matches
from ..checks.question import Question, parse_call
from ..checks.runner import Answer
from . import mutants
from .bake import compute_lookup
from .bench import Bench, GivenRunner, Judged, Sources, TrustedRunner, judge
from .declare import Assignment, AssignmentError
from .mixtures import added, by_output
from .mutants import Mutant
from .programs import blank, reference, right_packages

EQUIVALENT = "equivalent_mutants.toml"
WRONG_NAMES = 0.01  # the largest share of programs with several bugs that may be given a name they do not deserve
CLEAR = 10.0  # a mistake whose largest error is not this many times what is accepted is too close to being right
Step = Callable[[str], None]


@dataclass(frozen=True)
class Amount:
    """How much is tried."""

    mutants: int | None  # of all together; None: all
    programs: int  # with several bugs, a question
    pairs: int  # of mutants that are known mistakes, in all
    measured: bool = True  # whether right programs run the long cases whose memory is measured


FULL, QUICK = Amount(None, 60, 400), Amount(120, 5, 15, measured=False)


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
            answers[question.name][mistake.name] = {outcome.case.name: runner.answer(outcome) for outcome in outcomes}
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
        yield f"{where} crashes in every case that it fails, so it has no value to be named by; mend it, or take it out"
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
            mix = by_output if len(question.outputs) > 1 and rng.random() < 0.7 else added
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


# ---------------------------------------------------------------- right programs and the blank


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
    stubs = {name: blank(text).encode() for name, text in right.items()}
    for judged in bench.judge([(stubs, names)]):
        for found in judged:
            if found.earned:
                proof.problems.append(f"{found.question}: the blank earns {found.earned:g}")


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
