"""Folders and zips by the name of their owner, and one submission alone: no system at all; a table out.

submissions/student-017/memnet/…    submissions/student-018.zip    student-017.zip    rnn.py
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..grading.files import Piece
from ..grading.intake import Entry
from ..grading.names import distinct_names, is_zip_name, name_key, same_name
from ..grading.policy import answers, possible, score
from .export import Export, IntakeError
from .students import Record
from .table import csv_text, number

TITLE = "folders and zips"
ALONE = "one submission"


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each folder and zip, by name, and the names of what else lies there."""
    names = export.names()
    wanted = [name for name, kind in names.items() if kind in ("folder", "link") or is_zip_name(name)]
    others = [name for name in names if name not in wanted]
    return named_entries(export, {name: stem(name, names[name]) for name in wanted}), others


def stem(name: str, kind: str) -> str:
    """Return what a submission is called: a zip's name without its ending."""
    return name[:-4] if is_zip_name(name) and kind != "folder" else name


def named_entries(export: Export, stems: dict[str, str]) -> list[Entry]:
    """Return an entry for each file or folder; where two would be called the same, both keep their endings."""
    often = Counter(name_key(one) for one in stems.values())
    pairs = sorted((one if often[name_key(one)] == 1 else name, name) for name, one in stems.items())
    shown = distinct_names([wanted for wanted, _ in pairs])
    pieces = (export.piece(name, "" if is_zip_name(name) or not _is_file(name) else name) for _, name in pairs)
    return sorted((Entry(name, (piece,)) for name, piece in zip(shown, pieces, strict=True)), key=lambda entry: entry.name)


def _is_file(name: str) -> bool:
    return name.lower().endswith((".ipynb", ".py"))


def alone(export: Export, package: str, *, loose: bool) -> list[Entry]:
    """Return the one entry that a folder or zip is itself, or nothing: the package is at its root, or modules are loose."""
    names = export.names()
    only = next(iter(names)) if len(names) == 1 else ""
    found = any(kind == "folder" and same_name(name, package) for name, kind in names.items())
    found |= bool(only) and names[only] == "folder" and export.is_zip and _holds(export, only, package)
    if loose and not any(kind == "folder" or is_zip_name(name) for name, kind in names.items()):
        found |= any(kind == "file" and name.endswith(".py") for name, kind in names.items())
    name = distinct_names([stem(export.name, "file" if export.is_zip else "folder")])[0]
    return [Entry(name, (Piece(export.path, export.base),))] if found else []


def _holds(export: Export, folder: str, package: str) -> bool:
    return any(kind == "folder" and same_name(name, package) for name, kind in export.peek(folder).items())


def one_file(path: Path) -> list[Entry]:
    """Return the one entry that a module or a notebook is. Raises IntakeError for any other file."""
    if not path.name.lower().endswith((".py", ".ipynb")):
        raise IntakeError(f"{distinct_names([str(path)])[0]}: is no folder, zip, notebook or module; give one of these")
    return [Entry(distinct_names([path.stem])[0], (Piece(path, "", path.name),))]


def wrapper(export: Export, package: str) -> Export | None:
    """Return the only folder at the root as the export, where it plainly holds several submissions."""
    names = export.names()
    only = next(iter(names), "")
    if len(names) != 1 or names[only] != "folder":
        return None
    inner = export.within(only)
    held = 0
    for name, kind in inner.peek("").items():
        below = inner.peek(name) if kind == "folder" else {}
        held += is_zip_name(name) or any(same_name(one, package) for one in below)
        held += any(kind == "folder" and _holds(inner, f"{name}/{one}", package) for one, kind in below.items())
    return inner if held > 1 else None


# ---------------------------------------------------------------- out

STUDENT = ("name", "sid", "email", "login", "canvas", "moodle")


def grades_csv(records: Sequence[Record]) -> str:
    """Return a table with a row a student: who, when, points altogether and a question. Members of a group have a row each.

    An answer that people have not graded yet has an empty cell.
    """
    names = list(dict.fromkeys(question["name"] for record in records for question in record["questions"]))
    by_hand = list(dict.fromkeys(answer["name"] for record in records for answer in answers(record)))
    rows: list[list[object]] = [
        ["submission", *STUDENT, "group", "submitted_at", "late", "attempt", "status", "points", "possible", *names, *by_hand]
    ]
    for record in sorted(records, key=lambda record: str(record["submission"])):
        earned = {one["name"]: one["earned"] for one in (*record["questions"], *answers(record))}
        late = "" if record.get("late") is None else ("yes" if record["late"] else "no")
        for student in record.get("students") or [{}]:
            who = [student.get(key, "") for key in STUDENT]
            when = [record.get("group", ""), record.get("submitted_at", ""), late, record.get("attempt") or ""]
            points = [number(score(record), False), number(possible(record), False)]
            each = [*(earned.get(name, 0.0) for name in names), *(earned.get(name, "") for name in by_hand)]
            rows.append([record["submission"], *who, *when, record["status"], *points, *each])
    return csv_text(rows)
