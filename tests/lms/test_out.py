"""What the smaller formats say of a record: exact where a system reads it, and nothing of hidden cases."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import defusedxml.ElementTree
import pytest

from autograder import gradescope
from autograder.grading.names import plain_text
from autograder.grading.policy import possible, score
from autograder.lms import canvas, github_classroom, junit, nbgrader, otter, plain
from autograder.lms.moodle import comment
from autograder.lms.table import parse

from .records import of, record

HOSTILE = "=1+1 \x00\x1b[31m\u202e\ud800 <b>&\"'\t\n]]>"
PROBLEM = record(HOSTILE, 0, status="unreadable", problem=HOSTILE, notes=[HOSTILE], questions=[])


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("form", ["gradescope", "junit", "github"])
def test_hidden_cases_are_not_told(form: str) -> None:
    text = {
        "gradescope": lambda: json.dumps(gradescope.results(record("x"), gradescope.Settings())),
        "junit": lambda: junit.junit_xml([record("x")], "hw"),
        "github": lambda: base64.b64decode(github_classroom.result(record("x"))).decode(),
    }[form]()
    assert "Which t?" in text
    assert "SECRET" not in text


def test_junit() -> None:
    text = junit.junit_xml([record("b"), PROBLEM, record("a", questions=[_erred()])], 'h"w')
    root = defusedxml.ElementTree.fromstring(text.encode("utf-8"))
    assert (root.tag, root.get("name")) == ("testsuites", 'h"w')
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["=1+1 �\ufffd[31m\u202e� <b>&\"'\t\n]]>", "a", "b"]
    facts = ("errors", "failures", "skipped", "tests")
    assert ["".join(suite.get(fact) for fact in facts) for suite in root] == ["0000", "1001", "0102"]
    cases = suites["b"].findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [("b", "scale"), ("b", "rnn_step")]
    assert {p.get("name"): p.get("value") for p in cases[0].find("properties")} == {
        "points": "87.5", "possible": "99", "number": "A1"
    }  # fmt: skip
    assert cases[0].find("failure") is None
    failure = cases[1].find("failure")
    assert (failure.get("message"), "h_t[0] is 1; expected 2" in failure.text) == ("wrong", True)
    assert suites["a"].find("testcase/error").get("message").startswith("could not be judged")
    assert suites[next(iter(suites))].find("system-err").text.startswith("=1+1 \\u0000")
    assert junit.junit_xml([], "hw") == junit.junit_xml([], "hw")


def _erred() -> dict[str, Any]:
    return {**record("x")["questions"][0], "verdict": "grader_error"}


def test_otter() -> None:
    text = otter.final_grades([record("b", 33.333), record("=a"), PROBLEM])
    assert rows(text)[:2] == [
        ["file", "rnn_step", "scale", "total_points_earned", "percent_correct", "grading_status"],
        ["points-per-question", "1", "99", "100.0", "1", "--"],
    ]
    assert rows(text)[2][0].startswith("'=1+1")
    assert rows(text)[2][1:5] == ["0.0", "0.0", "0.0", "0.0"]
    assert rows(text)[2][5].startswith("'=1+1 \\u0000\\u001b")
    assert rows(text)[3:] == [
        ["'=a", "0.0", "87.5", "87.5", "0.875", "Completed"], ["b", "0.0", "33.333", "33.33", "0.3333", "Completed"]
    ]  # fmt: skip
    assert rows(otter.final_grades([]))[1] == ["points-per-question", "0", "1", "--"]


def test_nbgrader() -> None:
    one = of("jdoe", name="Doe, Jane", login="jdoe", email="@x")
    text = nbgrader.grades_csv([{**one, "submitted_at": "2015-02-02T14:58:23+00:00"}, record("b")], "hw")
    assert rows(text) == [
        list(nbgrader.COLUMNS),
        ["hw", "", "", "b", "", "", "", "87.5", "0", "87.5", "100"],
        ["hw", "", "2015-02-02T14:58:23+00:00", "jdoe", "Doe", "Jane", "'@x", "87.5", "0", "87.5", "100"],
    ]


def test_generic_csv_has_a_row_a_student() -> None:
    both = record("g", students=[{"name": "A", "sid": "01"}, {"login": "=b"}], group="Team", late=True, attempt=2,
                  submitted_at="2015-02-02T14:58:23+00:00")  # fmt: skip
    time, each = "2015-02-02T14:58:23+00:00", ["graded", "87.5", "100", "87.5", "0.0"]
    assert rows(plain.grades_csv([record("x", late=False), both])) == [
        ["submission", "name", "sid", "email", "login", "canvas", "moodle", "group", "submitted_at", "late", "attempt",
         "status", "points", "possible", "scale", "rnn_step"],
        ["g", "A", "01", "", "", "", "", "Team", time, "yes", "2", *each],
        ["g", "", "", "", "'=b", "", "", "Team", time, "yes", "2", *each],
        ["x", "", "", "", "", "", "", "", "", "no", "", *each],
    ]  # fmt: skip


def test_github_classroom() -> None:
    found = json.loads(base64.b64decode(github_classroom.result(record("x"))))
    assert {key: value for key, value in found.items() if key != "tests"} == {
        "version": 3, "status": "fail", "message": None, "max_score": 100
    }  # fmt: skip
    assert found["tests"][0] == {
        "name": "scale", "status": "pass", "message": "right", "test_code": "", "task_id": 0, "filename": "rnn.py",
        "line_no": 0, "duration": 0.0, "score": 87.5, "output": "",
    }  # fmt: skip
    assert found["tests"][1]["output"].endswith("Which t?")
    long = record("x")
    long["questions"][1]["cases"][0]["text"] = "x" * 1000
    assert len(json.loads(base64.b64decode(github_classroom.result(long)))["tests"][1]["output"]) == 500
    assert json.loads(base64.b64decode(github_classroom.result(record("x", questions=[_erred()]))))["status"] == "error"
    right = record("x", questions=record("x")["questions"][:1])
    assert json.loads(base64.b64decode(github_classroom.result(right)))["status"] == "pass"
    whole = json.loads(base64.b64decode(github_classroom.result(PROBLEM)))
    assert (whole["status"], whole["message"][:12]) == ("error", "=1+1 \\u0000\\u"[:12])


WRITTEN = {"name": "hardest part", "number": "G5", "earned": 3.5, "possible": 4, "points": [3.5], "comment": "=good\u202e"}
RULED = record("x", 80.0, policy={"raw": 90.0, "penalty": 10.0, "why": ["2 days late"]}, written=[WRITTEN])


def test_late_policy_and_written_answers_count() -> None:
    assert (score(RULED), possible(RULED)) == (83.5, 104.0)
    assert rows(nbgrader.grades_csv([RULED], "hw"))[1][-4:] == ["93.5", "10", "83.5", "104"]
    assert rows(plain.grades_csv([RULED]))[1][12:14] == ["83.5", "104"]
    assert rows(otter.final_grades([RULED]))[2][-3:-1] == ["83.5", "0.8029"]
    assert comment(RULED).startswith("83.5 of 104 points<br>")
    assert comment(RULED).endswith("<br>G5 hardest part: 3.5 of 4")
    found = json.loads(base64.b64decode(github_classroom.result(RULED)))
    assert (found["max_score"], len(found["tests"])) == (104, 3)
    assert found["tests"][2] == {
        "name": "hardest part", "status": "fail", "message": "graded by people", "test_code": "", "task_id": 2, "filename": "",
        "line_no": 0, "duration": 0.0, "score": 3.5, "output": "=good\\u202e",
    }  # fmt: skip
    (suite,) = defusedxml.ElementTree.fromstring(junit.junit_xml([RULED], "hw").encode())
    assert suite.get("tests") == "3"
    assert {p.get("name"): p.get("value") for p in suite.find("properties")} == {
        "total": "83.5", "possible": "104.0", "status": "graded"
    }  # fmt: skip
    assert [p.get("value") for p in suite.findall("testcase")[2].find("properties")] == ["3.5", "4", "G5"]
    assert suite.findall("testcase")[2].find("system-out").text == "=good\\u202e"


def test_a_table_has_an_empty_cell_for_what_is_not_graded_yet() -> None:
    head, graded, waiting = rows(plain.grades_csv([RULED, record("y")]))
    assert head[-3:] == ["scale", "rnn_step", "hardest part"]
    assert (graded[-1], waiting[-1]) == ("3.5", "")
    assert (waiting[12:14]) == ["87.5", "100"]
    head, most, graded, waiting = rows(otter.final_grades([RULED, record("y")]))
    assert (head[1:4], most[1:5]) == (["hardest part", "rnn_step", "scale"], ["4", "1", "99", "104.0"])
    assert (graded[1], waiting[1]) == ("3.5", "0.0")


def test_a_gradebook_of_all_points_agrees_with_a_class_that_is_graded_in_part() -> None:
    book = "Student,ID,Section,hw (201)\n    Points Possible,,,{}\nAnn,1,s,\nBob,2,s,\n"
    class_ = [{**RULED, "students": [{"canvas": "1"}]}, record("y", students=[{"canvas": "2"}])]
    filled = canvas.fill(parse(book.format(104).encode(), "book.csv"), class_, title="hw")
    assert filled.data.decode() == book.format(104).replace("Ann,1,s,", "Ann,1,s,83.5").replace("Bob,2,s,", "Bob,2,s,87.5")
    assert filled.problems == ()
    (problem,) = canvas.fill(parse(book.format(100).encode(), "book.csv"), class_, title="hw").problems
    assert problem == "Points Possible is 100 in the gradebook and 104 in the records; points are not scaled"


def test_text_from_outside() -> None:
    assert plain_text("a\tb\r\n\x1b\u202e", 100) == "a    b\n\\u001b\\u202e"
    assert plain_text("x" * 20, 10) == "x" * 10 + "…"
