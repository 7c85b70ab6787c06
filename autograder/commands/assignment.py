"""Which assignment a command is about: its folder, its bundle and its rules, and the options that name them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..authoring.bake import bake
from ..authoring.declare import AssignmentError, load_assignment, load_settings, source_hash
from ..checks import bundle as bundles
from ..checks.bundle import Bundle, write_file
from ..grading.policy import Policy, PolicyError, read_policy
from .console import ERR, UsageError
from .progress import progress


def add_assignment_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names the assignment."""
    command.add_argument("--assignment", type=Path, default=None, metavar="DIR",
                         help="the assignment's folder (default: the only one in assignments/)")  # fmt: skip


def add_bundle_option(command: argparse.ArgumentParser) -> None:
    """Add the option that names the bundle."""
    command.add_argument("--bundle", type=Path, default=None, metavar="FILE", help="default: build/NAME/bundle.npz")


def add_policy_option(command: argparse.ArgumentParser) -> None:
    """Add the option for what the policy says of single students."""
    command.add_argument("--extensions", type=Path, default=None, metavar="CSV",
                         help="who may hand in later: columns student, and due, days, hours or late_days")  # fmt: skip


def find_assignment(folder: Path | None, submissions: Path | None = None) -> Path:
    """The assignment's folder: as given, or the only one there is. Raises UsageError.

    submissions: what is graded. An assignment is code that is run, and one that somebody handed in is none.
    """
    if folder is not None:
        return folder
    for root in (Path.cwd(), Path(__file__).resolve().parents[2]):
        found = sorted(path.parent for path in root.glob("assignments/*/assignment.toml"))
        if submissions is not None and any(submissions.resolve() in path.resolve().parents for path in found):
            raise UsageError(f"{found[0]}: is part of what is graded, and not taken for the assignment; go to the project's "
                             "root, or name the assignment with --assignment")  # fmt: skip
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"there are several assignments ({names}); name one with --assignment")
    raise UsageError("no folder assignments/ here; go to the project's root, or name the assignment with --assignment")


def bundle_path(assignment: Path) -> Path:
    """Where an assignment's bundle lies unless told otherwise."""
    return assignment.parent.parent / "build" / assignment.name / "bundle.npz"


def ready_bundle(assignment: Path, given: Path | None) -> tuple[Bundle, Path]:
    """The bundle to grade with; baked now if there is none yet. Raises BundleError if it is stale or foreign."""
    path = given or bundle_path(assignment)
    if given is None and not path.exists():
        ERR.print("there is no bundle yet; baking it", markup=False)
        bake_to(assignment, path)
    return bundles.read(path, source=source_hash(assignment)), path


def bake_to(assignment: Path, path: Path) -> Bundle:
    """Ask the oracles, and write the bundle that graders need."""
    declared = load_assignment(assignment)
    with progress(ERR, "baking", len(declared.questions)) as step:
        baked = bake(declared, progress=step)
    write_file(path, bundles.to_bytes(baked))
    return baked


def policy_of(assignment: Path, extensions: Path | None) -> Policy:
    """The rules of an assignment. Raises AssignmentError."""
    try:
        return read_policy(load_settings(assignment), assignment / "assignment.toml", extensions)
    except PolicyError as error:
        raise AssignmentError(str(error)) from None
