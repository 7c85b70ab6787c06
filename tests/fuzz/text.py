"""Fuzzes what stands between a student's text and a report: cleaning, names, a page, a table, the parsing of a module."""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import atheris

with atheris.instrument_imports(include=["autograder"]):
    from autograder.checks import runner
    from autograder.grading import names, reports

from tests.fuzz.common import fuzz, steers

CASE = {"name": "small", "hidden": False, "plain": True, "verdict": "crashed", "hint": "", "values": [], "warnings": []}
QUESTION = {"name": "q", "number": "B1", "module": "rnn", "verdict": "crashed", "earned": 0.0, "possible": 2.0,
            "outputs": [{"name": "h", "earned": 0.0, "possible": 2.0}]}  # fmt: skip
RECORD = {"content": "0", "status": "graded", "problem": "", "total": 0.0, "possible": 2.0, "isolation": "full"}
BARE = re.sub(r"\s+", " ", reports.feedback_page(
    {**RECORD, "submission": "", "notes": [""], "printed": "", "questions": []}, title="t", parts={"B": "b"}))  # fmt: skip


def show(data: bytes) -> None:
    """Text goes in, and comes out as text: no markup, no formula, no control."""
    text = data.decode("utf-8", "surrogateescape")
    cleaned, seen = runner.clean(text), names.visible(text)
    assert len(cleaned) <= 1001
    assert all(c.isprintable() or c in "\n\t" for c in cleaned)
    assert not steers(seen)
    case = {**CASE, "text": cleaned, "trace": runner.clean(text, 4000)}
    record = {**RECORD, "submission": seen, "notes": [seen], "printed": cleaned,
              "questions": [{**QUESTION, "cases": [case]}]}  # fmt: skip
    page = reports.feedback_page(record, title="t", parts={"B": "b"})
    tags = re.findall(r"<[^>]*>?", page.split("<main>")[1])
    assert all(re.fullmatch(r'</?(p|h1|h2|span|b|pre|ul|li|details|summary|code|div|main|body|html)( [\w-]+="[^"<>]*"| open)*>',
                            tag) for tag in tags), tags  # fmt: skip
    rows = list(csv.reader(io.StringIO(reports.grades_csv([record], ["q"]), newline="")))
    assert [len(row) for row in rows] == [5, 5]
    assert not re.match(r"\s*[=+\-@]", rows[1][0])


if __name__ == "__main__":
    fuzz(show, b"<script>alert(1)</script>", b"=1+1", "\u202e\x1b[31m{{7*7}}".encode())
