"""Canvas: its bulk download in, one column of its gradebook out. Imports intake and table.

doejane_LATE_4123_99871_rnn-2.py    doejane_4123_99872_memnet.zip    anon_a1B2c_99873_rnn.py    roedan_4200_text.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from ..grading.intake import Entry, Export, Student, distinct_names, is_zip_name, same_name, visible

TITLE = "Canvas bulk download"
WHO = r"^(?:(?!LATE_anon_)(?P<who>.+?)_)?(?:(?P<late>LATE)_)?(?:anon_(?P<anon>[^_]+)|(?P<uid>[1-9]\d*))_"
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
        facts[key] = (match["who"] or "", bool(match["late"]) or facts.get(key, ("", False))[1])
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
    kept: list[_File] = []
    for file in sorted(files, key=lambda file: (file.attachment, file.again), reverse=True):
        later = next((one for one in kept if same_name(one.original, file.original)), None)
        if later is None:
            kept.append(file)
        else:
            aside.append(f"{visible(file.original)}, an earlier attempt ({file.attachment}; {later.attachment} counts)")
    alone = len(kept) == 1 and (is_zip_name(kept[0].original) or kept[0].kind == "folder")
    return Entry(
        name,
        tuple(export.piece(file.name, "" if alone else file.original) for file in reversed(kept)),
        students=(Student(name=visible(facts[0]), canvas="".join(key)),),
        late=facts[1],
        attempt=max((file.again + 1 for file in kept if file.again), default=0),
        aside=tuple(aside),
    )
