"""Comparing one value: the three bands, and the sentences that say what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograder.checks.compare import Comparison, Setting, as_array, compare, leaves, matches, scaled_error
from autograder.checks.question import parse_spec
from autograder.checks.wire import Opaque

BOUNDS = (1e-12, 1e-6)
SIZES = {"N": 3, "T": 8, "D": 4, "H": 5}
rng = np.random.default_rng(0)
X_NTD, X_TD, X_NH, X_N, X_H = (rng.standard_normal(shape) for shape in ((3, 8, 4), (8, 4), (3, 5), 3, 5))
X_GATES = rng.standard_normal((3, 20))


def check(axes: str, expected: Any, got: Any, gates: str = "", bounds: tuple[float, float] = BOUNDS) -> Comparison:
    return compare(Setting("y", parse_spec(axes), SIZES, gates), expected, got, bounds)


def findings(axes: str, expected: Any, got: Any, gates: str = "") -> tuple[str, ...]:
    found = check(axes, expected, got, gates)
    assert not found.right
    assert not found.warning
    return found.findings


def changed(array: Any, *places: Any, by: float = 1.0) -> Any:
    copy = np.array(array)
    for place in places:
        copy[place] += by
    return copy


# ---------------------------------------------------------------- right, float32, wrong


@pytest.mark.parametrize(
    ("error", "band"),
    [(0.0, "right"), (2.0**-40, "right"), (2.0**-40 * 1.001, "float32"), (2.0**-20, "float32"),
     (2.0**-20 * 1.001, "wrong"), (0.1, "wrong"), (float("nan"), "wrong")],
)  # fmt: skip
@pytest.mark.parametrize("scale", [1.0, 2.0**-30, 2.0**300])
def test_bands_end_at_their_bounds(error: float, band: str, scale: float) -> None:
    expected = scale * np.array([0.25, -1.0, 0.5])
    got = expected + scale * np.array([0.0, 0.0, error])  # relative to the largest, not to its own entry
    found = check("3", expected, got, bounds=(2.0**-40, 2.0**-20))
    assert found.right is (band != "wrong")
    assert bool(found.findings) is (band == "wrong")
    wanted = "y is right to float32 accuracy only; is a part of it computed in float32, or something small added?"
    assert found.warning == (wanted if band == "float32" else "")
    if error == error:
        assert found.error == pytest.approx(error, rel=1e-3)


def test_what_is_in_float32_is_told_to_stay_in_float64() -> None:
    wanted = np.array([1 / 3, 1.0])
    found = check("2", wanted, wanted.astype(np.float32), bounds=(1e-12, 1e-6))
    assert (found.right, found.warning) == (True, "y is right to float32 accuracy only; stay in float64")


def test_whole_numbers_have_no_float32_band() -> None:
    expected = np.array([1_000_000, 2])
    assert not check("2", expected, np.array([1_000_001, 2])).right
    assert check("2", expected, expected.astype(float)).right
    assert check("2", expected, expected.astype(np.uint32)).right


@pytest.mark.parametrize(
    ("axes", "expected", "got"),
    [
        ("N H", X_NH, np.asfortranarray(X_NH)),
        ("N H", X_NH, X_NH.astype(">f8")),
        ("H", X_H, np.broadcast_to(X_H, (1, 5))[0]),
        ("0 H", np.zeros((0, 5)), np.zeros((0, 5), np.float32)),
        ("number", np.array(2.5), 2.5),
        ("number", np.array(2.0), 2),
        ("number", 2.5, np.array(2.5)),
        ("number", np.array(0.0), 0.0),
        ("bool N", np.array([True, False, True]), np.array([True, False, True])),
        ("bool N", np.array([True, False, True]), np.array([1, 0, 1])),
        ("N", np.array([1.0, np.nan, -np.inf]), np.array([1.0, np.nan, -np.inf])),
        ("N", np.full(3, np.nan), np.full(3, np.nan)),
    ],
)
def test_right_values(axes: str, expected: Any, got: Any) -> None:
    found = check(axes, expected, got)
    assert found == Comparison(True, 0.0)


def test_list_is_right_with_a_warning() -> None:
    for got in (X_NH.tolist(), list(X_NH), tuple(map(list, X_NH))):
        assert check("N H", X_NH, got) == Comparison(True, 0.0, warning="y is a list; return an array")


# ---------------------------------------------------------------- no array, other shapes


@pytest.mark.parametrize(
    ("axes", "expected", "got", "text"),
    [
        ("N H", X_NH, None, "y is None; expected an array of shape (N, H) = (3, 5). Is a value missing, or a return?"),
        ("number", np.array(1.0), None, "y is None; expected a single number. Is a value missing, or a return?"),
        ("any", X_NH, None, "y is None; expected an array of shape (3, 5). Is a value missing, or a return?"),
        ("N H", X_NH, "text", "y is a value of type str; expected an array of shape (N, H) = (3, 5)"),
        ("N H", X_NH, {"h": X_NH}, "y is a value of type dict; expected an array of shape (N, H) = (3, 5)"),
        ("N H", X_NH, Opaque("Tensor"), "y is a value of type Tensor; expected an array of shape (N, H) = (3, 5)"),
        ("N H", X_NH, Opaque("an array of dtype object and shape (3)"),
         "y is an array of dtype object and shape (3); expected an array of shape (N, H) = (3, 5)"),
        ("N", X_N, [], "y is a list of 0 items that do not form an array; expected an array of shape (N,) = (3,)"),
        ("N", X_N, [1.0, None], "y is a list of 2 items that do not form an array; expected"),
        ("N", X_N, (X_N, X_H), "y is a tuple of 2 items that do not form an array; expected"),
        ("N", X_N, [[1, 2], [3]], "y is a list of 2 items that do not form an array; expected"),
        ("N H", X_NH, X_NH + 0j, "y holds complex numbers"),
        ("4H D", np.ones((20, 4)), np.ones((4, 20)),
         "y has shape (4, 20); expected (4H, D) = (20, 4). It is the transpose of what is expected"),
        ("N D", X_NTD[:, 0], X_NTD[:, 0].T + 1, "y has shape (4, 3); expected (N, D) = (3, 4). "
         "Those are its axes, transposed"),
        ("N T D", X_NTD, X_NTD.T, "y has shape (4, 8, 3); expected (N, T, D) = (3, 8, 4). "
         "Those are its axes, transposed"),
        ("N H", X_NH, X_NH[:, None], "y has shape (3, 1, 5); expected (N, H) = (3, 5). "
         "An axis of length 1 is too many: keepdims, or an index that was a slice?"),
        ("N", X_N, X_N[:, None], "y has shape (3, 1); expected (N,) = (3,). "
         "An axis of length 1 is too many: keepdims, or an index that was a slice?"),
        ("H", X_H, X_NH, "y has shape (3, 5); expected (H,) = (5,). Yours reads (N, H)"),
        ("N T D", X_NTD, X_TD, "y has shape (8, 4); expected (N, T, D) = (3, 8, 4). Yours reads (T, D)"),
        ("N H", X_NH, np.ones((5, 7)), "y has shape (5, 7); expected (N, H) = (3, 5). Yours reads (H, 7)"),
        ("N H", X_NH, np.ones((6, 7)), "y has shape (6, 7); expected (N, H) = (3, 5)"),
        ("N H", X_NH, (X_NH, X_NH), "y is a tuple of 2 arrays; expected an array of shape (N, H) = (3, 5)"),
        ("N H", X_NH, 3.0, "y has shape (); expected (N, H) = (3, 5)"),
        ("number", np.array(1.0), X_NH, "y has shape (3, 5); expected a single number. Yours reads (N, H)"),
        ("number", np.array(1.0), np.ones(1), "y has shape (1,); expected a single number. "
         "An axis of length 1 is too many: keepdims, or an index that was a slice?"),
        ("N H", np.ones((1, 20)), np.ones((4, 1, 5)),
         "y has shape (4, 1, 5); expected (N, H) = (1, 20). Yours reads (D, 1, H)"),
        ("N H", np.ones((2, 5)), X_NH, "y has shape (3, 5); expected (N, H) = (2, 5). Yours reads (N, H)"),
        ("N", np.zeros((0, 3)), np.zeros(3), "y has shape (3,); expected (0, 3). Yours reads (N,)"),
    ],
)  # fmt: skip
def test_what_has_no_fitting_shape(axes: str, expected: Any, got: Any, text: str) -> None:
    found = check(axes, expected, got)
    assert (found.right, found.error, len(found.findings)) == (False, float("inf"), 1)
    assert found.findings[0].startswith(text)
    assert text.endswith("expected") or found.findings == (text,)


@pytest.mark.parametrize(
    ("shape", "reading"),
    [((8, 3, 20), "(T, N, 4H)"), ((3, 10), "(N, 2H)"), ((4, 3, 5), "(4, N, H)"), ((3, 25), "(N, 25)"),
     ((3, 24), "(N, 24)")],
)  # fmt: skip
def test_gate_blocks_are_read_off_a_shape(shape: tuple[int, ...], reading: str) -> None:
    (text,) = findings("N 4H", X_GATES, np.ones(shape), "ifgo")  # D = 4 is as long as there are gates: no letter
    assert text.endswith(f"expected (N, 4H) = (3, 20). Yours reads {reading}")


@pytest.mark.parametrize(
    ("axes", "expected", "got"),
    [("number", np.array(1.0), 10**30), ("N", X_N, [10**30, 0, 0]), ("N", X_N, np.array([10**30, 0, 0], object))],
)
def test_numbers_that_no_array_holds_are_wrong(axes: str, expected: Any, got: Any) -> None:
    found = check(axes, expected, got)
    assert not found.right
    assert found.findings


# ---------------------------------------------------------------- what kind of wrong


def blocks(array: Any, order: str) -> Any:
    """The blocks of the gates i, f, g, o in another order."""
    parts = dict(zip("ifgo", np.split(array, 4, axis=-1), strict=True))
    return np.concatenate([parts[gate] for gate in order], axis=-1)


def only(array: Any, *gates: str) -> Any:
    mask = np.repeat([gate in gates for gate in "ifgo"], array.shape[-1] // 4)
    return array + 0.1 * mask


def times(array: Any, factor: float, *gates: str) -> Any:
    return array * np.where(np.repeat([gate in gates for gate in "ifgo"], array.shape[-1] // 4), factor, 1.0)


@pytest.mark.parametrize(
    ("axes", "expected", "got", "gates", "text"),
    [
        ("N T D", X_NTD, np.zeros((3, 8, 4)), "", "y is all zeros"),
        ("N T D", X_NTD, -X_NTD, "", "y has the wrong sign everywhere"),
        ("number", np.array(2.0), -2.0, "", "y has the wrong sign everywhere"),
        ("bool N", np.array([True, False, True]), np.array([False, True, False]), "", "y[0] is False; expected True"),
        ("bool", np.array(True), False, "", "y is False; expected True"),
        ("N H", X_NH, X_NH / 3, "", "y is 1/N = 1/3 times what is expected, everywhere"),
        ("N H", X_NH, X_NH / 4, "", "y is 1/D = 2/T = 1/4 times what is expected, everywhere"),
        ("N H", X_NH, X_NH * 5, "", "y is H = 5 times what is expected, everywhere"),
        ("N H", X_NH, X_NH / 24, "", "y is 1/(N T) = 1/24 times what is expected, everywhere"),
        ("N H", X_NH, X_NH * 24, "", "y is (N T) = 24 times what is expected, everywhere"),
        ("N H", X_NH, X_NH * 2, "", "y is 2 times what is expected, everywhere"),
        ("N H", X_NH, X_NH / -2, "", "y is -1/2 times what is expected, everywhere"),
        ("N H", X_NH, X_NH * 1e200, "", "y is 1e+200 times what is expected, everywhere"),
        ("N H", X_NH, changed(X_NH, (0, 0), by=1e300), "",
         "y holds numbers as large as 1e+300: does it come from np.empty, and is every entry written?"),
        ("N H", X_NH, X_NH * 1.4427, "", "y is 1.4427 times what is expected, everywhere"),
        ("D D", X_TD[:4], X_TD[:4].T, "", "y is the transpose of what is expected"),
        ("N T D", X_NTD, X_NTD[:, ::-1], "", "y is right, but reversed in time"),
        ("T D", X_TD, np.roll(X_TD, -1, 0), "", "y is one step early: its entry t is what is expected at t + 1"),
        ("N T D", X_NTD, np.roll(X_NTD, 1, 1), "", "y is one step late: its entry t is what is expected at t - 1"),
        ("N 4H", X_GATES, blocks(X_GATES, "figo"), "ifgo",
         "the blocks of y are right but in the order f, i, g, o; here it is i, f, g, o"),
        ("N 4H", X_GATES, blocks(X_GATES, "iigo"), "ifgo", "the block f of y holds what is expected in i"),
        ("N 4H", X_GATES, blocks(X_GATES, "igio"), "ifgo",
         "the block f of y holds what is expected in g; the block g of y holds what is expected in i"),
        ("N H", X_NH, X_NH.astype(int), "", "y holds whole numbers (int64); expected float64"),
        ("N H", X_NH, X_NH > 0, "", "y holds truth values (bool); expected float64"),
        ("N H", X_NH, np.zeros((3, 5), int), "", "y holds whole numbers (int64); expected float64"),
        ("N T D", X_NTD, np.repeat(X_NTD[:, -1:], 8, 1), "", "y is the same at every t: what is expected at t = 7"),
        ("N T D", X_NTD, np.repeat(X_NTD[:, :1] + 1, 8, 1), "", "y is the same at every t"),
        ("N H", X_NH, np.clip(X_NH, -0.5, 0.5), "", "y is cut off at -0.5 and 0.5"),
        ("N H", X_NH, np.round(X_NH, 4), "", "y is rounded to 4 decimals"),
        ("N H", X_NH, X_NH.astype(np.float16), "",
         "y is right to 3 digits only: is something rounded, kept in few bits, or added for safety?"),
        ("number", np.array(2.0), 2.00001, "",
         "y is right to 5 digits only: is something rounded, kept in few bits, or added for safety?"),
        ("N 4H", X_GATES, only(X_GATES, "g"), "ifgo", "y is wrong only in the block g"),
        ("N T D", X_NTD, np.full((3, 8, 4), np.nan), "",
         "y holds nan in 96 of 96 places, first at n = 0, t = 0, d = 0"),
        ("N T D", X_NTD, changed(X_NTD, (1, 2, 3), by=np.inf), "",
         "y holds inf in 1 of 96 places, first at n = 1, t = 2, d = 3"),
        ("any", X_NH, changed(X_NH, (2, 4), by=np.nan), "", "y holds nan in 1 of 15 places, first at index (2, 4)"),
        ("number", np.array(1.0), float("nan"), "", "y is nan"),
        ("number", np.array(1.0), float("-inf"), "", "y is inf"),
        ("number", np.array(1.5), 2.0, "", "y is 2; expected 1.5"),
        ("number", 3, 4, "", "y is 4; expected 3"),
    ],
)  # fmt: skip
def test_most_telling_finding_comes_first(axes: str, expected: Any, got: Any, gates: str, text: str) -> None:
    assert findings(axes, expected, got, gates)[0] == text


@pytest.mark.parametrize(
    ("axes", "expected", "got", "gates", "text"),
    [
        ("N T D", X_NTD, changed(X_NTD, (..., slice(5, None), slice(None))), "", "y is first wrong at t = 5"),
        ("N T D", X_NTD, changed(X_NTD, (0, 7, 0)), "", "y is wrong only at t = 7"),
        ("N T D", X_NTD, changed(X_NTD, (0, 7, 0)), "", "y is wrong only at sample n = 0"),
        ("T D", X_TD, changed(X_TD, 0, 3), "", "y is wrong only at t = 0, 3"),
        ("T D", X_TD, changed(X_TD, slice(0, 7)), "", "y is right only at t = 7"),
        ("T D", X_TD, changed(X_TD, slice(1, 7)), "", "y is right only at t = 0, 7"),
        ("N T D", X_NTD, X_NTD**2, "", "y is wrong at every t"),
        ("N H", X_NH, changed(X_NH, 1), "", "y is wrong only at sample n = 1"),
        ("N 4H", X_GATES, only(X_GATES, "g"), "ifgo", "y is wrong only in the block g"),
        ("N 4H", X_GATES, only(X_GATES, "i", "o"), "ifgo", "y is wrong only in the blocks i, o"),
        ("N 4H", X_GATES, times(X_GATES, -1, "i", "o"), "ifgo",
         "y is wrong only in the blocks i, o, and has the wrong sign there"),
        ("N 4H", X_GATES, times(X_GATES, 2, "g"), "ifgo",
         "y is wrong only in the block g, and is 2 times what is expected there"),
        ("N 4H", X_GATES, times(times(X_GATES, 2, "g"), 3, "i"), "ifgo", "y is wrong only in the blocks i, g"),
        ("V D", X_TD, changed(X_TD, 0, 6), "", "y is wrong only at row = 0, 6"),
        ("H D", X_TD, changed(X_TD, slice(3, 6)), "", "y is first wrong at row = 3"),
        ("N 3H", X_GATES[:, :15], changed(X_GATES[:, :15], (..., slice(10, 15))), "rzn",
         "y is wrong only in the block n"),
        ("N H", X_NH, changed(X_NH, (2, 1), by=0.5), "",
         f"y[2, 1] is {X_NH[2, 1] + 0.5:.6g}; expected {X_NH[2, 1]:.6g}"),
        ("int N", np.array([1, 2, 3]), np.array([1, 2, 4]), "", "y[2] is 4; expected 3"),
        ("bool N", np.array([True] * 3), np.array([True, False, True]), "", "y[1] is False; expected True"),
        ("int N", np.array([10**9, 2, 3]), np.array([10**9, 2, 4]), "", "y[2] is 4; expected 3"),
        ("N", np.zeros(3), np.array([0.0, 0.0, 1e-3]), "", "y[2] is 0.001; expected 0"),
    ],
)  # fmt: skip
def test_place_is_found(axes: str, expected: Any, got: Any, gates: str, text: str) -> None:
    assert text in findings(axes, expected, got, gates)


@pytest.mark.parametrize(
    ("axes", "expected", "got", "gates", "words"),
    [
        ("N 4H", X_GATES, only(X_GATES, "i", "f", "g", "o"), "ifgo", "block"),
        ("N 4H", X_GATES, only(X_GATES, "g"), "", "block"),
        ("N H", X_NH, changed(X_NH, 1), "", "times"),
        ("N H", X_NH, X_NH * 1e6 + 1e3, "", "times"),  # a large multiple is measured as strictly as a small one
        ("N H", X_NH * 1e60, changed(X_NH * 1e60, 1, by=1e120), "", "empty"),
        ("1 D", X_TD[:1], X_TD[:1] + 1, "", "every"),
        ("N H", X_NH, X_NH**2, "", "every"),
        ("T D", X_TD, -X_TD, "", "at every t"),
        ("N H", X_NH[:2], X_NH[1::-1], "", "time"),
        ("N H", X_NH, changed(X_NH, (0, 0), by=1e-5), "", "digits"),
        ("N H", X_NH, X_NH * 1.01 + 0.01, "", "digits rounded cut"),
        ("T D", X_TD, np.repeat(X_NTD[0, :1], 8, 0) + X_TD * 1e-3, "", "same"),
    ],
)
def test_nothing_is_said_that_does_not_hold(axes: str, expected: Any, got: Any, gates: str, words: str) -> None:
    said = " ".join(findings(axes, expected, got, gates))
    assert not [word for word in (words.split() if words != "at every t" else [words]) if word in said]


def test_zeros_are_not_compared_with_a_scale_of_zero() -> None:
    assert check("N", np.zeros(3), np.array([0.0, 1e-13, 0.0])).right
    found = check("N", np.zeros(3), np.array([0.0, 0.5, 0.0]))
    assert (found.right, found.error) == (False, 0.5)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([1e308, 1.0], [-1.5e308, 1.0]),
        ([1e-300, 1e-300], [1e300, 1e300]),
        ([1e-320, 2e-320], [1.0, 1.0]),
        ([1e200, 2e200], [3e200, -2e200]),
        ([1e200, 2e200], [3.0, 4.0]),
        ([1.0, 2.0], [1e308, 1e308]),
        ([1.0, np.inf], [np.inf, 1.0]),
        ([1.0, np.nan], [np.nan, 1.0]),
        ([1e30, 1.0], np.array([np.float16(6e4), np.float16(1)])),
        (np.array([1e38, 1.0], np.float32), [1e300, 1.0]),
    ],
)
def test_huge_and_tiny_numbers_are_wrong_and_nothing_more(expected: Any, got: Any) -> None:
    found = check("2", np.asarray(expected), np.asarray(got))  # a warning of numpy's would be an error here
    assert not found.right
    assert found.findings[-1].startswith("y")


# ---------------------------------------------------------------- pieces


def test_leaves_are_named_as_a_student_would_write_them() -> None:
    value = {"a": [1, (2, 3)], "b": X_N, "c": None, "d": []}
    assert dict(leaves("y", value)) == {"y['a'][0]": 1, "y['a'][1][0]": 2, "y['a'][1][1]": 3, "y['b']": X_N,
                                        "y['c']": None}  # fmt: skip
    assert dict(leaves("y", 2.0)) == {"y": 2.0}


@pytest.mark.parametrize(
    ("value", "shape"),
    [(3, ()), (True, ()), (X_NH, (3, 5)), ([X_N, X_N], (2, 3)), ([[1, 2], [3.0, 4]], (2, 2)), ((1, 2, 3), (3,)),
     (None, None), ("abc", None), ([], None), ({}, None), ([[]], None), ([1, [2]], None), ([1, "2"], None),
     (Opaque("x"), None)],
)  # fmt: skip
def test_as_array(value: Any, shape: tuple[int, ...] | None) -> None:
    found = as_array(value)
    assert (None if found is None else found.shape) == shape


def test_scaled_error_is_relative_to_the_largest_entry() -> None:
    assert scaled_error(np.array([4.0, 0.0]), np.array([4.0, 1.0])) == 0.25
    assert scaled_error(np.array([4, 0]), np.array([4, 1])) == 0.25
    assert scaled_error(np.array([np.nan, 1.0]), np.array([np.nan, 2.0])) == 0.5
    assert scaled_error(np.array([0.0, 1.0]), np.array([np.nan, 1.0])) == float("inf")
    assert scaled_error(np.zeros((0, 2)), np.zeros((0, 2))) == 0.0
    # a difference of float32 numbers must not be taken in float32
    assert scaled_error(np.array([1.0]), np.array([1 + 2**-23], np.float32)) == pytest.approx(2**-23, rel=1e-3)


@pytest.mark.parametrize(
    ("got", "other", "alike"),
    [
        (X_N, X_N * (1 + 1e-9), True), (X_N, X_N * 1.01, False), (X_N, X_NH, False), (X_N.tolist(), X_N, True),
        (2.0, np.array(2.0), True), (None, None, True), (None, X_N, False), (X_N, None, False), ("a", "a", True),
        ("a", "b", False), (None, "a", False), (Opaque("a"), Opaque("a"), True), (X_N + 1j, X_N, False),
        (X_N, X_N + 1j, False),
    ],
)  # fmt: skip
def test_matches(got: Any, other: Any, alike: bool) -> None:
    assert matches(got, other, 1e-6) is alike


# ---------------------------------------------------------------- where it is wrong, in numbers


def profile(axes: str, expected: Any, got: Any, gates: str = "", name: str = "y") -> Any:
    found = compare(Setting(name, parse_spec(axes), SIZES, gates), expected, got, BOUNDS)
    assert not found.right
    return found.profile


def test_a_profile_tells_timesteps_and_rounding_is_no_error() -> None:
    scale = float(np.abs(X_NTD).max())
    got = changed(X_NTD, (0, 3), (2, 5), by=0.5 * scale) + 1e-9
    assert profile("N T D", X_NTD, got) == {"every": 1, "steps": [0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0]}
    got[1, 1, 1] = np.nan
    assert profile("N T D", X_NTD, got)["steps"][1] is None


def test_a_profile_of_a_long_sequence_is_told_in_groups() -> None:
    expected = np.ones((1, 90, 1))
    found = profile("N T D", expected, changed(expected, (0, 89), by=0.25))
    assert found == {"every": 3, "steps": [0.0] * 29 + [0.25]}


def test_a_profile_tells_gate_blocks_with_and_without_time() -> None:
    expected = np.ones((2, 3, 20))
    got = changed(expected, (0, 1, slice(5, 10)))
    found = profile("N T 4H", expected, got, "ifgo")
    assert found == {"every": 1, "steps": [0.0, 1.0, 0.0], "gates": "ifgo", "blocks": [0.0, 1.0, 0.0, 0.0]}
    assert profile("4H", expected[0, 0], got[0, 1], "ifgo") == {"gates": "ifgo", "blocks": [0.0, 1.0, 0.0, 0.0]}


def test_a_profile_of_a_gradient_has_norms_and_no_rounding_in_them() -> None:
    expected = np.array([[[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]])
    found = profile("N T D", expected, 2 * expected + [0.0, 1e-17], name="dx")
    assert found["norms"] == [[10.0, 1.0, 0.0], [5.0, 0.5, 0.0]]
    assert "norms" not in profile("N T D", expected, 2 * expected, name="h")


@pytest.mark.parametrize(
    ("axes", "expected", "got"),
    [("N H", X_NH, X_NH + 1), ("number", 1.0, 2.0), ("any", X_NTD, X_NTD + 1), ("N T D", X_NTD, X_TD)],
)  # fmt: skip
def test_other_values_have_no_profile(axes: str, expected: Any, got: Any) -> None:
    assert profile(axes, expected, got) == {}
