"""A CSV file of which single cells are changed and every other byte stays. Imports reports for what no cell may say.

Quotes, line ends, a byte order mark, the separator and bytes that are no UTF-8 are the file's own.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..grading.reports import spreadsheet_safe

MB = 2**20
MAX_TABLE = 64 * MB
END = re.compile(r"\r\n|\r|\n")


class TableError(Exception):
    """The file cannot be filled in; the message says what, where, and what to do."""


@dataclass(frozen=True)
class Cell:
    """A cell: what it says, and where it stands in the text, quotes included."""

    value: str
    start: int
    end: int
    quoted: bool


@dataclass(frozen=True)
class Table:
    """A CSV file, cut into cells that know where they stand. The first row is the header."""

    name: str
    text: str
    separator: str
    rows: tuple[tuple[Cell, ...], ...]

    @property
    def header(self) -> list[str]:
        """What the columns are called."""
        return [cell.value.strip() for cell in self.rows[0]]

    def value(self, row: int, column: int | None) -> str:
        """Return what a cell says, without spaces around; "" where there is no such cell."""
        cells = self.rows[row]
        return cells[column].value.strip() if column is not None and column < len(cells) else ""

    def with_cells(self, changes: Mapping[tuple[int, int], str]) -> bytes:
        """Return the file's bytes with the cells at (row, column) saying something else."""
        parts, done = [], 0
        for (row, column), value in sorted(changes.items()):
            cell = self.rows[row][column]
            parts += [self.text[done : cell.start], self._written(value, cell.quoted)]
            done = cell.end
        return "".join([*parts, self.text[done:]]).encode("utf-8", "surrogateescape")

    def _written(self, value: str, quoted: bool) -> str:
        if quoted or set(value) & {'"', "\r", "\n", self.separator} or value != value.strip():
            return '"' + value.replace('"', '""') + '"'
        return value


def read_table(path: Path) -> Table:
    """Read a CSV file. Raises TableError."""
    name = ascii(path.name)[1:-1]
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TABLE + 1)
    except OSError as error:
        raise TableError(f"{name}: cannot be read ({error.strerror}); name the file that was exported") from None
    if len(data) > MAX_TABLE:
        raise TableError(f"{name}: is larger than {MAX_TABLE // MB} MB; name the file that was exported")
    if data.startswith((b"PK", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        raise TableError(f"{name}: is no CSV file in UTF-8; take it as it was exported, or save it as CSV UTF-8")
    return parse(data, name)


def parse(data: bytes, name: str) -> Table:
    """Cut the bytes of a CSV file into cells. Raises TableError."""
    text = data.decode("utf-8", "surrogateescape")
    start = 1 if text.startswith("\ufeff") else 0
    first = re.sub(r'"[^"]*"', "", text[start : start + 100_000])
    first = END.split(first.lstrip("\r\n"), maxsplit=1)[0]
    separator = max(",;\t", key=first.count)
    rows = [row for row in _rows(text, start, separator, name) if len(row) > 1 or row[0].value]
    if not rows:
        raise TableError(f"{name}: is empty; name the file that was exported")
    for row in rows:
        if len(row) > len(rows[0]):
            raise TableError(
                f"{name}:{_line(text, row[0].start)}: has {len(row)} cells and the header {len(rows[0])}; "
                "take the file as it was exported"
            )
    return Table(name, text, separator, tuple(rows))


def _rows(text: str, place: int, separator: str, name: str) -> list[tuple[Cell, ...]]:
    plain = re.compile(f"[^{separator}\r\n]*")
    rows, cells = [], list[Cell]()
    while True:
        cell = _quoted(text, place, plain, name) if text.startswith('"', place) else None
        if cell is None:
            end = _end(plain, text, place)
            cell = Cell(text[place:end], place, end, False)
        cells.append(cell)
        place = cell.end
        if text.startswith(separator, place):
            place += 1
            continue
        rows.append(tuple(cells))
        cells = []
        line = END.match(text, place)
        if line is None or line.end() == len(text):
            return rows
        place = line.end()


def _quoted(text: str, place: int, plain: re.Pattern[str], name: str) -> Cell:
    end = place + 1
    while True:
        end = text.find('"', end)
        if end < 0:
            raise TableError(f"{name}:{_line(text, place)}: a quote opens and does not close; take the file as it was exported")
        if not text.startswith('""', end):
            break
        end += 2
    rest = _end(plain, text, end + 1)  # some programs write on after the closing quote
    return Cell(text[place + 1 : end].replace('""', '"') + text[end + 1 : rest], place, rest, True)


def _end(plain: re.Pattern[str], text: str, place: int) -> int:
    match = plain.match(text, place)
    return match.end() if match else place


def _line(text: str, place: int) -> int:
    return len(END.findall(text, 0, place)) + 1


def decimal_comma(values: list[str], separator: str) -> bool:
    """Tell whether a file writes 87,5 for 87.5: as its numbers do, or as its separator suggests."""
    if any(re.fullmatch(r"-?\d+,\d+", value) for value in values):
        return True
    return separator == ";" and not any(re.fullmatch(r"-?\d+\.\d+", value) for value in values)


def number(value: float, comma: bool, there: str = "") -> str:
    """Write points: two decimals at most, none that are zero; as they stand `there`, if they are the same."""
    text = f"{value:.2f}"
    if re.fullmatch(r"\d+([.,]\d+)?", there) and f"{float(there.replace(',', '.')):.2f}" == text:
        return there
    text = text.rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


def safe(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; lone dashes, which stand for nothing, stay."""
    return text if text in ("-", "--") else spreadsheet_safe(text)


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Write a table of our own: quoted where need be, and no cell a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerows([[safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows])
    return buffer.getvalue()
