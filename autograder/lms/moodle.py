"""Moodle: what it lets download in, its grading worksheet and its zip of feedback files out. Imports intake and table.

Jane Doe_657717_assignsubmission_file/rnn.py    Jane Doe_657717_assignsubmission_file_rnn.py
Participant_657717_assignsubmission_file_/…     Team Blue_12_assignsubmission_onlinetext/onlinetext.html
"""

from __future__ import annotations

import re
from collections import defaultdict

from ..grading.intake import Entry, Export, Piece, Student, distinct_names, is_zip_name, visible

TITLE = "Moodle download"
NAME = re.compile(r"^(?P<who>[^/]*)_(?P<pid>\d+)_assignsubmission_(?P<kind>file|onlinetext)_?(?P<file>(?<=_).+)?$", re.DOTALL)
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
    for name, kind in export.names().items():
        match = NAME.match(name)
        if match is None:
            others.append(name)
            continue
        key = (match["who"], match["pid"])
        pieces[key] += []
        if match["kind"] == "onlinetext":
            aside[key].append("a text written in Moodle")
        elif kind == "folder":
            pieces[key].append(export.piece(name))
        else:
            pieces[key].append(export.piece(name, match["file"] or name))
    keys = sorted(pieces)
    blind = {who for who, _ in keys} if len(keys) > 2 and len({who for who, _ in keys}) == 1 else {BLIND}
    shown = distinct_names(["_".join(key) for key in keys])
    found = []
    for name, key in zip(shown, keys, strict=True):
        student = Student(name="" if key[0] in blind else visible(key[0]), moodle=key[1])
        found.append(Entry(name, _alone(pieces[key]), students=(student,), aside=tuple(aside[key])))
    return sorted(found, key=lambda entry: entry.name), others


def _alone(pieces: list[Piece]) -> tuple[Piece, ...]:
    """A zip that is all there is, is the submission."""
    if len(pieces) == 1 and is_zip_name(pieces[0].name):
        return (Piece(pieces[0].path, pieces[0].inside),)
    return tuple(pieces)
