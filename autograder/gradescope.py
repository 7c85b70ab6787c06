"""Gradescope's autograder: `python -m autograder.gradescope [/autograder]`. Staff only; runs in Gradescope's container.

A results.json that says that nothing was graded is there first; the judged one takes its place by a rename. Results are
pure functions of a record, the settings and submission_metadata.json; lateness and rate limits are counted from the
time of submission, never from now. Imports feedback, names, policy and single.
"""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .checks.bundle import write_file
from .checks.feedback import WORDS, telling_cases
from .grading.names import plain_text
from .grading.policy import Policy, answers, apply, read_policy, score
from .grading.single import engine_in, judged

MAX_OUTPUT = 10_000  # characters of a text that is shown as it is
VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")
Record = Mapping[str, Any]


class SettingsError(Exception):
    """The settings cannot be used; the message says what and what to do."""


@dataclass(frozen=True)
class Settings:
    """What a course decides, in assignment.toml under [gradescope].

    hidden_cases: when students see points, and which hidden cases are not right. leaderboard: a question that measures
    memory, whose peak is listed once its answer is right; "" for none. seconds: for the judge, below Gradescope's own
    limit. submissions, hours: so many are graded in so many hours; 0 is no limit.
    """

    hidden_cases: str = "after_due_date"
    leaderboard: str = ""
    seconds: float = 540.0
    submissions: int = 0
    hours: float = 24.0


def read_settings(table: Mapping[str, Any], where: str) -> Settings:
    """Check a table of settings. Raises SettingsError."""
    known = asdict(Settings())
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"{where}: there is no setting {key!r}; there are {', '.join(known)}")
        kinds = (int, float) if isinstance(known[key], float) else type(known[key])
        if isinstance(value, bool) or not isinstance(value, kinds) or (isinstance(value, int | float) and value < 0):
            raise SettingsError(f"{where}: {key} = {value!r}; write a {'text' if kinds is str else 'number from 0 on'}")
    if table.get("hidden_cases", "hidden") not in VISIBILITY:
        raise SettingsError(f"{where}: hidden_cases = {table['hidden_cases']!r}; write one of {', '.join(VISIBILITY)}")
    return Settings(**table)


# ---------------------------------------------------------------- the time of submission


@dataclass(frozen=True)
class Submitted:
    """What submission_metadata.json says: this submission's time, the due dates, and the submissions before it."""

    at: datetime | None = None
    due: datetime | None = None
    late_due: datetime | None = None
    before: tuple[tuple[datetime, float | None], ...] = ()  # time and score of those that were graded without trouble

    @property
    def late(self) -> timedelta:
        """How long after the due date it was handed in."""
        return max(self.at - self.due, timedelta(0)) if self.at and self.due else timedelta(0)


def read_metadata(data: bytes) -> Submitted:
    """Read submission_metadata.json as far as it goes: what is missing or of another form is unknown."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return Submitted()
    found = found if isinstance(found, dict) else {}
    assignment = found.get("assignment")
    assignment = assignment if isinstance(assignment, dict) else {}
    earlier = found.get("previous_submissions")
    before = []
    for item in earlier if isinstance(earlier, list) else ():
        at = _time(item.get("submission_time")) if isinstance(item, dict) else None
        if at is not None and not item.get("autograder_error"):
            before.append((at, _number(item.get("score"))))
    times = (_time(found.get("created_at")), _time(assignment.get("due_date")), _time(assignment.get("late_due_date")))
    return Submitted(*times, tuple(sorted(before, key=lambda entry: entry[0])))


def _time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def next_allowed(submitted: Submitted, settings: Settings) -> datetime | None:
    """When the next submission would be graded, if the limit is reached now; None if this one is to be graded.

    Submissions that were refused do not count: who tries again and again waits no longer.
    """
    if not settings.submissions or submitted.at is None:
        return None
    window = timedelta(hours=settings.hours)
    graded: list[datetime] = []
    for at, _ in submitted.before:
        if at <= submitted.at and sum(at - window < other for other in graded) < settings.submissions:
            graded.append(at)
    recent = [at for at in graded if submitted.at - window < at]
    return recent[-settings.submissions] + window if len(recent) >= settings.submissions else None


def rules_of(tables: Mapping[str, Any], submitted: Submitted) -> Policy:
    """The course's rules on lateness and points. What Gradescope says is due, with a student's extension, goes first.

    tables: [late] and [points] of assignment.toml, with the due time as text, as `plain_rules` makes them. Raises
    PolicyError.
    """
    late = dict(tables.get("late", {}))
    due = submitted.due or (_time(late["due"]) if "due" in late else None)
    if due is None:
        late = {}  # nothing is ever late
    else:
        late["due"] = due
    return read_policy({"late": late, "points": tables.get("points", {})}, Path("settings.json"))


def plain_rules(tables: Mapping[str, Any]) -> dict[str, Any]:
    """[late] and [points] as JSON can hold them: the due time with its offset, so that no table of time zones is needed.

    Raises PolicyError for rules that cannot be used.
    """
    checked = read_policy(tables, Path("assignment.toml"))
    late = {key: value for key, value in tables.get("late", {}).items() if key not in ("due", "timezone")}
    if checked.late.due is not None:
        late["due"] = checked.late.due.isoformat()
    return {"late": late, "points": dict(tables.get("points", {}))}


# ---------------------------------------------------------------- results


def pessimistic() -> dict[str, Any]:
    """What stands until there is more to say: no points, and whose fault that is not."""
    text = ("The autograder did not finish. That is not your fault, and these are not your points: "
            "tell the course staff, who can run it again.")  # fmt: skip
    return _one_message(0.0, "The autograder finished", text)


def refused(submitted: Submitted, settings: Settings, then: datetime) -> dict[str, Any]:
    """The result of a submission above the rate limit: the points of the one before it stand."""
    before = [points for _, points in submitted.before if points is not None]
    text = (f"Not graded: {settings.submissions} submissions in {settings.hours:g} hours are graded, and those are used up. "
            f"The points of your last graded one stand. The next one is graded from {then:%Y-%m-%d %H:%M %Z} on.")  # fmt: skip
    return _one_message(before[-1] if before else 0.0, "Graded", text)


def _one_message(points: float, name: str, text: str) -> dict[str, Any]:
    return {"score": points, "output": text, "output_format": "text", "stdout_visibility": "hidden",
            "tests": [{"name": name, "status": "failed", "output": text, "visibility": "visible"}]}  # fmt: skip


def results(record: Record, settings: Settings) -> dict[str, Any]:
    """A record as Gradescope's results.json."""
    if record["status"] == "grader_error":
        return _grader_failed(record)
    applied = record.get("policy", {})
    penalty = [f"{applied['raw']:g} points before these rules: {'; '.join(applied['why'])}."] if applied.get("why") else []
    lines = [line for line in (record["problem"], *record["notes"], *penalty) if line]
    tests = [test for question in record["questions"] for test in _question_tests(question, settings)]
    found: dict[str, Any] = {
        "score": score(record), "output": plain_text("\n".join(lines), MAX_OUTPUT), "output_format": "text",
        "test_output_format": "md", "test_name_format": "text", "stdout_visibility": "hidden",
        "tests": [*tests, *_written_tests(record, settings)],
        "extra_data": {key: record.get(key, "") for key in ("submission", "status", "isolation", "bundle", "content")},
    }  # fmt: skip
    board = _leaderboard(record, settings)
    return {**found, "leaderboard": board} if board else found


def _grader_failed(record: Record) -> dict[str, Any]:
    text = "The grader failed on this submission. That is not your fault; the course staff see this too and will grade it."
    hidden = {"name": "For staff: the grader failed", "status": "failed", "output": record["problem"],
              "output_format": "text", "visibility": "hidden"}  # fmt: skip
    shown = {"name": "Graded", "status": "failed", "output": text, "visibility": "visible"}
    return {"score": 0.0, "output": text, "output_format": "text", "stdout_visibility": "hidden", "tests": [shown, hidden],
            "extra_data": {"status": "grader_error"}}  # fmt: skip


def _question_tests(question: Record, settings: Settings) -> list[dict[str, Any]]:
    """The entries of a question: one with all of it, or the public cases at once and the points later."""
    title = {"number": question["number"], "name_format": "text", "output_format": "md"}
    possible = 0.0 if question["optional"] else question["possible"]  # optional points come on top
    points = {"score": question["earned"], "max_score": possible}
    state = {"status": "passed" if question["verdict"] == "passed" else "failed"}
    public = [case for case in question["cases"] if not case["hidden"]]
    public_right = bool(public) and all(case["verdict"] == "passed" for case in public)
    text = public_text(question)
    if settings.hidden_cases == "visible":
        name = f"{question['number']} {question['name']}"
        return [{**title, **points, **state, "name": name, "output": text + hidden_text(question), "visibility": "visible"}]
    return [
        {**title, "name": f"{question['number']} {question['name']}: public cases", "output": text,
         "status": "passed" if public_right else "failed", "visibility": "visible"},
        {**title, **points, **state, "name": f"{question['number']} {question['name']}: all cases",
         "output": hidden_text(question).strip() or _nothing_hidden(question), "visibility": settings.hidden_cases},
    ]  # fmt: skip


def _written_tests(record: Record, settings: Settings) -> list[dict[str, Any]]:
    """Written answers: with their points where people have graded them, else as they were handed in."""
    graded = {answer["number"]: answer for answer in answers(record)}
    tests = [
        {"name": f"{number} {answer['name']}", "number": number, "score": answer["earned"], "max_score": answer["possible"],
         "output": plain_text(answer["comment"], MAX_OUTPUT), "output_format": "text", "visibility": settings.hidden_cases}
        for number, answer in sorted(graded.items())
    ]  # fmt: skip
    return tests + [
        {"name": f"{number}: your written answer, which people will grade", "number": number,
         "output": answer, "output_format": "text", "visibility": "visible"}
        for number, answer in sorted(record.get("answers", {}).items()) if number not in graded
    ]  # fmt: skip


def public_text(question: Record) -> str:
    """What is wrong in public cases, as markdown: findings as code, since they quote the student; hints as quotes."""
    if not question["cases"] or question["verdict"] == "not_implemented":
        return f"{WORDS[question['verdict']].capitalize()}."
    told, others = telling_cases(question)
    if not told:
        return "The public cases are right. Hidden cases of the same kind count as well."
    lines = [line for case in told for line in _case_lines(case)]
    if others:
        lines.append(f"Also not right: {', '.join(markdown_safe(case['name']) for case in others)}.")
    return "\n\n".join(lines)


def _case_lines(case: Record) -> list[str]:
    lines = [f"**Case {markdown_safe(case['name'])}: {WORDS[case['verdict']]}**"]
    wrong = [value for value in case["values"] if not value["right"]]
    findings = [finding for value in wrong for finding in value["findings"]]
    quoted = "\n".join(filter(None, [case["text"], case["trace"], *findings]))
    lines += [fenced(quoted)] if quoted else []
    hints = dict.fromkeys([value["hint"] for value in wrong if value["hint"]] + ([case["hint"]] if case["hint"] else []))
    return lines + [f"> Hint: {markdown_safe(hint)}" for hint in hints]


def hidden_text(question: Record) -> str:
    """Which hidden cases are not right, by name: their numbers stay in the records."""
    found = [case for case in question["cases"] if case["hidden"] and case["verdict"] != "passed"]
    if not found:
        return ""
    listed = "\n".join(f"- {markdown_safe(case['name'])}: {WORDS[case['verdict']]}" for case in found)
    return f"\n\nHidden cases that are not right:\n\n{listed}"


def _nothing_hidden(question: Record) -> str:
    if question["verdict"] == "passed":
        return "All cases are right."
    return "No hidden case is wrong." if question["cases"] else f"{WORDS[question['verdict']].capitalize()}."


def fenced(text: str, language: str = "") -> str:
    """Text as a block of code that nothing in it can end."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def markdown_safe(text: str) -> str:
    """A line of text that markdown shows as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", html.escape(text, quote=False).replace("\n", " "))


def _leaderboard(record: Record, settings: Settings) -> list[dict[str, Any]]:
    """The peak memory of the question named in the settings, if its answer is right."""
    right = {question["name"] for question in record["questions"] if question["verdict"] == "passed"}
    peak = record.get("peaks", {}).get(settings.leaderboard)
    if settings.leaderboard not in right or peak is None:
        return []
    return [{"name": "Peak memory in MiB", "value": round(peak / 2**20, 2), "order": "asc"}]


def write_results(path: Path, found: Mapping[str, Any]) -> None:
    """Write results.json under a temporary name and rename it."""
    write_file(path, json.dumps(found, indent=1, ensure_ascii=True).encode())


# ---------------------------------------------------------------- the program


def main(root: Path, engine: Path | None = None) -> int:
    """Grade root/submission and write root/results/results.json. Returns 0: what went wrong stands in the results."""
    path = root / "results" / "results.json"
    write_results(path, pessimistic())
    folder = engine or Path(__file__).resolve().parent.parent
    found = json.loads((folder / "settings.json").read_bytes())
    settings = read_settings(found["gradescope"], "settings.json")
    metadata = root / "submission_metadata.json"
    submitted = read_metadata(metadata.read_bytes() if metadata.is_file() else b"")
    then = next_allowed(submitted, settings)
    if then is not None:
        write_results(path, refused(submitted, settings, then))
        return 0
    record = judged("submission", root / "submission", engine_in(folder), seconds=settings.seconds)
    came = {"submitted_at": submitted.at.isoformat() if submitted.at else ""}
    record = apply({**record, **came}, rules_of(found["rules"], submitted))
    write_results(path, results(record, settings))
    print(f"{record['status']}: {record['total']:g} of {record['possible']:g} points. {record['problem']}")
    return 0


def paths(arguments: Sequence[str]) -> Path:
    """The root that the command line names; Gradescope's own by default."""
    return Path(arguments[0]) if arguments else Path("/autograder")


if __name__ == "__main__":
    sys.exit(main(paths(sys.argv[1:])))
