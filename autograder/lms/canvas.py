"""Canvas: its bulk download in, one column of its gradebook out. Imports intake, students, table.

doejane_LATE_4123_99871_rnn-2.py    doejane_4123_99872_memnet.zip    anon_a1B2c_99873_rnn.py    roedan_4200_text.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..grading.intake import Entry, Student
from ..grading.names import distinct_names, is_zip_name, name_key, visible
from ..grading.policy import possible, score
from .export import Export
from .students import Filled, Index, Record, match, ungraded, whole_name
from .table import Table, TableError, decimal_comma, number

TITLE = "Canvas bulk download"
# A name has no number between underscores, and may be empty: Canvas keeps letters and digits of it.
WHO = r"^(?:(?P<late_anon>LATE_)?anon_(?P<anon>[^_]+)|(?P<who>.*?)_(?P<late>LATE_)?(?P<uid>[1-9]\d*))_"
FILE = re.compile(WHO + r"(?P<att>[1-9]\d*)_(?P<file>.+)$", re.DOTALL)
PAGE = re.compile(WHO + r"(?P<page>text|link)\.html$", re.DOTALL)  # written in Canvas, or an address
CLOCK = re.compile(r"\d\dT\d\d_\d\d_")  # what otter puts into names: hw_2024_11_16T12_34_56_789.zip
AGAIN = re.compile(r"-(\d{1,3})(\.[^.]*)?$")


@dataclass(frozen=True)
class _File:
    """A file of the download, as its name tells."""

    name: str
    kind: str
    original: str  # what the student called it, without the number that Canvas adds to a file handed in again
    again: int  # that number, 0 for the first
    attachment: int


def _match(name: str) -> re.Match[str] | None:
    match = FILE.match(name)
    return match if match and not CLOCK.match(match["file"]) else None


def recognise(export: Export) -> str:
    """Return the evidence that this is such an export, or ""."""
    names = export.names()
    found = [name for name in names if _match(name) or PAGE.match(name)]
    return f"{len(found)} names like {visible(found[0])}" if found and 2 * len(found) >= len(names) else ""


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each student, files gathered, of a file handed in again the latest; and what is no student's."""
    files: dict[tuple[str, str], list[_File]] = defaultdict(list)
    facts: dict[tuple[str, str], tuple[str, bool]] = {}  # name and whether late
    aside: dict[tuple[str, str], list[str]] = defaultdict(list)
    others = []
    for name, kind in export.names().items():
        file, page = _match(name), PAGE.match(name)
        match = page or file
        if match is None:
            others.append(name)
            continue
        key = ("anon_", match["anon"]) if match["anon"] else ("", match["uid"])
        facts[key] = (match["who"] or "", bool(match["late"] or match["late_anon"]) or facts.get(key, ("", False))[1])
        if page:
            aside[key].append("a text written in Canvas" if page["page"] == "text" else "the address of a page")
        elif file:
            files[key].append(_file(name, kind, file))
    keys = sorted(facts, key=lambda key: (facts[key][0], key))
    shown = distinct_names(["_".join(filter(None, (facts[key][0], "".join(key)))) for key in keys])
    found = [_entry(export, name, key, facts[key], files[key], aside[key]) for name, key in zip(shown, keys, strict=True)]
    return sorted(found, key=lambda entry: entry.name), others


def _file(name: str, kind: str, match: re.Match[str]) -> _File:
    again = AGAIN.search(match["file"])
    original = match["file"][: again.start()] + (again[2] or "") if again else match["file"]
    return _File(name, kind, original, int(again[1]) if again else 0, int(match["att"]))


def _entry(
    export: Export, name: str, key: tuple[str, str], facts: tuple[str, bool], files: list[_File], aside: list[str]
) -> Entry:
    latest: dict[str, _File] = {}
    for file in sorted(files, key=lambda file: (file.attachment, file.again), reverse=True):
        later = latest.setdefault(name_key(file.original), file)
        if later is not file:
            aside.append(f"{visible(file.original)}, an earlier attempt ({file.attachment}; {later.attachment} counts)")
    kept = list(latest.values())
    alone = len(kept) == 1 and (is_zip_name(kept[0].original) or kept[0].kind == "folder")
    return Entry(
        name,
        tuple(export.piece(file.name, "" if alone else file.original) for file in reversed(kept)),
        students=(Student(name=visible(facts[0]), canvas="".join(key)),),
        late=facts[1],
        attempt=max((file.again + 1 for file in kept if file.again), default=0),
        aside=tuple(aside),
    )


# ---------------------------------------------------------------- out

FIXED = {
    "student": "student", "lastname": "last", "firstname": "first", "id": "canvas", "sis user id": "sid",
    "sis login id": "login", "integration id": "integration", "section": "section", "root account": "root",
}  # fmt: skip
ASSIGNMENT = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)$", re.DOTALL)
POSSIBLE = "points possible"
READ_ONLY = "(read only)"
ORDER = (("sid", "sid"), ("login", "login"), ("login", "email"), ("name", "name"))


def fill(table: Table, records: Sequence[Record], *, title: str = "", column: str = "") -> Filled:
    """Fill one column of an exported gradebook; every other byte stays.

    title: the assignment's, by which the column is found. column: its header or number, instead.
    Raises TableError.
    """
    places = {FIXED[name.casefold()]: n for n, name in reversed(list(enumerate(table.header))) if name.casefold() in FIXED}
    if "canvas" not in places or not ("student" in places or {"last", "first"} <= set(places)):
        raise TableError(f"{table.name}: is no Canvas gradebook: the columns Student and ID are missing; export it from Canvas")
    target = _column(table, max(places.values()), title, column)
    students, special = _student_rows(table, places)
    index = _index(table, places, students)
    good, problems = ungraded(records)
    found, unmatched = match(good, lambda record, student: _rows_of(index, record, student))
    shown = [table.value(row, target) for row in range(1, len(table.rows))]
    comma = decimal_comma(shown + [table.value(row, n) for row in special for n in range(len(table.header))], table.separator)
    changes = {}
    for row, record in sorted(found.items()):
        if table.value(row, target).casefold() == "ex":
            problems.append(f"{record['submission']}: is excused, which stays")
        elif target >= len(table.rows[row]):
            problems.append(f"{record['submission']}: the row has no cell in the column; export the gradebook again")
        else:
            changes[row, target] = number(score(record), comma, table.value(row, target))
    problems += unmatched
    said = f"{len(changes)} of {len(students)} students filled in, column {table.header[target]!r}"
    return Filled(table.with_cells(changes), said, (*problems, *_other_possible(table, special, target, good)))


def _column(table: Table, last_fixed: int, title: str, wanted: str) -> int:
    """The column to fill in. Canvas makes a new assignment of a header that it does not know: none is made here."""
    read_only = {
        n for row in range(1, len(table.rows)) for n in range(len(table.header)) if READ_ONLY in table.value(row, n).casefold()
    }
    known = {n: found for n, name in enumerate(table.header) if n > last_fixed and (found := ASSIGNMENT.match(name))}
    titled = [n for n, found in known.items() if whole_name(found["title"]) == whole_name(title)]
    if not wanted and titled and read_only.issuperset(titled):
        raise TableError(f"{table.name}: {visible(table.header[titled[0]])} is read only; let Canvas take grades for it, and "
                         "export the gradebook again")  # fmt: skip
    columns = {n: found for n, found in known.items() if n not in read_only}
    if wanted:
        fit = [n for n, found in columns.items() if wanted in (table.header[n], found["id"])]
    else:
        fit = [n for n in titled if n in columns] or list(columns)
    if len(fit) == 1:
        return fit[0]
    there = ", ".join(visible(table.header[n]) for n in columns) or "none"
    what = f"no column, or several, {visible(wanted)}" if wanted else "it is not plain which column is meant"
    raise TableError(f"{table.name}: {what}; name one with --column ({there})")


def _student_rows(table: Table, places: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """The rows of students, and those that say what is possible or how grades are posted."""
    rows = range(1, len(table.rows))
    names = {row: _name(table, places, row) for row in rows}
    special = [row for row in rows if names[row].casefold().startswith(POSSIBLE)]
    known = ("canvas", "sid", "login")
    there = [row for row in rows if row not in special and any(table.value(row, places.get(key)) for key in known)]
    return there, special


def _name(table: Table, places: Mapping[str, int], row: int) -> str:
    if "student" in places:
        return table.value(row, places["student"])
    return f"{table.value(row, places['last'])}, {table.value(row, places['first'])}"


def _index(table: Table, places: Mapping[str, int], students: Sequence[int]) -> Index:
    index = Index(("canvas", "sid", "login", "name"))
    for row in students:
        for kind in ("canvas", "sid", "login"):
            index.add(kind, table.value(row, places.get(kind)), row)
        index.add("name", _name(table, places, row), row)
    return index


def _rows_of(index: Index, record: Record, student: Mapping[str, str]) -> set[int]:
    if student.get("canvas"):
        return index.find("canvas", student["canvas"])  # that user or nobody: another of the same name is somebody else
    for kind, key in ORDER:
        if student.get(key) and (rows := index.find(kind, student[key])):
            return rows
    return set() if student else index.anywhere(str(record["submission"]))


def _other_possible(table: Table, special: Sequence[int], target: int, records: Sequence[Record]) -> list[str]:
    ours = max(map(possible, records), default=0.0)  # some may have answers that nobody has graded yet
    theirs = [table.value(row, target).replace(",", ".") for row in special]
    said = {float(text) for text in theirs if re.fullmatch(r"\d+(\.\d+)?", text)}
    if said and ours and said != {ours}:
        first, second = min(said), ours
        return [f"Points Possible is {first:g} in the gradebook and {second:g} in the records; points are not scaled"]
    return []
