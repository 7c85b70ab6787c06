"""What differs between two records of one submission: points, verdicts and cases; and what is behind it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from autograder.grading.diff import Move, move, reasons

from .lms.records import AUDIT, record

POLICY = {"raw": 87.5, "penalty": 8.75, "percent": 10, "days_late": 1, "extended": False, "due": "", "why": ["1 hour late"]}


def changed(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(base), **changes}


def question(one: dict[str, Any], name: str = "rnn_step") -> dict[str, Any]:
    found: dict[str, Any] = next(question for question in one["questions"] if question["name"] == name)
    return found


def test_the_same_is_no_move_and_neither_is_what_is_no_result() -> None:
    before = record("x")
    assert move(before, record("x")) is None
    for key, value in (("notes", ["another"]), ("printed", "more"), ("content", "f" * 64), ("submitted_at", "2026")):
        assert move(before, changed(before, **{key: value})) is None, key
    after = changed(before)
    question(after)["cases"][0]["values"][0]["findings"] = ["said otherwise"]
    assert move(before, after) is None


def test_points_of_a_question_and_the_case_that_makes_them() -> None:
    before, after = record("x"), record("x", total=88.5)
    question(after)["earned"] = 1.0
    question(after)["verdict"] = "passed"
    for case in question(after)["cases"]:
        case["verdict"] = "passed"
    question(after, "scale")["earned"] = question(before, "scale")["earned"]
    found = move(before, after)
    assert found == Move("x", (87.5, 88.5), (), (
        "rnn_step: 0 -> 1 of 1, wrong -> passed",
        "  case small: wrong -> passed: h_t[0] is 1; expected 2",
        "  case wide, hidden: wrong -> passed: SECRET",
    ))  # fmt: skip


def test_a_case_that_changes_without_points_is_a_move() -> None:
    before, after = record("x"), record("x")
    case = question(after)["cases"][1]
    case.update(verdict="crashed", text="ValueError: shapes\nand more")
    found = move(before, after)
    assert found is not None
    assert found.by == ("rnn_step: 0 -> 0 of 1, wrong -> wrong", "  case wide, hidden: wrong -> crashed: ValueError: shapes")


def test_questions_and_cases_that_come_and_go() -> None:
    before, after = record("x"), record("x")
    question(after)["cases"][0]["name"] = "tiny"
    after["questions"][0]["name"] = "sum"
    found = move(before, after)
    assert found is not None
    assert found.by == (
        "scale is no longer asked: 87.5 of 99",
        "rnn_step: 0 -> 0 of 1, wrong -> wrong",
        "  case tiny: not there -> wrong: h_t[0] is 1; expected 2",
        "  case small: wrong -> not there",
        "sum is new: 87.5 of 99",
    )


@pytest.mark.parametrize("problem", ["", "it is empty; hand in more\nand this"])
def test_a_status_that_changes_says_why(problem: str) -> None:
    before = record("x")
    after = record("x", 0.0, status="unreadable", problem=problem, questions=[])
    found = move(before, after)
    assert found is not None
    assert found.total == (87.5, 0.0)
    assert found.by[0] == "graded -> unreadable" + (": it is empty; hand in more" if problem else "")
    assert found.by[1:] == ("scale is no longer asked: 87.5 of 99", "rnn_step is no longer asked: 0 of 1")


def test_penalties_are_moves_with_their_reason() -> None:
    before, after = record("x"), record("x", 87.5)
    after.update(total=78.75, policy=POLICY)
    assert move(before, after) == Move("x", (87.5, 78.75), (), ("penalty 0 -> 8.75: 1 hour late",))
    assert move(after, before) == Move("x", (78.75, 87.5), (), ("penalty 8.75 -> 0",))
    same = changed(after, policy={**POLICY, "why": ["said otherwise"]})
    assert move(after, same) is None


def test_a_total_that_a_cap_moves_is_a_move_without_a_question() -> None:
    before = record("x")
    after = changed(before, total=80.0, policy={**POLICY, "penalty": 0.0})
    assert move(before, after) == Move("x", (87.5, 80.0), (), ())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"content": "f" * 64}, ("the submission changed, though not its modules",)),
        ({"content": "f" * 64, "audit": {**AUDIT, "modules": "6" * 64}}, ("the submission changed",)),
        ({"audit": {**AUDIT, "questions": {"scale": "9" * 16, "new": "9" * 16}}}, ("questions changed: new, rnn_step, scale",)),
        ({"audit": {**AUDIT, "engine": "8" * 16}}, (f"the engine changed ({'2' * 16} -> {'8' * 16})",)),
        ({"audit": {**AUDIT, "python": "3.13.0", "numpy": "2.2.0"}},
         ("Python changed (3.12.1 -> 3.13.0)", "numpy changed (2.1.0 -> 2.2.0)")),
        ({"isolation": "no-landlock"}, ("the isolation changed (full -> no-landlock)",)),
        ({"submitted_at": "2026-11-30T23:59:00+00:00"}, ("the time of handing in changed",)),
    ],
    ids=str,
)  # fmt: skip
def test_reasons(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert reasons(record("x"), changed(record("x"), **changes)) == expected


def test_records_without_an_audit_are_compared_all_the_same() -> None:
    bare = {key: value for key, value in record("x").items() if key not in ("audit", "isolation", "submitted_at")}
    assert reasons(bare, bare) == ()
    assert move(bare, bare) is None
    assert "questions changed: rnn_step, scale" in reasons(bare, record("x"))
