"""GitHub Classroom: clones of the students' repositories in, results of autograding out. Nothing of .git is read.

rnn-homework-submissions/rnn-homework-student-017/.git    rnn-homework-submissions/rnn-homework-student-017/memnet/…
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from ..checks.feedback import WORDS, explain
from ..grading.intake import Entry, Student
from ..grading.names import distinct_names, plain_text, visible
from ..grading.policy import answers, possible
from .export import Export
from .students import Record

TITLE = "GitHub Classroom clones"
ENDING = "-submissions"  # of the folder that `gh classroom clone` makes


def recognise(export: Export) -> str:
    """Return the evidence that this is such an export, or ""."""
    names = export.names()
    clones = [name for name, kind in names.items() if kind == "folder" and export.has(f"{name}/.git")]
    return f"{len(clones)} clones {_prefix(export, list(names))}…" if clones and 2 * len(clones) >= len(names) else ""


def _prefix(export: Export, names: list[str]) -> str:
    """The assignment's name and a hyphen: as the folder says, or what all names have in common."""
    name = export.name
    if name.endswith(ENDING) and all(one.startswith(name.removesuffix(ENDING) + "-") for one in names):
        return name.removesuffix(ENDING) + "-"
    common = ""
    if len(names) > 1:
        first, last = min(names), max(names)  # what these two share at the beginning, all share
        common = first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]
    return common[: common.rfind("-") + 1]


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each clone, and the names of files beside; detail is the assignment's name, if it must be said."""
    names = export.names()
    folders = [name for name, kind in names.items() if kind == "folder"]
    prefix = f"{detail}-" if detail else _prefix(export, folders)
    users = distinct_names([name.removeprefix(prefix) for name in folders])
    found = [
        Entry(user, (export.piece(name),), students=(Student(login=user),)) for user, name in zip(users, folders, strict=True)
    ]
    return sorted(found, key=lambda entry: entry.name), [name for name in names if name not in folders]


# ---------------------------------------------------------------- out

MAX_OUTPUT = 500  # characters of what a test says, by GitHub's own limit
STATUS = {"passed": "pass", "grader_error": "error"}


def result(record: Record) -> str:
    """Return a record as an autograding step's `result`: JSON in base64, one test a question."""
    tests = [_test(position, question) for position, question in enumerate(record["questions"])]
    tests += [_written(len(tests) + position, answer) for position, answer in enumerate(answers(record))]
    statuses = {test["status"] for test in tests}
    whole = "error" if "error" in statuses or not tests else ("pass" if statuses == {"pass"} else "fail")
    found = {"version": 3, "status": whole, "message": visible(record["problem"], MAX_OUTPUT) or None,
             "max_score": possible(record), "tests": tests}  # fmt: skip
    return base64.b64encode(json.dumps(found, sort_keys=True).encode()).decode()


def _test(position: int, question: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": question["name"],
        "status": STATUS.get(question["verdict"], "fail"),
        "message": WORDS[question["verdict"]],
        "test_code": "",
        "task_id": position,
        "filename": f"{question['module']}.py",
        "line_no": 0,
        "duration": 0.0,
        "score": question["earned"],
        "output": plain_text("\n".join(explain(question)), MAX_OUTPUT - 1),
    }


def _written(position: int, answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer that people graded: all its points, or not all."""
    return {
        "name": answer["name"],
        "status": "pass" if answer["earned"] >= answer["possible"] else "fail",
        "message": "graded by people",
        "test_code": "",
        "task_id": position,
        "filename": "",
        "line_no": 0,
        "duration": 0.0,
        "score": answer["earned"],
        "output": plain_text(answer["comment"], MAX_OUTPUT - 1),
    }
