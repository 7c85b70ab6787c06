"""Runs as a whole: which submissions are graded, shards, other machines, merging and comparing runs.

What `autograder grade` has for these is declared here as well; heavy and optional libraries come in where they are used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..authoring.bake import AssignmentError, load_settings
from ..checks.bundle import Bundle
from ..cli import ERR, OUT, bring_out, ready_bundle
from ..grading import cluster, journal
from ..grading import grade as grading
from ..grading.diff import move
from ..grading.intake import Entry
from ..grading.journal import Journal, JournalError
from ..grading.policy import Policy, PolicyError, parse_time, read_policy, read_times
from .progress import progress
from .results import UsageError, find_assignment

FAILED = ("grader_error", "unreadable")
SHOWN = 20  # duplicates and unknown names that are listed one by one


def register(commands: Any) -> None:
    """Add `merge` and `diff`."""
    text = "put runs together, such as the shards of a class"
    merging = commands.add_parser("merge", help=text, description=text)
    merging.set_defaults(run=_merge)
    merging.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders that 'autograder grade' wrote")
    merging.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results of all go")
    merging.add_argument("--assignment", type=Path, default=None, metavar="DIR")
    merging.add_argument("--bundle", type=Path, default=None, metavar="FILE")
    _add_policy(merging)
    text = "who is graded otherwise in the second run, by which case, and why; exit code 1 if anybody is"
    comparing = commands.add_parser("diff", help=text, description=text)
    comparing.set_defaults(run=_diff)
    comparing.add_argument("before", type=Path, metavar="RUN_A")
    comparing.add_argument("after", type=Path, metavar="RUN_B")


def add_grade_options(command: argparse.ArgumentParser) -> None:
    """Add to `grade` what decides which submissions are graded, and where."""
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
    _add_policy(command)


def _add_policy(command: argparse.ArgumentParser) -> None:
    command.add_argument("--extensions", type=Path, default=None, metavar="CSV",
                         help="who may hand in later: columns student, and due, days, hours or late_days")  # fmt: skip


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise argparse.ArgumentTypeError(f"{text!r} is no shard; write 2/8 for the second of eight")


# ---------------------------------------------------------------- which, and by which rules


def policy_of(assignment: Path, extensions: Path | None) -> Policy:
    """The rules of an assignment. Raises AssignmentError."""
    try:
        return read_policy(load_settings(assignment), assignment / "assignment.toml", extensions)
    except PolicyError as error:
        raise AssignmentError(str(error)) from None


def warn_of_unknown(policy: Policy, records: Iterable[grading.Record]) -> None:
    """Say which extensions are of nobody: a name may be misspelt."""
    unknown = set(policy.extensions)
    for record in records if unknown else ():
        unknown -= {record["submission"], *(v for student in record.get("students", ()) for v in student.values())}
    for name in sorted(unknown)[:SHOWN]:
        ERR.print(f"extension of {name!r}: nobody of that name has handed in", markup=False)


def with_times(entries: Sequence[Entry], times: Path | None) -> list[Entry]:
    """The entries, with the times of a CSV file. Raises UsageError."""
    if times is None:
        return list(entries)
    try:
        known = read_times(times)
    except PolicyError as error:
        raise UsageError(str(error)) from None
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


def grade_all(
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


# ---------------------------------------------------------------- merge


def _merge(options: argparse.Namespace) -> int:
    assignment = find_assignment(options.assignment)
    bundle, _ = ready_bundle(assignment, options.bundle)
    policy = policy_of(assignment, options.extensions)
    head = journal.read_head(options.runs[0])
    stamped = grading.stamp(bundle, assignment, str(head.get("isolation")))
    duplicates = cluster.check_runs(options.runs, head, stamped)
    for name in sorted(duplicates)[:SHOWN]:
        ERR.print(f"{name}: the same record is in {' and '.join(map(str, duplicates[name]))}", markup=False)
    if len(duplicates) > SHOWN:
        ERR.print(f"and {len(duplicates) - SHOWN} more that are in several runs", markup=False)
    with Journal(options.out, head) as book:
        for run in options.runs:
            cluster.take_over(book, run, stamped)
        book.settle()
        return bring_out(options.out, book, bundle, policy, assignment)


# ---------------------------------------------------------------- diff


def _diff(options: argparse.Namespace) -> int:
    before, after = _by_name(options.before), _by_name(options.after)
    differ = False
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            where = options.before if name in before else options.after
            OUT.print(f"{name}: only in {where}", markup=False)
            differ = True
            continue
        moved = move(_load(before[name]), _load(after[name]))
        if moved:
            differ = True
            step = moved.total[1] - moved.total[0]
            OUT.print(f"{name}: {moved.total[0]:g} -> {moved.total[1]:g} ({step:+g})", markup=False)
            for line in (*moved.by, *(f"because {why}" for why in moved.why)):
                OUT.print(f"    {line}", markup=False)
    if not differ:
        OUT.print(f"{len(after)} submissions, all graded alike", markup=False)
    return 1 if differ else 0


def _by_name(run: Path) -> dict[str, Path]:
    paths = sorted((run / "records").glob("*.json"))
    if not paths:
        raise UsageError(f"{run}: holds no records; name a folder that 'autograder grade' has finished")
    return {str(_load(path)["submission"]): path for path in paths}


def _load(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if {"submission", "questions", "total", "status", "content"} <= set(record):
            return record
    except (ValueError, TypeError):
        pass
    raise JournalError(f"{path}: is no record; run 'autograder grade' again") from None
