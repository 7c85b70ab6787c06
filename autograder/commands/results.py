"""What commands share: which assignment is meant, the records of a results folder, and the pages made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..authoring.bake import Assignment
from ..checks.bundle import Bundle, write_file
from ..grading import dashboard, reports
from ..grading.intake import file_stem


class UsageError(Exception):
    """The command cannot be carried out as it was given."""


def find_assignment(folder: Path | None) -> Path:
    """The assignment's folder: as given, or the only one there is. Raises UsageError."""
    if folder is not None:
        return folder
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        found = sorted(path.parent for path in root.glob("assignments/*/assignment.toml"))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"there are several assignments ({names}); name one with --assignment")
    raise UsageError("no folder assignments/ here; go to the project's root, or name the assignment with --assignment")


def write_reports(out: Path, records: Sequence[reports.Record], declared: Bundle | Assignment, *, hidden_hints: bool) -> None:
    """Write all pages and tables of a results folder. hidden_hints: students are told what hidden cases hint at."""
    stems = file_stem([record["submission"] for record in records])
    wanted, class_facts = set(), []
    for record in records:
        class_facts.append(dashboard.facts(record))
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
    names = [question.name for question in declared.questions]
    write_file(out / "grades.csv", reports.grades_csv(records, names).encode("utf-8", "replace"))


def read_records(results: Path) -> Iterator[dict[str, Any]]:
    """The records of a results folder one by one. Raises UsageError."""
    paths = sorted((results / "records").glob("*.json"))
    if not paths:
        raise UsageError(f"{results}: holds no records; name a folder that 'autograder grade' has finished")
    for path in paths:
        try:
            yield json.loads(path.read_bytes())
        except ValueError as error:
            raise UsageError(f"{path}: {error}; run 'autograder grade' again") from None
