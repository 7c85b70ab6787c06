"""`autograder written`: a sheet to grade written answers on, and its points back into the results."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..authoring.declare import Assignment, load_assignment, shows_hidden_hints
from ..checks.bundle import write_file
from ..checks.question import Written
from ..grading import answers, written
from ..grading.intake import Entry, Submission, read_entry
from ..grading.notebook_cells import Cell, NotebookError, read_cells
from ..grading.reports import Record
from ..lms.recognise import FORMATS, read_export
from .assignment import add_assignment_option, find_assignment
from .console import ERR, OUT, UsageError
from .results import read_records, write_reports


def register(commands: Any) -> None:
    """Add the command to the command line."""
    text = "a sheet to grade written answers on, with names hidden; and its points back into the results"
    command = commands.add_parser("written", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("results", type=Path, help="the folder that 'autograder grade' wrote")
    command.add_argument("submissions", type=Path, nargs="?", help="what was graded, where the notebooks are")
    command.add_argument("--out", type=Path, metavar="SHEET", help="write SHEET.html and SHEET.csv")
    command.add_argument("--merge", type=Path, metavar="FILE", nargs="+", help="take in the points of filled-in sheets")
    command.add_argument("--seed", default="", metavar="TEXT", help="of codes and order; default: drawn once, then kept")
    command.add_argument("--format", default="", metavar="NAME", help=f"{', '.join(FORMATS)}; default: recognised")
    add_assignment_option(command)


def run(options: argparse.Namespace) -> int:
    """Make a sheet or take one in."""
    if (options.merge is None) == (options.out is None):
        raise UsageError("give either --out SHEET, to make a sheet, or --merge FILE.csv, to take one in")
    if options.out is not None and options.submissions is None:
        raise UsageError("name the submissions too: the answers are in their notebooks")
    assignment = load_assignment(find_assignment(options.assignment, options.submissions))
    if not assignment.written:
        raise UsageError(f"{assignment.folder / 'assignment.toml'}: declares no [[written]] question")
    return _merge(options, assignment) if options.merge else _make(options, assignment)


# ---------------------------------------------------------------- a sheet


def _make(options: argparse.Namespace, assignment: Assignment) -> int:
    before = written.read_points(options.results)
    seed = options.seed or before["seed"] or secrets.token_hex(8)
    verdicts = {str(record["submission"]): _verdicts(record) for record in read_records(options.results)}
    written.codes_of(verdicts, seed)
    listing = read_export(options.submissions, options.format, assignment.package)
    found: list[written.Answer] = []
    for entry in listing.entries:
        if entry.name not in verdicts:
            ERR.print(f"{entry.name}: has no record in {options.results}; grade it first", markup=False)
            continue
        found += _answers(entry, assignment, written.code_of(entry.name, seed), verdicts[entry.name])
    if not found:
        raise UsageError(f"{options.submissions}: holds none of the submissions that have a record in {options.results}")
    ordered = written.in_order(found, seed)
    base = options.out.with_suffix("") if options.out.suffix in (".html", ".csv") else options.out
    page = written.sheet_page(assignment.written, ordered, title=assignment.title, stem=base.name)
    html, table = base.with_name(f"{base.name}.html"), base.with_name(f"{base.name}.csv")
    write_file(options.results / written.NAME, written.points_bytes(seed, before["points"]))
    write_file(html, page.encode("utf-8", "replace"))
    write_file(table, written.sheet_csv(assignment.written, ordered).encode("utf-8-sig", "replace"))
    for asked in assignment.written:
        own = [one for one in ordered if one.number == asked.number]
        OUT.print(f"{asked.number} {asked.name}: {sum(bool(one.text) for one in own)} answers, "
                  f"{sum(not one.text for one in own)} submissions without one", markup=False)  # fmt: skip
    OUT.print(f"{html}, {table}", markup=False)
    return 0


def _verdicts(record: Record) -> dict[str, str]:
    from ..checks.feedback import WORDS

    return {q["name"]: f"{WORDS[q['verdict']]}, {q['earned']:g} of {q['possible']:g}" for q in record["questions"]}


def _answers(entry: Entry, assignment: Assignment, code: str, verdicts: dict[str, str]) -> Iterator[written.Answer]:
    cells, trouble = _cells(read_entry(entry, package=assignment.package))
    texts = answers.written_answers(cells, [asked.number for asked in assignment.written])
    for asked in assignment.written:
        own = [(f"printed by cell {number} of the notebook", text) for number, text in answers.measured(cells, asked.evidence)]
        judged = "\n".join(f"{name}: {verdicts[name]}" for name in asked.evidence if name in verdicts)
        own += [("as graded", judged)] if judged else []
        own += [("the notebook", trouble)] if trouble else []
        yield written.Answer(code, asked.number, texts[asked.number], tuple(own))


def _cells(submission: Submission) -> tuple[list[Cell], str]:
    if submission.notebook is None:
        return [], "no notebook was handed in" if not submission.problem else f"cannot be read: {submission.problem}"
    try:
        return read_cells(submission.notebook), ""
    except NotebookError as error:
        return [], f"cannot be read: {error}"


# ---------------------------------------------------------------- its points


def _merge(options: argparse.Namespace, assignment: Assignment) -> int:
    before = written.read_points(options.results)
    seed = options.seed or before["seed"]
    if not seed:
        raise UsageError(f"{options.results}: no sheet was made of it; make one with --out, or give its --seed")
    names = [str(record["submission"]) for record in read_records(options.results)]
    codes = written.codes_of(names, seed)
    points, new, other = before["points"], 0, 0
    for path in options.merge:
        if path.stat().st_size > written.MAX_SHEET:
            raise UsageError(f"{path}: is larger than {written.MAX_SHEET // 2**20} MB; give the sheet that was filled in")
        found = written.parse_sheet(path.read_bytes(), str(path), assignment.written, codes)
        points, added, changed = written.merged(points, found, names)
        new, other = new + added, other + changed
    write_file(options.results / written.NAME, written.points_bytes(seed, points))
    records = [written.attach(record, points, assignment.written) for record in read_records(options.results)]
    hints = shows_hidden_hints(assignment.folder, datetime.now(UTC))
    write_reports(options.results, records, assignment, hidden_hints=hints)
    OUT.print(f"{new} answers newly graded, {other} graded anew; {_left(assignment.written, points, names)}", markup=False)
    OUT.print(f"{options.results / 'dashboard.html'}, {options.results / 'grades.csv'}, {options.results / 'feedback'}/ "
              "show them beside the automatic points, which stay as they are", markup=False)  # fmt: skip
    return 0


def _left(asked: tuple[Written, ...], points: dict[str, Any], names: list[str]) -> str:
    counts = [(one.number, sum(one.number not in points.get(name, {}) for name in names)) for one in asked]
    open_ones = ", ".join(f"{count} of {number}" for number, count in counts if count)
    return f"ungraded: {open_ones}" if open_ones else "all are graded"
