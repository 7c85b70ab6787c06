"""Tells which system an export is of, and lists its submissions; what the command line asks. Imports the sister modules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..grading.intake import Entry
from ..grading.names import is_zip_name, visible
from . import canvas, github_classroom, gradescope, moodle, nbgrader, otter, plain
from .export import Export, IntakeError

SYSTEMS = {
    "gradescope": gradescope,
    "canvas": canvas,
    "moodle": moodle,
    "nbgrader": nbgrader,
    "github_classroom": github_classroom,
    "otter": otter,
}
FORMATS = (*SYSTEMS, "plain")
MAX_OTHERS = 50  # names that are listed of what is no submission


@dataclass(frozen=True)
class Listing:
    """The submissions of an export, by name, and how they were found."""

    system: str  # a name of FORMATS
    said: str  # the same for people, on one line
    entries: tuple[Entry, ...]
    others: tuple[str, ...]  # what belongs to no submission, as people may see it


def read_export(path: Path, wanted: str = "", package: str = "memnet") -> Listing:
    """List what a system exported: a folder or its zip as it is, or one submission alone.

    wanted: a name of FORMATS instead of recognising it, with a colon and a name where the system needs one.
    Raises IntakeError where there is no such format, where several fit, and where there is no submission.
    """
    system, _, detail = wanted.partition(":")
    if wanted and system not in FORMATS:
        raise IntakeError(f"--format {visible(wanted)}: there is no such format; there are {', '.join(FORMATS)}")
    if path.is_file() and not is_zip_name(path.name):
        return _listing("plain", plain.ALONE, "", plain.one_file(path), [])
    export = Export(path)
    if wanted:
        return _read(_unwrapped(export, system, package), system, detail, "as --format says")
    if one := plain.alone(export, package, loose=False):
        return _listing("plain", plain.ALONE, "", one, [])
    found = _evidence(export)
    if not found and (inner := _only_folder(export)) is not None and (found := _evidence(inner)):
        export = inner
    if len(found) > 1:
        kinds = " or ".join(f"{SYSTEMS[name].TITLE} ({evidence})" for name, evidence in found.items())
        raise IntakeError(f"{export.shown}: may be {kinds}; say which with --format {'|'.join(found)}")
    for system, evidence in found.items():
        return _read(export, system, "", evidence)
    if one := plain.alone(export, package, loose=True):
        return _listing("plain", plain.ALONE, "", one, [])
    return _read(plain.wrapper(export, package) or export, "plain", "", "")


def _evidence(export: Export) -> dict[str, str]:
    """The systems that an export may be of, with what speaks for each; the certain one alone if there is one."""
    if certain := gradescope.recognise(export):
        return {"gradescope": certain}
    return {name: evidence for name, system in SYSTEMS.items() if (evidence := system.recognise(export))}


def _only_folder(export: Export) -> Export | None:
    names = export.names()
    only = next(iter(names), "")
    return export.within(only) if len(names) == 1 and names[only] == "folder" else None


def _unwrapped(export: Export, system: str, package: str) -> Export:
    """The export, or the only folder in it where that is what the system wrote."""
    if system == "plain":
        return plain.wrapper(export, package) or export
    inner = None if SYSTEMS[system].recognise(export) else _only_folder(export)
    return inner if inner is not None and SYSTEMS[system].recognise(inner) else export


def _read(export: Export, system: str, detail: str, evidence: str) -> Listing:
    module = SYSTEMS.get(system, plain)
    entries, others = module.entries(export, detail)
    if not entries:
        raise IntakeError(f"{export.shown}: holds no submission; give what the system exported, or a folder of folders or zips")
    return _listing(system, module.TITLE, evidence, entries, [*map(visible, others), *export.refused])


def _listing(system: str, title: str, evidence: str, entries: list[Entry], others: list[str]) -> Listing:
    count = f"{len(entries)} submission{'s' if len(entries) > 1 else ''}"
    nobodys = [entry.name for entry in entries if not entry.students and not entry.group]
    if nobodys and len(nobodys) < len(entries):  # not a system that names nobody
        count += f" ({len(nobodys)} without a student, such as {nobodys[0]})"
    known = f" ({evidence})" if evidence else ""
    more = len(others) - MAX_OTHERS
    shown = [*sorted(others)[:MAX_OTHERS], *([f"{more} more files and folders"] if more > 0 else [])]
    return Listing(system, f"{title}{known}: {count}; --format overrides", tuple(entries), tuple(shown))
