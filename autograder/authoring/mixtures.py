"""Programs with several mistakes at once, made of the answers of programs with one: imports numpy and the checks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks.bundle import BakedQuestion
from ..checks.judge import owner
from ..checks.runner import Answer


def by_output(
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


def added(question: BakedQuestion, planted: Mapping[str, Mapping[str, Answer]], rng: random.Random) -> dict[str, Answer]:
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
