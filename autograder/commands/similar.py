"""`autograder similar`: which submissions are alike, as pages and a CSV, and a folder for JPlag. Nothing is run."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..authoring.declare import Assignment, load_assignment
from ..checks.bundle import write_file
from ..grading import similar
from ..grading.intake import Submission, read_entry
from ..grading.names import file_stem
from ..lms.recognise import FORMATS, read_export
from .assignment import add_assignment_option, find_assignment
from .console import ERR, OUT, UsageError
from .progress import progress


def register(commands: Any) -> None:
    """Add the command to the command line."""
    text = "which submissions are alike: pairs side by side, for people to judge; and a folder for JPlag"
    command = commands.add_parser("similar", help=text, description=text)
    command.set_defaults(run=run)
    command.add_argument("submissions", type=Path, help="what 'autograder grade' takes")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where pages, the CSV and JPlag's folder go")
    command.add_argument("--least", type=float, default=0.5, metavar="SHARE",
                         help="of one program that must be in the other (default: 0.5)")  # fmt: skip
    command.add_argument("--most", type=int, default=200, metavar="N", help="pairs that are compared in full (default: 200)")
    command.add_argument("--format", default="", metavar="NAME", help=f"{', '.join(FORMATS)}; default: recognised")
    add_assignment_option(command)


def run(options: argparse.Namespace) -> int:
    """Compare, and write what was found."""
    if not 0 < options.least <= 1:
        raise UsageError(f"--least {options.least:g}: a share is above 0 and at most 1")
    if options.most < 1:
        raise UsageError(f"--most {options.most}: at least one")
    try:
        similar.engine()
    except similar.SimilarityError as error:
        raise UsageError(str(error)) from None
    _make_room(options.out)
    assignment = load_assignment(find_assignment(options.assignment, options.submissions))
    listing = read_export(options.submissions, options.format, assignment.package)
    found = [read_entry(entry, package=assignment.package) for entry in listing.entries]
    for submission in found:
        if submission.problem:
            ERR.print(f"{submission.name}: is left out: {submission.problem}", markup=False)
    readable = [submission for submission in found if not submission.problem]
    if len(readable) < 2:
        raise UsageError(
            f"{options.submissions}: holds fewer than two submissions that can be read; there is nothing to compare"
        )
    given = given_out(assignment)
    programs = [similar.program(submission.name, submission.sources) for submission in readable]
    texts = [similar.program("given", modules).text for modules in given.values()]
    with progress(ERR, "reading", len(programs)) as step:
        pairs = similar.compare(programs, texts, least=options.least, most=options.most, progress=step)
    _write(options.out, pairs, assignment.title, len(programs), options.least)
    _write_jplag(options.out / "jplag", readable, given)
    lines = (f"{len(programs)} submissions compared: {len(pairs)} pairs share {options.least:.0%} or more of one of them. "
             "This is for people to judge; no points depend on it",
             f"{options.out / 'similar.html'}, {options.out / 'similar.csv'}, {options.out / 'jplag'}/")  # fmt: skip
    for line in lines:
        OUT.print(line, markup=False)
    return 0


def _make_room(out: Path) -> None:
    """Take away what an earlier run left. Raises UsageError for a folder that holds other things."""
    if out.is_dir() and any(out.iterdir()) and not (out / "similar.html").exists():
        raise UsageError(f"{out}: holds other files; name an empty or new folder")
    for name in ("pairs", "jplag"):
        shutil.rmtree(out / name, ignore_errors=True)


def given_out(assignment: Assignment) -> Mapping[str, Mapping[str, bytes]]:
    """The stubs and the reference: module name -> text."""
    from ..authoring.release import split_solution

    paths = sorted((assignment.folder.parent.parent / "reference" / assignment.package).glob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return {
        "stubs": {path.stem: split_solution(text, str(path)).stub.encode() for path, text in texts.items()},
        "reference": {path.stem: text.encode() for path, text in texts.items()},
    }


def _write(out: Path, pairs: Sequence[similar.Pair], title: str, compared: int, least: float) -> None:
    for number, pair in enumerate(pairs, 1):
        write_file(out / "pairs" / f"{number}.html", similar.pair_page(pair, title=title).encode("utf-8", "replace"))
    write_file(out / "similar.csv", similar.pairs_csv(pairs).encode("utf-8-sig", "replace"))
    page = similar.index_page(pairs, title=title, compared=compared, least=least)
    write_file(out / "similar.html", page.encode("utf-8", "replace"))


def _write_jplag(out: Path, submissions: Sequence[Submission], given: Mapping[str, Mapping[str, bytes]]) -> None:
    stems = file_stem([submission.name for submission in submissions])
    for submission in submissions:
        modules = file_stem(list(submission.sources))
        for module, data in submission.sources.items():
            write_file(out / "submissions" / stems[submission.name] / f"{modules[module]}.py", data)
    for kind, sources in given.items():
        for module, data in sources.items():
            write_file(out / "base" / kind / f"{module}.py", data)
    write_file(out / "README.txt", similar.JPLAG.encode())
