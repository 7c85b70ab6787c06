"""What a question is: plain data, its axes and its calls. Imports nothing but the standard library.

A question is declared once. The calls are text of one form, ``names = function(names)``, which the worker
reads with `ast`; the axes are text such as ``"N T D"``, which messages print with their sizes bound.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Compute = Callable[..., Any] | Mapping[str, Callable[..., Any]]


class DeclarationError(ValueError):
    """A question is declared in a way that cannot work; the message says what and what to do."""


@dataclass(frozen=True)
class Mistake:
    """A wrong program that students really write, as an alternative oracle.

    name: stable identifier. hint: what a good teaching assistant would say; asks or points, never the line.
    computes: takes what the student's function takes and returns what the mistake makes of it.
    """

    name: str
    hint: str
    computes: Compute


@dataclass(frozen=True, init=False)
class Case:
    """One set of inputs. Sizes are given as keywords: ``Case("small", N=3, D=4, H=5)``.

    hidden: kept from students. costs: the share of an output's points that failing here takes away.
    calls: instead of the question's own. draw: instead of the question's own. layout: "C", "F" or "strided",
    how input arrays lie in memory. hint: said when this case fails and no mistake is recognised.
    verdict: name of a property function that judges this case instead of the comparison. budget: bytes of memory that
    the one call may take, by the sizes; the case then runs in a fresh worker and is measured from outside.
    waive: what the case cannot see and need not, such as ``"T = 1"``; baking refuses other blind spots.
    """

    name: str
    hidden: bool
    costs: float
    calls: tuple[str, ...]
    draw: Callable[..., Mapping[str, Any]] | None
    layout: str
    hint: str
    verdict: str
    budget: Callable[[Mapping[str, int]], int] | None
    waive: tuple[str, ...]
    sizes: Mapping[str, int]

    def __init__(
        self,
        name: str,
        *,
        hidden: bool = False,
        costs: float = 1.0,
        calls: tuple[str, ...] = (),
        draw: Callable[..., Mapping[str, Any]] | None = None,
        layout: str = "C",
        hint: str = "",
        verdict: str = "",
        budget: Callable[[Mapping[str, int]], int] | None = None,
        waive: tuple[str, ...] = (),
        **sizes: int,
    ) -> None:
        given = {
            "name": name, "hidden": hidden, "costs": costs, "calls": calls, "draw": draw, "layout": layout,
            "hint": hint, "verdict": verdict, "budget": budget, "waive": waive,
            "sizes": sizes,
        }  # fmt: skip
        for key, value in given.items():
            object.__setattr__(self, key, value)


@dataclass(frozen=True)
class Question:
    """One graded function, or one property of what a student designed.

    number: as students see it, "B2". calls: what the worker does. inputs, outputs: axes by name (`Spec`).
    oracle: a right program, with the signature of the student's. draw: ``draw(rng, sizes) -> arrays``; what it
    leaves out of `inputs` is drawn from a normal distribution. Arrays that no call uses stay with the judge.
    gates: names of the blocks of an axis such as ``4H``. verdict: name of the property function that judges
    instead of the comparison with the oracle. torch: the worker has torch. seconds: wall-clock deadline.
    optional: its points come on top of the possible ones.
    """

    name: str
    number: str
    module: str
    points: float
    minutes: int
    calls: tuple[str, ...]
    outputs: Mapping[str, str]
    oracle: Compute
    cases: tuple[Case, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    draw: Callable[..., Mapping[str, Any]] | None = None
    gates: str = ""
    verdict: str = ""
    torch: bool = False
    seconds: float = 5.0
    optional: bool = False

    @property
    def part(self) -> str:
        """The letter of the part that the question belongs to."""
        return self.number[0]


@dataclass(frozen=True)
class Written:
    """A question that is answered in words, in the notebook, and graded by people.

    name: as in code and tables. title: what is asked, in a few words. rubric: (points, what earns them), which together
    make the points. misconceptions: (claim, why it is wrong), for graders; students are given neither. evidence: names of
    functions; what cells of the notebook that use them printed is shown beside an answer.
    """

    name: str
    number: str
    title: str
    points: float
    minutes: int
    rubric: tuple[tuple[float, str], ...] = ()
    misconceptions: tuple[tuple[str, str], ...] = ()
    evidence: tuple[str, ...] = ()


# ---------------------------------------------------------------- axes


@dataclass(frozen=True)
class Spec:
    """What a value is: kind "array", "number", "size", "list" or "any"; dtype "float", "int" or "bool".

    ``"N T D"`` is a float array, ``"int N T"`` an integer one, ``"tensor N T D"`` is handed over as a torch
    tensor, ``"H D; H"`` is a list of two arrays, ``"number"`` a number, ``"size"`` the size of that name,
    ``"any"`` whatever a property function accepts.
    """

    kind: str
    dtype: str = "float"
    axes: tuple[str, ...] = ()
    items: tuple[Spec, ...] = ()
    tensor: bool = False


_AXIS = re.compile(r"(\d*)([A-Z]?)")


@cache
def parse_spec(text: str) -> Spec:
    """Read axes written as text. Raises DeclarationError."""
    if ";" in text:
        return Spec("list", items=tuple(parse_spec(part) for part in text.split(";") if part.strip()))
    words = text.split()
    if len(words) == 1 and words[0] in ("number", "size", "any"):
        return Spec(words[0])
    tensor = bool(words) and words[0] == "tensor"
    words = words[1:] if tensor else words
    dtype = words.pop(0) if words and words[0] in ("int", "bool", "float") else "float"
    for axis in words:
        match = _AXIS.fullmatch(axis)
        if match is None or match.group() == "":
            raise DeclarationError(f"axes {text!r}: {axis!r} is no axis; write N, T, 4H or a number")
    return Spec("array", dtype, tuple(words), tensor=tensor)


def axis_size(axis: str, sizes: Mapping[str, int]) -> int:
    """The length of one axis, ``"4H"`` with H = 5 being 20. Raises DeclarationError for an unbound letter."""
    match = _AXIS.fullmatch(axis)
    assert match is not None, axis
    factor = int(match.group(1) or 1)
    letter = match.group(2)
    if letter and letter not in sizes:
        raise DeclarationError(f"axis {axis!r}: the case gives no size {letter}")
    return factor * (sizes[letter] if letter else 1)


def bound_shape(spec: Spec, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape that the axes have in a case."""
    return tuple(axis_size(axis, sizes) for axis in spec.axes)


def shape_text(spec: Spec, sizes: Mapping[str, int]) -> str:
    """``(4H, D) = (20, 4)``, for messages."""
    return f"{tuple_text(spec.axes)} = {tuple_text(bound_shape(spec, sizes))}"


def tuple_text(items: tuple[Any, ...]) -> str:
    """A tuple as Python writes it, without quotes."""
    return "(" + ", ".join(str(item) for item in items) + ("," if len(items) == 1 else "") + ")"


# ---------------------------------------------------------------- calls


@dataclass(frozen=True)
class Call:
    """``targets = function(arguments)``; `text` is what a student can run."""

    targets: tuple[str, ...]
    function: str
    arguments: tuple[str, ...]
    text: str


@cache
def parse_call(text: str) -> Call:
    """Read ``names = function(names)`` or ``names = name.method(names)``. Raises DeclarationError."""
    try:
        (statement,) = ast.parse(text).body
        if not isinstance(statement, ast.Assign):
            raise ValueError
        (target,), call = statement.targets, statement.value
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        if not isinstance(call, ast.Call) or call.keywords:
            raise ValueError
        function = call.func
        if isinstance(function, ast.Attribute):
            dotted = f"{_name(function.value)}.{function.attr}"
        else:
            dotted = _name(function)
        return Call(tuple(map(_name, names)), dotted, tuple(map(_name, call.args)), text)
    except (SyntaxError, ValueError):
        raise DeclarationError(f"call {text!r} is not of the form 'names = function(names)'") from None


def _name(node: ast.expr) -> str:
    if not isinstance(node, ast.Name):
        raise ValueError
    return node.id


def counts_for(value: str, output: str) -> bool:
    """Whether a value counts for an output by its name: ``h_later`` does for ``h``."""
    return value == output or value.startswith(output + "_")


def validate(question: Question) -> None:
    """Refuse a declaration that cannot be baked. Raises DeclarationError naming the question."""
    try:
        _validate(question)
    except DeclarationError as error:
        raise DeclarationError(f"question {question.name}: {error}") from None


def validate_written(written: Written) -> None:
    """Refuse a written question whose rubric does not make its points. Raises DeclarationError naming it."""
    if not re.fullmatch(r"[A-Z]\d+", written.number):
        raise DeclarationError(f"written question {written.name}: number {written.number!r}; write it as in G5")
    if not written.name.isidentifier():
        raise DeclarationError(f"written question {written.number}: name {written.name!r}; write it as a Python name")
    total = sum(points for points, _ in written.rubric)
    if total != written.points:
        raise DeclarationError(
            f"written question {written.number}: its rubric gives {total:g} points, and it is worth {written.points:g}; "
            "make them agree"
        )


def _validate(question: Question) -> None:
    if not re.fullmatch(r"[A-Z]\d+", question.number):
        raise DeclarationError(f"number {question.number!r}; write a letter and a number, such as B2")
    for text in (*question.inputs.values(), *question.outputs.values()):
        parse_spec(text)
    names = [case.name for case in question.cases]
    if len(set(names)) != len(names):
        raise DeclarationError("two cases have the same name; give each its own")
    for hidden, word in ((False, "public"), (True, "hidden")):
        if not any(case.hidden is hidden and case.costs == 1.0 for case in question.cases):
            raise DeclarationError(f"no {word} case costs all points; add one, or a wrong program keeps some")
    mistakes = [mistake.name for mistake in question.mistakes]
    if len(set(mistakes)) != len(mistakes):
        raise DeclarationError("two mistakes have the same name; give each its own")
    for case in question.cases:
        _validate_case(question, case)


def _validate_case(question: Question, case: Case) -> None:
    if not 0.0 < case.costs <= 1.0:
        raise DeclarationError(f"case {case.name}: costs is {case.costs}; give a share in (0, 1]")
    if case.layout not in ("C", "F", "strided"):
        raise DeclarationError(f"case {case.name}: layout {case.layout!r}; use 'C', 'F' or 'strided'")
    bound = {target for text in case.calls or question.calls for target in parse_call(text).targets}
    given = {output for output in question.outputs if any(counts_for(target, output) for target in bound)}
    if not case.calls and not question.verdict and given < set(question.outputs):
        missing = ", ".join(sorted(set(question.outputs) - given))
        raise DeclarationError(f"case {case.name}: no call gives {missing}")
