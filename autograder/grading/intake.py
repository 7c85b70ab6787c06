"""Reads what students handed in, folders and zips, as hostile data. Imports files, names and the standard library.

The grader gets the bytes of the modules and of the notebook, nothing else. Nothing is unpacked to disk,
imported, or followed out of the submission. Bad content raises nothing: it is the submission's `problem`, a
sentence for the student and the staff. What was left aside is a note.
"""

from __future__ import annotations

import hashlib
import sys
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .files import MB, Item, Piece, ProblemError, in_order, inner_items, items_of
from .names import is_zip_name, name_key, shown_path, some, visible

MAX_MODULES = 50  # modules in the package: an honest one holds some 10; with MAX_MODULE it caps what is read
MAX_MODULE = MB  # size of a module: source text of 20,000 lines
MAX_NOTEBOOK = 16 * MB  # size of a notebook: pictures in its outputs make it large
MAX_NOTES = 20  # remarks: a submission must not flood the report
MAX_DEPTH = 3  # zips in zips
MAX_ZIPS = 3  # zips that are looked into for the package

LIBRARIES = sys.stdlib_module_names | {"numpy", "torch"}
LACKING = ("no-package", "no-module", "outside-package")  # problems of a submission that its notebook may make up for


@dataclass(frozen=True)
class Student:
    """Whom a submission belongs to, as far as the export says; "" is unknown."""

    name: str = ""  # as the system writes it: "Jane Doe", Canvas's "doejane"
    sid: str = ""  # the school's own number, a string: it may begin with 0
    email: str = ""
    login: str = ""  # at the school or, for clones, at GitHub
    canvas: str = ""  # Canvas's number of the user, or what stands for it in anonymous grading
    moodle: str = ""  # Moodle's number of the participant in this one assignment; not that of the user


@dataclass(frozen=True)
class Entry:
    """One submission as the export gave it: where its files lie, whose it is, and when it came."""

    name: str  # distinct among the entries of an export, and safe to show
    pieces: tuple[Piece, ...]
    students: tuple[Student, ...] = ()  # several for a group; none where the export names nobody
    group: str = ""  # the group's name, where the system gives one
    submitted_at: str = ""  # ISO 8601 with its offset to UTC; "" is unknown
    late: bool | None = None  # as the system marked it; None where it does not say
    attempt: int = 0  # 1 is the first; 0 is unknown
    aside: tuple[str, ...] = ()  # earlier attempts and other things of this student that are not graded

    def facts(self) -> dict[str, Any]:
        """Return what the record of this submission says of it, beside its points: plain data, the same keys always."""
        students = [{key: value for key, value in vars(student).items() if value} for student in self.students]
        return {"students": students, "group": self.group, "submitted_at": self.submitted_at, "late": self.late,
                "attempt": self.attempt, "aside": list(self.aside)}  # fmt: skip


@dataclass(frozen=True)
class Submission:
    """What one student handed in. With a `problem`, `sources` is empty.

    Where the package alone is LACKING, the notebook is there: it may define the functions. Else it is None as well.
    """

    name: str
    path: Path
    sources: Mapping[str, bytes]  # module name without .py -> the bytes of <package>/<module>.py
    notebook: bytes | None
    notes: tuple[str, ...]
    problem: str  # "" when readable
    content: str  # sha256 in hex: equal for a folder and its zip, whatever the order and the dates
    problem_kind: str = ""  # a key of PROBLEMS


# ---------------------------------------------------------------- one submission


def read_submission(
    name: str, path: Path, *, package: str = "memnet", notebook: str = "memory_in_networks.ipynb"
) -> Submission:
    """Return what the folder, zip, notebook or module at `path` holds; see read_entry."""
    piece = Piece(path, "", path.name if path.suffix.lower() in (".py", ".ipynb") and not path.is_dir() else "")
    return read_entry(Entry(name, (piece,)), package=package, notebook=notebook)


def read_entry(entry: Entry, *, package: str = "memnet", notebook: str = "memory_in_networks.ipynb") -> Submission:
    """Return what an entry's files hold; whatever is wrong with them becomes the submission's `problem`.

    `package` is looked for at the root, then one level down, then in a zip that lies there; failing that, modules that
    lie loose together are taken for it, since some systems take files alone. The notebook lies beside the package,
    at the root, or else in the package: the one named `notebook`, or the only one. Trouble with the notebook alone is a
    note, since the modules can be graded.
    """
    notes: list[str] = []
    sources: dict[str, bytes] = {}
    book, kind, problem = None, "", ""
    try:
        with ExitStack() as stack:
            items = _unnested(_opened(entry, package, stack), package, notes, stack)
            try:
                base, beside = _find_package(items, package, notes)
                sources = _read_modules(items, base, package, notes)
            except ProblemError as error:
                if error.kind in LACKING:
                    book = _only_notebook(items, notebook, notes)
                raise
            book = _read_notebook(items, [beside, (), base], notebook, notes)
    except ProblemError as error:
        kind, problem = error.kind, str(error)
    if len(notes) > MAX_NOTES:
        notes[MAX_NOTES:] = [f"and {len(notes) - MAX_NOTES} more remarks of this sort"]
    path = entry.pieces[0].path if entry.pieces else Path(entry.name)
    return Submission(entry.name, path, sources, book, tuple(notes), problem, _content(sources, book, kind), kind)


def _content(sources: Mapping[str, bytes], notebook: bytes | None, problem_kind: str) -> str:
    parts = [(f"module {name}", data) for name, data in sorted(sources.items())]
    parts += [("notebook", notebook)] if notebook is not None else []
    digest = hashlib.sha256()
    for label, data in [*parts, ("problem", problem_kind.encode())]:
        digest.update(f"{label}\n{len(data)}\n".encode() + data)  # with lengths: no two lists give the same bytes
    return digest.hexdigest()


def _opened(entry: Entry, package: str, stack: ExitStack) -> list[Item]:
    """Return the items of all pieces, in order; they can be read until the stack is closed."""
    found = (replace(item, rank=rank) for rank, piece in enumerate(entry.pieces) for item in items_of(piece, package, stack))
    of_zip = len(entry.pieces) == 1 and not entry.pieces[0].inside and not entry.pieces[0].path.is_dir()
    return in_order(found, "the zip" if of_zip else "the folder", package)


def _package_folders(items: list[Item], package: str) -> list[tuple[str, ...]]:
    """Return the folders that may be the package: at the root before one level down, exact before any case."""
    folders = {item.parts[:depth] for item in items for depth in (1, 2) if depth < len(item.parts)}
    folders |= {item.parts for item in items if item.kind in ("folder", "link")}
    for depth in (1, 2):
        named = sorted(f for f in folders if len(f) == depth and name_key(f[-1]) == name_key(package))
        if named:
            return [folder for folder in named if folder[-1] == package] or named
    return []


def _find_package(items: list[Item], package: str, notes: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the path of the package's folder, and of the folder that it lies in."""
    found = _package_folders(items, package)
    if not found:
        base = _loose_modules(items, package, notes)
        return base, base
    if len(found) > 1:
        raise ProblemError("several", package, some("/".join(folder) for folder in found))
    base = found[0]
    if any(item.kind == "link" and item.parts == base[: len(item.parts)] for item in items):
        raise ProblemError("link", shown_path(base))
    if base[-1] != package:
        notes.append(f"the folder {visible(base[-1])}/ is read as {package}/; name it {package}/")
    return base, base[:-1]


def _top(items: list[Item]) -> tuple[str, ...]:
    """Return the folder in which everything lies: the root, or the only folder that is at the root."""
    first = {item.parts[0] for item in items}
    return tuple(first) if len(first) == 1 and any(len(item.parts) > 1 for item in items) else ()


def _loose_modules(items: list[Item], package: str, notes: list[str]) -> tuple[str, ...]:
    """Return the folder whose modules stand for the package that is not there."""
    loose = [item.parts for item in items if item.kind == "file" and len(item.parts) <= 2 and item.parts[-1].endswith(".py")]
    top = _top(items)
    shown = some("/".join(parts) for parts in loose) + (" lie" if loose[1:] else " lies")
    if not loose:
        raise ProblemError("no-package", package, some(sorted({item.parts[0] for item in items})))
    if not any(parts[:-1] == top for parts in loose):
        raise ProblemError("outside-package", shown, package)
    notes.append(f"{shown} outside {package}/; read as if inside, but hand in the folder {package}/")
    return top


# ---------------------------------------------------------------- zips in a submission


def _unnested(items: list[Item], package: str, notes: list[str], stack: ExitStack, depth: int = 1) -> list[Item]:
    """Return the items with a zip at the top replaced by what is in it, where the package is not found without.

    Of several zips, the only one that holds the package counts.
    """
    zips = [] if _package_folders(items, package) else _zips_at_top(items)
    if not zips:
        return items
    if depth >= MAX_DEPTH:
        raise ProblemError("nested", shown_path(zips[0].parts))
    inner = {item: inner_items(item, package, stack) for item in sorted(zips, key=lambda item: item.rank)[-MAX_ZIPS:]}
    if len(zips) > 1:
        inner = {item: found for item, found in inner.items() if _package_folders(found, package)}
        last = max((item.rank for item in inner), default=0)
        inner = {item: found for item, found in inner.items() if item.rank == last}
    if len(inner) > 1:
        raise ProblemError("several-zips", package, some("/".join(item.parts) for item in inner))
    for chosen, found in inner.items():
        others = [shown_path(item.parts) for item in zips if item is not chosen]
        notes.extend(f"{other} is not used: {shown_path(chosen.parts)} holds {package}/" for other in others)
        merged = [item for item in items if item not in zips] + found
        return _unnested(in_order(merged, "the submission", package), package, notes, stack, depth + 1)
    return items


def _zips_at_top(items: list[Item]) -> list[Item]:
    top = _top(items)
    return [i for i in items if i.kind == "file" and i.parts[:-1] in ((), top) and is_zip_name(i.parts[-1])]


# ---------------------------------------------------------------- modules and notebook


def _read_modules(entries: list[Item], base: tuple[str, ...], package: str, notes: list[str]) -> dict[str, bytes]:
    """Return the bytes of each module directly in the package; one that cannot be read is a problem."""
    modules: dict[str, list[Item]] = defaultdict(list)
    for entry in entries:
        if entry.parts[:-1] != base or entry.kind == "folder" or not entry.parts[-1].lower().endswith(".py"):
            continue
        module = entry.parts[-1][:-3]
        if not entry.parts[-1].endswith(".py") or not module.isidentifier():
            notes.append(f"{shown_path(entry.parts)} is not used: a module's name is like that of rnn.py")
        elif module.lower() in LIBRARIES:
            notes.append(f"{shown_path(entry.parts)} is not used: `import {module.lower()}` is the library")
        else:
            modules[module].append(entry)
    if base and name_key(base[-1]) == name_key(package):
        _note_others(entries, base, notes)
    if not modules:
        raise ProblemError("no-module", shown_path(base) or package)
    if len(modules) > MAX_MODULES:
        raise ProblemError("many", f"{shown_path(base) or package}/", MAX_MODULES, "modules")
    _drop_other_cases(modules, notes)
    for found in modules.values():
        if len(found) > 1:
            raise ProblemError("duplicate", shown_path(found[0].parts))
    return {module: found[0].read(MAX_MODULE) for module, found in sorted(modules.items())}


def _note_others(entries: list[Item], base: tuple[str, ...], notes: list[str]) -> None:
    below = [entry for entry in entries if entry.parts[: len(base)] == base and entry.parts != base]
    deeper = {e.parts[len(base)] for e in below if e.kind == "folder" or len(e.parts) > len(base) + 1}
    if deeper:
        notes.append(f"folders inside {shown_path(base)}/ are not used: {some(sorted(deeper))}")
    beside = {e.parts[-1] for e in entries if e.parts[:-1] == base[:-1] and e.parts[-1].endswith(".py")}
    if beside:
        notes.append(f"modules beside {shown_path(base)}/ are not used: {some(sorted(beside))}")


def _drop_other_cases(modules: dict[str, list[Item]], notes: list[str]) -> None:
    """Keep one of RNN.py and rnn.py, the lower-case one: on many systems they are one file."""
    kept: dict[str, str] = {}
    for module in sorted(modules, key=lambda name: (name != name.lower(), name)):
        if kept.setdefault(name_key(module), module) != module:
            shown = shown_path(modules.pop(module)[0].parts)
            notes.append(f"{shown} is not used: {kept[name_key(module)]}.py is there too; keep one")


def _read_notebook(entries: list[Item], places: list[tuple[str, ...]], name: str, notes: list[str]) -> bytes | None:
    """Return the notebook of the first place that has any."""
    books = [e for e in entries if e.kind != "folder" and e.parts[-1].lower().endswith(".ipynb")]
    found = next(filter(None, ([e for e in books if e.parts[:-1] == place] for place in places)), [])
    chosen = [e for e in found if e.parts[-1] == name] or found
    if len(chosen) > 1:
        notes.append(f"no notebook is used: there are {some(e.parts[-1] for e in chosen)}; keep one, {name}")
    if len(chosen) != 1:
        return None
    try:
        return chosen[0].read(MAX_NOTEBOOK)
    except ProblemError as problem:
        notes.append(f"the notebook is not used: {problem}")
        return None


def _only_notebook(entries: list[Item], name: str, notes: list[str]) -> bytes | None:
    """The notebook of a submission without a package: at the root, or else in the only folder that has one."""
    folders = sorted({entry.parts[:-1] for entry in entries if entry.parts[-1].lower().endswith(".ipynb")}, key=len)
    beside = [folder for folder in folders if len(folder) <= 1]
    if not beside or (beside[0] and len(beside) > 1):
        return None
    return _read_notebook(entries, [beside[0], ()], name, notes)
