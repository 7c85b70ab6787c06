"""`autograder merge` and `autograder diff`: runs put together, and runs compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..grading import cluster, journal
from ..grading import grade as grading
from ..grading.diff import move
from ..grading.journal import Journal
from .assignment import add_assignment_option, add_bundle_option, add_policy_option, find_assignment, policy_of, ready_bundle
from .console import OUT, list_some
from .results import bring_out, read_record, record_paths


def register(commands: Any) -> None:
    """Add the commands to the command line."""
    text = "put runs together, such as the shards of a class"
    merging = commands.add_parser("merge", help=text, description=text)
    merging.set_defaults(run=_merge)
    merging.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders that 'autograder grade' wrote")
    merging.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results of all go")
    add_assignment_option(merging)
    add_bundle_option(merging)
    add_policy_option(merging)
    text = "who is graded otherwise in the second run, by which case, and why; exit code 1 if anybody is"
    comparing = commands.add_parser("diff", help=text, description=text)
    comparing.set_defaults(run=_diff)
    comparing.add_argument("before", type=Path, metavar="RUN_A")
    comparing.add_argument("after", type=Path, metavar="RUN_B")


# ---------------------------------------------------------------- merge


def _merge(options: argparse.Namespace) -> int:
    assignment = find_assignment(options.assignment)
    bundle, _ = ready_bundle(assignment, options.bundle)
    policy = policy_of(assignment, options.extensions)
    head = journal.read_head(options.runs[0])
    stamped = grading.stamp(bundle, assignment, str(head.get("isolation")))
    duplicates = cluster.check_runs(options.runs, head, stamped)
    everybody = cluster.class_of(options.runs)
    list_some([f"{name}: the same record is in {' and '.join(map(str, runs))}" for name, runs in sorted(duplicates.items())])
    with Journal(options.out, head) as book:
        for run in options.runs:
            cluster.take_over(book, run, stamped)
        book.settle()
        code = bring_out(options.out, book, bundle, policy, assignment)
        lacking = {name: shard for name, shard in everybody.items() if name not in book.records}
    list_some([f"{name}: has no record in these runs; 'autograder grade --shard {shard}' makes it, then merge again"
               for name, shard in sorted(lacking.items())])  # fmt: skip
    return max(code, int(bool(lacking)))


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
        moved = move(read_record(before[name]), read_record(after[name]))
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
    return {str(read_record(path)["submission"]): path for path in record_paths(run)}
