"""Pure functions from records to what people read: CSV, JSON, a page a student. They see records and nothing else.

Imports jinja2, whose autoescaping is on: a record carries text that students wrote.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from .feedback import WORDS, telling_cases

Record = Mapping[str, Any]


def grades_csv(records: Sequence[Record], questions: Sequence[str]) -> str:
    """``submission,status,total,possible`` and a column a question, one row a submission, in the order of names."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["submission", "status", "total", "possible", *questions])
    for record in sorted(records, key=lambda record: str(record["submission"])):
        earned = {question["name"]: question["earned"] for question in record["questions"]}
        row = [
            spreadsheet_safe(record["submission"]),
            record["status"],
            f"{record['total']:g}",
            f"{record['possible']:g}",
        ]
        writer.writerow([*row, *(f"{earned.get(name, 0.0):g}" for name in questions)])
    return buffer.getvalue()


def spreadsheet_safe(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def record_json(record: Record) -> str:
    """One record, for staff: hidden cases included."""
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def feedback_page(record: Record, *, title: str, parts: Mapping[str, str]) -> str:
    """The page that a student gets: self-contained HTML, without the numbers and hints of hidden cases."""
    return _ENVIRONMENT.get_template("feedback.html").render(
        record=record,
        title=title,
        parts=[
            (letter, name, [q for q in record["questions"] if q["number"].startswith(letter)])
            for letter, name in parts.items()
        ],
        words=WORDS,
    )


def _share(earned: float, possible: float) -> str:
    """How a score looks: full, part or none."""
    return "full" if earned >= possible else ("part" if earned > 0 else "none")


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["points"] = lambda value: f"{value:g}"
_ENVIRONMENT.filters["word"] = lambda verdict: WORDS[verdict]
_ENVIRONMENT.globals["share"] = _share
_ENVIRONMENT.globals["telling_cases"] = telling_cases


def summary(records: Sequence[Record]) -> dict[str, Any]:
    """What a closing table says of a run: counts of status, quartiles of totals, and questions by mean share."""
    totals = sorted(record["total"] for record in records if record["status"] == "graded")
    questions: dict[str, list[float]] = {}
    verdicts: dict[str, Counter[str]] = {}
    for record in records:
        if record["status"] != "graded":
            continue
        for question in record["questions"]:
            questions.setdefault(question["name"], []).append(question["earned"] / question["possible"])
            verdicts.setdefault(question["name"], Counter())[question["verdict"]] += 1
    return {
        "status": dict(Counter(record["status"] for record in records)),
        "totals": [totals[round(q * (len(totals) - 1))] for q in (0.0, 0.25, 0.5, 0.75, 1.0)] if totals else [],
        "questions": {
            name: {"mean": sum(shares) / len(shares), "verdicts": dict(verdicts[name])}
            for name, shares in questions.items()
        },
    }
