"""Baking: what is refused and with which words, and what a bundle holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autograder.authoring.bake import bake_question, draw_inputs, normal, public
from autograder.checks import bundle as bundles
from autograder.checks.bundle import BakedQuestion
from autograder.checks.question import Case, DeclarationError, Mistake, Question

SMALL, WIDE = Case("small", N=2, D=3), Case("wide", N=4, D=2, hidden=True)


def question(**changed: Any) -> Question:
    good = Question(
        "scale", number="A1", module="m", points=2, minutes=5, calls=("y, z = scale(x, w)",),
        inputs={"x": "N D", "w": "D"}, outputs={"y": "N D", "z": "N"}, oracle=lambda x, w: (x * w, x @ w),
        cases=(SMALL, WIDE),
        mistakes=(Mistake("minus", "Which sign?", lambda x, w: (-x * w, x @ w)),),
    )  # fmt: skip
    return replace(good, **changed)


def baked(seed: str = "seed", properties: Mapping[str, Any] | None = None, **changed: Any) -> BakedQuestion:
    return bake_question(question(**changed), seed, properties or {})


# ---------------------------------------------------------------- inputs


def test_inputs_are_drawn_by_axes() -> None:
    declared = question(inputs={"x": "N 4D", "D": "size", "w": "D", "k": "any", "i": "int N"})
    found = draw_inputs(declared, SMALL, "seed")
    assert {name: np.shape(value) for name, value in found.items()} == {"x": (2, 12), "D": (), "w": (3,)}
    assert found["D"] == 3
    np.testing.assert_array_equal(found["x"], np.round(found["x"], 4))


def test_own_draw_comes_first_and_the_cases_before_the_questions() -> None:
    declared = question(draw=lambda rng, sizes: {"x": np.zeros((sizes["N"], 1)), "more": 1})
    assert draw_inputs(declared, SMALL, "seed")["x"].shape == (2, 1)
    own = replace_case(SMALL, draw=lambda rng, sizes: {"x": np.ones(7)})
    found = draw_inputs(declared, own, "seed")
    assert found["x"].shape == (7,)
    assert "more" not in found


def replace_case(case: Case, **changed: Any) -> Case:
    given: dict[str, Any] = {
        key: getattr(case, key) for key in ("name", "hidden", "costs", "calls", "draw", "layout", "hint", "waive")
    }
    return Case(**{**given, **changed}, **case.sizes)


def test_every_case_has_numbers_of_its_own() -> None:
    seen = [
        draw_inputs(question(name=name), replace_case(SMALL, name=case), seed)["x"].tobytes()
        for name in ("scale", "other") for case in ("small", "large") for seed in ("seed", "weed")
    ]  # fmt: skip
    assert len(set(seen)) == 8
    assert draw_inputs(question(), SMALL, "seed")["x"].tobytes() == seen[0]


def test_hidden_inputs_do_not_follow_from_what_students_know() -> None:
    """Name, question and case stand in the student's checks: public inputs are drawn from them, hidden ones are not."""
    cases = (SMALL, replace_case(SMALL, name="more", hidden=True))
    baked_by = [bake_question(question(cases=cases), "toy", {}, seed) for seed in ("", "one", "two")]
    small, more = ([each.cases[n].inputs["x"].tobytes() for each in baked_by] for n in (0, 1))
    assert len(set(small)) == 1
    assert len(set(more)) == 3


def test_unbound_axis_is_refused() -> None:
    with pytest.raises(DeclarationError, match="axis 'H': the case gives no size H"):
        baked(inputs={"x": "N H", "w": "H"})


# ---------------------------------------------------------------- what is baked


def test_baked_question() -> None:
    found = baked(draw=lambda rng, sizes: {"secret": normal(rng, (5,))})
    assert found.hints == {"minus": "Which sign?"}
    small, wide = found.cases
    assert (small.name, small.hidden, wide.hidden, small.sizes) == ("small", False, True, {"N": 2, "D": 3})
    assert set(small.inputs) == {"x", "w"}
    assert set(small.evidence) == {"secret"}
    assert small.returns == ("y", "z")
    np.testing.assert_array_equal(small.expected["y"], small.inputs["x"] * small.inputs["w"])
    # a mistake is stored where it is different, and there alone
    assert set(small.mistakes) == {"minus"}
    assert set(small.mistakes["minus"]) == {"y"}
    assert small.mistakes["minus"]["y"].dtype == np.float32  # six digits are enough to recognise it
    np.testing.assert_allclose(small.mistakes["minus"]["y"], -small.expected["y"], rtol=1e-7)
    for low, high in small.tolerances.values():
        assert 1e-15 < low < 1e-12
        assert 1e-7 < high <= 1e-4


def test_baking_is_deterministic() -> None:
    first, second = (bundles.digest_of(repr(baked())) for _ in range(2))
    assert first == second != bundles.digest_of(repr(baked("another")))


def test_calls_of_a_case_and_values_that_belong_to_no_output() -> None:
    later = Case("twice", N=2, D=3, costs=0.5, layout="F",
                 calls=("y, z = scale(x, w)", "other, z_later = scale(y, w)"))  # fmt: skip
    case = baked(cases=(SMALL, WIDE, later)).cases[2]
    assert case.returns == ("y", "z", "z_later")
    assert case.layouts == {"x": "F", "w": "F"}
    np.testing.assert_allclose(case.expected["z_later"], case.expected["y"] @ case.inputs["w"])


def test_several_functions_and_a_mistake_in_one_of_them() -> None:
    def read(state: Any) -> Any:
        return state.sum(1)

    found = baked(
        calls=("s = write(x, w)", "y = read(s)"), outputs={"y": "N"},
        oracle={"write": lambda x, w: x * w, "read": read},
        mistakes=(Mistake("mean", "?", {"write": lambda x, w: x * w, "read": lambda state: state.mean(1)}),),
    )  # fmt: skip
    assert found.cases[0].returns == ("y",)
    assert set(found.cases[0].mistakes["mean"]) == {"y"}


@pytest.mark.parametrize(
    ("computes", "stored"),
    [
        (lambda x, w: (x * w, 2 * x @ w), {"z"}),
        (lambda x, w: (x * w * 2, 2 * x @ w), {"y", "z"}),
        (lambda x, w: (x * w * (1 + 1e-12), -x @ w), {"z"}),  # right to float32 accuracy is right
        (lambda x, w: ((x * w).T, x @ w), {"y"}),
        (lambda x, w: (x * w / 0, x @ w), {"y"}),
        (lambda x, w: (x * w, None), {"z"}),
    ],
)
def test_mistakes_are_stored_where_they_differ(computes: Callable[..., Any], stored: set[str]) -> None:
    found = baked(mistakes=(Mistake("some", "?", computes),))
    assert [set(case.mistakes["some"]) for case in found.cases] == [stored] * 2


@pytest.mark.parametrize(
    ("raises", "says"),
    [
        (lambda x, w: x[99], "IndexError: index 99 "),
        (lambda x: x, "TypeError: "),
        (lambda x, w: missing, "NameError: name 'missing' is not defined"),  # noqa: F821
        (lambda x, w: x, "scale returned one ndarray; expected 2"),
    ],
)
def test_a_mistake_that_always_raises_is_refused(raises: Callable[..., Any], says: str) -> None:
    with pytest.raises(DeclarationError, match=rf"^mistake some raises in every case \({says}.*\); write a program that gives"):
        baked(mistakes=(Mistake("some", "?", raises),))
    found = baked(mistakes=(Mistake("some", "?", lambda x, w: raises(x, w) if len(x) < 4 else (x * w * 2, x @ w)),))
    assert [set(case.mistakes["some"]) for case in found.cases] == [{"y", "z"}, {"y"}]


def test_mistake_is_stored_in_the_cases_that_it_fails() -> None:
    rare = Mistake("rare", "?", lambda x, w: (x * w * (1 if len(x) < 4 else 2), x @ w * (1 if len(x) > 1 else 2)))
    single = Case("single", N=1, D=3, waive=("N = 1",))
    found = baked(cases=(SMALL, WIDE, single), mistakes=(rare,))
    assert found.cases[0].mistakes == {}
    assert set(found.cases[1].mistakes["rare"]) == {"y"}
    assert set(found.cases[2].mistakes["rare"]) == {"z"}


def test_public_questions_lose_hidden_cases_alone() -> None:
    bundle = bundles.Bundle("toy", "A toy", "1", "toy", {"A": "All"}, "source", False, (baked(),))
    shown = public(bundle)
    assert [case.name for case in shown.questions[0].cases] == ["small"]
    assert shown.questions[0].hints == bundle.questions[0].hints
    assert (shown.public, shown.source, shown.possible) == (True, "source", 2)


# ---------------------------------------------------------------- what is refused


def unseen(x: Any, w: Any) -> Any:
    return x * w, x @ w


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mistakes": (Mistake("same", "?", unseen),)},
         "mistake same passes every public case; add a case that it fails"),
        ({"mistakes": (Mistake("same", "?", lambda x, w: (x * w * (2 if len(x) < 4 else 1), x @ w)),)},
         "mistake same passes every hidden case; add a case that it fails"),
        ({"mistakes": (Mistake("same", "?", lambda x, w: (x * w * (2 if len(x) > 2 else 1), x @ w)),)},
         "mistake same passes every public case; add a case that it fails"),
        ({"calls": ("y, z = scale(x, v)",)}, "case small: no array named v is drawn"),
        ({"oracle": lambda x, w: (np.sqrt(x - np.round(x, 4)), x @ w)},
         "y is not finite, or jumps when an input moves by one unit in the last place"),
        ({"oracle": lambda x, w: (x * w, (x == np.round(x, 4)).sum(1) * 1.0)}, "z is not finite, or jumps"),
        ({"oracle": lambda x, w: (x * w, np.full(len(x), np.nan))}, "z is not finite, or jumps"),
        ({"oracle": lambda x, w: (x * w * np.inf, x @ w)}, "y is not finite, or jumps"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_baked(changed: dict[str, Any], message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(DeclarationError, match=message):
        baked(**changed)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (Case("c", N=1, D=3), 'N = 1: sums, means and single entries are the same along an axis of length 1; '
         'choose other inputs, or say waive=("N = 1",) if that is its point'),
        (Case("c", N=3, D=3), "N = D: an array with these two axes mixed up has the right shape"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"x": np.zeros((2, 3))}),
         "x = 0: whatever is done to zeros is zero"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"w": np.full(3, 0.5)}),
         "w is constant: it cannot be seen which of its entries is used where"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"x": [np.zeros(3), np.zeros(3)]}),
         "x = 0: whatever is done to zeros is zero"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"x": np.full((2, 3), 2)}),
         "x is constant: it cannot be seen which of its entries is used where"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"x": np.array([[0.1, 0.2], [0.2, 0.3]])}),
         "x is symmetric: it is its own transpose"),
        (Case("c", N=2, D=3, draw=lambda rng, sizes: {"x": np.eye(3)}), "x is symmetric: it is its own transpose"),
        (Case("c", N=2, D=3, T=8, k=4), "T mod k = 0: windows counted from the start and from the end fall together"),
        (Case("c", N=2, D=3, T=9, k=4), "T mod k = 1: windows counted from the start and from the end fall together"),
        (Case("c", N=2, D=3, T=4, k=5), "k > T: no window ends before the sequence does"),
        (Case("c", N=2, D=3, calls=("y, z = scale(x_rest, w)",),
              draw=lambda rng, sizes: {"x_rest": rng.normal(size=(3, 3))}),
         "D = N of x_rest: an array with these two axes mixed up has the right shape"),
        (Case("c", N=2, D=3, waive=("N = 1",)), "waives 'N = 1', which is not so; take that out"),
        (Case("c", N=1, D=3, waive=("N = 1", "N = D")), "waives 'N = D', which is not so; take that out"),
    ],
)  # fmt: skip
def test_cases_that_cannot_see_are_refused_unless_that_is_their_point(case: Case, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        baked(cases=(SMALL, WIDE, case))
    assert str(error.value).startswith(f"case c: {message}")
    if " = " in message and "waives" not in message:
        spot = message.partition(":")[0]
        assert len(baked(cases=(SMALL, WIDE, replace_case(case, waive=(spot,)))).cases) == 3


def judged(check: Callable[..., Mapping[str, str]], **changed: Any) -> BakedQuestion:
    """A question that the property `check` judges."""
    mistakes = (Mistake("minus", "?", lambda x, w: (-x * w, x @ w)),)
    return baked(properties={"checked": check}, **{"verdict": "checked", "mistakes": mistakes, **changed})


def signs(values: Mapping[str, Any], arrays: Mapping[str, Any]) -> dict[str, str]:
    right = np.allclose(values["y"], arrays["x"] * arrays["w"])
    return {"y": "" if right else "the sign is wrong", "z": ""}


def test_property_is_tried_on_oracle_and_mistakes() -> None:
    found = judged(signs)
    assert [case.verdict for case in found.cases] == ["checked"] * 2
    assert found.cases[0].expected == {}
    assert found.cases[0].mistakes == {}
    assert found.cases[0].returns == ("y", "z")


@pytest.mark.parametrize(
    ("check", "changed", "message"),
    [
        (lambda values, arrays: {"y": "never right"}, {},
         "case small: the property refuses the oracle: {'y': 'never right'}"),
        (lambda values, arrays: {"y": ""}, {}, "mistake minus passes every public case; add a case that it fails"),
        (lambda values, arrays: signs(values, arrays) if len(arrays["x"]) == 2 else {"y": ""}, {},
         "mistake minus passes every hidden case; add a case that it fails"),
        (signs, {"verdict": "another"}, "case small: no property function named another"),
        (signs, {"verdict": "", "cases": (SMALL, WIDE, Case("c", verdict="another", N=2, D=3))},
         "case c: no property function named another"),
        (lambda values, arrays: {"y": "no"}, {"verdict": "", "cases": (SMALL, WIDE, Case("c", verdict="checked", N=2,
         D=3))}, "case c: the property refuses the oracle"),
    ],
)  # fmt: skip
def test_properties_that_do_not_judge(check: Callable[..., Any], changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        judged(check, **changed)
    assert message in str(error.value)
