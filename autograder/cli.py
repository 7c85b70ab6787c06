"""The staff's command line: bake, release, grade, prove. Every error is one sentence that says what to do.

Exit codes: 0 done, 1 done and something needs the staff's eye, 2 bad input, 3 submissions cannot be confined here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .authoring.bake import AssignmentError, bake, load_assignment, shows_hidden_hints, source_hash
from .checks import bundle as bundles
from .checks.bundle import Bundle, BundleError, write_file
from .commands import export as exporting
from .commands import similar as commands_similar
from .commands import written as commands_written
from .commands.progress import progress
from .commands.results import UsageError, find_assignment, write_reports
from .grading import grade as grading
from .grading import reports, written
from .grading.cluster import ClusterError
from .grading.intake import IntakeError, read_submission
from .grading.journal import Journal, JournalError
from .grading.policy import Policy, apply
from .lms.recognise import FORMATS, read_export
from .lms.table import TableError

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except grading.GradingError as error:
        return _complain(error, 3)
    except (
        AssignmentError, BundleError, ClusterError, IntakeError, JournalError, TableError, UsageError, exporting.ExportError,
        written.WrittenError,
    ) as error:  # fmt: skip
        return _complain(error, 2)
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror}; nothing that was written is lost", 2)
    except KeyboardInterrupt:
        ERR.print("stopped; the same command goes on where this one stopped", markup=False)
        return 130


def _complain(error: object, code: int) -> int:
    ERR.print(f"autograder: {error}", markup=False)
    return code


def _parser() -> argparse.ArgumentParser:
    from .commands import runs  # it uses what is below

    parser = argparse.ArgumentParser(prog="autograder", description="Release an assignment and grade submissions.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, text in (
        ("bake", _bake, "ask the oracles and write the bundle that graders need"),
        ("release", _release, "generate the student template, check it, and build the student zip"),
        ("grade", _grade, "grade a folder of submissions"),
        ("doctor", _doctor, "try what keeps submissions in, and say whether they can be graded here"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("--assignment", type=Path, default=None, metavar="DIR",
                             help="the assignment's folder (default: the only one in assignments/)")  # fmt: skip
        if name == "release":
            command.add_argument("--check", action="store_true", help="write nothing; list what is stale, exit 1 if any")
            command.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
            command.add_argument("--quick-gate", action="store_true",
                                 help="leave out the slow front ends, otter run and pytest")  # fmt: skip
        if name == "grade":
            command.add_argument("submissions", type=Path, help="what the LMS exported, folder or zip; or folders and zips")
            command.add_argument("--format", default="", metavar="NAME", help=f"{', '.join(FORMATS)}; default: recognised")
            command.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
            command.add_argument("--jobs", type=int, default=grading.default_jobs(), help="default: one a core")
        if name in ("grade", "bake"):
            command.add_argument("--bundle", type=Path, default=None, metavar="FILE", help="default: build/NAME/bundle.npz")
        if name == "grade":
            command.add_argument("--unsafe", action="store_true", help="run submissions without confinement")
            runs.add_grade_options(command)
    runs.register(commands)
    _add_proving(commands)
    for topic in (exporting, commands_written, commands_similar):
        topic.register(commands)
    return parser


def _add_proving(commands: Any) -> None:
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
    draft.add_argument("question", help="the question whose function is meant")
    for command in (proving, draft):
        command.add_argument("--assignment", type=Path, default=None, metavar="DIR",
                             help="the assignment's folder (default: the only one in assignments/)")  # fmt: skip


# ---------------------------------------------------------------- what commands share


def bundle_path(assignment: Path) -> Path:
    """Where an assignment's bundle lies unless told otherwise."""
    return assignment.parent.parent / "build" / assignment.name / "bundle.npz"


def ready_bundle(assignment: Path, given: Path | None) -> tuple[Bundle, Path]:
    """The bundle to grade with; baked now if there is none yet. Raises BundleError if it is stale or foreign."""
    path = given or bundle_path(assignment)
    if given is None and not path.exists():
        ERR.print("there is no bundle yet; baking it", markup=False)
        _bake_to(assignment, path)
    return bundles.read(path, source=source_hash(assignment)), path


def _bake_to(assignment: Path, path: Path) -> Bundle:
    declared = load_assignment(assignment)
    with progress(ERR, "baking", len(declared.questions)) as step:
        baked = bake(declared, progress=step)
    write_file(path, bundles.to_bytes(baked))
    return baked


# ---------------------------------------------------------------- commands


def _bake(options: argparse.Namespace) -> int:
    assignment = find_assignment(options.assignment)
    path = options.bundle or bundle_path(assignment)
    baked = _bake_to(assignment, path)
    cases = [case for question in baked.questions for case in question.cases]
    hidden = sum(case.hidden for case in cases)
    OUT.print(f"{path}: {len(baked.questions)} questions, {_points(baked)}, {len(cases) - hidden} public and "
              f"{hidden} hidden cases", markup=False)  # fmt: skip
    return 0


def _points(baked: Bundle) -> str:
    """The possible points, as machines and people give them."""
    automatic, written = baked.possible, baked.possible_written
    return f"{automatic:g} automatic + {written:g} written = {automatic + written:g} points"


def _release(options: argparse.Namespace) -> int:
    from .authoring import gate, publish, release

    assignment = find_assignment(options.assignment)
    declared = load_assignment(assignment)
    with progress(ERR, "baking", len(declared.questions)) as step:
        baked = bake(declared, progress=step)
    files = release.template_files(declared, baked)
    template = assignment.parent.parent / "student_template"
    stale = release.stale_files(template, files)
    if options.check:
        for line in stale:
            OUT.print(line, markup=False)
        OUT.print(f"{template}: {f'{len(stale)} stale; run autograder release' if stale else 'up to date'}", markup=False)
        return 1 if stale else 0
    made = publish.build(declared, baked, files)
    publish.last_manifest(options.out)  # a damaged one is refused before anything is tried
    tried = gate.try_all(publish.by_kind(made), publish.hands(declared, baked, files), full=not options.quick_gate)
    write_file(bundle_path(assignment), bundles.to_bytes(baked))
    release.write_template(template, files)
    changed = publish.write(made, options.out)
    for line in (*tried.holds, *changed):
        OUT.print(line, markup=False)
    OUT.print(f"{template}: {len(files)} files, {len(stale)} of them new or changed", markup=False)
    for name, data in made.zips.items():
        OUT.print(f"{options.out / name}: {len(data)} bytes", markup=False)
    for line in tried.untried:
        ERR.print(line, markup=False)
    return 1 if tried.untried else 0


def _doctor(options: argparse.Namespace) -> int:
    from .isolation import doctor

    controls, verdict = doctor.diagnose()
    for line in doctor.lines(controls, verdict):
        OUT.print(line, markup=False)
    return 3 if verdict is doctor.Verdict.REFUSE else 0


def _grade(options: argparse.Namespace) -> int:
    from .commands import runs

    level = grading.isolation(options.unsafe)
    assignment = find_assignment(options.assignment)
    policy = runs.policy_of(assignment, options.extensions)
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
        graded = runs.grade_all(journal, runs.with_times(export.entries, options.times), setup, bundle, options)
        journal.settle()
        if options.shard:
            OUT.print(f"{options.out}: {len(journal.records)} records of this shard; "
                      "'autograder merge' puts all shards together and writes the reports", markup=False)  # fmt: skip
            return 0
        return bring_out(options.out, journal, bundle, policy, assignment, graded, time.monotonic() - begun)


def bring_out(
    out: Path, journal: Journal, bundle: Bundle, policy: Policy, assignment: Path, graded: int = 0, seconds: float = 0.0
) -> int:
    """Write the reports of a finished run and say what is in them. Returns the exit code."""
    from .commands import runs

    points = written.read_points(out)["points"]
    records = journal.records.in_order(lambda record: written.attach(apply(record, policy), points, bundle.written))
    write_reports(out, records, bundle, hidden_hints=shows_hidden_hints(assignment, datetime.now(UTC)))
    runs.warn_of_unknown(policy, records)
    _closing_table(records, graded, seconds)
    OUT.print(f"\n{out / 'dashboard.html'}, {out / 'grades.csv'}, {out / 'feedback'}/, {out / 'records'}/", markup=False)
    old = [record["submission"] for record in records if record["bundle"] != bundle.digest]
    if old:
        ERR.print(f"{len(old)} records, such as {old[0]}, are of an older version; grade without --only, --since and --failed",
                  markup=False)  # fmt: skip
    bad = [f"{record['submission']}: the grader could not judge it: {record['problem']}"
           for record in records if record["status"] == "grader_error"]  # fmt: skip
    for line in bad:
        ERR.print(line, markup=False)
    return 1 if bad or old else 0


def _closing_table(records: Sequence[reports.Record], graded: int, seconds: float) -> None:
    found = reports.summary(records)
    table = Table("question", "mean", "right", "most frequent otherwise", box=None, pad_edge=False)
    for name, question in found["questions"].items():
        verdicts = {verdict: count for verdict, count in question["verdicts"].items() if verdict != "passed"}
        other = max(verdicts, key=lambda verdict: verdicts[verdict], default="")
        right = question["verdicts"].get("passed", 0)
        table.add_row(name, f"{question['mean']:.0%}", str(right), f"{other} ({verdicts[other]})" if other else "")
    OUT.print(table)
    status = ", ".join(f"{count} {word}" for word, count in sorted(found["status"].items()))
    OUT.print(f"\n{len(records)} submissions: {status}", markup=False)
    if found["totals"]:
        low, q1, middle, q3, high = found["totals"]
        OUT.print(f"totals: median {middle:g}, half between {q1:g} and {q3:g}, from {low:g} to {high:g}", markup=False)
    if graded:
        OUT.print(f"graded {graded} in {seconds:.1f} s ({graded / seconds:.1f} a second)", markup=False)


# ---------------------------------------------------------------- proving the grader


def _prove(options: argparse.Namespace) -> int:
    from .authoring import prove

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
    paths = sorted((options.results / "records").glob("*.json"))
    if not paths:
        raise UsageError(f"{options.results}: holds no records; name a folder that 'autograder grade' has finished")
    try:
        records = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    except ValueError as error:
        raise UsageError(f"{options.results / 'records'}: {error}; run 'autograder grade' again") from None
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
    from .authoring import prove

    declared = load_assignment(find_assignment(options.assignment))
    asked = {question.name: question for question in declared.questions}
    if options.question not in asked:
        raise UsageError(f"{options.question}: no such question; there are {', '.join(asked)}")
    path = options.submission
    submission = read_submission(path.name, path, package=declared.package)
    if submission.problem:
        raise UsageError(f"{path}: {submission.problem}")
    OUT.print(prove.draft(asked[options.question], submission.sources, path.name), markup=False)
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
