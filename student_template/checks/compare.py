"""Compares one value with what is expected, and says what is wrong in the terms of the question. Imports numpy.

The error of an array is max|got - expected| / max|expected|: norm-wise, for each output array by itself. There are
three bands: right, right to float32 accuracy (with a warning), wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from .question import Spec, shape_text, tuple_text
from .wire import Opaque

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Comparison:
    """One value against what is expected. error: scaled by max|expected|, infinite where it cannot be measured.

    findings: sentences, the most telling first. warning: said although the value is right. profile: see `profile`.
    """

    right: bool
    error: float
    findings: tuple[str, ...] = ()
    warning: str = ""
    profile: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What messages need to know of a value: its name, axes, the sizes of the case, names of gate blocks."""

    name: str
    spec: Spec
    sizes: Mapping[str, int]
    gates: str = ""


# ---------------------------------------------------------------- leaves and arrays


_SAME: Any = object()


def leaves(name: str, value: Any, like: Any = _SAME) -> Iterator[tuple[str, Any]]:
    """The arrays and numbers in a value, each with the name that a message calls it by.

    like: a value whose nesting is followed, so that a nested list in the place of an array stays whole.
    """
    like = value if like is _SAME else like
    if isinstance(value, list | tuple) and isinstance(like, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(f"{name}[{index}]", item, like[index] if index < len(like) else item)
    elif isinstance(value, dict) and isinstance(like, dict):
        for key, item in value.items():
            yield from leaves(f"{name}[{key!r}]", item, like.get(key, item))
    else:
        yield name, value


def as_array(value: Any) -> Array | None:
    """A number, an array, or a nested list of them as one numeric array; None if it is not that."""
    if isinstance(value, bool | int | float):
        number = np.asarray(value)
        return number if number.dtype.kind in "biuf" else None  # an int of more than 64 bits is an object
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "biufc" else None
    if isinstance(value, list | tuple) and value:
        parts = [as_array(item) for item in value]
        first = parts[0]
        if first is not None and all(part is not None and part.shape == first.shape for part in parts):
            return np.stack([part for part in parts if part is not None])
    return None


def scaled_error(got: Array, expected: Array) -> float:
    """max|got - expected| / max|expected| for arrays of one shape; infinite where one is nan and the other not."""
    with np.errstate(all="ignore"):  # students' numbers may be anything
        return _scaled_error(got, expected)


def _scaled_error(got: Array, expected: Array) -> float:
    if expected.size == 0:
        return 0.0
    scale = float(np.abs(expected).max())
    if expected.dtype.kind != "f" or got.dtype != expected.dtype:
        expected, got = (array.astype(np.result_type(array, np.float64)) for array in (expected, got))
    difference = float(np.abs(got - expected).max())
    if math.isfinite(difference) and math.isfinite(scale):
        return difference / scale if scale > 0 else difference
    return _error_beside_infinities(got, expected)


def _error_beside_infinities(got: Array, expected: Array) -> float:
    """The error where an array holds nan or inf: those must stand in the same places, the rest is compared."""
    finite = np.isfinite(expected)
    if not np.array_equal(got[~finite], expected[~finite], equal_nan=True) or not np.isfinite(got[finite]).all():
        return float("inf")
    return _scaled_error(got[finite], expected[finite]) if not finite.all() else float("inf")


def matches(got: Any, other: Any, bound: float) -> bool:
    """Whether a value is, to `bound`, another one: used to recognise what a known mistake gives."""
    mine, theirs = as_array(got), as_array(other)
    if mine is None or theirs is None:
        return type(got) is type(other) and mine is None and theirs is None and got == other
    if "c" in (mine.dtype.kind, theirs.dtype.kind):
        return False
    return mine.shape == theirs.shape and scaled_error(mine, theirs) <= bound


# ---------------------------------------------------------------- comparing


def same(wanted: Any, given: Any, bound: float) -> Comparison | None:
    """The comparison of an array that is right and as it should be, which most are; None where `compare` has to look closer."""
    if type(wanted) is not np.ndarray or type(given) is not np.ndarray or wanted.dtype.kind not in "fiub":
        return None
    if given.dtype != wanted.dtype or given.shape != wanted.shape:
        return None
    with np.errstate(all="ignore"):
        error = _scaled_error(given, wanted)
    return Comparison(True, error) if error <= bound else None


def compare(setting: Setting, expected: Any, got: Any, bounds: tuple[float, float]) -> Comparison:
    """Compare one leaf. `bounds`: the largest error of a right value in float64, and in float32."""
    wanted = np.asarray(expected)
    given = as_array(got)
    if given is None:
        return Comparison(False, float("inf"), (_no_array(setting, wanted, got),))
    if given.dtype.kind == "c":
        return Comparison(False, float("inf"), (f"{setting.name} holds complex numbers",))
    if given.shape != wanted.shape:
        text = _tuple_finding(setting, wanted, got) or _shape_finding(setting, wanted, given, bounds[1])
        return Comparison(False, float("inf"), (text,))
    with np.errstate(all="ignore"):  # students' numbers may be anything
        return _compare_numbers(setting, wanted, given, isinstance(got, list | tuple), bounds)


def _compare_numbers(setting: Setting, wanted: Array, given: Array, is_list: bool, bounds: tuple[float, float]) -> Comparison:
    error = _scaled_error(given, wanted)
    warning = f"{setting.name} is a list; return an array" if is_list else ""
    if error <= bounds[0]:
        return Comparison(True, error, warning=warning)
    if wanted.dtype.kind == "f" and error <= bounds[1]:
        here = (
            "stay in float64" if given.dtype != np.float64 else "is a part of it computed in float32, or something small added?"
        )
        warning = f"{setting.name} is right to float32 accuracy only; {here}"
        return Comparison(True, error, warning=warning)
    findings = tuple(describe(setting, wanted, given, bounds[1]))
    return Comparison(False, error, findings, profile=profile(setting, wanted, given, bounds[1]))


def _wanted_text(setting: Setting, wanted: Array) -> str:
    if wanted.ndim == 0:
        return "a single number"
    return f"an array of shape {_axes_text(setting, wanted)}"


def _axes_text(setting: Setting, wanted: Array) -> str:
    if setting.spec.kind == "array" and len(setting.spec.axes) == wanted.ndim:
        sizes = dict(setting.sizes)
        text = shape_text(setting.spec, sizes)
        bound = tuple_text(wanted.shape)
        return text if text.endswith(f"= {bound}") else f"{tuple_text(setting.spec.axes)} = {bound}"
    return tuple_text(wanted.shape)


def _no_array(setting: Setting, wanted: Array, got: Any) -> str:
    if got is None:
        return f"{setting.name} is None; expected {_wanted_text(setting, wanted)}. Is a value missing, or a return?"
    if isinstance(got, Opaque):
        found = got.description if got.description.startswith("an ") else f"a value of type {got.description}"
    elif isinstance(got, list | tuple):
        found = f"a {type(got).__name__} of {len(got)} items that do not form an array"
    else:
        found = f"a value of type {type(got).__name__}"
    return f"{setting.name} is {found}; expected {_wanted_text(setting, wanted)}"


def _tuple_finding(setting: Setting, wanted: Array, got: Any) -> str:
    """Several values where one is asked for: they would make an array with an axis in front that nobody put there."""
    if not isinstance(got, tuple) or wanted.ndim == 0 or any(np.ndim(part) == 0 for part in got):
        return ""
    return f"{setting.name} is a tuple of {len(got)} arrays; expected {_wanted_text(setting, wanted)}"


def _shape_finding(setting: Setting, wanted: Array, given: Array, bound: float) -> str:
    wanted_text = "a single number" if wanted.ndim == 0 else _axes_text(setting, wanted)
    text = f"{setting.name} has shape {tuple_text(given.shape)}; expected {wanted_text}"
    if given.ndim > 1 and given.shape == wanted.shape[::-1]:
        right = given.ndim == 2 and scaled_error(given.T, wanted) <= bound
        return text + (". It is the transpose of what is expected" if right else ". Those are its axes, transposed")
    if given.ndim > wanted.ndim and _without_ones(given) == _without_ones(wanted):
        return text + ". An axis of length 1 is too many: keepdims, or an index that was a slice?"
    reading = tuple(_axis_reading(size, setting) for size in given.shape)
    if any(axis[-1:].isalpha() for axis in reading):
        return text + f". Yours reads {tuple_text(reading)}"
    return text


def _without_ones(array: Array) -> list[int]:
    return [length for length in array.shape if length != 1]


def _axis_reading(size: int, setting: Setting) -> str:
    """What a length stands for: a letter or a number of gate blocks, where that is plain; else the number."""
    gates = len(setting.gates)
    letters = [letter for letter, length in setting.sizes.items() if len(letter) == 1 and length == size and letter != "k"]
    if gates and size == gates:
        return str(size)
    if len(letters) == 1:
        return letters[0]
    H = setting.sizes.get("H", 0)
    return f"{size // H}H" if not letters and gates and H and size % H == 0 and 1 < size // H <= gates else str(size)


# ---------------------------------------------------------------- describing what is wrong


def describe(setting: Setting, wanted: Array, given: Array, bound: float) -> list[str]:
    """What is wrong with an array of the right shape: what kind of wrong, where, and one number of it."""
    name = setting.name
    if not np.isfinite(given).all() and np.isfinite(wanted).all():
        bad = np.argwhere(~np.isfinite(given))
        what = "nan" if np.isnan(given).any() else "inf"
        if wanted.ndim == 0:
            return [f"{name} is {what}"]
        return [f"{name} holds {what} in {len(bad)} of {given.size} places, first at {_place(setting, bad[0])}"]
    wrong = _wrong_places(wanted, given, bound)
    kind = _dtype(name, wanted, given) or _kind(setting, wanted, given, bound) or _inexact(name, wanted, given, bound)
    kind = kind or _unwritten(name, wanted, given)
    findings = [kind] if kind else _where(setting, wanted, given, wrong, bound)
    if wanted.ndim == 0:
        return [*findings, f"{name} is {_number(given[()])}; expected {_number(wanted[()])}"]
    place = np.argwhere(wrong)[0] if wrong.any() else np.argwhere(given != wanted)[0]
    index = ", ".join(map(str, place))
    findings.append(f"{name}[{index}] is {_number(given[tuple(place)])}; expected {_number(wanted[tuple(place)])}")
    return findings


def _wrong_places(wanted: Array, given: Array, bound: float) -> Array:
    scale = np.abs(wanted).max() if wanted.size else 0.0
    places: Array = ~(np.abs(given.astype(np.float64) - wanted) <= bound * (scale if scale > 0 else 1.0))
    return places


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _place(setting: Setting, index: Array) -> str:
    axes = setting.spec.axes if len(setting.spec.axes) == len(index) else ()
    if not axes:
        return "index " + tuple_text(tuple(int(i) for i in index))
    return ", ".join(f"{axis.lower()} = {i}" for axis, i in zip(axes, index, strict=True))


def _kind(setting: Setting, wanted: Array, given: Array, bound: float) -> str:
    """What the whole array is instead: zeros, a multiple, a transpose, reversed or shifted in time, gates permuted."""
    name = setting.name

    def like(other: Array) -> bool:
        return other.shape == given.shape and scaled_error(given, other) <= bound

    if wanted.size > 1 and not given.any():
        return f"{name} is all zeros"
    if wanted.dtype.kind != "b" and like(-wanted):
        return f"{name} has the wrong sign everywhere"
    ratio = _constant_ratio(wanted, given, bound)
    if ratio is not None:
        return f"{name} is {_ratio_text(ratio, setting.sizes)} times what is expected, everywhere"
    if wanted.ndim == 2 and like(wanted.T):
        return f"{name} is the transpose of what is expected"
    axes = setting.spec.axes
    if "T" in axes and len(axes) == wanted.ndim:
        found = _in_time(name, wanted, given, axes.index("T"), like, bound)
        if found:
            return found
    return _permuted_gates(setting, wanted, given, bound)


def _dtype(name: str, wanted: Array, given: Array) -> str:
    """Whether numbers that should have a fraction were put into an array that keeps none."""
    if wanted.dtype.kind != "f" or given.dtype.kind == "f" or wanted.ndim == 0:
        return ""
    return f"{name} holds {'truth values' if given.dtype.kind == 'b' else 'whole numbers'} ({given.dtype}); expected float64"


def _inexact(name: str, wanted: Array, given: Array, bound: float) -> str:
    """Whether every entry is nearly right, or right up to a limit where it was cut off."""
    if wanted.dtype.kind != "f" or given.dtype.kind != "f" or not wanted.all():
        return ""
    limit = float(np.abs(given).max())
    cut = np.abs(given) == limit
    if 1 < cut.sum() < cut.size and scaled_error(given, np.clip(wanted, -limit, limit)) <= bound:
        return f"{name} is cut off at {_number(-limit)} and {_number(limit)}"
    decimals = [k for k in range(1, 7) if scaled_error(given, np.round(wanted, k)) <= 1e-12]
    if decimals:
        return f"{name} is rounded to {decimals[0]} decimals"
    errors = np.abs(given - wanted) / np.abs(wanted)
    worst = float(errors.max())
    if worst < 2e-3 and np.median(errors) > 1e-3 * worst:  # in most places, not in one
        digits = math.floor(-math.log10(worst))
        return f"{name} is right to {digits} digits only: is something rounded, kept in few bits, or added for safety?"
    return ""


def _unwritten(name: str, wanted: Array, given: Array) -> str:
    """Whether numbers stand in it that no computing with such inputs gives: what happened to lie in memory."""
    largest = float(np.abs(given.astype(np.float64)).max(initial=0.0))
    if wanted.dtype.kind != "f" or largest < 1e100 or float(np.abs(wanted).max()) > 1e50:
        return ""
    return f"{name} holds numbers as large as {largest:.0e}: does it come from np.empty, and is every entry written?"


def _in_time(name: str, wanted: Array, given: Array, axis: int, like: Any, bound: float) -> str:
    if like(np.flip(wanted, axis)):
        return f"{name} is right, but reversed in time"
    steps = wanted.shape[axis]
    if steps < 3:
        return ""
    first = np.take(given, [0], axis)
    if scaled_error(given, np.broadcast_to(first, given.shape)) <= bound:
        same = [t for t in range(steps) if scaled_error(first, np.take(wanted, [t], axis)) <= bound]
        return f"{name} is the same at every t" + (f": what is expected at t = {same[0]}" if same else "")
    early = (np.take(wanted, range(1, steps), axis), np.take(given, range(steps - 1), axis))
    late = (np.take(wanted, range(steps - 1), axis), np.take(given, range(1, steps), axis))
    if scaled_error(early[1], early[0]) <= bound:
        return f"{name} is one step early: its entry t is what is expected at t + 1"
    if scaled_error(late[1], late[0]) <= bound:
        return f"{name} is one step late: its entry t is what is expected at t - 1"
    return ""


def _constant_ratio(wanted: Array, given: Array, bound: float) -> float | None:
    if wanted.dtype.kind != "f" or not wanted.any():
        return None
    ratio = float(np.vdot(wanted, given) / np.vdot(wanted, wanted))
    if abs(ratio) < 1e-12 or not np.isfinite(ratio) or wanted.size < 2:
        return None
    return ratio if scaled_error(given, ratio * wanted) <= bound else None  # relative to the multiple, however large it is


def _ratio_text(ratio: float, sizes: Mapping[str, int]) -> str:
    letters = {letter: size for letter, size in sizes.items() if len(letter) == 1 and size > 1}
    products = {letter: float(size) for letter, size in letters.items()}
    if {"N", "T"} <= set(letters):
        products["(N T)"] = float(letters["N"] * letters["T"])
    for text, value in products.items():
        if abs(ratio * value - 1) < 1e-6:
            # Where one length is twice another, the square's 2 and the mean over the longer look like the shorter.
            also = "".join(f"2/{letter} = " for letter, size in letters.items() if size == 2 * value)
            return f"1/{text} = {also}1/{value:g}"
        if abs(ratio / value - 1) < 1e-6:
            return f"{text} = {value:g}"
    simple = Fraction(ratio).limit_denominator(12)
    return str(simple) if abs(float(simple) - ratio) < 1e-6 and abs(ratio) < 1e6 else f"{ratio:.6g}"


def _permuted_gates(setting: Setting, wanted: Array, given: Array, bound: float) -> str:
    axis = _gate_axis(setting, wanted)
    if axis is None:
        return ""
    count = len(setting.gates)
    blocks, mine = np.split(wanted, count, axis), np.split(given, count, axis)
    found = []
    for block in mine:
        same = [k for k in range(count) if scaled_error(block, blocks[k]) <= bound]
        if len(same) != 1:
            return ""
        found.append(setting.gates[same[0]])
    if len(set(found)) < count:
        wrong = [(gate, instead) for gate, instead in zip(setting.gates, found, strict=True) if gate != instead]
        return "; ".join(f"the block {gate} of {setting.name} holds what is expected in {instead}" for gate, instead in wrong)
    order = ", ".join(setting.gates)
    return f"the blocks of {setting.name} are right but in the order {', '.join(found)}; here it is {order}"


def _gate_axis(setting: Setting, wanted: Array) -> int | None:
    axes = setting.spec.axes
    name = f"{len(setting.gates)}H"
    if not setting.gates or name not in axes or len(axes) != wanted.ndim:
        return None
    return axes.index(name)


def _where(setting: Setting, wanted: Array, given: Array, wrong: Array, bound: float) -> list[str]:
    """Which timesteps, samples, rows and gate blocks are wrong, where that is a part of them."""
    axes = setting.spec.axes
    findings = []
    if len(axes) == wrong.ndim:
        for letter, word in (("T", "t"), ("N", "sample n"), ("V", "row"), ("H", "row")):
            place = axes.index(letter) if letter in axes else -1
            if place < 0 or (word == "row" and (place > 0 or wrong.ndim < 2)):
                continue
            other = tuple(i for i in range(wrong.ndim) if i != place)
            findings.append(_part(setting.name, word, np.asarray(wrong.any(axis=other))))
    axis = _gate_axis(setting, wrong)
    if axis is not None:
        findings.append(_wrong_blocks(setting, wanted, given, wrong, bound, axis))
    return [text for text in findings if text]


def _wrong_blocks(setting: Setting, wanted: Array, given: Array, wrong: Array, bound: float, axis: int) -> str:
    """Which gate blocks are wrong, if not all; and what they are instead, if it is one multiple."""
    split = [np.split(array, len(setting.gates), axis) for array in (wanted, given, wrong)]
    bad = [(gate, mine, right) for gate, right, mine, is_wrong in zip(setting.gates, *split, strict=True) if is_wrong.any()]
    if not 0 < len(bad) < len(setting.gates):
        return ""
    text = f"{setting.name} is wrong only in the block{'s'[: len(bad) > 1]} {', '.join(gate for gate, _, _ in bad)}"
    ratios = [_constant_ratio(right, mine, bound) for _, mine, right in bad]
    if ratios[0] is None or any(ratio is None or abs(ratio / ratios[0] - 1) > 1e-6 for ratio in ratios):
        return text
    if abs(ratios[0] + 1) < 1e-6:
        return f"{text}, and has the wrong sign there"
    return f"{text}, and is {_ratio_text(ratios[0], setting.sizes)} times what is expected there"


def _part(name: str, word: str, wrong: Array) -> str:
    bad, good = np.flatnonzero(wrong), np.flatnonzero(~wrong)
    if not len(bad):
        return ""
    if not len(good):
        return f"{name} is wrong at every {word}" if word == "t" and len(bad) > 1 else ""
    if len(bad) <= 2:
        return f"{name} is wrong only at {word} = {', '.join(map(str, bad))}"
    if len(good) <= 2:
        return f"{name} is right only at {word} = {', '.join(map(str, good))}"
    return f"{name} is first wrong at {word} = {bad[0]}"


# ---------------------------------------------------------------- where it is wrong, in numbers to draw

ENTRIES = 40  # of a profile by timestep; more steps than that are told in groups
FAINT = 1e-15  # of the largest: a norm below is rounding, which differs from machine to machine


def profile(setting: Setting, wanted: Array, given: Array, bound: float) -> dict[str, Any]:
    """Where a wrong array of the right shape is wrong, in few numbers of three digits; {} if its axes tell nothing.

    steps: the largest error by timestep, relative to max|expected|, 0.0 where it is right and None where a value is not
    finite. every: how many timesteps one entry stands for. gates, blocks: the same by block of gates. norms: of
    gradients and norms, the Euclidean norm by timestep of what was given and of what is expected.
    """
    axes = setting.spec.axes
    if not axes or len(axes) != wanted.ndim or not wanted.size:
        return {}
    scale = float(np.abs(wanted).max()) or 1.0
    mine, theirs = given.astype(np.float64), wanted.astype(np.float64)
    error = np.abs(mine - theirs) / scale
    error[error <= bound] = 0.0
    found: dict[str, Any] = {}
    if "T" in axes:
        by_step = _flat(error, axes.index("T")).max(axis=1)
        every = -(-len(by_step) // ENTRIES)
        found |= {"every": every, "steps": _grouped(by_step, every)}
        if setting.name.startswith(("d", "norm")):
            norms = [np.linalg.norm(_flat(array, axes.index("T")), axis=1) for array in (mine, theirs)]
            least = FAINT * norms[1].max()
            found["norms"] = [_grouped(np.where(norm < least, 0.0, norm), every) for norm in norms]
    axis = _gate_axis(setting, wanted)
    if axis is not None:
        blocks = np.array([block.max() for block in np.split(error, len(setting.gates), axis)])
        found |= {"gates": setting.gates, "blocks": _grouped(blocks, 1)}
    return found


def _flat(array: Array, axis: int) -> Array:
    """An array as a matrix with a row for each place along an axis."""
    return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)


def _grouped(values: Array, every: int) -> list[float | None]:
    """The largest of each group, to three digits."""
    largest = [float(values[i : i + every].max()) for i in range(0, len(values), every)]
    return [float(f"{value:.3g}") if math.isfinite(value) else None for value in largest]
