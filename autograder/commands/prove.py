"""`autograder prove`, `mistakes` and `draft`: what the grader is worth, and what it does not know yet."""

from __future__ import annotations

import argparse
import difflib
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..authoring.bake import bake
from ..authoring.declare import load_assignment
from ..grading import grade as grading
from ..grading import reports
from ..grading.intake import read_submission
from .assignment import add_assignment_option, find_assignment
from .console import ERR, OUT, UsageError
from .progress import progress
from .results import read_records


def register(commands: Any) -> None:
    """Add the commands to the command line."""
    text = "prove the grader: known mistakes, right programs of all styles, mutants of the reference"
    proving = commands.add_parser("prove", help=text, description=text)
    proving.set_defaults(run=_prove)
    proving.add_argument("--quick", action="store_true", help="a sample of the mutants, the same each time")
    proving.add_argument("--question", default="", metavar="NAME", help="this question alone")
    proving.add_argument("--jobs", type=int, default=grading.default_jobs(), help="default: one a core")
    text = "the most frequent mistakes of a class, and wrong answers that no known mistake explains"
    mistakes = commands.add_parser("mistakes", help=text, description=text)
    mistakes.set_defaults(run=_mistakes)
    mistakes.add_argument("results", type=Path, help="the folder that 'autograder grade' wrote")
    mistakes.add_argument("--all", action="store_true", help="mistakes of one submission alone, too")
    text = "write a submission's function as a known mistake, ready to paste"
    draft = commands.add_parser("draft", help=text, description=text)
    draft.set_defaults(run=_draft)
    draft.add_argument("submission", type=Path, help="a submission's folder or zip")
    draft.add_argument("question", help="the question whose function is meant, or its number")
    for command in (proving, draft):
        add_assignment_option(command)


def _prove(options: argparse.Namespace) -> int:
    from ..authoring import prove

    declared = load_assignment(find_assignment(options.assignment))
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least one")
    baked = bake(declared)
    begun = time.monotonic()
    amount = prove.QUICK if options.quick else prove.FULL
    with progress(ERR, "proving", prove.steps(declared, amount, options.question)) as step:
        found = prove.prove(declared, baked, amount=amount, question=options.question, jobs=options.jobs, step=step)
    _proof_table(found)
    for line in prove.lines(found):
        OUT.print(line, markup=False)
    for problem in found.problems:
        ERR.print(f"NOT PROVEN: {problem}", markup=False)
    word = f"{len(found.problems)} things do not hold" if found.problems else "all of it holds"
    OUT.print(f"{word}; {time.monotonic() - begun:.0f} s", markup=False)
    return 1 if found.problems else 0


def _mistakes(options: argparse.Namespace) -> int:
    records = list(read_records(options.results))
    table = Table("submissions", "question", "mistake", "for example", "hint", box=None, pad_edge=False)
    found = reports.frequent_mistakes(records)
    shown = [row for row in found if row["count"] > 1 or options.all] or found
    for row in shown:
        count = f"{row['count']} ({row['count'] / len(records):.0%})"
        table.add_row(*map(escape, (count, row["question"], row["mistake"], row["example"], row["hint"])))
    OUT.print(table)
    if len(shown) < len(found):
        OUT.print(f"and {len(found) - len(shown)} of one submission each; --all shows them", markup=False)
    rows = reports.unexplained(records)
    OUT.print(f"\n{len(rows)} wrong answers are shared and have no name", markup=False)
    for row in rows:
        OUT.print(
            f"{row['count']} submissions return the same wrong {', '.join(row['values'])} in {row['question']} "
            f"(case {row['case']}; for example {row['example']}): {row['finding']}", markup=False,
        )  # fmt: skip
    if rows:
        OUT.print(f"to name one: autograder draft SUBMISSIONS/{rows[0]['example']} {rows[0]['question']}", markup=False)
    errors = reports.same_errors(records)
    OUT.print(f"\n{len(errors)} errors stop the same question in several submissions", markup=False)
    for row in errors:
        OUT.print(
            f"{row['count']} submissions in {row['question']} (for example {row['example']}): {row['text']}", markup=False
        )
    return 0


def _draft(options: argparse.Namespace) -> int:
    from ..authoring import programs

    declared = load_assignment(find_assignment(options.assignment))
    asked = {question.name: question for question in declared.questions}
    numbers = {question.number: question.name for question in declared.questions}
    name = numbers.get(options.question.upper(), options.question)
    if name not in asked:
        near = " or ".join(difflib.get_close_matches(name, asked, 3))
        raise UsageError(f"{name}: no such question; {f'did you mean {near}?' if near else 'there are ' + ', '.join(asked)}")
    path = options.submission
    submission = read_submission(path.name, path, package=declared.package)
    if submission.problem:
        raise UsageError(f"{path}: {submission.problem}")
    OUT.print(programs.draft(asked[name], submission.sources, path.name), markup=False)
    return 0


def _proof_table(found: Any) -> None:
    heads = ("mistakes", "caught", "named", "mutants", "killed", "listed", "wrong from", "right to", "float32")
    table = Table(box=None, pad_edge=False)
    table.add_column("question", no_wrap=True, min_width=24)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for score in found.scores.values():
        killed = score.killed + score.harmless
        counts = (score.mistakes, score.caught, score.named, score.mutants, killed, score.listed)
        sizes = (score.smallest, score.largest, score.largest32)
        table.add_row(score.name, *map(str, counts), *(f"{size:.2g}" for size in sizes))
    # Wider than a pipe is taken to be: a cut column would hide what the report is for.
    Console(width=max(OUT.width, 110), highlight=False).print(table)
