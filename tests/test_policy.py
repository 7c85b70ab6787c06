"""Late penalties, extensions, cap and extra credit: rules that hold for all, examples to the second, every error."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.authoring.declare import source_hash
from autograder.checks.bundle import Bundle
from autograder.commands.results import _warn_of_extensions, _warn_of_times
from autograder.grading.policy import (
    EXTRA,
    KINDS,
    Extension,
    Late,
    Policy,
    PolicyError,
    apply,
    days_late,
    due_time,
    granted,
    in_zone,
    lateness,
    parse_time,
    penalty,
    read_extensions,
    read_policy,
    read_times,
)

from . import small
from .conftest import ASSIGNMENT, Run, write_package
from .schema import CHECK

ZURICH = ZoneInfo("Europe/Zurich")
DUE = datetime(2026, 11, 30, 23, 59, tzinfo=ZURICH)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CONSTANT = Late("constant", DUE, percent=20)
A_DAY = Late("percent_a_day", DUE, percent=10, most=50)
FREE = Late("late_days", DUE, percent=25, days=2)
WHERE = Path("assignment.toml")


def record(total: float = 80, name: str = "student-001", came: datetime | str = "", optional: float = 0) -> dict[str, Any]:
    """What the rules read of a record: `total` points, `optional` of them of an optional question, of 100."""
    questions = [{"earned": total - optional, "optional": False}, {"earned": optional, "optional": True}]
    when = came.isoformat() if isinstance(came, datetime) else came
    return {"submission": name, "total": total, "possible": 100, "questions": questions, "submitted_at": when}


def total(late: Late, came: datetime | str, **rules: Any) -> float:
    return float(apply(record(came=came), Policy(late, **rules))["total"])


# ---------------------------------------------------------------- what holds for all rules


points = st.integers(0, 12000).map(lambda number: number / 100)
lates = st.builds(
    Late, st.sampled_from(KINDS), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(ZURICH)),
    st.integers(0, 10**5).map(lambda number: number * SECOND), st.floats(0, 100), st.integers(0, 5), st.floats(0, 100),
)  # fmt: skip
extensions = st.builds(
    Extension, st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 10**6).map(lambda number: number * SECOND), st.none() | st.integers(0, 9),
)  # fmt: skip
seconds = st.integers(-(10**6), 10**7) | st.integers(-200, 200).map(lambda number: number // 3 * 86400 + number % 3 - 1)
policies = st.builds(Policy, lates, st.sampled_from(EXTRA), st.none() | points)


@settings(deadline=None)
@given(points, points, policies, seconds)
def test_a_total_is_never_negative_and_never_more_than_in_time(
    needed: float, optional: float, policy: Policy, after: int
) -> None:
    assert policy.late.due is not None
    graded = record(round(needed + optional, 2), came=policy.late.due + after * SECOND, optional=optional)
    final = apply(graded, policy)
    assert 0 <= final["total"] <= apply(graded, replace(policy, late=Late()))["total"] <= graded["total"]
    assert apply(final, policy) == final
    assert apply(final, Policy())["total"] == graded["total"]


@settings(deadline=None)
@given(lates, extensions, seconds, seconds)
def test_later_never_costs_less(late: Late, extension: Extension, one: int, other: int) -> None:
    due = due_time(late, extension)
    assert due is not None
    came = [(due.astimezone(UTC) + after * SECOND).isoformat() for after in sorted((one, other))]
    (less, fewer, _), (more, days, _) = (penalty(when, late, extension) for when in came)
    assert less <= more <= late.most
    assert fewer <= days


@settings(deadline=None)
@example(Late("none", datetime(2020, 3, 29, 2, 0, fold=1, tzinfo=ZURICH)), Extension(), 0)  # no clock showed that time
@given(lates, extensions, st.integers(0, 10**8))
def test_nothing_is_taken_at_the_due_time_or_before(late: Late, extension: Extension, before: int) -> None:
    due = due_time(late, extension)
    assert due is not None
    assert late.due is not None
    assert due.astimezone(UTC) >= late.due.astimezone(UTC)  # two of one zone would be compared by the clock on the wall
    assert penalty((due.astimezone(UTC) + late.grace - before * SECOND).isoformat(), late, extension) == (0, 0, "")


@settings(deadline=None)
@given(lates, extensions, seconds)
def test_an_extension_is_of_one_student_and_never_hurts(late: Late, extension: Extension, after: int) -> None:
    late = replace(late, days=0)  # an extension may grant fewer free days than all have
    assert late.due is not None
    class_of_three = [record(name=f"student-00{number}", came=late.due + after * SECOND) for number in (1, 2, 3)]
    policy = Policy(late)
    before = [apply(graded, policy) for graded in class_of_three]
    then = [apply(graded, replace(policy, extensions={"student-002": extension})) for graded in class_of_three]
    assert (then[0], then[2]) == (before[0], before[2])
    assert then[1]["total"] >= before[1]["total"]


# ---------------------------------------------------------------- each kind, to the second


@pytest.mark.parametrize(
    ("late", "after", "expected"),
    [
        (Late("none", DUE, percent=50), 9 * DAY, 80),
        (CONSTANT, -SECOND, 80),
        (CONSTANT, 0 * SECOND, 80),
        (CONSTANT, SECOND, 64),
        (CONSTANT, 30 * DAY, 64),
        (replace(CONSTANT, most=5), SECOND, 76),
        (replace(CONSTANT, grace=10 * MINUTE), 10 * MINUTE, 80),
        (replace(CONSTANT, grace=10 * MINUTE), 10 * MINUTE + SECOND, 64),
        (A_DAY, 0 * SECOND, 80),
        (A_DAY, SECOND, 72),
        (A_DAY, DAY, 72),
        (A_DAY, DAY + SECOND, 64),
        (A_DAY, 5 * DAY, 40),
        (A_DAY, 5 * DAY + SECOND, 40),
        (replace(A_DAY, grace=HOUR), DAY + HOUR, 72),
        (replace(A_DAY, grace=HOUR), DAY + HOUR + SECOND, 64),
        (replace(A_DAY, percent=100, most=100), SECOND, 0),
        (FREE, SECOND, 80),
        (FREE, 2 * DAY, 80),
        (FREE, 2 * DAY + SECOND, 60),
        (FREE, 3 * DAY + SECOND, 40),
        (FREE, 99 * DAY, 0),
        (replace(FREE, grace=HOUR), 2 * DAY + HOUR, 80),
        (replace(FREE, grace=HOUR), 2 * DAY + HOUR + SECOND, 60),
    ],
)
def test_to_the_second(late: Late, after: timedelta, expected: float) -> None:
    assert total(late, DUE + after) == expected


@pytest.mark.parametrize(
    ("late", "after", "percent", "days", "why"),
    [
        (CONSTANT, SECOND, 20, 1, "1 min late: 20 % once"),
        (A_DAY, 3 * HOUR, 10, 1, "3 h late: 1 begun day at 10 %"),
        (A_DAY, DAY + 3 * HOUR, 20, 2, "1 day 3 h late: 2 begun days at 10 %"),
        (A_DAY, 6 * DAY, 50, 6, "6 days late: 6 begun days at 10 %, 50 % at most"),
        (FREE, DAY, 0, 1, "1 day late: 1 of 2 free late days used"),
        (FREE, 3 * DAY, 25, 3, "3 days late, 2 days of it free: 1 begun day at 25 %"),
        (replace(FREE, days=1), 2 * DAY, 25, 2, "2 days late, 1 day of it free: 1 begun day at 25 %"),
        (replace(FREE, days=0), DAY, 25, 1, "1 day late: 1 begun day at 25 %"),
    ],
)
def test_it_says_why(late: Late, after: timedelta, percent: float, days: int, why: str) -> None:
    assert penalty((DUE + after).isoformat(), late, Extension()) == (percent, days, why)


@pytest.mark.parametrize(
    ("after", "words"), [(SECOND, "1 min"), (MINUTE + SECOND, "2 min"), (HOUR - SECOND, "1 h"), (DAY - SECOND, "1 day")]
)
def test_lateness_in_words(after: timedelta, words: str) -> None:
    assert lateness(DUE + after, DUE) == words


def test_a_clock_that_is_wrong_is_not_counted_for_long() -> None:
    assert days_late(datetime(2999, 12, 31, tzinfo=UTC), DUE, timedelta()) == 3660


# ---------------------------------------------------------------- time zones, clocks that change


def test_one_instant_in_two_offsets_costs_the_same() -> None:
    for after in (0 * SECOND, SECOND, DAY, DAY + SECOND):
        instant = DUE + after
        results = [
            apply(record(came=instant.astimezone(zone)), Policy(A_DAY))["policy"]
            for zone in (UTC, ZURICH, ZoneInfo("Asia/Kathmandu"))
        ]
        assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("due", "hours"), [(datetime(2026, 3, 28, 12, tzinfo=ZURICH), 23), (datetime(2026, 10, 24, 12, tzinfo=ZURICH), 25)]
)
def test_a_day_ends_at_the_same_time_by_the_clock(due: datetime, hours: int) -> None:
    end = due.astimezone(UTC) + hours * HOUR
    assert [days_late(end + after, due, timedelta()) for after in (0 * SECOND, SECOND)] == [1, 2]


@pytest.mark.parametrize("due", [datetime(2026, 3, 28, 2, 30, tzinfo=ZURICH), datetime(2026, 10, 24, 2, 30, tzinfo=ZURICH)])
def test_a_day_that_ends_at_no_time_or_at_two_ends_at_the_later_one(due: datetime) -> None:
    end = due.astimezone(UTC) + (25 if due.month == 10 else 24) * HOUR
    assert [days_late(end + after, due, timedelta()) for after in (0 * SECOND, SECOND)] == [1, 2]


def test_a_time_without_offset_is_of_the_zone_the_later_if_it_is_there_twice() -> None:
    assert parse_time("2026-11-30T23:59:00", ZURICH) == DUE
    assert parse_time(" 2026-11-30T22:59:00Z ") == DUE
    assert in_zone(datetime(2026, 10, 25, 2, 30), ZURICH).astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("yesterday", None, "'yesterday' is no time; write it like 2026-11-30T23:59:00+01:00"),
        ("", ZURICH, "'' is no time"),
        ("2026-11-30T23:59:00", None, "2026-11-30T23:59:00 does not say in which time zone; add the offset, like +01:00"),
        ("2026-03-29T02:30:00", ZURICH, "2026-03-29T02:30:00 does not exist in Europe/Zurich, where clocks go forward"),
        ("9999-12-31T23:59:59-05:00", None, "9999-12-31T23:59:59-05:00 is not in the years 1971 to 2999; mend it"),
        ("0001-01-01T00:00:00+05:00", ZURICH, "0001-01-01T00:00:00+05:00 is not in the years 1971 to 2999; mend it"),
    ],
)
def test_times_that_cannot_be_used(text: str, zone: ZoneInfo | None, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_time(text, zone)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("came", ["", "yesterday", "2026-12-24T00:00:00", "9999-12-31T23:59:59-05:00"])
def test_an_unknown_time_costs_nothing_and_says_so(came: str) -> None:
    final = apply(record(came=came), Policy(A_DAY))
    assert (final["total"], final["policy"]["penalty"]) == (80, 0)
    assert final["policy"]["why"] == ["it is not known when it was handed in: nothing is taken"]


# ---------------------------------------------------------------- extensions


@pytest.mark.parametrize(
    ("late", "extension", "after", "expected"),
    [
        (A_DAY, Extension(due=DUE + DAY), DAY, 80),
        (A_DAY, Extension(due=DUE + DAY), DAY + SECOND, 72),
        (A_DAY, Extension(due=DUE - DAY), 0 * SECOND, 80),
        (A_DAY, Extension(more=36 * HOUR), 36 * HOUR, 80),
        (A_DAY, Extension(more=36 * HOUR), 36 * HOUR + SECOND, 72),
        (A_DAY, Extension(DUE + DAY, HOUR), DAY + HOUR, 80),
        (FREE, Extension(late_days=3), 3 * DAY, 80),
        (FREE, Extension(late_days=0), SECOND, 60),
    ],
)
def test_an_extension(late: Late, extension: Extension, after: timedelta, expected: float) -> None:
    assert total(late, DUE + after, extensions={"student-001": extension}) == expected


def test_a_group_has_the_best_of_what_its_students_were_granted() -> None:
    group = record(came=DUE + 2 * DAY) | {"students": [{"name": "An Example", "login": "e1"}, {"login": "e2", "name": ""}]}
    policy = Policy(A_DAY, extensions={"An Example": Extension(more=HOUR), "e2": Extension(more=2 * DAY)})
    final = apply(group, policy)
    assert final["total"] == 80
    assert final["policy"]["extended"]
    assert final["policy"]["due"] == "2026-12-02T23:59:00+01:00"


# ---------------------------------------------------------------- cap, extra credit, and their order


@pytest.mark.parametrize(
    ("earned", "optional", "rules", "expected"),
    [
        (110, 20, {}, 110),
        (110, 20, {"extra": "ignore"}, 90),
        (110, 20, {"extra": "fill"}, 100),
        (95, 20, {"extra": "fill"}, 95),
        (110, 20, {"cap": 105}, 105),
        (110, 20, {"extra": "ignore", "cap": 95}, 90),  # what does not count is gone before the cap
        (110, 20, {"extra": "fill", "cap": 95}, 95),
        (80, 0, {"cap": 0}, 0),
    ],
)
def test_cap_and_extra_credit(earned: float, optional: float, rules: dict[str, Any], expected: float) -> None:
    assert apply(record(earned, optional=optional), Policy(**rules))["total"] == expected


def test_the_penalty_is_of_what_the_cap_left() -> None:
    final = apply(record(110, came=DUE + SECOND, optional=20), Policy(A_DAY, "fill", cap=90))
    assert final["total"] == 81
    assert final["policy"] == {
        "raw": 110, "penalty": 9, "percent": 10, "days_late": 1, "extended": False, "due": DUE.isoformat(),
        "why": ["optional questions make up for lost points, up to 100", "no more than 90 points count",
                "1 min late: 1 begun day at 10 %"],
    }  # fmt: skip
    ignored = apply(record(110, optional=20), Policy(extra="ignore"))["policy"]
    assert ignored["why"] == ["optional questions do not count: 20 points"]


def test_without_rules_a_record_is_as_it_was_judged() -> None:
    assert apply(record(), Policy()) == record()


# ---------------------------------------------------------------- settings


def test_settings_are_read() -> None:
    settings = """
        [late]
        policy = "late_days"
        due = 2026-11-30T23:59:00
        timezone = "Europe/Zurich"
        grace_minutes = 10
        percent = 12.5
        days = 3
        most = 60
        [points]
        extra = "fill"
        cap = 100
    """
    late = Late("late_days", DUE, 10 * MINUTE, 12.5, 3, 60)
    assert read_policy(tomllib.loads(settings), WHERE) == Policy(late, "fill", 100)
    assert read_policy({}, WHERE) == Policy()
    assert not read_policy({}, WHERE).says_something


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("late = 3", "late: must be a table; write [late] and its keys below it"),
        ("points = 'x'", "points: must be a table; write [points] and its keys below it"),
        ("late.policy = 'harsh'", "[late] policy: 'harsh' is unknown; write one of none, constant, percent_a_day, late_days"),
        ("late.policy = ['none']", "[late] policy: ['none'] is unknown"),
        ("late.policy = 'constant'", "[late] due: must be a time without quotes, like 2026-11-30T23:59:00+01:00"),
        ("late.policy = 'constant'\nlate.due = '2026-11-30'", "[late] due: must be a time without quotes"),
        ("late.policy = 'constant'\nlate.due = 2026-11-30", "[late] due: must be a time without quotes"),
        ("late.due = 2026-11-30T23:59:00", "[late] due: 2026-11-30T23:59:00 does not say in which time zone"),
        ("late.due = 2026-03-29T02:30:00\nlate.timezone = 'Europe/Zurich'", "[late] due: 2026-03-29T02:30:00 does not exist"),
        ("late.due = 9999-12-31T23:59:00-01:00", "[late] due: 9999-12-31T23:59:00-01:00 is not in the years 1971 to 2999"),
        ("late.timezone = 'Nowhere'", "[late] timezone: there is no 'Nowhere'; write one like Europe/Zurich"),
        ("late.timezone = '../etc/passwd'", "[late] timezone: there is no '../etc/passwd'"),
        ("late.timezone = 1", "[late] timezone: there is no 1;"),
        ("late.percent = 101", "[late] percent: 101 is more than 100; give a share of all points in percent"),
        ("late.most = 100.5", "[late] most: 100.5 is more than 100"),
        ("late.days = 1.5", "[late] days: 1.5 is no whole number; give whole days"),
        ("late.percent = -1", "[late] percent: -1 must be a number, 0 or more"),
        ("late.percent = nan", "[late] percent: nan must be a number"),
        ("late.grace_minutes = true", "[late] grace_minutes: True must be a number"),
        ("late.grace_minutes = inf", "[late] grace_minutes: inf must be a number"),
        ("late.grace = 5", "[late] grace: there is no such setting; there are policy, due, timezone, grace_minutes, percent"),
        ("points.extra = 'double'", "[points] extra: 'double' is unknown; write one of on_top, fill, ignore"),
        ("points.cap = '100'", "[points] cap: '100' must be a number, 0 or more"),
        ("points.maximum = 9", "[points] maximum: there is no such setting; there are extra, cap"),
    ],
)
def test_settings_that_cannot_be_used(settings: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(tomllib.loads(settings), WHERE)
    assert str(caught.value).startswith(f"{WHERE}: {message}")


# ---------------------------------------------------------------- the CSV files


def test_extensions_are_read_in_the_zone_of_the_assignment(tmp_path: Path) -> None:
    path = tmp_path / "extensions.csv"
    path.write_text("\ufeffstudent, due,days,hours,late_days,reason\n"
                    "student-001,2026-11-30T23:59:00,,,,ill\nstudent-002,,1,1.5,4,\n", "utf-8")  # fmt: skip
    policy = read_policy({"late": {"timezone": "Europe/Zurich"}}, WHERE, path)
    assert policy.extensions == {"student-001": Extension(DUE), "student-002": Extension(None, DAY + 1.5 * HOUR, 4)}


def test_extensions_as_spreadsheets_save_them(tmp_path: Path) -> None:
    """Semicolons, and letters in another form than the record's."""
    path = tmp_path / "extensions.csv"
    path.write_text("\ufeffstudent;days\r\nZoe\u0301;1\r\n", "utf-8")
    policy = Policy(extensions=read_extensions(path))
    for name in ("Zo\u00e9", "Zoe\u0301"):
        assert granted({"submission": "x", "students": [{"name": name}]}, policy) == Extension(None, DAY)


def test_an_extension_that_several_have_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    two = [{"submission": n, "students": [{"name": "Jane Doe", "email": f"{n}@school.invalid"}]} for n in "ab"]
    policy = Policy(extensions={name: Extension(more=DAY) for name in ("Jane Doe", "a@school.invalid")})
    _warn_of_extensions(policy, two)
    assert " ".join(capsys.readouterr().err.split()) == (
        "extension of 'Jane Doe': 2 submissions are of that name (a, b) and have it; a number or an address is one student's"
    )


def test_times_that_are_not_known_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    given = [record(name="a"), {**record(name="b"), "late": True}, record(name="c", came=DUE)]
    said = ("nothing is taken for lateness where it is not known when it was handed in: "
            "2, such as a, 1 of them marked late; say when with --times CSV")  # fmt: skip
    for late, expected in ((A_DAY, said), (Late(), "")):
        policy = Policy(late)
        _warn_of_times(policy, [apply(one, policy) for one in given])
        assert " ".join(capsys.readouterr().err.split()) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: lacks the column student; there are student, due, days, hours, late_days, reason"),
        ("days\n1\n", ":1: lacks the column student"),
        ("student,until\nx,y\n", ":1: column 'until' is unknown; there are student, due"),
        ("student,days,days\nx,1,2\n", ":1: column 'days' is there twice; keep one"),
        ("student,days\nx\n", ":2: has another number of cells than the first line; mend it"),
        ("student,days\nx,1,2\n", ":2: has another number of cells"),
        ("student,days\nx,1\n\nx,2\n", ":4: 'x' is there twice; keep one line"),
        ("student,days\n ,1\n", ":2: names no student; write who it is, or take the line out"),
        ("student,days\nx,two\n", ":2: days is 'two'; write a number from 0 to 87840"),
        ("student,hours\nx,-1\n", ":2: hours is '-1'; write a number from 0 to 87840"),
        ("student,hours\nx,nan\n", ":2: hours is 'nan'; write a number"),
        ("student,hours\nx,1e9\n", ":2: hours is '1e9'; write a number from 0 to 87840"),
        ("student,late_days\nx,2.5\n", ":2: late_days is '2.5'; write a whole number from 0 to 87840"),
        ("student,due\nx,soon\n", ":2: 'soon' is no time; write it like"),
        ("student,due\nx,2026-11-30T23:59:00\n", ":2: 2026-11-30T23:59:00 does not say in which time zone"),
        (
            "student,due\nx,2026-11-30\n",
            ":2: 2026-11-30 does not say when on that day; write it like 2026-11-30T23:59:00+01:00",
        ),
        ('student,days\n"x,1\n', ": unexpected end of data; save it as CSV in UTF-8"),
    ],
)
def test_extensions_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "extensions.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(PolicyError) as caught:
        read_extensions(path)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"submission\nx\n", ":1: lacks the column submission, submitted_at; there are submission, submitted_at"),
        (b"submission,submitted_at\nx,\n", ":2: '' is no time"),
        (b"submission,submitted_at\nx,2026-11-30T23:59:00\n", ":2: 2026-11-30T23:59:00 does not say in which time zone"),
        (b"submission,submitted_at\nx,2026-11-30T23Z\nx,2026-12-01T23Z\n", ":3: 'x' is there twice; keep one line"),
        (b"submission,submitted_at\n\xff,\n", ": 'utf-8' codec can't decode"),
    ],
)
def test_times_files_that_cannot_be_used(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "times.csv"
    path.write_bytes(data)
    with pytest.raises(PolicyError) as caught:
        read_times(path)
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize("read", [read_extensions, read_times])
def test_files_that_are_not_there(tmp_path: Path, read: Any) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.csv: No such file or directory; give a CSV file with the column"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(PolicyError, match="Is a directory; give a CSV file"):
        read(tmp_path)


# ---------------------------------------------------------------- the real command


def test_times_and_extensions_of_a_run(baked: Bundle, solution: dict[str, bytes], run: Run, tmp_path: Path) -> None:
    assignment = shutil.copytree(ASSIGNMENT, tmp_path / "assignment")
    with (assignment / "assignment.toml").open("a", encoding="utf-8") as file:
        file.write('\n[late]\npolicy = "percent_a_day"\ndue = 2026-11-30T23:59:00\ntimezone = "Europe/Zurich"\npercent = 10\n')
    some = tuple(question for question in baked.questions if question.name == "rnn_step")
    step = replace(baked, questions=some, source=source_hash(assignment))  # [late] is of the assignment too
    bundle = small.write(small.again(step), tmp_path / "bundle.npz")
    for name in ("student-001", "student-002"):
        write_package(tmp_path / "class" / name, {key: data for key, data in solution.items() if key != "simple_rnn"})
    late = "2026-12-01T22:59:01+00:00"
    times, granted = tmp_path / "times.csv", tmp_path / "extensions.csv"
    times.write_text(f"submission,submitted_at\nstudent-001,{late}\nstudent-002,{late}\nstudent-2,{late}\n", "utf-8")
    granted.write_text("student,hours\nstudent-002,25\nstudent-09,1\n", "utf-8")
    done = run("autograder", "grade", tmp_path / "class", "--out", tmp_path / "out", "--assignment", assignment,
               "--bundle", bundle, "--times", times, "--extensions", granted)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "extension of 'student-09': nobody of that name has handed in" in done.stderr
    assert f"{times}: 'student-2': no submission is called so" in done.stderr
    one, two = (json.loads(path.read_text("utf-8")) for path in sorted((tmp_path / "out" / "records").glob("student-*.json")))
    worth = step.questions[0].points
    CHECK.validate(one)
    CHECK.validate(two)
    assert (one["total"], two["total"]) == (round(0.8 * worth, 2), worth)
    assert one["policy"]["why"] == ["1 day late: 2 begun days at 10 %"]
    assert (two["policy"]["extended"], two["policy"]["percent"]) == (True, 0)
