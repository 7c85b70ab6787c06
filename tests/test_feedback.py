"""What a terminal shows of a question: lines of text, the most telling first."""

from __future__ import annotations

from typing import Any

import pytest

from autograder.checks.feedback import WORDS, explain, question_lines, telling_cases
from autograder.checks.judge import ORDER


def value(name: str, *findings: str, hint: str = "") -> dict[str, Any]:
    return {"name": name, "right": not findings, "findings": list(findings), "mistake": "", "hint": hint}


def case(name: str, verdict: str = "wrong", *values: dict[str, Any], **changed: Any) -> dict[str, Any]:
    plain = {"name": name, "hidden": False, "plain": True, "verdict": verdict, "text": "", "trace": "", "hint": "",
             "values": list(values), "warnings": []}  # fmt: skip
    return {**plain, **changed}


def report(verdict: str = "wrong", *cases: dict[str, Any], outputs: tuple[str, ...] = ("y",)) -> dict[str, Any]:
    return {
        "name": "scale", "number": "B2", "module": "m", "verdict": verdict, "earned": 1.0, "possible": 4.0,
        "outputs": [{"name": name, "earned": 1 / 3, "possible": 2.0} for name in outputs], "cases": list(cases),
    }  # fmt: skip


def test_every_verdict_has_a_word() -> None:
    assert set(WORDS) == {*ORDER, "unchecked"}


def test_case_is_told_from_what_it_is_to_what_to_ask() -> None:
    found = case("small", "wrong", value("y", "y is all zeros", "y[0] is 0; expected 1", hint="Is it filled?"),
                 value("z"), value("w", "w is None", hint="Is it filled?"), value("v", "v is nan", hint="And v?"),
                 text="one line", trace='File "m.py"\n  x', hint="Of the case.")  # fmt: skip
    assert explain(report("wrong", found)) == [
        "case small: wrong", "  one line", '  File "m.py"', "    x", "  y is all zeros", "  y[0] is 0; expected 1",
        "  w is None", "  v is nan", "  Hint (y, w): Is it filled?", "  Hint (v): And v?", "  Hint: Of the case.",
    ]  # fmt: skip


def test_what_several_values_have_to_say_alike_is_said_once() -> None:
    found = case("small", "wrong", value("y", "all of it fails"), value("z", "all of it fails", "z fails"))
    assert explain(report("wrong", found)) == ["case small: wrong", "  all of it fails", "  z fails"]


def test_points_are_shared_out_where_there_are_several_outputs() -> None:
    assert explain(report("wrong", case("a"), outputs=("y", "z")))[0] == "points: y 0.333 of 2, z 0.333 of 2"
    assert explain(report("missing", case("a", "missing"), outputs=("y", "z")))[0] == "case a: missing"


CASES = (
    case("right", "passed"), case("edge", plain=False), case("one"), case("hidden", hidden=True), case("two"),
    case("three", "crashed"), case("hidden edge", hidden=True, plain=False),
)  # fmt: skip


@pytest.mark.parametrize(
    ("cases", "options", "told", "others"),
    [
        (CASES, {}, ["one", "two"], ["edge", "three"]),
        (CASES, {"most": 9}, ["one", "two", "three"], ["edge"]),
        (CASES, {"hidden": True, "most": 1}, ["one"], ["edge", "hidden", "two", "three", "hidden edge"]),
        (CASES[:2], {}, ["edge"], []),
        (CASES[:1], {}, [], []),
        (CASES[6:], {}, [], []),
        (CASES[6:], {"hidden": True}, ["hidden edge"], []),
    ],
)
def test_plain_cases_come_first(cases: Any, options: Any, told: list[str], others: list[str]) -> None:
    found = telling_cases(report("wrong", *cases), **options)
    assert [[case["name"] for case in part] for part in found] == [told, others]
    lines = explain(report("wrong", *cases), **options)
    assert [line.split(":")[0] for line in lines if line.startswith("case")] == [f"case {name}" for name in told]
    assert [line for line in lines if line.startswith("also")] == (
        [f"also not right: {', '.join(others)}"] if others else []
    )


def test_an_error_of_several_lines_keeps_its_place() -> None:
    text = "RuntimeError: in loading:\n\tMissing key: a.\n\tUnexpected key: b. "
    assert explain(report("crashed", case("small", "crashed", text=text))) == [
        "case small: stopped with an error", "  RuntimeError: in loading:", "  Missing key: a.", "  Unexpected key: b.",
    ]  # fmt: skip


def test_a_change_in_place_is_noted_once_by_plain_names() -> None:
    notes = [f"changes its input in place: {names}. Work on a copy" for names in ("h0", "h0, h_middle", "x")]
    cases = [case("a", "passed", warnings=["n", note]) for note in notes]
    assert explain(report("passed", *cases)) == ["Note: n", f"Note: {notes[0]}"]


@pytest.mark.parametrize("verdict", ["passed", "not_implemented"])
def test_nothing_but_notes_is_said_of_what_is_right_or_not_begun(verdict: str) -> None:
    cases = (
        case("a", verdict, warnings=["n1", "n2"], text="not said"), case("b", verdict, warnings=["n1"]),
        case("c", verdict, warnings=["secret"], hidden=True),
    )  # fmt: skip
    assert explain(report(verdict, *cases)) == ["Note: n1", "Note: n2"]
    assert explain(report(verdict, *cases), hidden=True) == ["Note: n1", "Note: n2", "Note: secret"]


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        ("passed", "  ✓ B2  scale                          1 / 4"),
        ("wrong", "  ✗ B2  scale                          1 / 4   wrong"),
        ("not_implemented", "  · B2  scale                          1 / 4   not written yet"),
        ("unchecked", "  ? B2  scale                          1 / 4   not checked: this question needs torch, "
         "which is not installed (pip install torch)"),
        ("grader_error", "  ✗ B2  scale                          1 / 4   could not be judged; "
         "this is not your fault"),
    ],
)  # fmt: skip
def test_question_has_a_line(verdict: str, line: str) -> None:
    assert question_lines(report(verdict), detailed=False)[0] == line


def test_details_on_request() -> None:
    cases = [case(name) for name in "abc"]
    short = question_lines(report("wrong", *cases), detailed=False)
    assert short[1:] == ["        case a: wrong", "        also not right: b, c"]
    assert question_lines(report("wrong", *cases), detailed=True)[1:] == [
        f"        case {name}: wrong" for name in "abc"
    ]  # fmt: skip
