"""Arrays that come in as float32 go out as float32: nothing on the way is made in another precision.

What goes in is drawn from the docstrings, which say the shape and the type of each input.
"""

import inspect
import re
from collections.abc import Iterable

import numpy as np
import pytest

from .test_docstrings import GRADED

AXES = {"N": 3, "T": 8, "D": 4, "H": 5, "V": 6}
NUMBERS = {"V": AXES["V"], "k": 3, "max_norm": 0.5}
# x_t, h_prev (N, H) float64: ...; two shapes may stand in a line, for two names.
INPUT = re.compile(r"^ +(?P<names>\w+(?:, \w+)*) +(?P<shapes>\(.*\)) (?P<dtype>float64|int|bool)\b")


def shaped(text: str) -> tuple[int, ...]:
    """The shape that (N, 4H) or (H, H+D) says."""
    return tuple(map(length, filter(None, text.strip("()").replace(" ", "").split(","))))


def length(text: str) -> int:
    """How long 5, H, 4H or H+D is."""
    terms = [re.fullmatch(r"(\d*)([A-Z]?)", term).groups() for term in text.split("+")]
    return sum(int(times or 1) * AXES.get(axis, 1) for times, axis in terms)


def drawn(function) -> dict[str, np.ndarray | float]:
    """An input for each parameter; floats are float32."""
    rng = np.random.default_rng(32)
    draws = {
        "float64": lambda shape: rng.normal(0, 0.6, shape).astype(np.float32),
        "int": lambda shape: rng.integers(0, AXES["V"], shape),
        "bool": lambda shape: rng.random(shape) < 0.7,
    }
    found = dict(NUMBERS, grads=[draws["float64"]((3, 4)), draws["float64"]((5,))])
    for line in re.search(r"Inputs:\n(.*?)\n\n", inspect.getdoc(function), re.S)[1].splitlines():
        if match := INPUT.match(line):
            names, shapes = match["names"].split(", "), match["shapes"].split(" and ")
            for name, shape in zip(names, shapes * (len(names) // len(shapes)), strict=True):
                found[name] = draws[match["dtype"]](shaped(shape))
    return {name: found[name] for name in inspect.signature(function).parameters}


def flat(value) -> Iterable[np.ndarray]:
    """All arrays of an answer, or of arguments."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from flat(entry)


def doubled(value):
    """The same with float64 in the place of float32."""
    if isinstance(value, list):
        return [doubled(entry) for entry in value]
    return value.astype(np.float64) if isinstance(value, np.ndarray) and value.dtype == np.float32 else value


OF_FLOATS = [
    graded
    for graded in GRADED
    if inspect.isfunction(graded.values[0])
    and "simple_rnn" not in graded.id  # torch's arrays, with a test of their own
    and re.search(r"Inputs:\n(?:.+\n)*?.*float64", inspect.getdoc(graded.values[0]))
    and len(inspect.signature(graded.values[0]).parameters)
]


def test_all_functions_of_float_arrays_are_here():
    assert len(OF_FLOATS) == 26


@pytest.mark.parametrize("function", OF_FLOATS)
def test_float32_stays_float32(function):
    given = drawn(function)
    answer, expected = function(**given), function(**{name: doubled(value) for name, value in given.items()})
    answered = list(flat(answer if isinstance(answer, tuple) else (answer,)))
    assert answered
    for actual, exact in zip(answered, flat(expected if isinstance(expected, tuple) else (expected,)), strict=True):
        assert actual.dtype == np.float32
        assert exact.dtype == np.float64
        assert np.abs(actual - exact).max() <= 1e-5 * np.abs(exact).max()
