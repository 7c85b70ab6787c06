"""Everything that a release gives out, built as bytes, tried, and only then written to dist/. Staff only.

The same sources give the same bytes, wherever and whenever they are built; the release note says what changed since the
release whose release.json lies in the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checks import bundle as bundles
from ..checks.bundle import Bundle
from ..gradescope import Settings, SettingsError, plain_rules, read_settings
from ..grading.policy import PolicyError
from . import notebook, packages, release
from .declare import Assignment, AssignmentError
from .gate import Hands

MANIFEST, NOTE = "release.json", "RELEASE.md"


@dataclass(frozen=True)
class Release:
    """What is given out: zips by file name, and what they hold, as plain data."""

    zips: Mapping[str, bytes]
    manifest: Mapping[str, Any]

    def of(self, kind: str) -> bytes:
        """The zip of a kind: student, otter-autograder, gradescope-autograder, solution."""
        return next(data for name, data in self.zips.items() if name.endswith(f"-{kind}.zip"))


def by_kind(made: Release) -> dict[str, bytes]:
    """The zips by kind."""
    return {kind: made.of(kind) for kind in ("student", "otter-autograder", "gradescope-autograder", "solution")}


def hands(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes]) -> Hands:
    """What the gate hands in: the student's folder as it is, and with the solution in it."""
    package, book = assignment.package, notebook.file_name(assignment)
    blank = {name: data for name, data in template.items() if name.startswith(f"{package}/") or name == book}
    solution = {f"{package}/{name}.py": data for name, data in release.solution_files(assignment).items()}
    return Hands({**blank, **solution}, blank, baked, assignment.folder)


def settings_of(assignment: Path) -> tuple[Settings, dict[str, Any], str]:
    """From assignment.toml: [gradescope], the rules of [late] and [points], and the index that torch is installed from.

    Raises AssignmentError.
    """
    path = assignment / "assignment.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    table = dict(tables.get("gradescope", {}))
    index = table.pop("torch_index", "")
    try:
        if not isinstance(index, str) or any(mark in index for mark in "\"'$`\\ \n"):
            raise SettingsError(f"{path}: [gradescope]: torch_index = {index!r}; write an address, or leave it out")
        return read_settings(table, f"{path}: [gradescope]"), plain_rules(tables), index
    except (SettingsError, PolicyError) as error:
        raise AssignmentError(str(error)) from None


def build(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes]) -> Release:
    """The four zips and the manifest. Raises AssignmentError."""
    settings, rules, index = settings_of(assignment.folder)
    if settings.leaderboard and settings.leaderboard not in [question.name for question in baked.questions]:
        where = f"{assignment.folder / 'assignment.toml'}: [gradescope]: leaderboard = {settings.leaderboard!r}"
        raise AssignmentError(f"{where} is no question that is declared; mend the name")
    constraints = assignment.folder.parent.parent / "constraints.txt"
    bundle = bundles.to_bytes(baked)
    engine = packages.engine_files(assignment.folder, bundle, settings, rules)
    solution = release.solution_files(assignment)
    name = assignment.name
    zips = {
        f"{name}-student.zip": packages.student_zip(template, name),
        f"{name}-otter-autograder.zip": packages.otter_zip(engine, baked, constraints, index),
        f"{name}-gradescope-autograder.zip": packages.gradescope_zip(engine, constraints, index),
        f"{name}-solution.zip": packages.solution_zip(template, solution, assignment.package, name),
    }
    return Release(zips, manifest(assignment, baked, template, zips))


# ---------------------------------------------------------------- the release note


def manifest(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes], zips: Mapping[str, bytes]) -> dict[str, Any]:
    """What a release holds, as plain data that two releases can be compared by."""
    questions = {}
    for question in baked.questions:
        hidden = sum(case.hidden for case in question.cases)
        questions[question.name] = {
            "number": question.number, "points": question.points, "optional": question.optional,
            "public cases": len(question.cases) - hidden, "hidden cases": hidden,
        }  # fmt: skip
    written = {each.name: {"number": each.number, "points": each.points} for each in baked.written}
    return {
        "assignment": assignment.name, "title": assignment.title, "version": assignment.version, "bundle": baked.digest,
        "points": {"automatic": baked.possible, "written": baked.possible_written,
                   "optional": sum(question.points for question in baked.questions if question.optional)},
        "questions": questions, "written": written,
        "student files": {name: _sha256(data) for name, data in sorted(template.items())},
        "zips": {name: {"bytes": len(data), "sha256": _sha256(data)} for name, data in sorted(zips.items())},
    }  # fmt: skip


def changes(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """What changed from one manifest to the next, a line each."""
    if old is None:
        return ["This is the first release from this folder."]
    found = [] if old["version"] == new["version"] else [f"version {old['version']} became {new['version']}"]
    for kind, what in (("questions", "question"), ("written", "written question")):
        found += _entries(what, old[kind], new[kind])
    found += _entries("student file", old["student files"], new["student files"])
    if old["bundle"] != new["bundle"]:
        found.append("cases, expected values or mistakes changed: grade again what was graded with the last release")
    found += [f"{name} changed" for name in new["zips"] if old["zips"].get(name) not in (None, new["zips"][name])]
    found += [f"{name} is gone" for name in sorted(old["zips"].keys() - new["zips"].keys())]
    return found or ["Nothing changed."]


def _entries(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield f"{what} {name} is new"
        elif name not in new:
            yield f"{what} {name} is gone"
        elif old[name] != new[name]:
            yield f"{what} {name} changed{_details(old[name], new[name])}"


def _details(old: Any, new: Any) -> str:
    if not isinstance(new, Mapping):
        return ""
    return ": " + ", ".join(f"{key} {old.get(key)} became {value}" for key, value in new.items() if old.get(key) != value)


def note(found: Mapping[str, Any]) -> str:
    """The release note, in markdown, of a manifest with its changes."""
    points = found["points"]
    lines = [
        f"# {found['title']}, version {found['version']}", "",
        f"{points['automatic']:g} automatic and {points['written']:g} written points, {points['optional']:g} optional ones.",
        "", "## Changes since the last release", "", *(f"- {line}" for line in found["changes"]),
        "", "## Files", "", "| file | bytes | SHA-256 |", "|---|---:|---|",
        *(f"| {name} | {entry['bytes']} | `{entry['sha256']}` |" for name, entry in found["zips"].items()),
        "", f"Bundle `{found['bundle']}`.", "",
        "## Points", "", "| | question | points | public cases | hidden cases |", "|---|---|---:|---:|---:|",
        *(f"| {q['number']} | {name}{' (optional)' if q['optional'] else ''} | {q['points']:g} | {q['public cases']} "
          f"| {q['hidden cases']} |" for name, q in found["questions"].items()),
        *(f"| {w['number']} | {name} (written) | {w['points']:g} | | |" for name, w in found["written"].items()),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def last_manifest(out: Path) -> Mapping[str, Any] | None:
    """The manifest of the release that lies in the folder, if there is one. Raises AssignmentError for a damaged one."""
    path = out / MANIFEST
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        changes(found, found)
        note({"changes": [], **found})
        return dict(found)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AssignmentError(f"{path}: is damaged; remove it, and the note will not say what changed") from None


def unlike(out: Path) -> list[str]:
    """What in the folder is not as its manifest says, a line each: a release was stopped on the way, or a file was changed.

    Raises AssignmentError for a damaged manifest.
    """
    lines = [f"{path}: is left of a release that was killed" for path in _left(out)]
    found = last_manifest(out)
    if found is None:
        return lines
    should = {name: entry["sha256"] for name, entry in found["zips"].items()}
    if "changes" in found:
        should[NOTE] = _sha256(note(found).encode())
    for name, digest in should.items():
        path = out / name
        if not path.is_file():
            lines.append(f"{path}: is missing, and {MANIFEST} names it")
        elif _sha256(path.read_bytes()) != digest:
            lines.append(f"{path}: is not the one that {MANIFEST} names")
    return lines


def write(made: Release, out: Path) -> list[str]:
    """Write zips, note and manifest to the folder. Returns what changed; where nothing did, the note stays as it is.

    The manifest comes last: until then the old one lies there, and `unlike` tells that it names other files.
    Raises AssignmentError for a file that cannot be put in its place.
    """
    old = last_manifest(out)
    changed = changes(old, made.manifest)
    found = json.loads(json.dumps(made.manifest))
    same = old is not None and {key: value for key, value in old.items() if key != "changes"} == found
    found["changes"] = old.get("changes", changed) if old and same else changed
    manifest_text = json.dumps(found, indent=1) + "\n"
    _write_all(out, {**made.zips, NOTE: note(found).encode(), MANIFEST: manifest_text.encode()})
    for name in (old or found)["zips"].keys() - found["zips"].keys():
        (out / name).unlink(missing_ok=True)
    return changed


def _write_all(out: Path, files: Mapping[str, bytes]) -> None:
    """Write all files under temporary names, then rename them, in their order; what killed runs left is removed."""
    for name in files:
        if (out / name).is_dir():
            raise AssignmentError(f"{out / name}: is a folder, and a release writes a file there; move it away")
    out.mkdir(parents=True, exist_ok=True)
    for path in _left(out):
        path.unlink()
    waiting = {out / f".{number}.{os.getpid()}.tmp": out / name for number, name in enumerate(files)}
    try:
        for temporary, path in waiting.items():
            temporary.write_bytes(files[path.name])
        for temporary, path in waiting.items():
            _rename(temporary, path)
    finally:
        for temporary in waiting:
            temporary.unlink(missing_ok=True)


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        mixed = f"files of this release and of the last one may lie together in {path.parent}"
        raise AssignmentError(f"{path}: {error.strerror}; {mixed}: mend that, and release again") from None


def _left(out: Path) -> list[Path]:
    return [path for path in sorted(out.glob(".*.tmp")) if release.LEFT.fullmatch(path.name)]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
