"""`autograder export`: records into the files that an LMS imports. What it reads of others, it never overwrites."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import gradescope
from ..checks.bundle import write_file
from ..grading import written
from ..grading.journal import read_head
from ..grading.names import file_stem
from ..grading.policy import answers
from ..lms import canvas, github_classroom, junit, moodle, nbgrader, otter, plain
from ..lms.students import Filled
from ..lms.table import read_table
from .assignment import add_assignment_option, find_assignment
from .console import ERR, OUT, UsageError
from .results import read_records

Records = Sequence[Mapping[str, Any]]


def register(commands: Any) -> None:
    """Add the command to the command line."""
    text = "write grades and feedback as an LMS imports them; files land in RESULTS/export"
    command = commands.add_parser("export", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("results", type=Path, help="the folder that 'autograder grade' wrote")
    command.add_argument("--out", type=Path, default=None, metavar="DIR", help="default: RESULTS/export")
    command.add_argument("--canvas", type=Path, metavar="GRADEBOOK", help="fill a column of the gradebook exported from Canvas")
    command.add_argument("--column", default="", metavar="NAME", help="that column's header or number")
    command.add_argument("--moodle", type=Path, metavar="WORKSHEET", help="fill Moodle's grading worksheet, in any language")
    command.add_argument("--grade-column", default="", metavar="NAME", help="its column of grades, if it is not plain")
    command.add_argument("--feedback-column", default="", metavar="NAME", help="its column of feedback, likewise")
    for name, help_text in (
        ("moodle-feedback", "a zip of feedback pages for Moodle; where teams handed in, with --moodle too"),
        ("gradescope", "a results.json a submission, as [gradescope] of the assignment says"),
        ("github", "a result of GitHub Classroom's autograding a submission"),
        ("junit", "JUnit XML"),
        ("otter", "final_grades.csv of otter"),
        ("nbgrader", "the table of nbgrader's export"),
        ("csv", "a table with a row a student"),
    ):
        command.add_argument(f"--{name}", action="store_true", help=help_text)
    add_assignment_option(command)


def run(options: argparse.Namespace) -> int:
    """Carry out the command. Returns 1 if somebody could not be filled in. Raises UsageError and TableError."""
    records, assignment = read_results(options.results)
    out = options.out or options.results / "export"
    wanted = [write for name, write in _WRITERS.items() if getattr(options, name)]
    if not wanted:
        names = " ".join(f"--{name.replace('_', '-')}" for name in _WRITERS)
        raise UsageError(f"say what to export: {names}")
    problems = _not_graded_yet(records, written.read_points(options.results))
    for write in wanted:
        for name, filled in write(records, assignment, options):
            path = out / name
            if path.resolve() in {given.resolve() for given in (options.canvas, options.moodle) if given}:
                raise UsageError(f"{path}: is what was exported, which stays as it is; name another folder with --out")
            write_file(path, filled.data)
            if filled.said:
                OUT.print(f"{path}: {filled.said}", markup=False)
            problems += [f"{name}: {problem}" for problem in filled.problems]
    for problem in problems:
        ERR.print(problem, markup=False)
    return 1 if problems else 0


def _not_graded_yet(records: Records, sheets: Mapping[str, Any]) -> list[str]:
    """Say which written answers have no points yet: what is exported is without them.

    sheets: the file of points. Where no sheet was made of the results, nobody means to grade answers here.
    """
    names = {answer["number"]: answer["name"] for record in records for answer in answers(record)}
    if sheets["seed"] and not names:
        return ["a sheet for written answers was made, and no points of it are merged yet; exported are the automatic ones"]
    found = []
    for number, name in sorted(names.items()):
        without = [str(record["submission"]) for record in records if number not in {one["number"] for one in answers(record)}]
        if without:
            found.append(f"{number} {name}: {len(without)} of {len(records)} submissions, such as {without[0]}, "
                         "have no points for it yet, and are exported without")  # fmt: skip
    return found


def read_results(folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Return the records of a results folder by name, and the assignment's name. Raises UsageError and JournalError."""
    records = sorted(read_records(folder), key=lambda record: str(record["submission"]))
    return records, str(read_head(folder).get("assignment", ""))


# ---------------------------------------------------------------- one writer a format: file name -> what it holds

Files = Iterator[tuple[str, Filled]]


def _text(text: str, said: str) -> Filled:
    return Filled(text.encode("utf-8", "replace"), said, ())


def _canvas(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    yield options.canvas.name, canvas.fill(read_table(options.canvas), records, title=assignment, column=options.column)


def _moodle(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    table = read_table(options.moodle)
    yield options.moodle.name, moodle.fill(table, records, grade=options.grade_column, feedback=options.feedback_column)


def _moodle_feedback(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    pages = {}
    for name, stem in file_stem([record["submission"] for record in records]).items():
        path = options.results / "feedback" / f"{stem}.html"
        if path.is_file():
            pages[name] = path.read_bytes()
    table = read_table(options.moodle) if options.moodle else None
    yield "moodle_feedback.zip", moodle.feedback_zip(records, pages, table)


def _gradescope(records: Records, name: str, options: argparse.Namespace) -> Files:
    from ..authoring import publish

    settings, _, _ = publish.settings_of(find_assignment(options.assignment))
    for record, stem in _stems(records):
        text = json.dumps(gradescope.results(record, settings), indent=1, ensure_ascii=False)
        yield f"gradescope/{stem}/results.json", _text(text + "\n", "")


def _github(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    for record, stem in _stems(records):
        yield f"github/{stem}.txt", _text(github_classroom.result(record) + "\n", "")


def _stems(records: Records) -> list[tuple[Mapping[str, Any], str]]:
    stems = file_stem([record["submission"] for record in records])
    return [(record, stems[record["submission"]]) for record in records]


def _junit(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    yield "junit.xml", _text(junit.junit_xml(records, assignment), f"{len(records)} suites")


def _otter(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    yield "final_grades.csv", _text(otter.final_grades(records), f"{len(records)} rows")


def _nbgrader(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    yield "nbgrader.csv", _text(nbgrader.grades_csv(records, assignment), f"{len(records)} submissions")


def _csv(records: Records, assignment: str, options: argparse.Namespace) -> Files:
    yield "students.csv", _text(plain.grades_csv(records), f"{len(records)} submissions")


_WRITERS: Mapping[str, Callable[[Records, str, argparse.Namespace], Files]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "moodle_feedback": _moodle_feedback,
    "gradescope": _gradescope,
    "github": _github,
    "junit": _junit,
    "otter": _otter,
    "nbgrader": _nbgrader,
    "csv": _csv,
}
