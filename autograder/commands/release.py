"""`autograder bake` and `autograder release`: what graders need, and what students are given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..authoring.bake import bake
from ..authoring.declare import load_assignment
from ..checks import bundle as bundles
from ..checks.bundle import Bundle, write_file
from .assignment import add_assignment_option, add_bundle_option, bake_to, bundle_path, find_assignment
from .console import ERR, OUT
from .progress import progress


def register(commands: Any) -> None:
    """Add the commands to the command line."""
    text = "ask the oracles and write the bundle that graders need"
    baking = commands.add_parser("bake", help=text, description=text)
    baking.set_defaults(run=_bake)
    add_assignment_option(baking)
    add_bundle_option(baking)
    text = "generate the student template, check it, and build the student zip"
    releasing = commands.add_parser("release", help=text, description=text)
    releasing.set_defaults(run=_release)
    add_assignment_option(releasing)
    releasing.add_argument("--check", action="store_true", help="write nothing; list what is stale, exit 1 if any")
    releasing.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="default: dist")
    releasing.add_argument("--quick-gate", action="store_true", help="leave out the slow front ends, otter run and pytest")


def _bake(options: argparse.Namespace) -> int:
    assignment = find_assignment(options.assignment)
    path = options.bundle or bundle_path(assignment)
    baked = bake_to(assignment, path)
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
    from ..authoring import gate, publish, release

    assignment = find_assignment(options.assignment)
    declared = load_assignment(assignment)
    with progress(ERR, "baking", len(declared.questions)) as step:
        baked = bake(declared, progress=step)
    files = release.template_files(declared, baked)
    template = assignment.parent.parent / "student_template"
    stale = release.stale_files(template, files)
    unlike = publish.unlike(options.out)  # a damaged manifest is refused before anything is tried
    if options.check:
        for line in (*stale, *unlike):
            OUT.print(line, markup=False)
        if unlike:
            OUT.print(f"{options.out}: is not one whole release; run autograder release", markup=False)
        OUT.print(f"{template}: {f'{len(stale)} stale; run autograder release' if stale else 'up to date'}", markup=False)
        return 1 if stale or unlike else 0
    made = publish.build(declared, baked, files)
    known = {**(publish.last_manifest(options.out) or {}).get("student files", {}), **release.committed(template)}
    tried = gate.try_all(publish.by_kind(made), publish.hands(declared, baked, files), full=not options.quick_gate)
    changed = publish.write(made, options.out)
    write_file(bundle_path(assignment), bundles.to_bytes(baked))
    kept = release.write_template(template, files, bundle_path(assignment).parent / "kept", known)
    for line in (*tried.holds, *(f"{line}; written anew" for line in unlike), *changed, *kept):
        OUT.print(line, markup=False)
    OUT.print(f"{template}: {len(files)} files, {len(stale)} of them new or changed", markup=False)
    for name, data in made.zips.items():
        OUT.print(f"{options.out / name}: {len(data)} bytes", markup=False)
    for line in tried.untried:
        ERR.print(line, markup=False)
    return 1 if tried.untried else 0
