"""Declarations: axes and calls as text, and what is refused with which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.checks.question import (
    Call,
    Case,
    DeclarationError,
    Mistake,
    Question,
    Spec,
    axis_size,
    bound_shape,
    parse_call,
    parse_spec,
    shape_text,
    tuple_text,
    validate,
)

SIZES = {"N": 3, "T": 8, "D": 4, "H": 5}


def array(*axes: str, dtype: str = "float", tensor: bool = False) -> Spec:
    return Spec("array", dtype, axes, tensor=tensor)


# ---------------------------------------------------------------- axes


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("N T D", array("N", "T", "D")),
        ("  N   H ", array("N", "H")),
        ("", array()),
        ("4H D", array("4H", "D")),
        ("2 10 N", array("2", "10", "N")),
        ("int N T", array("N", "T", dtype="int")),
        ("bool N", array("N", dtype="bool")),
        ("float N", array("N")),
        ("int", array(dtype="int")),
        ("tensor N T D", array("N", "T", "D", tensor=True)),
        ("tensor int N", array("N", dtype="int", tensor=True)),
        ("number", Spec("number")),
        ("size", Spec("size")),
        ("any", Spec("any")),
        ("H D; H", Spec("list", items=(array("H", "D"), array("H")))),
        ("int N;", Spec("list", items=(array("N", dtype="int"),))),
    ],
)
def test_spec_is_read(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("N t", "t"), ("NT", "NT"), ("4HH", "4HH"), ("H4", "H4"), ("-1 N", "-1"), ("N, T", "N,"), ("1.5", "1.5"),
        ("N number", "number"), ("N int", "int"), ("int float N", "float"), ("N; D any", "any"), ("É", "É"),
    ],
)  # fmt: skip
def test_spec_that_is_none_is_refused(text: str, axis: str) -> None:
    with pytest.raises(DeclarationError, match=r"is no axis; write N, T, 4H or a number") as error:
        parse_spec(text)
    assert repr(axis) in str(error.value)


@pytest.mark.parametrize(
    ("text", "shape", "words"),
    [
        ("N T D", (3, 8, 4), "(N, T, D) = (3, 8, 4)"),
        ("4H D", (20, 4), "(4H, D) = (20, 4)"),
        ("H", (5,), "(H,) = (5,)"),
        ("7 H", (7, 5), "(7, H) = (7, 5)"),
        ("0 H", (0, 5), "(0, H) = (0, 5)"),
        ("", (), "() = ()"),
    ],
)
def test_axes_are_bound(text: str, shape: tuple[int, ...], words: str) -> None:
    assert bound_shape(parse_spec(text), SIZES) == shape
    assert shape_text(parse_spec(text), SIZES) == words


def test_unbound_axis_is_named() -> None:
    with pytest.raises(DeclarationError, match=r"axis '3V': the case gives no size V"):
        axis_size("3V", SIZES)


@pytest.mark.parametrize(("items", "text"), [((), "()"), ((5,), "(5,)"), (("H", 4), "(H, 4)")])
def test_tuple_text(items: tuple[Any, ...], text: str) -> None:
    assert tuple_text(items) == text


# ---------------------------------------------------------------- calls


@pytest.mark.parametrize(
    ("text", "targets", "function", "arguments"),
    [
        ("h = f(x)", ("h",), "f", ("x",)),
        ("dx, dh, dW = f_1(x, h, W)", ("dx", "dh", "dW"), "f_1", ("x", "h", "W")),
        ("(a, b) = f(x)", ("a", "b"), "f", ("x",)),
        ("h = f()", ("h",), "f", ()),
        ("model = RNN(D, H)", ("model",), "RNN", ("D", "H")),
        ("y = model.forward(x)", ("y",), "model.forward", ("x",)),
        (" y=f( x,x )".strip(), ("y",), "f", ("x", "x")),
    ],
)
def test_call_is_read(text: str, targets: tuple[str, ...], function: str, arguments: tuple[str, ...]) -> None:
    assert parse_call(text) == Call(targets, function, arguments, text)


@pytest.mark.parametrize(
    "text",
    [
        "", "f(x)", "y", "y = x", "y = f", "y: int = f(x)", "y += f(x)", "y = z = f(x)", "y = f(x); z = f(x)",
        "y = f(x)\nimport os", "y = f(x=x)", "y = f(*x)", "y = f(**x)", "*y, z = f(x)", "[y, z] = f(x)",
        "y.a = f(x)", "y[0] = f(x)", "y, (z, w) = f(x)", "y = f(1)", "y = f('x')", "y = f(x.T)", "y = f(x[0])",
        "y = f(-x)", "y = f(g(x))", "y = f(x)(x)", "y = f(x).g(x)", "y = a.b.c(x)", "y = a[0](x)", "y = 'a'.join(x)",
        "y = (lambda: 0)()", "y = f([x])", "y = f(x) + f(x)", "y = f(x) if x else x", "y = [f(x) for x in z]",
        "y = await f(x)", "y = f(x := z)", "import os", "def f(x): pass", "y = f(x", "y = f(x)\0", "for = f(x)",
        "y = f(x for x in z)", "y = f(...)", "y = f(None)", "y = f(f'{x}')",
    ],
)  # fmt: skip
def test_anything_else_is_no_call(text: str) -> None:
    with pytest.raises(DeclarationError, match=r"is not of the form 'names = function\(names\)'") as error:
        parse_call(text)
    assert repr(text) in str(error.value)


@settings(max_examples=150, deadline=None, derandomize=True)
@example("y = \ud800(x)")
@given(st.text(alphabet="yxf.,=()*[]:;' \n\\#@1\0", max_size=24))
def test_call_is_names_or_refused(text: str) -> None:
    try:
        call = parse_call(text)
    except DeclarationError:
        return
    names = (*call.targets, *call.function.split("."), *call.arguments)
    assert all(name.isidentifier() for name in names)
    assert call.function.count(".") <= 1


# ---------------------------------------------------------------- questions


def question(**changed: Any) -> Question:
    good = Question(
        "scale", number="A1", module="m", points=2, minutes=5, calls=("y, z = scale(x)",), inputs={"x": "N D"},
        outputs={"y": "N D", "z": "N"}, oracle=lambda x: (x, x[:, 0]),
        cases=(Case("small", N=2, D=3), Case("wide", N=3, D=2, hidden=True)),
        mistakes=(Mistake("M1", "?", lambda x: (x, x)), Mistake("M2", "?", lambda x: (x, x))),
    )  # fmt: skip
    return replace(good, **changed)


def test_sound_question_is_accepted() -> None:
    validate(question())
    assert question(number="C12").part == "C"
    validate(question(outputs={"other": "N"}, verdict="some_property"))
    own = Case("own", calls=("y = scale(x)",), costs=0.5, N=1, D=1)
    validate(question(cases=(*question().cases, own)))


PUBLIC, HIDDEN = Case("small", N=2, D=3), Case("wide", N=2, D=3, hidden=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inputs": {"x": "N d"}}, r"axes 'N d': 'd' is no axis"),
        ({"outputs": {"y": "n", "z": "N"}}, r"axes 'n': 'n' is no axis"),
        ({"cases": (PUBLIC, Case("small", hidden=True))}, "two cases have the same name; give each its own"),
        ({"cases": (HIDDEN,)}, "no public case costs all points; add one, or a wrong program keeps some"),
        ({"cases": (PUBLIC,)}, "no hidden case costs all points"),
        ({"cases": (Case("a", costs=0.5), HIDDEN)}, "no public case costs all points"),
        ({"cases": (PUBLIC, Case("b", costs=0.5, hidden=True))}, "no hidden case costs all points"),
        ({"cases": (PUBLIC, HIDDEN, Case("c", costs=0.0))}, r"case c: costs is 0.0; give a share in \(0, 1\]"),
        ({"cases": (PUBLIC, HIDDEN, Case("c", costs=1.5))}, "case c: costs is 1.5"),
        ({"cases": (PUBLIC, HIDDEN, Case("c", costs=float("nan")))}, "case c: costs is nan"),
        ({"cases": (PUBLIC, HIDDEN, Case("c", layout="K"))}, "case c: layout 'K'; use 'C', 'F' or 'strided'"),
        ({"mistakes": (Mistake("M", "?", {}), Mistake("M", "!", {}))}, "two mistakes have the same name"),
        ({"calls": ("y = scale(x)",)}, "case small: no call gives z"),
        ({"calls": ("a = scale(x)",)}, "case small: no call gives y, z"),
        ({"calls": ("y, z = scale(1)",)}, r"call 'y, z = scale\(1\)' is not of the form"),
        ({"cases": (PUBLIC, HIDDEN, Case("c", calls=("y = a.b.c(x)",)))}, "is not of the form"),
    ],
)
def test_unsound_question_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match="^question scale: .*" + message):
        validate(question(**changed))
