"""Bakes a declared assignment: asks its oracles once. Staff only; torch comes in with oracles.

Imports declare and the engine's stand-alone modules. The result is a `Bundle`: arrays and text, no code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import bundle as bundles
from ..checks.bundle import BakedCase, BakedQuestion, Bundle
from ..checks.compare import leaves, matches, scaled_error
from ..checks.judge import Property, owner
from ..checks.question import (
    Case,
    Compute,
    DeclarationError,
    Mistake,
    Question,
    axis_size,
    bound_shape,
    parse_call,
    parse_spec,
    shape_text,
)
from ..checks.worker import plain, run_calls
from .declare import Assignment, AssignmentError

Inputs = dict[str, Any]
Raised = dict[str, list[str]]  # what each mistake raised, a case each
EPS64, EPS32 = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)
FLOAT32_MOST = 1e-4  # no value is called right to float32 accuracy beyond this


def bake(assignment: Assignment, progress: Callable[[str], None] = lambda name: None) -> Bundle:
    """Draw the inputs, ask the oracles, work out what each known mistake gives. Raises AssignmentError."""
    questions = []
    for question in assignment.questions:
        progress(question.name)
        try:
            questions.append(bake_question(question, assignment.name, assignment.properties, assignment.hidden_seed))
        except DeclarationError as error:
            raise AssignmentError(f"question {question.name}: {error}") from None
    draft = Bundle(
        assignment.name, assignment.title, assignment.version, assignment.package, dict(assignment.parts),
        assignment.source, False, tuple(questions), written=assignment.written,
    )  # fmt: skip
    return bundles.decode(*bundles.encode(draft))


def public(bundle: Bundle) -> Bundle:
    """The bundle with its public cases alone, and no rubric: what students are given."""
    questions = tuple(
        replace(question, cases=tuple(case for case in question.cases if not case.hidden)) for question in bundle.questions
    )
    written = tuple(replace(each, rubric=(), misconceptions=(), evidence=()) for each in bundle.written)
    return bundles.decode(*bundles.encode(replace(bundle, public=True, questions=questions, written=written)))


def bake_question(question: Question, seed: str, properties: Mapping[str, Property], hidden_seed: str = "") -> BakedQuestion:
    """Bake one question. Raises DeclarationError for one that cannot tell a mistake from a right program.

    hidden_seed: what hidden cases are drawn from besides; whoever knows a seed, the code and a case's name knows its inputs.
    """
    secret = f"{seed}/{hidden_seed}" if hidden_seed else seed
    raised: Raised = {mistake.name: [] for mistake in question.mistakes}
    cases = tuple(_bake_case(question, case, secret if case.hidden else seed, raised) for case in question.cases)
    if not question.verdict:
        _refuse_unseen_mistakes(question, cases)
    _check_properties(question, cases, properties, raised)
    _refuse_raising_mistakes(raised, sum(bool(case.verdict) == bool(question.verdict) and not case.budget for case in cases))
    return BakedQuestion(
        question.name, question.number, question.module, question.points, question.calls, dict(question.outputs),
        question.gates, question.torch, question.seconds, {m.name: m.hint for m in question.mistakes}, cases,
        question.optional,
    )  # fmt: skip


def draw_inputs(question: Question, case: Case, seed: str) -> Inputs:
    """All arrays of a case, from a seed that is the question's and the case's own."""
    number = hashlib.sha256(f"{seed}/{question.name}/{case.name}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(number, "big"))
    draw = case.draw or question.draw
    try:
        inputs = dict(draw(rng, case.sizes)) if draw else {}
    except KeyError as error:  # most often an axis that draw takes for granted
        raise DeclarationError(
            f"case {case.name}: draw asks for {error}, and there is no such size; give it in the case"
        ) from None
    for name, text in question.inputs.items():
        spec = parse_spec(text)
        if spec.kind == "size":
            inputs.setdefault(name, case.sizes[name])
        elif spec.kind == "array" and spec.dtype == "float" and name not in inputs:
            inputs[name] = normal(rng, bound_shape(spec, case.sizes))
    return inputs


def normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float = 0.6) -> np.ndarray[Any, Any]:
    """Normal numbers with four decimals, so that a report can print them exactly."""
    return np.round(scale * rng.standard_normal(shape), 4)


def compute_lookup(question: Question, compute: Compute) -> Callable[[str], Any]:
    """What a call of the question finds under a name, for an oracle or a mistake."""
    if isinstance(compute, Mapping):
        return compute.__getitem__
    functions = {parse_call(question.calls[0]).function: compute}
    return functions.__getitem__


def _bake_case(question: Question, case: Case, seed: str, raised: Raised) -> BakedCase:
    calls = [parse_call(text) for text in case.calls or question.calls]
    everything = draw_inputs(question, case, seed)
    _refuse_blind_spots(question, case, everything)
    used = {name for call in calls for name in call.arguments}
    bound = {target for call in calls for target in call.targets}
    unknown = used - set(everything) - bound
    if unknown:
        raise DeclarationError(f"case {case.name}: no array named {', '.join(sorted(unknown))} is drawn")
    inputs = {name: value for name, value in everything.items() if name in used}
    evidence = {name: value for name, value in everything.items() if name not in used}
    layouts = {name: _layout(question, case, name) for name in inputs}
    verdict, sizes = case.verdict or question.verdict, dict(case.sizes)
    returns = tuple(name for name in _targets(calls) if verdict or _belongs(name, question))

    def values(compute: Compute, given: Inputs) -> dict[str, Any]:
        found, _ = run_calls(calls, compute_lookup(question, compute), given, layouts)
        return {name: plain(found[name]) for name in returns}

    if verdict:
        return BakedCase(
            case.name, case.hidden, case.costs, tuple(case.calls), sizes, case.hint, verdict, layouts, returns,
            inputs, evidence, {}, {}, {},
        )  # fmt: skip
    try:
        expected = values(question.oracle, inputs)
    except Exception as error:
        raise DeclarationError(f"case {case.name}: the oracle raises {type(error).__name__}: {error}") from error
    if not case.calls:  # calls of a case's own may give parts and sums
        _refuse_other_axes(question, case, expected)
    # A measured case is large and says nothing that the others do not: it has no part in naming mistakes.
    moved = [values(question.oracle, _moved(inputs, pattern)) for pattern in range(1 if case.budget else SIGNS)]
    tolerances = _tolerances(expected, moved, case.sizes)
    mistakes = {}
    for mistake in () if case.budget else question.mistakes:
        different = _differences(expected, _mistaken(values, mistake, inputs, expected, raised), tolerances)
        if different:
            mistakes[mistake.name] = different
    return BakedCase(
        case.name, case.hidden, case.costs, tuple(case.calls), sizes, case.hint, "", layouts, returns,
        inputs, evidence, expected, tolerances, mistakes, case.budget(sizes) if case.budget else 0,
    )  # fmt: skip


def _refuse_other_axes(question: Question, case: Case, expected: Mapping[str, Any]) -> None:
    """What the oracle gives has the axes that are declared: students are told these. Raises DeclarationError."""
    for name, value in expected.items():
        spec = parse_spec(question.outputs[owner(name, question.outputs)])
        if spec.kind == "array" and np.shape(value) != bound_shape(spec, case.sizes):
            says = f"has shape {np.shape(value)}, and outputs says {shape_text(spec, case.sizes)}"
            raise DeclarationError(f"case {case.name}: the oracle's {name} {says}; mend one of them")


# ---------------------------------------------------------------- what a case cannot see

SIGNS = 6  # patterns in which all inputs are moved at once; the worst one counts


def _refuse_blind_spots(question: Question, case: Case, inputs: Inputs) -> None:
    used = {name for text in case.calls or question.calls for name in parse_call(text).arguments}
    found = blind_spots(question, case, {name: value for name, value in inputs.items() if name in used})
    for name, why in found.items():
        if name not in case.waive:
            raise DeclarationError(
                f'case {case.name}: {name}: {why}; choose other inputs, or say waive=("{name}",) if that is its point'
            )
    for name in case.waive:
        if name not in found:
            raise DeclarationError(f"case {case.name}: waives {name!r}, which is not so; take that out")


def blind_spots(question: Question, case: Case, inputs: Inputs) -> dict[str, str]:
    """What a case cannot tell apart: name of the spot -> why. `inputs`: the arrays that its calls use."""
    lengths = _lengths(question, case, inputs)
    found = {}
    for axis, length in lengths.items():
        if length == 1:
            found[f"{axis} = 1"] = "sums, means and single entries are the same along an axis of length 1"
        for other in list(lengths)[: list(lengths).index(axis)]:
            if length == lengths[other] > 1 and axis[0] != other[0]:
                found[f"{other} = {axis}"] = "an array with these two axes mixed up has the right shape"
    found |= _blind_window(case.sizes)
    for name, value in inputs.items():
        found |= _blind_array(name, value)
    return found


def _lengths(question: Question, case: Case, inputs: Inputs) -> dict[str, int]:
    """How long each axis is. An array such as ``x_start`` has the axes of ``x``, and lengths of its own."""
    found: dict[str, int] = {}
    specs = [parse_spec(text) for text in (*question.inputs.values(), *question.outputs.values())]
    for axis in (axis for spec in specs for part in (spec, *spec.items) for axis in part.axes):
        if axis.lstrip("0123456789") in case.sizes:
            found[axis] = axis_size(axis, case.sizes)
    if "k" in case.sizes:
        found["k"] = case.sizes["k"]
    for name, value in inputs.items():
        given = [text for base, text in question.inputs.items() if name.startswith(base + "_")]
        if name in question.inputs or not given or not isinstance(value, np.ndarray):
            continue
        for axis, length in zip(parse_spec(given[0]).axes, value.shape, strict=False):
            if length != found.get(axis):
                found[f"{axis} of {name}"] = length
    return found


def _blind_window(sizes: Mapping[str, int]) -> dict[str, str]:
    if not {"T", "k"} <= set(sizes):
        return {}
    T, k = sizes["T"], sizes["k"]
    if k > T:
        return {"k > T": "no window ends before the sequence does"}
    if T % k < 2:
        return {f"T mod k = {T % k}": "windows counted from the start and from the end fall together, or nearly"}
    return {}


def _blind_array(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, list):
        return {} if any(np.any(item) for item in value) else {f"{name} = 0": "whatever is done to zeros is zero"}
    if not isinstance(value, np.ndarray) or value.size < 2:
        return {}
    if value.dtype.kind == "f" and not value.any():
        return {f"{name} = 0": "whatever is done to zeros is zero"}
    if (value == value.flat[0]).all():
        return {f"{name} is constant": "it cannot be seen which of its entries is used where"}
    if value.ndim == 2 and value.shape[0] == value.shape[1] and (value == value.T).all():
        return {f"{name} is symmetric": "it is its own transpose"}
    return {}


def _targets(calls: list[Any]) -> list[str]:
    return [target for call in calls for target in call.targets]


def _belongs(name: str, question: Question) -> bool:
    try:
        owner(name, question.outputs)
    except ValueError:
        return False
    return True


def _layout(question: Question, case: Case, name: str) -> str:
    text = question.inputs.get(name, "")
    return "tensor" if text and parse_spec(text).tensor else case.layout


def _moved(inputs: Inputs, pattern: int) -> Inputs:
    """The inputs with every float moved by one unit in the last place, up or down by a pattern's own coin."""
    coin = np.random.default_rng(pattern)

    def move(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            direction = coin.choice((-np.inf, np.inf), value.shape)
            return np.nextafter(value, direction.astype(value.dtype))
        if isinstance(value, list):
            return [move(item) for item in value]
        if isinstance(value, dict):
            return {key: move(item) for key, item in value.items()}
        return value

    return {name: move(value) for name, value in inputs.items()}


def _tolerances(
    expected: dict[str, Any], moved: list[dict[str, Any]], sizes: Mapping[str, int]
) -> dict[str, tuple[float, float]]:
    """For each leaf: 16 (sensitivity + eps) + 2 sqrt(N T) eps, in float64 and in float32.

    The sensitivity is how far the oracle's own answer moves when each input moves by one unit in the last place: a
    right program rounds what it computes as often as it computes, and each rounding acts as such a move. 16 stands
    for the few roundings between input and output that right programs do differently, the eps beside the
    sensitivity for rounding the answer itself, which counts where the inputs' moves cancel; sums over N T terms in
    another order add their square root. Right programs reach a sixth of it (`prove`), mistakes 10,000 times it.
    """
    steps = float(np.sqrt(sizes.get("N", 1) * sizes.get("T", 1)))
    bounds = {}
    for name, value in expected.items():
        others = [dict(leaves(name, move[name])) for move in moved]
        for leaf, wanted in leaves(name, value):
            array = np.asarray(wanted)
            eps = EPS32 if array.dtype == np.float32 else EPS64
            sensitivity = max(scaled_error(np.asarray(other[leaf]), array) for other in others) / eps
            if not np.isfinite(array).all() or not sensitivity * eps <= FLOAT32_MOST:
                raise DeclarationError(f"{leaf} is not finite, or jumps when an input moves by one unit in the last place")
            factor = 16 * (sensitivity + 1) + 2 * steps
            bounds[leaf] = (factor * eps, max(factor * eps, min(factor * EPS32, FLOAT32_MOST)))
    return bounds


def _mistaken(
    values: Callable[[Compute, Inputs], dict[str, Any]],
    mistake: Mistake,
    inputs: Inputs,
    expected: dict[str, Any],
    raised: Raised,
) -> dict[str, Any]:
    """What a mistake gives; one that crashes on a case fails it without a value of its own."""
    with np.errstate(all="ignore"):
        try:
            return values(mistake.computes, inputs)
        except Exception as error:  # a mistake may crash wherever a student's program would
            raised[mistake.name].append(_told(error))
            return dict.fromkeys(expected)


def _differences(
    expected: dict[str, Any], mistaken: dict[str, Any], tolerances: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    different = {}
    for name, value in expected.items():
        theirs = dict(leaves(name, mistaken[name]))
        for leaf, wanted in leaves(name, value):
            if leaf not in theirs or not matches(theirs[leaf], wanted, tolerances[leaf][1]):
                different[leaf] = _halved(theirs.get(leaf))
    return different


def _halved(value: Any) -> Any:
    """An array in half its bytes: a mistake is recognised to six digits, and bundles are mostly mistakes."""
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return value
    with np.errstate(all="ignore"):
        short = value.astype(np.float32)
    return short if scaled_error(short, value) < 1e-7 else value  # what overflows or is nan stays as it is


def _refuse_unseen_mistakes(question: Question, cases: tuple[BakedCase, ...]) -> None:
    for mistake in question.mistakes:
        for hidden, word in ((False, "public"), (True, "hidden")):
            if not any(mistake.name in case.mistakes for case in cases if case.hidden is hidden):
                raise DeclarationError(f"mistake {mistake.name} passes every {word} case; add a case that it fails")


def _told(error: Exception) -> str:
    """What an error says; one of `run_calls` says it in words."""
    report = getattr(error, "report", None)
    return report["text"] if isinstance(report, dict) else f"{type(error).__name__}: {error}"


def _refuse_raising_mistakes(raised: Raised, cases: int) -> None:
    """A mistake that gives nothing in any case names nobody's mistake, and is most often misspelt. Raises DeclarationError."""
    for name, errors in raised.items():
        if errors and len(errors) == cases:
            raise DeclarationError(f"mistake {name} raises in every case ({errors[0]}); write a program that gives something")


def _check_properties(
    question: Question, cases: tuple[BakedCase, ...], properties: Mapping[str, Property], raised: Raised
) -> None:
    """A property must accept the oracle's answers and, on some public and some hidden case, refuse each mistake's."""
    judged = [case for case in cases if case.verdict]
    for case in judged:
        if case.verdict not in properties:
            raise DeclarationError(f"case {case.name}: no property function named {case.verdict}")
        found = _property(question, case, question.oracle, properties)
        if any(found.values()):
            raise DeclarationError(f"case {case.name}: the property refuses the oracle: {found}")
    if not question.verdict:
        return
    for mistake in question.mistakes:
        for hidden, word in ((False, "public"), (True, "hidden")):
            some = [case for case in judged if case.hidden is hidden]
            held = [_holds(question, case, mistake, properties, raised) for case in some]
            if all(held):
                raise DeclarationError(f"mistake {mistake.name} passes every {word} case; add a case that it fails")


def _holds(question: Question, case: BakedCase, mistake: Mistake, properties: Mapping[str, Property], raised: Raised) -> bool:
    """Whether a mistake has the property; one that crashes has not."""
    try:
        return not any(_property(question, case, mistake.computes, properties).values())
    except Exception as error:  # a mistake may crash wherever a student's program would
        raised[mistake.name].append(_told(error))
        return False


def _property(question: Question, case: BakedCase, compute: Compute, properties: Mapping[str, Property]) -> Mapping[str, str]:
    calls = [parse_call(text) for text in case.calls or question.calls]
    found, _ = run_calls(calls, compute_lookup(question, compute), case.inputs, case.layouts)
    return properties[case.verdict]({name: plain(found[name]) for name in case.returns}, {**case.inputs, **case.evidence})
