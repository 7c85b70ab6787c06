"""Written answers that people grade: a sheet to grade on, and points that come back from it. Imports reports and answers.

Names are hidden behind codes, and each question has an order of its own. Points lie in a file beside the journal: a
journal's records never change by them, and pages and tables show them beside what was graded by machine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks.question import Written
from .names import visible
from .reports import ENVIRONMENT, Record, csp_hash, spreadsheet_safe

NAME = "written.json"
MAX_SHEET = 64 * 2**20
MAX_COMMENT = 4000
CONSONANTS = str.maketrans("0123456789abcdef", "bcdfghjkmnpqrstv")  # that make no words
SHOWN = 12  # complaints about a sheet that are listed


class WrittenError(Exception):
    """A sheet or a file of points that cannot be used; the message says where, what and what to do."""


@dataclass(frozen=True)
class Answer:
    """An answer to grade. code: stands for the name. measured: (where from, text), the student's own numbers."""

    code: str
    number: str
    text: str
    measured: tuple[tuple[str, str], ...] = ()


# ---------------------------------------------------------------- codes and the file of points


def code_of(name: str, seed: str) -> str:
    """What stands for a name on a sheet: the same for a seed, and nobody's name. Spreadsheets make numbers of digits."""
    digest = hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return digest.translate(CONSONANTS)


def codes_of(names: Iterable[str], seed: str) -> dict[str, str]:
    """code -> name. Raises WrittenError if two names share a code, which another seed mends."""
    found: dict[str, str] = {}
    for name in names:
        if found.setdefault(code_of(name, seed), name) != name:
            raise WrittenError(f"two names have one code with the seed {seed}; give another one with --seed")
    return found


def read_points(results: Path) -> dict[str, Any]:
    """The file of points of a results folder: seed, and points by name and number; empty if there is none."""
    path = results / NAME
    try:
        content = json.loads(path.read_bytes())
        entries = [entry for own in content["points"].values() for entry in own.values()]
        sums = [sum(entry["points"]) + len(entry["comment"].strip()) for entry in entries]
        if not isinstance(content["seed"], str) or not all(math.isfinite(number) for number in sums):
            raise ValueError
    except FileNotFoundError:
        return {"seed": "", "points": {}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WrittenError(f"{path}: is damaged; restore it, or take it away and merge the sheets again") from None
    except OSError as error:
        raise WrittenError(f"{path}: {error.strerror}; make it readable") from None
    return {"seed": content["seed"], "points": content["points"]}


def points_bytes(seed: str, points: Mapping[str, Any]) -> bytes:
    """The file of points, the same for the same points."""
    text = json.dumps({"seed": seed, "points": points}, indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def attach(record: Record, points: Mapping[str, Any], asked: Sequence[Written]) -> dict[str, Any]:
    """A record with the points of its written answers beside the others, which stay as they are."""
    own = points.get(str(record["submission"]), {})
    rows = [
        {"name": written.name, "number": written.number, "earned": round(sum(own[written.number]["points"]), 2),
         "possible": written.points, "points": own[written.number]["points"], "comment": own[written.number]["comment"]}
        for written in asked if written.number in own
    ]  # fmt: skip
    bare = {key: value for key, value in record.items() if key != "written"}
    return {**bare, "written": rows} if rows else bare


# ---------------------------------------------------------------- the sheet


def in_order(answers: Iterable[Answer], seed: str) -> list[Answer]:
    """Shuffled: for each question another order, those without a text last."""
    return sorted(answers, key=lambda one: (not one.text, code_of(f"{one.number} {one.code}", seed)))


def columns(asked: Sequence[Written]) -> list[str]:
    """The columns that are read again: a question's points, item by item of its rubric."""
    most = max((len(written.rubric) for written in asked), default=0)
    return ["code", "question", *(f"points {i + 1}" for i in range(most)), "comment"]


def sheet_csv(asked: Sequence[Written], answers: Sequence[Answer]) -> str:
    """A row an answer: its points to be filled in, and beside them the rubric, the answer and the student's numbers."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    head = columns(asked)
    writer.writerow([*head, "answer", "measured", "rubric"])
    for written in asked:
        rubric = "\n".join(f"{i + 1} ({points:g}): {text}" for i, (points, text) in enumerate(written.rubric))
        for one in answers:
            if one.number == written.number:
                own = "\n\n".join(f"{where}\n{text}" for where, text in one.measured)
                texts = (spreadsheet_safe(text) for text in (one.text, own, rubric))
                writer.writerow([one.code, one.number, *("" for _ in head[2:]), *texts])
    return buffer.getvalue()


def sheet_page(asked: Sequence[Written], answers: Sequence[Answer], *, title: str, stem: str) -> str:
    """The same as a page: points are entered in the browser and saved as a CSV. stem: of the file that it saves."""
    script = (Path(__file__).parent / "sheet.js").read_text(encoding="utf-8")
    digest = hashlib.sha256(repr((asked, answers)).encode("utf-8", "replace")).hexdigest()[:16]
    groups = [(written, [one for one in answers if one.number == written.number]) for written in asked]
    return ENVIRONMENT.get_template("sheet.html").render(
        title=title,
        groups=groups,
        columns=columns(asked),
        stem=stem,
        digest=digest,
        script=script,
        script_hash=csp_hash(script),
    )


# ---------------------------------------------------------------- points back from a sheet


def parse_sheet(data: bytes, where: str, asked: Sequence[Written], codes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The points of a filled-in sheet: name -> number -> points by item, and comment. Rows without points are left out.

    Raises WrittenError that lists what is wrong, by line; then nothing of the sheet counts.
    """
    table = _table(data, where)
    questions = {written.number: written for written in asked}
    found: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    for line, row in table:
        try:
            _take(row, questions, codes, found)
        except WrittenError as error:
            wrong.append(f"{where}: row {line}: {error}")
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise WrittenError("\n".join([*wrong[:SHOWN], *more, "nothing was merged"]))
    return found


def _table(data: bytes, where: str) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV as spreadsheets save it: with commas, semicolons or tabs, with a byte order mark or without."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrittenError(f"{where}: is not UTF-8; save it as CSV UTF-8") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise WrittenError(f"{where}: is no CSV ({error}); save the sheet again") from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    missing = [name for name in ("code", "question", "points 1") if name not in head]
    if missing:
        raise WrittenError(f"{where}: has no column {', '.join(missing)}; give the sheet that 'autograder written' made")
    if len(set(filter(None, head))) < len(list(filter(None, head))):
        raise WrittenError(f"{where}: a column is there twice; give the sheet that 'autograder written' made")
    return [(i, dict(zip(head, row, strict=False))) for i, row in enumerate(rows[1:], 2) if any(map(str.strip, row))]


def _take(
    row: Mapping[str, str], questions: Mapping[str, Written], codes: Mapping[str, str], found: dict[str, dict[str, Any]]
) -> None:
    """Add a row's points to what was found. Raises WrittenError."""
    code, number = row.get("code", "").strip(), row.get("question", "").strip()
    if code not in codes:
        raise WrittenError(f"the code '{visible(code, 40)}' stands for nobody; is the sheet of other results or another seed?")
    if number not in questions:
        raise WrittenError(f"there is no written question '{visible(number, 40)}'; there are {', '.join(questions)}")
    points = _points(row, questions[number])
    if points is None:
        return
    entry = {"points": points, "comment": _comment(row.get("comment", ""))}
    if found.setdefault(codes[code], {}).setdefault(number, entry) is not entry:
        raise WrittenError(f"{code}, {number} is there twice; keep one row")


def _points(row: Mapping[str, str], written: Written) -> list[float] | None:
    """The points by item; None if nothing is filled in."""
    own = [f"points {i}" for i in range(1, len(written.rubric) + 1)]
    cells = [row.get(name, "").strip() for name in own]
    extra = [name for name, cell in row.items() if name.startswith("points ") and name not in own and cell.strip()]
    if extra:
        raise WrittenError(f"{written.number} has {len(own)} items; {extra[0]!r} belongs to none")
    if not any(cells):
        return None
    points = []
    for i, (cell, (most, _)) in enumerate(zip(cells, written.rubric, strict=True), 1):
        if not cell:
            raise WrittenError(f"{written.number}: 'points {i}' is empty and others are not; fill in all of them, or none")
        try:
            value = float(cell.replace(",", "."))
        except ValueError:
            value = float("nan")
        if not 0 <= value <= most:
            raise WrittenError(f"{written.number}: 'points {i}' is '{visible(cell, 40)}'; write a number from 0 to {most:g}")
        points.append(round(value, 2) + 0.0)
    return points


def _comment(text: str) -> str:
    text = text.removeprefix("'") if text[:2].strip("'")[:1] in tuple("=+-@") else text  # as `spreadsheet_safe` writes it
    return "\n".join(visible(line, MAX_COMMENT) for line in text.strip().splitlines())[:MAX_COMMENT]


def merged(
    before: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]], names: Collection[str]
) -> tuple[dict[str, Any], int, int]:
    """All points, how many of them are new, and how many are other than before. What is graded of others stays."""
    result = {name: dict(entries) for name, entries in before.items() if name in names}
    new = other = 0
    for name, entries in found.items():
        for number, entry in entries.items():
            old = result.setdefault(name, {}).get(number)
            new += old is None
            other += old is not None and old != entry
            result[name][number] = entry
    return result, new, other
