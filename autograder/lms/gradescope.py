"""Gradescope: its bulk export in; results.json is autograder.gradescope's. Imports PyYAML and intake.

assignment_9100_export/submission_metadata.yml    assignment_9100_export/submission_123456/…
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import yaml  # type: ignore[import-untyped]

from ..grading.files import MB, Piece
from ..grading.intake import Entry, Student
from ..grading.names import distinct_names, some, visible
from .export import Export, IntakeError

TITLE = "Gradescope bulk export"
METADATA = "submission_metadata.yml"
FOLDER = re.compile(r"submission_\d+$")
MAX_METADATA = 512 * MB  # every attempt's results are in it
MAX_LISTED = 1000  # students or attempts of one submission: a few bytes of YAML can say a million times "the same again"
# Every scalar stays a string: a student's number of 0123 is no octal, and no tag makes an object.
LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
RESULTS = re.compile(rb"( +):?results:(?: |$|\r?\n)")
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d+))? *(Z|UTC|[+-]\d\d:?\d\d)?$")


def recognise(export: Export) -> str:
    """Return the evidence that this is such an export, or ""."""
    return METADATA if export.has(METADATA) else ""


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each submission, members of groups together, and what is none.

    A submission that the metadata does not name is graded all the same, as nobody's. Raises IntakeError.
    """
    there = export.names()
    found = _metadata(export)
    unnamed = [name for name, kind in there.items() if kind == "folder" and FOLDER.match(name) and name not in found]
    if unnamed and not set(found) & set(there):
        raise IntakeError(f"{export.shown}: {METADATA} names none of what is here ({some(unnamed)}); is it of another export? "
                          "Export the submissions again")  # fmt: skip
    found |= {name: {} for name in unnamed}
    shown = distinct_names(list(found))
    listed = [_entry(export, name, key, found[key], there) for name, key in zip(shown, found, strict=True)]
    return sorted(listed, key=lambda entry: entry.name), [name for name in there if name not in found and name != METADATA]


def _metadata(export: Export) -> dict[str, Mapping[str, Any]]:
    data = export.read(METADATA, MAX_METADATA)
    try:
        try:
            loaded = yaml.load(_without_results(data), LOADER)
        except yaml.YAMLError:  # it is laid out otherwise than Gradescope does
            loaded = yaml.load(data, LOADER)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        raise IntakeError(
            f"{export.shown}: {METADATA} is damaged ({visible(str(error))}); export the submissions again"
        ) from None
    if not isinstance(loaded, dict) or not all(isinstance(value, dict) for value in loaded.values()):
        raise IntakeError(f"{export.shown}: {METADATA} is not a list of submissions; export them again")
    found = {str(key): value for key, value in loaded.items()}
    for key, value in found.items():
        if any(len(_list(_get(value, what))) > MAX_LISTED for what in ("submitters", "history")):
            raise IntakeError(f"{export.shown}: {METADATA} lists more than {MAX_LISTED} students or attempts for "
                              f"{visible(key)}; export the submissions again")  # fmt: skip
        if "/" in key or "\\" in key or key in (".", ".."):
            raise IntakeError(f"{export.shown}: {METADATA} names {visible(key)}, which is no folder here; export again")
    return found


def _without_results(data: bytes) -> bytes:
    """Leave out what earlier grading said, which is most of the file and nothing to us: lines deeper than their key."""
    kept, skipped = [], -1
    for line in data.splitlines(keepends=True):
        depth = len(line) - len(line.lstrip(b" "))
        if skipped >= 0 and (depth > skipped or not line.strip()):
            continue
        found = RESULTS.match(line)
        skipped = found.end(1) if found else -1
        if not found:
            kept.append(line)
    return b"".join(kept)


def _entry(export: Export, name: str, key: str, data: Mapping[str, Any], there: Mapping[str, str]) -> Entry:
    pieces: tuple[Piece, ...] = ()
    if key in there:
        pieces = (export.piece(key, key if there[key] == "file" else ""),)
    came = iso_time(_text(_get(data, "created_at")))
    before = [iso_time(_text(_get(item, "created_at"))) for item in _list(_get(data, "history")) if isinstance(item, dict)]
    others = sorted(time for time in before if time and time != came)
    return Entry(
        name,
        pieces,
        students=tuple(_student(item) for item in _list(_get(data, "submitters")) if isinstance(item, dict)),
        submitted_at=came,
        attempt=1 + sum(time < came for time in others) if came else 0,
        aside=tuple(f"the attempt of {time}" for time in others) if data else (f"{METADATA} does not say whose it is",),
    )


def _student(data: Mapping[str, Any]) -> Student:
    return Student(*(visible(_text(_get(data, key)), 200) for key in ("name", "sid", "email")))


def _get(data: Mapping[str, Any], key: str) -> Any:
    """A value by its Ruby symbol, or by the plain word."""
    return data.get(f":{key}", data.get(key))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "" if not isinstance(value, str) or value in ("~", "null", "Null", "NULL") else value.strip()


def iso_time(text: str) -> str:
    """Return a time as ISO 8601 in UTC, to the second; "" for what is no time. Without an offset it is taken for UTC."""
    match = TIME.match(text)
    if match is None:
        return ""
    date, clock, _, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=_zone(zone or "Z")).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return moment.isoformat()


def _zone(text: str) -> timezone:
    if text in ("Z", "UTC"):
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
