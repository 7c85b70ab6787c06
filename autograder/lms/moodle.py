"""Moodle: what it lets download in, its grading worksheet and its zip of feedback files out. Imports intake, students, table.

Jane Doe_657717_assignsubmission_file/rnn.py    Jane Doe_657717_assignsubmission_file_rnn.py
Participant_657717_assignsubmission_file_/…     Team Blue_12_assignsubmission_onlinetext/onlinetext.html
Default group_assignsubmission_file/rnn.py      Team Blue-Jane Doe_657717_assignsubmission_file_/…, up to Moodle 4.0
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from ..grading.files import Piece
from ..grading.intake import Entry, Student
from ..grading.names import distinct_names, is_zip_name, visible
from ..grading.policy import answers, possible, score
from .export import Export
from .students import Filled, Index, Record, label, match, ungraded, whole_name
from .table import Table, TableError, decimal_comma, number, safe

TITLE = "Moodle download"
# Those of no team hand in as one team, which has no number.
NAME = re.compile(r"^(?P<who>[^/]*?)(?:_(?P<pid>\d+))?_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>(?<=_).+)?$", re.S)
BLIND = "Participant"  # in English; elsewhere known by all having the same name


def recognise(export: Export) -> str:
    """Return the evidence that this is such an export, or ""."""
    names = export.names()
    found = [name for name in names if NAME.match(name)]
    return f"{len(found)} names like {visible(found[0])}" if found and 2 * len(found) >= len(names) else ""


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each participant or team, folder and flat files gathered, and the names that are of nobody."""
    pieces: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    aside: dict[tuple[str, str], list[str]] = defaultdict(list)
    others = []
    for name, kind in export.names(dotted=True).items():
        match = NAME.match(name)
        if match is None:
            others += [] if name.startswith(".") else [name]
            continue
        key = (match["who"], match["pid"] or "")
        pieces[key] += []
        if match["kind"] == "onlinetext":
            aside[key].append("a text written in Moodle")
        elif kind == "folder":
            pieces[key].append(export.piece(name))
        else:
            pieces[key].append(export.piece(name, match["file"] or name))
    keys = sorted(pieces)
    blind = {who for who, _ in keys} if len(keys) > 2 and len({who for who, _ in keys}) == 1 else {BLIND}
    shown = distinct_names(["_".join(filter(None, key)) for key in keys])
    found = []
    for name, key in zip(shown, keys, strict=True):
        who = "" if key[0] in blind else visible(key[0])
        students = (Student(name=who, moodle=key[1]),) if key[1] else ()
        group = "" if students else who
        found.append(Entry(name, _alone(pieces[key]), students=students, group=group, aside=tuple(aside[key])))
    return sorted(found, key=lambda entry: entry.name), others


def _alone(pieces: list[Piece]) -> tuple[Piece, ...]:
    """A zip that is all there is, is the submission."""
    if len(pieces) == 1 and is_zip_name(pieces[0].name):
        return (Piece(pieces[0].path, pieces[0].inside),)
    return tuple(pieces)


# ---------------------------------------------------------------- out

NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?$")
NOTHING = ("", "-")
PARTICIPANT = re.compile(r"\D*?(\d+)$")
MOMENT = re.compile(r"(?=.{6,80}$).*\d\s?[:.h]\s?\d\d", re.DOTALL)  # a date with a time of day, in whatever language
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def fill(table: Table, records: Sequence[Record], *, grade: str = "", feedback: str = "") -> Filled:
    """Fill grades and feedback into a grading worksheet, in whatever language; every other byte stays.

    grade, feedback: headers of the two columns, where they cannot be told from what stands in them. Raises TableError.
    """
    rows = _rows(table)
    target = _named(table, grade) if grade else _grade_column(table, rows)
    comments = _named(table, feedback) if feedback else _feedback_column(table, rows, target)
    good, problems = ungraded(records)
    found, unmatched = _owners(table, rows, good)
    comma = decimal_comma([table.value(row, target + n) for row in rows for n in (0, 1)], table.separator)
    changes = {}
    for row, record in sorted(found.items()):
        most = table.value(row, target + 1).replace(",", ".")
        if NUMBER.match(most) and score(record) > float(most):
            problems.append(f"{record['submission']}: {score(record):g} is above the maximum grade {float(most):g}, "
                            "which Moodle refuses; it is not filled in")  # fmt: skip
        elif len(table.rows[row]) <= max(target, comments or 0):
            problems.append(f"{record['submission']}: its row has too few cells; download the worksheet again")
        else:
            changes[row, target] = number(score(record), comma, table.value(row, target))
            if comments is not None:
                changes[row, comments] = comment(record)
    filled = sum(column == target for _, column in changes)
    said = f"{filled} of {len(rows)} participants filled in, column {table.header[target]!r}"
    said += "; the worksheet has no column for feedback" if comments is None else f", feedback in {table.header[comments]!r}"
    return Filled(table.with_cells(changes), said, (*problems, *unmatched))


def _rows(table: Table) -> list[int]:
    rows = [row for row in range(1, len(table.rows)) if PARTICIPANT.match(table.value(row, 0))]
    if not rows:
        raise TableError(f"{table.name}: is no grading worksheet of Moodle: no participant's number in its first column; "
                         "download it from the assignment")  # fmt: skip
    return rows


def _owners(table: Table, rows: Sequence[int], records: Sequence[Record]) -> tuple[dict[int, Record], list[str]]:
    """The record of each row, every member of a team its team's, and a sentence for each record that has no row."""
    people = _People(table, rows, records)
    found, unmatched = match(records, people.rows_of)
    teams, unmatched = _teams(people, records, unmatched, set(found))
    return {**teams, **found}, unmatched


def _named(table: Table, header: str) -> int:
    found = [n for n, name in enumerate(table.header) if name == header]
    if len(found) != 1:
        raise TableError(f"{table.name}: has {len(found) or 'no'} columns {visible(header)}; it has {_headers(table)}")
    return found[0]


def _headers(table: Table) -> str:
    return ", ".join(visible(name) for name in table.header)


def _grade_column(table: Table, rows: Sequence[int]) -> int:
    """The column before the maximum grade, which is a number and the same for all; in English by its name."""
    english = [n for n, name in enumerate(table.header) if name == "Grade"]
    if len(english) == 1:
        return english[0]
    fit = []
    for column in range(1, len(table.header) - 1):
        most = {table.value(row, column + 1) for row in rows}
        grades = {table.value(row, column) for row in rows}
        if len(most) == 1 and NUMBER.match(most.pop()) and all(text in NOTHING or NUMBER.match(text) for text in grades):
            fit.append(column)
    if len(fit) != 1:
        raise TableError(f"{table.name}: it is not plain which column takes the grade; name it with --grade-column "
                         f"({_headers(table)})")  # fmt: skip
    return fit[0]


def _feedback_column(table: Table, rows: Sequence[int], grade: int) -> int | None:
    """The last column, unless it says when a grade was changed; in English by its name."""
    english = [n for n, name in enumerate(table.header) if name == "Feedback comments"]
    if english:
        return english[0]
    last = len(table.header) - 1
    texts = [table.value(row, last) for row in rows]
    dated = all(text == "-" or MOMENT.match(text) for text in texts)
    return None if dated or last - grade < 4 else last


def _endings(name: str) -> set[str]:
    """A name as names are compared, whole and without a team's name and a hyphen before it."""
    parts = name.split("-")
    return {whole_name("-".join(parts[n:])) for n in range(len(parts))} - {""}


class _People:
    """Who the rows of a worksheet are."""

    def __init__(self, table: Table, rows: Sequence[int], records: Sequence[Record]) -> None:
        self.numbers = Index(("number",))
        self.known: dict[int, set[str]] = {}  # what stands in the cells of a row, as names are compared
        self.beyond_name: dict[int, set[str]] = {}  # the same without the column of names: groups stand there
        for row in rows:
            word, number = table.value(row, 0), ""
            if match := PARTICIPANT.match(word):
                word, number = word[: match.start(1)], match[1]
            self.numbers.add("number", number, row)
            self.known[row] = {whole_name(text) for text in (word, *(cell.value for cell in table.rows[row][1:]))}
            self.beyond_name[row] = {whole_name(cell.value) for cell in table.rows[row][2:]}
        named = [student["name"] for record in records for student in record.get("students", ()) if student.get("name")]
        shared = set.intersection(*map(_endings, named)) if len(named) > 1 else set[str]()
        # One name for everybody is the word for a participant, in whatever language: the grading is blind.
        self.blind = bool(shared) and not any(shared & known for known in self.known.values())

    def rows_of(self, record: Record, student: Mapping[str, str]) -> set[int]:
        """The row of a participant, which must not name somebody else: a team's number may be a participant's by chance."""
        if number := student.get("moodle", ""):
            names = _endings(student.get("name", ""))
            rows = self.numbers.find("number", number)
            return {row for row in rows if self.blind or not names or names & self.known[row]}
        if record.get("group"):
            return set()
        keys = [student[key] for key in ("email", "name", "sid", "login") if student.get(key)]
        for key in keys or [str(record["submission"])]:
            if rows := {row for row, known in self.known.items() if whole_name(key) in known - {""}}:
                return rows
        return set()

    def team(self, name: str) -> set[int]:
        """The rows in which the team's name stands."""
        return {row for row, known in self.beyond_name.items() if whole_name(name) in known - {""}}


def _teams(
    people: _People, records: Sequence[Record], unmatched: list[str], taken: set[int]
) -> tuple[dict[int, Record], list[str]]:
    """The rows whose team handed in together, and what is left of the sentences on who fits no row."""
    left, found = list(unmatched), dict[int, Record]()
    for record in records:
        for student in record.get("students") or [{}]:
            line = f"{label(record, student)}: fits no row"
            team = student.get("name", "") if student.get("moodle") else record.get("group", "")
            rows = people.team(team) if line in left else set()
            if rows & (taken | set(found)):
                left[left.index(line)] = f"{label(record, student)}: fits rows that are another's, none is filled in"
            elif rows:
                left.remove(line)
                found.update(dict.fromkeys(rows, record))
    return found, left


def comment(record: Record) -> str:
    """What the worksheet tells a student: points a question, as HTML, which is what Moodle takes it for."""
    lines = [f"{score(record):g} of {possible(record):g} points"]
    if record["problem"]:
        lines.append(visible(str(record["problem"]), 500))
    else:
        lines += [f"{q['number']} {q['name']}: {q['earned']:g} of {q['possible']:g}" for q in record["questions"]]
        lines += [f"{a['number']} {a['name']}: {a['earned']:g} of {a['possible']:g}" for a in answers(record)]
    return safe("<br>".join(escape(line) for line in lines))


def feedback_zip(records: Sequence[Record], pages: Mapping[str, bytes], table: Table | None = None) -> Filled:
    """Return the zip that Moodle takes feedback files from, and a sentence for each record that is left out.

    pages: each submission's page. table: the grading worksheet, which says who is in a team; without it every number in a
    folder's name is taken for a participant's. The same records and pages give the same bytes. Raises TableError.
    """
    numbers, problems = _participants(records, table)
    buffer, count = io.BytesIO(), 0
    with zipfile.ZipFile(buffer, "w") as archive:
        for record in sorted(records, key=lambda record: str(record["submission"])):
            name = str(record["submission"])
            if name not in pages:
                problems.append(f"{name}: has no page, left out")
                continue
            own = next((s["moodle"] for s in record.get("students", ()) if s.get("moodle")), "")
            who = re.sub(r'[\s_\\/:*?"<>|]+', " ", name.removesuffix(f"_{own}")).strip(" .") or BLIND
            for number in sorted(numbers[name], key=int):
                info = zipfile.ZipInfo(f"{who}_{number}_assignsubmission_file/feedback.html", ZIP_TIME)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, pages[name])
                count += 1
    said = f"{count} pages" + ("" if table else "; if teams handed in, add --moodle WORKSHEET, which says who is in them")
    return Filled(buffer.getvalue(), said, tuple(problems))


def _participants(records: Sequence[Record], table: Table | None) -> tuple[dict[str, set[str]], list[str]]:
    """The numbers of a submission's participants, and a sentence for each that is of none."""
    numbers: dict[str, set[str]] = defaultdict(set)
    if table is None:
        for record in records:
            numbers[str(record["submission"])] |= {s["moodle"] for s in record.get("students", ()) if s.get("moodle")}
        without = [str(record["submission"]) for record in records if not numbers[str(record["submission"])]]
        return numbers, [f"{name}: is of no participant of Moodle, left out" for name in sorted(without)]
    found, unmatched = _owners(table, _rows(table), records)
    for row, record in found.items():
        match = PARTICIPANT.match(table.value(row, 0))
        numbers[str(record["submission"])] |= {match[1]} if match else set()
    return numbers, unmatched
