"""nbgrader: its folder submitted/ in, the table of its export out. Imports intake.

submitted/<student>/<assignment>/memory_in_networks.ipynb    submitted/<student>/<assignment>/timestamp.txt
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ..grading.intake import Entry, Student
from ..grading.names import distinct_names, visible
from ..grading.policy import possible, score
from .export import Export, IntakeError
from .gradescope import iso_time
from .students import Record
from .table import csv_text, number

TITLE = "nbgrader's submitted/"
FOLDER, TIMESTAMP = "submitted", "timestamp.txt"


def recognise(export: Export) -> str:
    """Return the evidence that this is such an export, or ""."""
    root = _root(export)
    times = books = 0
    for student, kind in root.names().items():
        for assignment, below in root.peek(student).items() if kind == "folder" else ():
            if below == "folder":
                times += root.has(f"{student}/{assignment}/{TIMESTAMP}")
                books += any(name.endswith(".ipynb") for name in root.peek(f"{student}/{assignment}"))
    if times:
        return f"{times} times {TIMESTAMP}"
    return f"{books} notebooks in {FOLDER}/" if books and root.name == FOLDER else ""


def _root(export: Export) -> Export:
    return export.within(FOLDER) if export.names().get(FOLDER) == "folder" else export


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each student, and the names of files beside; detail says which assignment, if there are several."""
    root = _root(export)
    students = {name: root.peek(name) for name, kind in root.names().items() if kind == "folder"}
    assignments = sorted({name for found in students.values() for name, kind in found.items() if kind == "folder"})
    if detail not in assignments and (detail or len(assignments) != 1):
        some = ", ".join(map(visible, assignments[:10])) or "none"
        raise IntakeError(f"{export.shown}: holds several assignments or not the one asked for ({some}); "
                          "name one with --format nbgrader:NAME")  # fmt: skip
    assignment = detail or assignments[0]
    handed_in = [name for name, found in students.items() if found.get(assignment) == "folder"]
    shown = distinct_names(handed_in)
    listed = [
        Entry(name, (root.piece(f"{student}/{assignment}"),), students=(Student(login=name),),
              submitted_at=_time(root, f"{student}/{assignment}"))
        for name, student in zip(shown, handed_in, strict=True)
    ]  # fmt: skip
    others = [name for name in root.names() if name not in handed_in]
    return sorted(listed, key=lambda entry: entry.name), others


def _time(root: Export, folder: str) -> str:
    """The time in timestamp.txt: 2015-02-02 14:58:23.948203 America/Los_Angeles; "" if there is none that can be read."""
    try:
        text = root.read(f"{folder}/{TIMESTAMP}", 1000).decode("utf-8").strip()
    except (IntakeError, UnicodeError):
        return ""
    if found := iso_time(text):
        return found
    when, _, zone = text.rpartition(" ")
    try:
        return datetime.fromisoformat(when).replace(microsecond=0, tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat()
    except (ValueError, OSError, OverflowError):  # no such zone, or a name that leads out of where zones are kept
        return ""


# ---------------------------------------------------------------- out

COLUMNS = ("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
           "late_submission_penalty", "score", "max_score")  # fmt: skip


def grades_csv(records: Sequence[Record], assignment: str) -> str:
    """Return the table that `nbgrader export` writes: one row a student, in the order of names."""
    rows = []
    for record in sorted(records, key=lambda record: str(record["submission"])):
        for student in record.get("students") or [{}]:
            last, comma, first = student.get("name", "").partition(",")
            policy = record.get("policy", {"raw": record["total"], "penalty": 0.0})
            raw = round(policy["raw"] + score(record) - record["total"], 2)
            rows.append([
                assignment, "", record.get("submitted_at", ""), student.get("login") or record["submission"],
                last.strip() if comma else "", first.strip() if comma else student.get("name", ""), student.get("email", ""),
                number(raw, False), number(policy["penalty"], False), number(score(record), False),
                number(possible(record), False),
            ])  # fmt: skip
    return csv_text([COLUMNS, *rows])
