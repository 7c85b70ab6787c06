"""Late penalties, extensions, a cap and extra credit: pure functions of a record and the course's rules.

Imports names. A record keeps what was applied and why; applying the rules anew gives the same.
In this order: what optional questions count, the cap, the penalty for lateness. Nobody goes below zero.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .names import nfc

Record = Mapping[str, Any]
KINDS = ("none", "constant", "percent_a_day", "late_days")
EXTRA = ("on_top", "fill", "ignore")
YEARS = (1971, 2999)  # of times that are taken: days can be counted from them in any zone
UNKNOWN_TIME = "it is not known when it was handed in: nothing is taken"
MOST_DAYS = 3660  # nobody is later than ten years: what a clock that is wrong says must not be counted for long


class PolicyError(Exception):
    """Rules or times that cannot be used; the message says where, what, and what to do."""


@dataclass(frozen=True)
class Late:
    """What being late costs.

    kind: a name of KINDS. due: with a zone; days after it are days of that zone, an hour longer or shorter where clocks
    change. grace: how much later is not late. percent: of what was earned, for each day that has begun, or for
    `constant` once. days: free late days, for `late_days`. most: the percent that is taken at most.
    """

    kind: str = "none"
    due: datetime | None = None
    grace: timedelta = timedelta()
    percent: float = 0.0
    days: int = 0
    most: float = 100.0


@dataclass(frozen=True)
class Extension:
    """What one student was granted: a later due time, more time, other free late days."""

    due: datetime | None = None
    more: timedelta = timedelta()
    late_days: int | None = None


@dataclass(frozen=True)
class Policy:
    """All rules of an assignment. cap: points that a total has at most; None is no cap."""

    late: Late = Late()
    extra: str = "on_top"
    cap: float | None = None
    extensions: Mapping[str, Extension] = field(default_factory=dict)

    @property
    def says_something(self) -> bool:
        """Whether anything can come of it; without, records are as they were judged."""
        return self.late.kind != "none" or self.extra != "on_top" or self.cap is not None


# ---------------------------------------------------------------- applying it


def apply(record: Record, policy: Policy) -> dict[str, Any]:
    """The record with its final total, and with what made it so under "policy". Again: the same."""
    changed = dict(record)
    raw = changed.pop("policy", {}).get("raw", record["total"])
    if not policy.says_something:
        return {**changed, "total": raw}
    earned, reasons = _counted(record, policy, raw)
    extension = granted(record, policy)
    percent, days, why = penalty(record.get("submitted_at") or "", policy.late, extension)
    taken = round(earned * percent / 100, 2)
    due = due_time(policy.late, extension)
    part = {
        "raw": raw, "penalty": taken, "percent": percent, "days_late": days, "extended": extension != Extension(),
        "due": due.isoformat() if due else "", "why": [*reasons, *([why] if why else [])],
    }  # fmt: skip
    return {**changed, "total": round(max(0.0, earned - taken), 2), "policy": part}


def _counted(record: Record, policy: Policy, raw: float) -> tuple[float, list[str]]:
    """The points before any penalty, and why they are not the raw ones."""
    earned, reasons = raw, list[str]()
    optional = sum(question["earned"] for question in record["questions"] if question["optional"])
    if policy.extra == "ignore" and optional:
        earned = raw - optional
        reasons.append(f"optional questions do not count: {optional:g} points")
    if policy.extra == "fill" and earned > record["possible"]:
        earned = max(record["possible"], raw - optional)
        reasons.append(f"optional questions make up for lost points, up to {record['possible']:g}")
    if policy.cap is not None and earned > policy.cap:
        earned = policy.cap
        reasons.append(f"no more than {policy.cap:g} points count")
    return round(max(0.0, earned), 2), reasons


def granted(record: Record, policy: Policy) -> Extension:
    """The extension of a submission: of each thing the best that one of its students was granted."""
    found = [policy.extensions[name] for name in sorted(called(record)) if name in policy.extensions]
    dues = [extension.due for extension in found if extension.due]
    days = [extension.late_days for extension in found if extension.late_days is not None]
    more = max((extension.more for extension in found), default=timedelta())
    return Extension(max(dues, default=None), more, max(days, default=None))


def called(record: Record) -> set[str]:
    """Whatever a submission and its students are called, in the one form of letters that extensions are read in."""
    return {nfc(text) for text in (record["submission"], *(v for s in record.get("students", ()) for v in s.values()))}


def penalty(submitted_at: str, late: Late, extension: Extension) -> tuple[float, int, str]:
    """The percent that is taken, the days that had begun, and why, for a submission that came at a time."""
    due = due_time(late, extension)
    if late.kind == "none" or due is None:
        return 0.0, 0, ""
    try:
        when = parse_time(submitted_at)
    except PolicyError:
        return 0.0, 0, UNKNOWN_TIME
    days = days_late(when, due, late.grace)
    if not days:
        return 0.0, 0, ""
    said = f"{lateness(when, due)} late"
    if late.kind == "constant":
        return min(late.percent, late.most), days, f"{said}: {late.percent:g} % once"
    if late.kind == "percent_a_day":
        return min(late.most, days * late.percent), days, _a_day(said, days, late)
    free = late.days if extension.late_days is None else extension.late_days
    if days <= free:
        return 0.0, days, f"{said}: {days} of {free} free late days used"
    used = f", {free} day{'s' if free > 1 else ''} of it free" if free else ""
    return min(late.most, (days - free) * late.percent), days, _a_day(said + used, days - free, late)


def _a_day(said: str, days: int, late: Late) -> str:
    most = f", {late.most:g} % at most" if days * late.percent > late.most else ""
    return f"{said}: {days} begun day{'s' if days > 1 else ''} at {late.percent:g} %{most}"


def due_time(late: Late, extension: Extension) -> datetime | None:
    """When a student's work is due; an extension never makes it earlier."""
    if late.due is None:
        return None
    due = max(late.due, extension.due or late.due, key=lambda time: time.astimezone(UTC))
    return (due.astimezone(UTC) + extension.more).astimezone(due.tzinfo)


def days_late(when: datetime, due: datetime, grace: timedelta) -> int:
    """How many days after the due time had begun, 0 in time. The grace goes with each day's end."""
    passed = when.astimezone(UTC)
    if passed <= _after(due, 0) + grace:
        return 0
    days = max(1, min(MOST_DAYS, (passed - _after(due, 0) - grace).days - 1))
    while days < MOST_DAYS and passed > _after(due, days) + grace:
        days += 1
    return days


def _after(due: datetime, days: int) -> datetime:
    """The same time by the clock so many days later, in UTC; of two such times, or none, the later one."""
    local = due.replace(tzinfo=None) + timedelta(days=days)
    if not days:
        return due.astimezone(UTC)
    return max(local.replace(tzinfo=due.tzinfo, fold=fold).astimezone(UTC) for fold in (0, 1))


def lateness(when: datetime, due: datetime) -> str:
    """How late, in words: ``1 day 3 h``, ``12 min``."""
    minutes = max(1, -(-int((when.astimezone(UTC) - due.astimezone(UTC)).total_seconds()) // 60))
    days, hours = divmod(minutes // 60, 24)
    if not days and not hours:
        return f"{minutes} min"
    words = [f"{days} day{'s' if days > 1 else ''}"] if days else []
    return " ".join([*words, f"{hours} h"] if hours else words)


# ---------------------------------------------------------------- times


def parse_time(text: str, zone: tzinfo | None = None) -> datetime:
    """A time that says which it is: ISO 8601 with an offset, or without one in a zone that is given.

    Raises PolicyError for one that does not say, for none at all, and for a time that the clocks left out.
    """
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise PolicyError(f"{text[:40]!r} is no time; write it like 2026-11-30T23:59:00+01:00") from None
    return in_zone(time, zone)


def in_zone(time: datetime, zone: tzinfo | None) -> datetime:
    """The time in the zone; one without an offset is taken to be of the zone. Raises PolicyError."""
    if not YEARS[0] <= time.year <= YEARS[1]:
        raise PolicyError(f"{time.isoformat()} is not in the years {YEARS[0]} to {YEARS[1]}; mend it")
    if time.tzinfo is not None:
        return time.astimezone(zone) if zone else time
    if zone is None:
        raise PolicyError(f"{time.isoformat()} does not say in which time zone; add the offset, like +01:00")
    local = time.replace(tzinfo=zone, fold=1)  # the clock shows some times twice: the later one is meant
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise PolicyError(f"{time.isoformat()} does not exist in {zone}, where clocks go forward; name another time")
    return local


# ---------------------------------------------------------------- settings


def read_policy(settings: Mapping[str, Any], where: Path, extensions: Path | None = None) -> Policy:
    """The rules from the tables [late] and [points] of ``assignment.toml``, and the extensions from a CSV file.

    Raises PolicyError, which says the file, the key and what may stand there.
    """
    late = _table(settings, "late", where)
    points = _table(settings, "points", where)
    zone = _zone(late.pop("timezone", ""), where)
    policy = Policy(
        _read_late(late, zone, where),
        _choice(points, "extra", EXTRA, "[points]", where),
        _number(points, "cap", None, "[points]", where),
    )
    _nothing_else(points, "[points]", ("extra", "cap"), where)
    return replace(policy, extensions=read_extensions(extensions, zone)) if extensions else policy


def _read_late(late: dict[str, Any], zone: tzinfo | None, where: Path) -> Late:
    kind = _choice(late, "policy", KINDS, "[late]", where)
    due = late.pop("due", None)
    if kind != "none" and not isinstance(due, datetime):
        raise PolicyError(f"{where}: [late] due: must be a time without quotes, like 2026-11-30T23:59:00+01:00")
    numbers = {name: _number(late, name, low, "[late]", where) for name, low in _LATE_NUMBERS.items()}
    _nothing_else(late, "[late]", ("policy", "due", "timezone", *_LATE_NUMBERS), where)
    try:
        when = in_zone(due, zone) if isinstance(due, datetime) else None
    except PolicyError as error:
        raise PolicyError(f"{where}: [late] due: {error}") from None
    for name in ("percent", "most"):
        if (numbers[name] or 0) > 100:
            raise PolicyError(
                f"{where}: [late] {name}: {numbers[name]:g} is more than 100; give a share of all points in percent"
            )
    days = numbers["days"] or 0
    if days != int(days):
        raise PolicyError(f"{where}: [late] days: {days:g} is no whole number; give whole days")
    most = 100.0 if numbers["most"] is None else numbers["most"]
    return Late(kind, when, timedelta(minutes=numbers["grace_minutes"] or 0), numbers["percent"] or 0.0, int(days), most)


_LATE_NUMBERS = {"grace_minutes": 0.0, "percent": 0.0, "days": 0.0, "most": None}


def _table(settings: Mapping[str, Any], name: str, where: Path) -> dict[str, Any]:
    found = settings.get(name, {})
    if not isinstance(found, Mapping):
        raise PolicyError(f"{where}: {name}: must be a table; write [{name}] and its keys below it")
    return dict(found)


def _zone(name: Any, where: Path) -> tzinfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise PolicyError(f"{where}: [late] timezone: there is no {name!r}; write one like Europe/Zurich") from None


def _choice(table: dict[str, Any], name: str, known: tuple[str, ...], title: str, where: Path) -> str:
    value = table.pop(name, known[0])
    if value not in known:
        raise PolicyError(f"{where}: {title} {name}: {value!r} is unknown; write one of {', '.join(known)}")
    return str(value)


def _number(table: dict[str, Any], name: str, default: float | None, title: str, where: Path) -> float | None:
    value = table.pop(name, default)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9):
        return value
    raise PolicyError(f"{where}: {title} {name}: {value!r} must be a number, 0 or more")


def _nothing_else(table: Mapping[str, Any], title: str, known: tuple[str, ...], where: Path) -> None:
    if table:
        raise PolicyError(f"{where}: {title} {min(table)}: there is no such setting; there are {', '.join(known)}")


# ---------------------------------------------------------------- extensions


def read_extensions(path: Path, zone: tzinfo | None = None) -> dict[str, Extension]:
    """Extensions by student, from a CSV file with the column student and any of due, days, hours, late_days.

    A student is named as in the records: by submission, name, number, address. Two lines of one student are refused.
    """
    found: dict[str, Extension] = {}
    for line, row in read_rows(path, ("student",), ("due", "days", "hours", "late_days", "reason")):
        name = row["student"]
        if not name:  # it would be everybody's of whom something is not known
            raise PolicyError(f"{path}:{line}: names no student; write who it is, or take the line out")
        if name in found:
            raise PolicyError(f"{path}:{line}: {name!r} is there twice; keep one line")
        try:
            found[name] = _extension(row, zone)
        except PolicyError as error:
            raise PolicyError(f"{path}:{line}: {error}") from None
    return found


def _extension(row: Mapping[str, str], zone: tzinfo | None) -> Extension:
    when = row.get("due", "")
    if when and len(when) <= len("2026-11-30") and parse_time(when, UTC):  # it would be the beginning of the day
        raise PolicyError(f"{when} does not say when on that day; write it like 2026-11-30T23:59:00+01:00")
    due = parse_time(when, zone) if when else None
    more = timedelta(days=_amount(row, "days", float), hours=_amount(row, "hours", float))
    late_days = int(_amount(row, "late_days", int)) if row.get("late_days") else None
    return Extension(due, more, late_days)


def _amount(row: Mapping[str, str], name: str, kind: Callable[[str], float]) -> float:
    try:
        value = kind(row.get(name) or "0")
        if not 0 <= value <= MOST_DAYS * 24:
            raise ValueError
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise PolicyError(f"{name} is {row[name]!r}; write a {what} from 0 to {MOST_DAYS * 24}") from None
    return value


def read_times(path: Path, zone: tzinfo | None = None) -> dict[str, str]:
    """When submissions came, by name, from a CSV file with the columns submission and submitted_at; ISO 8601.

    Two lines of one submission are refused.
    """
    found = dict[str, str]()
    for line, row in read_rows(path, ("submission", "submitted_at"), ()):
        if row["submission"] in found:
            raise PolicyError(f"{path}:{line}: {row['submission']!r} is there twice; keep one line")
        try:
            found[row["submission"]] = parse_time(row["submitted_at"], zone).isoformat()
        except PolicyError as error:
            raise PolicyError(f"{path}:{line}: {error}") from None
    return found


def read_rows(path: Path, needed: tuple[str, ...], possible: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with the numbers of their lines. Raises PolicyError for columns that are not known."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            separator = max(",;\t", key=file.readline().count)  # as spreadsheets save it, in whatever country
            file.seek(0)
            reader = csv.DictReader(file, strict=True, delimiter=separator)
            columns = [name.strip() for name in reader.fieldnames or ()]  # while it is open: an empty file has none
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}; give a CSV file with the column {', '.join(needed)}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}; save it as CSV in UTF-8") from None
    wrong = [name for name in columns if name not in (*needed, *possible)]
    if wrong or not set(needed) <= set(columns):
        what = f"column {wrong[0]!r} is unknown" if wrong else f"lacks the column {', '.join(needed)}"
        raise PolicyError(f"{path}:1: {what}; there are {', '.join((*needed, *possible))}")
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise PolicyError(f"{path}:1: column {twice[0]!r} is there twice; keep one")
    return [(line, _row(path, line, row)) for line, row in rows]


def _row(path: Path, line: int, row: Mapping[str | None, Any]) -> dict[str, str]:
    if None in row or None in row.values():
        raise PolicyError(f"{path}:{line}: has another number of cells than the first line; mend it")
    return {str(name).strip(): nfc(value.strip()) for name, value in row.items()}


# ---------------------------------------------------------------- with the answers that people graded


def answers(record: Record) -> Sequence[Record]:
    """The written answers that people have graded."""
    found: Sequence[Record] = record.get("written", ())
    return found


def score(record: Record) -> float:
    """The points that count: the total, after the late policy if there is one, and those of written answers."""
    return round(float(record["total"] + sum(answer["earned"] for answer in answers(record))), 2)


def possible(record: Record) -> float:
    """The points that could be had, optional ones left out: of the questions, and of the written answers graded."""
    return float(record["possible"] + sum(answer["possible"] for answer in answers(record)))
