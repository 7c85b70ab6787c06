"""A results folder: the records in it, and the pages and tables that are made of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from ..authoring.declare import Assignment, shows_hidden_hints
from ..checks.bundle import Bundle, write_file
from ..checks.feedback import WORDS
from ..grading import dashboard, reports, written
from ..grading.cluster import settle_log
from ..grading.journal import InOrder, Journal
from ..grading.names import file_stem, some
from ..grading.policy import UNKNOWN_TIME, Policy, apply, called
from .console import ERR, OUT, UsageError, list_some

NEEDED = {"submission", "questions", "total", "status", "content"}  # what commands rely on in a record


# ---------------------------------------------------------------- a finished run


def bring_out(
    out: Path, journal: Journal, bundle: Bundle, policy: Policy, assignment: Path, graded: int = 0, seconds: float = 0.0
) -> int:
    """Write the reports of a finished run and say what is in them. Returns the exit code."""
    settle_log(out, journal.records)
    points = written.read_points(out)["points"]
    records = journal.records.in_order(lambda record: written.attach(apply(record, policy), points, bundle.written))
    found = write_reports(out, records, bundle, hidden_hints=shows_hidden_hints(assignment, datetime.now(UTC)))
    _warn_of_extensions(policy, records)
    _warn_of_times(policy, records)
    _closing_table(found, graded, seconds)
    OUT.print(f"\n{out / 'dashboard.html'}, {out / 'grades.csv'}, {out / 'feedback'}/, {out / 'records'}/", markup=False)
    list_some([f"{one.name}: unreadable: {one.problem}" for one in found if one.status == "unreadable"])
    old = [one.name for one in found if one.bundle != bundle.digest]
    if old:
        ERR.print(f"{len(old)} records, such as {old[0]}, are of an older version; grade without --only, --since and --failed",
                  markup=False)  # fmt: skip
    bad = [f"{one.name}: the grader could not judge it: {one.problem}" for one in found if one.status == "grader_error"]
    for line in bad:
        ERR.print(line, markup=False)
    return 1 if bad or old else 0


def _warn_of_extensions(policy: Policy, records: Iterable[reports.Record]) -> None:
    """Say which extensions are of nobody, since a name may be misspelt, and which are of several."""
    holders: dict[str, list[str]] = {name: [] for name in policy.extensions}
    for record in records if holders else ():
        for name in called(record) & set(holders):
            holders[name].append(str(record["submission"]))
    wrong = []
    for name, found in sorted(holders.items()):
        if not found:
            wrong.append(f"extension of {name!r}: nobody of that name has handed in")
        if len(found) > 1:
            names = some(sorted(found))
            wrong.append(f"extension of {name!r}: {len(found)} submissions are of that name ({names}) and have it; "
                         "a number or an address is one student's")  # fmt: skip
    list_some(wrong)


def _warn_of_times(policy: Policy, records: Iterable[reports.Record]) -> None:
    """Say once of how many it is not known when they came, where that would cost points: some systems do not tell."""
    if policy.late.kind == "none":
        return
    found = ((str(one["submission"]), bool(one.get("late"))) for one in records if UNKNOWN_TIME in one["policy"]["why"])
    unknown = dict(found)  # whether the system marked it late, by name
    if unknown:
        late = f", {sum(unknown.values())} of them marked late" if any(unknown.values()) else ""
        ERR.print("nothing is taken for lateness where it is not known when it was handed in: "
                  f"{len(unknown)}, such as {min(unknown)}{late}; say when with --times CSV", markup=False)  # fmt: skip


def _closing_table(class_facts: Sequence[dashboard.Facts], graded: int, seconds: float) -> None:
    found = dashboard.summary(class_facts)
    table = Table("question", "mean", "right", "others, most often", box=None, pad_edge=False)
    for name, question in found["questions"].items():
        verdicts = {verdict: count for verdict, count in question["verdicts"].items() if verdict != "passed"}
        other = max(verdicts, key=lambda verdict: verdicts[verdict], default="")
        right = question["verdicts"].get("passed", 0)
        table.add_row(name, f"{question['mean']:.0%}", str(right), f"{WORDS[other]} ({verdicts[other]})" if other else "")
    OUT.print(table)
    status = ", ".join(f"{count} {word}" for word, count in sorted(found["status"].items()))
    OUT.print(f"\n{len(class_facts)} submission{'s' if len(class_facts) != 1 else ''}: {status}", markup=False)
    if found["totals"]:
        low, q1, middle, q3, high = found["totals"]
        OUT.print(f"totals: median {middle:g}, half between {q1:g} and {q3:g}, from {low:g} to {high:g}", markup=False)
    if graded:
        OUT.print(f"graded {graded} in {seconds:.1f} s ({graded / seconds:.1f} a second)", markup=False)


# ---------------------------------------------------------------- its pages and tables


def write_reports(
    out: Path, records: Sequence[reports.Record], declared: Bundle | Assignment, *, hidden_hints: bool
) -> list[dashboard.Facts]:
    """Write all pages and tables of a results folder. Returns what is left of the records, which are read once.

    hidden_hints: students are told what hidden cases hint at.
    """
    names = records.names if isinstance(records, InOrder) else [record["submission"] for record in records]
    stems = file_stem(names)
    wanted, class_facts = set(), []
    table = reports.GradesTable([question.name for question in declared.questions])
    for record in records:
        class_facts.append(dashboard.facts(record))
        table.add(record)
        stem = stems[record["submission"]]
        page = reports.feedback_page(record, title=declared.title, parts=declared.parts, hidden_hints=hidden_hints)
        for path, text in (
            (out / "records" / f"{stem}.json", reports.record_json(record)),
            (out / "feedback" / f"{stem}.html", page),
        ):
            write_file(path, text.encode("utf-8", "replace"))
            wanted.add(path)
    for folder, ending in ((out / "records", ".json"), (out / "feedback", ".html")):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path not in wanted and path.suffix in (ending, ".tmp"):
                path.unlink()  # of a submission whose name now needs another file name, or of a killed run
    whole = dashboard.page(class_facts, stems, title=declared.title, parts=declared.parts)
    write_file(out / "dashboard.html", whole.encode("utf-8", "replace"))
    write_file(out / "grades.csv", table.text().encode("utf-8", "replace"))
    return class_facts


# ---------------------------------------------------------------- its records


def record_paths(results: Path) -> list[Path]:
    """Where the records of a results folder are. Raises UsageError if there are none."""
    paths = sorted((results / "records").glob("*.json"))
    if not paths:
        raise UsageError(f"{results}: holds no records; name a folder that 'autograder grade' has finished")
    return paths


def read_record(path: Path) -> dict[str, Any]:
    """One record. Raises UsageError."""
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        if set(record) >= NEEDED:
            return record
    except (ValueError, TypeError):
        pass
    raise UsageError(f"{path}: is no record; run 'autograder grade' again")


def read_records(results: Path) -> Iterator[dict[str, Any]]:
    """The records of a results folder one by one. Raises UsageError."""
    return map(read_record, record_paths(results))
