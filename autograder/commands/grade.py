"""`autograder grade`: which submissions are graded, in this process, in parts, or on other machines.

Heavy and optional libraries come in where they are used.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..checks.bundle import Bundle
from ..grading import cluster, journal
from ..grading import grade as grading
from ..grading.intake import Entry
from ..grading.journal import Journal
from ..grading.policy import PolicyError, parse_time, read_times
from ..lms.recognise import FORMATS, read_export
from .assignment import (
    add_assignment_option,
    add_bundle_option,
    add_policy_option,
    find_assignment,
    policy_of,
    ready_bundle,
)  # fmt: skip
from .console import ERR, OUT, SHOWN, UsageError, list_some
from .progress import progress
from .results import bring_out

FAILED = ("grader_error", "unreadable")


def register(commands: Any) -> None:
    """Add the command to the command line."""
    text = "grade a folder of submissions"
    command = commands.add_parser("grade", help=text, description=text)
    command.set_defaults(run=_grade)
    command.add_argument("submissions", type=Path, help="what the LMS exported, folder or zip; or folders and zips")
    add_assignment_option(command)
    add_bundle_option(command)
    command.add_argument("--format", default="", metavar="NAME", help=f"{', '.join(FORMATS)}; default: recognised")
    command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    command.add_argument("--jobs", type=int, default=grading.default_jobs(), help="default: one a core")
    command.add_argument("--unsafe", action="store_true", help="run submissions without confinement")
    command.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these alone, graded again")
    command.add_argument("--since", default="", metavar="TIME", help="those alone that were handed in or changed since")
    command.add_argument("--failed", action="store_true", help="those alone that could not be judged or read, again")
    command.add_argument("--times", type=Path, default=None, metavar="CSV",
                         help="when each came: columns submission and submitted_at")  # fmt: skip
    command.add_argument(
        "--shard", type=_shard, default=None, metavar="I/N", help="the I-th of N parts; merge puts them together"
    )
    command.add_argument(
        "--dask", default="", metavar="ADDRESS", help="on the workers of this scheduler; local: on this machine"
    )
    command.add_argument("--slurm", nargs="*", default=None, metavar="KEY=VALUE",
                         help="as jobs of Slurm, with submitit's settings, such as partition=short")  # fmt: skip
    command.add_argument("--shards", type=int, default=0, metavar="N", help="in how many parts for --dask and --slurm")
    add_policy_option(command)


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"{text!r} is no shard; write 2/8 for the second of eight")


def _grade(options: argparse.Namespace) -> int:
    level = grading.isolation(options.unsafe)
    assignment = find_assignment(options.assignment, options.submissions)
    policy = policy_of(assignment, options.extensions)
    bundle, path = ready_bundle(assignment, options.bundle)
    if options.jobs < 1:
        raise UsageError(f"--jobs {options.jobs}: at least one")
    export = read_export(options.submissions, options.format, bundle.package)
    ERR.print(export.said, markup=False)
    for name in export.others:
        ERR.print(f"not a submission: {name}", markup=False)
    if options.unsafe:
        ERR.print("UNSAFE: submissions run unconfined, and every record says so", markup=False)
    setup = grading.Setup(path, assignment, options.unsafe, level)
    begun = time.monotonic()
    with Journal(options.out, {"assignment": bundle.assignment, "isolation": level}) as journal:
        if options.shard:
            cluster.keep_class(options.out, [entry.name for entry in export.entries], options.shard[1])
        graded = _grade_all(journal, with_times(export.entries, options.times), setup, bundle, options)
        journal.settle()
        if options.shard:
            OUT.print(f"{options.out}: {len(journal.records)} records of this shard; "
                      "'autograder merge' puts all shards together and writes the reports", markup=False)  # fmt: skip
            return 0
        return bring_out(options.out, journal, bundle, policy, assignment, graded, time.monotonic() - begun)


# ---------------------------------------------------------------- which, and since when


def with_times(entries: Sequence[Entry], times: Path | None) -> list[Entry]:
    """The entries, with the times of a CSV file; names in it that no submission has are said. Raises UsageError."""
    if times is None:
        return list(entries)
    try:
        known = read_times(times)
    except PolicyError as error:
        raise UsageError(str(error)) from None
    unknown = sorted(set(known) - {entry.name for entry in entries})
    list_some([f"{times}: {name!r}: no submission is called so" for name in unknown])
    return [replace(entry, submitted_at=known.get(entry.name, entry.submitted_at)) for entry in entries]


def chosen(entries: Sequence[Entry], options: argparse.Namespace, records: journal.Records) -> list[Entry]:
    """Those that the options name. Raises UsageError for a name that is not there."""
    names = {entry.name for entry in entries}
    unknown = [name for name in options.only if name not in names]
    if unknown:
        raise UsageError(f"--only {', '.join(unknown[:SHOWN])}: no submission is called so")
    found = [entry for entry in entries if not options.only or entry.name in options.only]
    if options.shard:
        number, count = options.shard
        found = [entry for entry in found if cluster.shard_of(entry.name, count) == number]
    if options.since:
        since = _since(options.since)
        found = [entry for entry in found if came_at(entry) >= since]
    if options.failed:
        found = [entry for entry in found if records.get(entry.name, {}).get("status") in FAILED]
    return found


def came_at(entry: Entry) -> float:
    """When an entry was handed in or its files last changed, whichever is later, in seconds since 1970."""
    times = []
    with contextlib.suppress(PolicyError):  # a time that says nothing: the files tell, then
        times.append(parse_time(entry.submitted_at).timestamp())
    for piece in entry.pieces:
        for path in (piece.path, *(piece.path.rglob("*") if piece.path.is_dir() and not piece.path.is_symlink() else ())):
            times.append(path.lstat().st_mtime)
    return max(times, default=0.0)


def _since(text: str) -> float:
    from datetime import datetime

    try:
        return parse_time(text, datetime.now().astimezone().tzinfo).timestamp()
    except PolicyError as error:
        raise UsageError(f"--since: {error}") from None


# ---------------------------------------------------------------- a run


def _grade_all(
    book: Journal, entries: Sequence[Entry], setup: grading.Setup, bundle: Bundle, options: argparse.Namespace
) -> int:
    """Grade what has no record yet, here or on other machines. Returns how many were graded."""
    stamped = grading.stamp(bundle, setup.assignment, setup.level)
    cluster.gather(book, stamped)  # what other machines did for a run that was stopped
    wanted = chosen(entries, options, book.records)
    forced = bool(options.only or options.failed)
    todo = wanted if forced else grading.pending(wanted, book, bundle.package, stamped)
    if len(todo) < len(wanted):
        done, total = len(wanted) - len(todo), len(wanted)
        ERR.print(f"{done} of {total} submissions have their record already", markup=False)
    if not todo:
        return 0
    with progress(ERR, "grading", len(wanted), len(wanted) - len(todo)) as steps:
        if options.dask or options.slurm is not None:
            plan = cluster.Plan(_shard_command(options, setup), options.shards, options.jobs)
            engine = cluster.Slurm(_pairs(options.slurm)) if options.slurm is not None else cluster.Dask(options.dask)
            cluster.grade(book, [entry.name for entry in todo], plan, engine, stamped, steps)
        else:
            old = (lambda name: None) if forced else book.records.get
            for record, line in grading.grade(todo, setup, bundle, options.jobs, old=old, watch=steps.watch):
                cluster.log(book.path.parent, line)
                book.append(record)
                steps(record["submission"])
    return len(todo)


def _shard_command(options: argparse.Namespace, setup: grading.Setup) -> tuple[str, ...]:
    """What `autograder` is asked on each machine, without the shard and its folder."""
    here = ["grade", str(options.submissions.resolve()), "--assignment", str(setup.assignment.resolve()),
            "--bundle", str(setup.bundle.resolve()), "--jobs", "1"]  # fmt: skip
    for name, value in (("--format", options.format), ("--since", options.since)):
        here += [f"{name}={value}"] if value else []
    here += ["--times", str(options.times.resolve())] if options.times else []
    here += ["--only", *options.only] if options.only else []
    return (*here, *(["--failed"] if options.failed else []), *(["--unsafe"] if options.unsafe else []))


def _pairs(texts: Sequence[str]) -> dict[str, Any]:
    """Settings as submitit wants them: numbers are numbers."""
    wrong = [text for text in texts if "=" not in text]
    if wrong:
        raise UsageError(f"--slurm {wrong[0]}: write KEY=VALUE, such as partition=short")
    parts = [text.partition("=") for text in texts]
    return {key: int(value) if value.isdecimal() else value for key, _, value in parts}
