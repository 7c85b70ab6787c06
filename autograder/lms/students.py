"""Finds the rows of a class list that a record belongs to. Never guesses: what fits several rows fits none.

Imports names. A record's `students` is what the export said of them; where it said nothing, the submission's name
is what there is to go by.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..grading.names import JOINERS, name_key

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Filled:
    """A file filled in, and what the staff must know of it."""

    data: bytes
    said: str  # one line
    problems: tuple[str, ...]  # whom it was not filled in for, and why


def whole_name(text: str) -> str:
    """A name without what systems change in it: case, accents' form, spaces and signs."""
    return "".join(_words(text))


def name_words(text: str) -> str:
    """The words of a name in an order that "Doe, Jane" and "Jane Doe" share; "" for a single word."""
    words = sorted(_words(text))
    return " ".join(words) if len(words) > 1 else ""


def _words(text: str) -> list[str]:
    """Letters and digits of a text, in lower case. Vowel signs, which regular expressions take for no letters, are such."""
    return "".join(c if unicodedata.category(c)[0] in "LMN" else "" if c in JOINERS else " " for c in name_key(text)).split()


class Index:
    """The rows of a class list by what they are known by, in the order in which that counts."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self.rows: dict[str, dict[str, set[int]]] = {kind: defaultdict(set) for kind in kinds}

    def add(self, kind: str, value: str, row: int) -> None:
        """Note that a row is known by a value."""
        for key in self._keys(kind, value):
            self.rows[kind][key].add(row)

    def find(self, kind: str, value: str) -> set[int]:
        """Return the rows that are known by a value."""
        known = self.rows.get(kind, {})
        return {row for key in self._keys(kind, value) for row in known.get(key, ())}

    def anywhere(self, value: str) -> set[int]:
        """Return the rows that are known by a value of whatever kind."""
        return {row for kind in self.rows for row in self.find(kind, value)}

    @staticmethod
    def _keys(kind: str, value: str) -> list[str]:
        value = unicodedata.normalize("NFC", value.strip())
        if kind == "name":
            keys = [whole_name(value), name_words(value)]
        else:
            keys = [value.casefold() if kind in ("login", "email") else value]
        return [key for key in keys if key]


def match(
    records: Sequence[Record], find: Callable[[Record, Mapping[str, str]], set[int]]
) -> tuple[dict[int, Record], list[str]]:
    """Return the record of each row, and a sentence for each student who has no row of one's own.

    find: the rows that a student of a record may be. All members of a group have the group's record.
    """
    claims: dict[int, list[Record]] = defaultdict(list)
    problems = []
    for record in sorted(records, key=lambda record: str(record["submission"])):
        for student in record.get("students") or [{}]:
            rows = find(record, student)
            who = label(record, student)
            if len(rows) == 1:
                claims[rows.pop()].append(record)
            elif rows:
                problems.append(f"{who}: fits {len(rows)} rows, none is filled in")
            else:
                problems.append(f"{who}: fits no row")
    for row in sorted(claims):
        names = sorted({str(record["submission"]) for record in claims[row]})
        if len(names) > 1:
            problems.append(f"{', '.join(names)}: fit the same row, which is not filled in")
    return {row: found[0] for row, found in claims.items() if len({str(r["submission"]) for r in found}) == 1}, problems


def label(record: Record, student: Mapping[str, str]) -> str:
    """How a message calls a student of a record."""
    known = next((student[key] for key in ("name", "login", "email", "sid") if student.get(key)), "")
    name = str(record["submission"])
    return f"{name} ({known})" if known and known not in name else name


def ungraded(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Return the records that have points, and a sentence for each that the grader could not judge."""
    good = [record for record in records if record["status"] != "grader_error"]
    bad = [str(record["submission"]) for record in records if record["status"] == "grader_error"]
    return good, [f"{name}: the grader could not judge it, nothing is filled in" for name in sorted(bad)]
