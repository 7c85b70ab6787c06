"""otter: the flat folder of zips and notebooks that `otter grade` takes in, its final_grades.csv out. Imports intake.

student-017.ipynb    student-018.zip    hw_2024_05_06T12_34_56_789.zip
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..grading.intake import Entry
from ..grading.names import is_zip_name, visible
from ..grading.policy import answers, possible, score
from .export import Export
from .plain import named_entries
from .students import Record
from .table import csv_text

TITLE = "flat folder of zips and notebooks"
STAMP = re.compile(r"_\d{4}_\d\d_\d\dT\d\d_\d\d_\d\d_\d+\.zip$")


def recognise(export: Export) -> str:
    """Return the evidence that this is such a folder, or ""."""
    names = export.names()
    flat = [name for name, kind in names.items() if kind == "file" and _ours(name)]
    named = [name for name in flat if STAMP.search(name) or not is_zip_name(name)]
    return f"{len(named)} names like {visible(named[0])}" if named and 2 * len(flat) >= len(names) else ""


def _ours(name: str) -> bool:
    return is_zip_name(name) or name.lower().endswith(".ipynb")


def entries(export: Export, detail: str = "") -> tuple[list[Entry], list[str]]:
    """Return an entry for each zip and notebook, and the names of what else lies there."""
    names = export.names()
    stems = {name: name.rpartition(".")[0] for name, kind in names.items() if kind in ("file", "link") and _ours(name)}
    return named_entries(export, stems), [name for name in names if name not in stems]


# ---------------------------------------------------------------- out


def final_grades(records: Sequence[Record]) -> str:
    """Return the final_grades.csv of `otter grade`: points a question, the questions sorted, the files sorted."""
    points = {one["name"]: one["possible"] for record in records for one in (*record["questions"], *answers(record))}
    names = sorted(points)
    most = max(map(possible, records), default=0)
    rows: list[list[object]] = [
        ["file", *names, "total_points_earned", "percent_correct", "grading_status"],
        ["points-per-question", *(points[name] for name in names), most, 1, "--"],
    ]
    for record in sorted(records, key=lambda record: str(record["submission"])):
        earned = {one["name"]: one["earned"] for one in (*record["questions"], *answers(record))}
        share = round(score(record) / possible(record), 4) if possible(record) else 0.0
        status = visible(record["problem"], 500) or ("Completed" if record["status"] == "graded" else record["status"])
        rows.append([record["submission"], *(earned.get(name, 0.0) for name in names), score(record), share, status])
    return csv_text(rows)
