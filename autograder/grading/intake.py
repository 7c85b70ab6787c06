"""Reads what students handed in, folders and zips, as hostile data; imports the standard library only.

The grader gets the bytes of the modules and of the notebook, nothing else. Nothing is unpacked to disk,
imported, or followed out of the submission. Bad content raises nothing: it is the submission's `problem`, a
sentence for the student and the staff. What was left aside is a note.

What a learning management system exports, a folder or a zip of many submissions, is an `Export`; who of it handed in
what, an `Entry`, is told by autograder.lms. Here they are listed and read.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import os
import re
import stat
import sys
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

MB = 2**20
MAX_ZIP = 100 * MB  # size of a zip file: far above any honest one, and quick to read
MAX_DIRECTORY = MB  # size of a zip's table of contents, of which zipfile makes objects ten times as large
MAX_ENTRIES = 2000  # files and folders in a submission: an honest one holds some 20, with caches 200
MAX_MODULES = 50  # modules in the package: an honest one holds some 10; with MAX_MODULE it caps what is read
MAX_MODULE = MB  # size of a module: source text of 20,000 lines
MAX_NOTEBOOK = 16 * MB  # size of a notebook: pictures in its outputs make it large
MAX_NOTES = 20  # remarks: a submission must not flood the report
MAX_EXPORT_DIRECTORY = 128 * MB  # of an export's zip: some 500,000 files
MAX_EXPORT_NAMES = 100_000  # files and folders directly in one folder of an export
MAX_DEPTH = 3  # zips in zips
MAX_ZIPS = 3  # zips that are looked into for the package
MAX_INNER = 32 * MB  # size of a zip in a zip, which is read to memory
MAX_FOLDERS = 30  # folders in folders, in an export's zip
CHUNK = 2**16  # bytes unpacked from a zip's member at a time

NOT_OURS = {"__macosx", "__pycache__", "thumbs.db", "desktop.ini"}  # left by systems; hidden files besides
LIBRARIES = sys.stdlib_module_names | {"numpy", "torch"}
NOT_SHOWN = ("C", "Zl", "Zp")  # Unicode categories that are invisible or change how a line reads
JOINERS = "\u200c\u200d"  # of category Cf too, but part of words in Persian and in the scripts of India
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)  # devices of Windows
OPEN_FLAGS = sum(getattr(os, flag, 0) for flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_NOCTTY"))
JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT: a link between folders, on Windows

PROBLEMS = {
    "broken": "{} is broken or is no zip; make the zip again and check that it opens",
    "damaged": "{} is damaged in the zip; make the zip again and check that it opens",
    "duplicate": "{} is there more than once; keep one",
    "empty": "{} is empty; hand in the folder {}/ and the notebook",
    "encrypted": "{} is encrypted in the zip; make the zip without a password",
    "large": "{} is larger than {} MB; make it smaller",
    "link": "{} is a link, which is not followed; hand in what it points to",
    "many": "{} holds more than {} {}; hand in the modules and the notebook alone",
    "method": "{} is packed in an unusual way; make the zip with your system's own tool",
    "nested": "{} is a zip in zips in zips; unzip it and hand in what is in it",
    "no-module": "{}/ holds no module; put your .py files directly into it",
    "no-package": "there is no folder {}/, only {}; hand in that folder itself",
    "outside": "{} is not a plain path inside the zip (it has .., a drive, a NUL or a leading /);"
    " make the zip again from your folder",
    "outside-package": "{0} outside {1}/; put the modules into a folder {1}/",
    "several": "there are several folders {}/ ({}); keep one",
    "several-zips": "several zips hold a folder {}/ ({}); keep one",
    "special": "{} is not a regular file; hand in a regular one",
    "unreadable": "{} cannot be read ({}); make it readable and hand it in again",
}


LACKING = ("no-package", "no-module", "outside-package")  # problems of a submission that its notebook may make up for


class IntakeError(Exception):
    """The folder or zip of submissions itself cannot be used; the message says what, and what to do."""


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
class Piece:
    """A file or folder that belongs to a submission; read where it lies, never unpacked."""

    path: Path  # on disk: the file or folder itself, or the export's zip
    inside: str = ""  # a member, or a folder, of the zip at `path`
    name: str = ""  # what its owner called the file; "" for a folder or zip that is the submission itself


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


class _ProblemError(Exception):
    """Why a submission cannot be graded: the kind, a key of PROBLEMS, is part of the content's hash."""

    def __init__(self, kind: str, *values: object) -> None:
        super().__init__(PROBLEMS[kind].format(*values))
        self.kind = kind


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


@dataclass(frozen=True)
class _Item:
    parts: tuple[str, ...]  # the path inside the submission, NFC
    kind: str  # file, folder, link, special
    read_up_to: Callable[[int], bytes]  # so many bytes at most; raises _ProblemError
    rank: int = 0  # the position of its piece: of the same thing in several attempts, the last counts

    def read(self, limit: int) -> bytes:
        if self.kind != "file":
            raise _ProblemError("link" if self.kind == "link" else "special", _shown(self.parts))
        data = self.read_up_to(limit + 1)
        if len(data) > limit:
            raise _ProblemError("large", _shown(self.parts), limit // MB)
        return data


def visible(text: str, longest: int = 120) -> str:
    """Return text from outside as people may safely see it: on one line, nothing hidden, not too long."""
    shown = "".join(_visible(character) for character in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def _visible(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    hide = unicodedata.category(character).startswith(NOT_SHOWN) and character not in JOINERS
    return f"\\u{code:04x}" if hide else character


def _shown(parts: Sequence[str]) -> str:
    return visible("/".join(parts))


def _some(names: Iterable[str]) -> str:
    shown = [visible(name) for name in names]
    return ", ".join(shown[:5] + ([f"{len(shown) - 5} more"] if len(shown) > 5 else []))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _key(name: str) -> str:
    """Return what two names share where a file system takes them for one."""
    return _nfc(_nfc(name).casefold())


# The export: many submissions


class Export:
    """A folder or zip of submissions as a system gave it: listed and read where it lies, never unpacked.

    Paths inside are strings with slashes, as the export spells them; "" is its root. Raises IntakeError.
    """

    def __init__(self, path: Path, base: str = "") -> None:
        self.path, self.base = path, base
        self.shown = visible(str(path))
        try:
            if not os.path.lexists(path):
                raise IntakeError(f"{self.shown}: does not exist; give the folder or zip that holds the submissions")
            self.is_zip = not path.is_dir()
        except OSError as error:
            raise IntakeError(f"{self.shown}: cannot be read ({error.strerror}); make it readable") from None
        self.refused: tuple[str, ...] = ()  # names in the zip that lead out of it, or may; nobody reads them
        if self.is_zip:
            self.refused = self._archive().refused

    @property
    def name(self) -> str:
        """What the folder or zip is called."""
        return self.base.rpartition("/")[2] or self.path.absolute().name

    def within(self, folder: str) -> Export:
        """Return a folder of this export as an export of its own."""
        return Export(self.path, self._full(folder)) if self.is_zip else Export(self.path / folder)

    def names(self, inside: str = "") -> dict[str, str]:
        """Return name -> file, folder, link or special, of what lies in a folder; hidden files are left out."""
        found = self._archive().children.get(self._full(inside), {}) if self.is_zip else self._scan(self.path / inside)
        if len(found) > MAX_EXPORT_NAMES:
            raise IntakeError(f"{self.shown}: holds more than {MAX_EXPORT_NAMES} files in a folder; give it in parts")
        return {name: found[name] for name in sorted(found) if not _hidden(name)}

    def peek(self, inside: str) -> dict[str, str]:
        """Return the same as names, and nothing for a folder that cannot be listed: that is its owner's problem."""
        try:
            return self.names(inside)
        except IntakeError:
            return {}

    def has(self, inside: str) -> bool:
        """Tell whether there is such a file or folder, hidden ones too."""
        if not self.is_zip:
            return os.path.lexists(self.path / inside)
        folder, _, name = self._full(inside).rpartition("/")
        return name in self._archive().children.get(folder, {})

    def read(self, inside: str, limit: int) -> bytes:
        """Return the bytes of a small file that the system itself wrote."""
        try:
            items = list(_items_of(self.piece(inside, name=inside.rpartition("/")[2]), ""))
            if len(items) != 1:
                raise _ProblemError("duplicate" if items else "damaged", visible(inside))
            return items[0].read(limit)
        except _ProblemError as problem:
            raise IntakeError(f"{self.shown}: {problem}") from None

    def piece(self, inside: str, name: str = "") -> Piece:
        """Return where a file or folder of this export lies; see Piece for the name."""
        return Piece(self.path, self._full(inside), name) if self.is_zip else Piece(self.path / inside, "", name)

    def _full(self, inside: str) -> str:
        return f"{self.base}/{inside}" if self.base and inside else self.base or inside

    def _archive(self) -> _Archive:
        try:
            return _archive_at(self.path)
        except _ProblemError as problem:
            raise IntakeError(f"{self.shown}: {problem}") from None

    def _scan(self, folder: Path) -> dict[str, str]:
        try:
            with os.scandir(folder) as found:
                names = [item.name for item in islice(found, MAX_EXPORT_NAMES + 1)]
            return {name: _kind((folder / name).lstat()) for name in names}
        except OSError as error:
            raise IntakeError(f"{visible(str(folder))}: cannot be read ({error.strerror}); make it readable") from None


def distinct_names(wanted: Sequence[str]) -> list[str]:
    """Return names as people may see them, one for each of those wanted and no two the same."""
    shown = [visible(_nfc(name), 255) for name in wanted]
    taken, found = set(shown), set[str]()
    for position, name in enumerate(shown):
        if name in found:
            shown[position] = next(other for n in count(2) if (other := f"{name} ({n})") not in taken)
        taken.add(shown[position])
        found.add(shown[position])
    return shown


def same_name(one: str, other: str) -> bool:
    """Tell whether a file system may take two names for one."""
    return _key(one) == _key(other)


def is_zip_name(name: str) -> bool:
    """Tell whether a file of this name is meant to be a zip."""
    return name.lower().endswith(".zip")


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in NOT_OURS


# One submission


def read_submission(
    name: str, path: Path, *, package: str = "memnet", notebook: str = "memory_in_networks.ipynb"
) -> Submission:
    """Return what the folder, zip, notebook or module at `path` holds; see read_entry."""
    piece = Piece(path, "", path.name if path.suffix.lower() in (".py", ".ipynb") and not path.is_dir() else "")
    return read_entry(Entry(name, (piece,)), package=package, notebook=notebook)


def read_entry(entry: Entry, *, package: str = "memnet", notebook: str = "memory_in_networks.ipynb") -> Submission:
    """Return what an entry's files hold; whatever is wrong with them becomes the submission's `problem`.

    `package` is looked for at the root, then one level down, then in a zip that lies there; failing that, modules that
    lie loose together are taken for it, since some systems take files alone. The notebook lies beside the package
    or at the root: the one named `notebook`, or the only one. Trouble with the notebook alone is a note, since the
    modules can be graded.
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
            except _ProblemError as error:
                if error.kind in LACKING:
                    book = _only_notebook(items, notebook, notes)
                raise
            book = _read_notebook(items, beside, notebook, notes)
    except _ProblemError as error:
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


def _opened(entry: Entry, package: str, stack: ExitStack) -> list[_Item]:
    """Return the items of all pieces, in order; they can be read until the stack is closed."""
    found = (replace(item, rank=rank) for rank, piece in enumerate(entry.pieces) for item in _items_of(piece, package, stack))
    of_zip = len(entry.pieces) == 1 and not entry.pieces[0].inside and not entry.pieces[0].path.is_dir()
    return _in_order(found, "the zip" if of_zip else "the folder", package)


def _items_of(piece: Piece, package: str, stack: ExitStack | None = None) -> Iterator[_Item]:
    if piece.inside:
        yield from _archive_at(piece.path).items(piece)
        return
    shown = visible(piece.path.name)
    try:
        kind = _kind(piece.path.lstat())
    except OSError as error:
        raise _ProblemError("unreadable", shown, error.strerror) from None
    if piece.name and kind != "folder":
        yield _Item((_nfc(piece.name),), kind, partial(_read_regular, piece.path, visible(piece.name)))
    elif kind == "folder":
        yield from _folder_items(piece.path, (_nfc(piece.name),) if piece.name else (), package)
    elif kind != "file":
        raise _ProblemError(kind, shown)
    elif stack is not None:
        yield from _zip_items(_open_zip(stack.enter_context(_zip_file(piece.path, MAX_DIRECTORY)), shown))


def _zip_file(path: Path, largest_directory: int) -> _Capped:
    shown = visible(path.name)
    file = _Capped(io.FileIO(_open_regular(path, shown)))
    file.most = largest_directory + 1
    if largest_directory == MAX_DIRECTORY and os.fstat(file.fileno()).st_size > MAX_ZIP:
        file.close()
        raise _ProblemError("large", shown, MAX_ZIP // MB)
    return file


def _in_order(found: Iterable[_Item], what: str, package: str) -> list[_Item]:
    items = list(islice(found, MAX_ENTRIES + 1))
    if len(items) > MAX_ENTRIES:
        raise _ProblemError("many", what, MAX_ENTRIES, "files")
    if not items:
        raise _ProblemError("empty", what, package)
    return sorted(items, key=lambda item: item.parts)


def _package_folders(items: list[_Item], package: str) -> list[tuple[str, ...]]:
    """Return the folders that may be the package: at the root before one level down, exact before any case."""
    folders = {item.parts[:depth] for item in items for depth in (1, 2) if depth < len(item.parts)}
    folders |= {item.parts for item in items if item.kind in ("folder", "link")}
    for depth in (1, 2):
        named = sorted(f for f in folders if len(f) == depth and _key(f[-1]) == _key(package))
        if named:
            return [folder for folder in named if folder[-1] == package] or named
    return []


def _find_package(items: list[_Item], package: str, notes: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the path of the package's folder, and of the folder that it lies in."""
    found = _package_folders(items, package)
    if not found:
        base = _loose_modules(items, package, notes)
        return base, base
    if len(found) > 1:
        raise _ProblemError("several", package, _some("/".join(folder) for folder in found))
    base = found[0]
    if any(item.kind == "link" and item.parts == base[: len(item.parts)] for item in items):
        raise _ProblemError("link", _shown(base))
    if base[-1] != package:
        notes.append(f"the folder {visible(base[-1])}/ is read as {package}/; name it {package}/")
    return base, base[:-1]


def _top(items: list[_Item]) -> tuple[str, ...]:
    """Return the folder in which everything lies: the root, or the only folder that is at the root."""
    first = {item.parts[0] for item in items}
    return tuple(first) if len(first) == 1 and any(len(item.parts) > 1 for item in items) else ()


def _loose_modules(items: list[_Item], package: str, notes: list[str]) -> tuple[str, ...]:
    """Return the folder whose modules stand for the package that is not there."""
    loose = [item.parts for item in items if item.kind == "file" and len(item.parts) <= 2 and item.parts[-1].endswith(".py")]
    top = _top(items)
    shown = _some("/".join(parts) for parts in loose) + (" lie" if loose[1:] else " lies")
    if not loose:
        raise _ProblemError("no-package", package, _some(sorted({item.parts[0] for item in items})))
    if not any(parts[:-1] == top for parts in loose):
        raise _ProblemError("outside-package", shown, package)
    notes.append(f"{shown} outside {package}/; read as if inside, but hand in the folder {package}/")
    return top


# Zips in a submission


def _unnested(items: list[_Item], package: str, notes: list[str], stack: ExitStack, depth: int = 1) -> list[_Item]:
    """Return the items with a zip at the top replaced by what is in it, where the package is not found without.

    Of several zips, the only one that holds the package counts.
    """
    zips = [] if _package_folders(items, package) else _zips_at_top(items)
    if not zips:
        return items
    if depth >= MAX_DEPTH:
        raise _ProblemError("nested", _shown(zips[0].parts))
    inner = {item: _inner_items(item, package, stack) for item in sorted(zips, key=lambda item: item.rank)[-MAX_ZIPS:]}
    if len(zips) > 1:
        inner = {item: found for item, found in inner.items() if _package_folders(found, package)}
        last = max((item.rank for item in inner), default=0)
        inner = {item: found for item, found in inner.items() if item.rank == last}
    if len(inner) > 1:
        raise _ProblemError("several-zips", package, _some("/".join(item.parts) for item in inner))
    for chosen, found in inner.items():
        others = [_shown(item.parts) for item in zips if item is not chosen]
        notes.extend(f"{other} is not used: {_shown(chosen.parts)} holds {package}/" for other in others)
        merged = [item for item in items if item not in zips] + found
        return _unnested(_in_order(merged, "the submission", package), package, notes, stack, depth + 1)
    return items


def _zips_at_top(items: list[_Item]) -> list[_Item]:
    top = _top(items)
    return [i for i in items if i.kind == "file" and i.parts[:-1] in ((), top) and is_zip_name(i.parts[-1])]


def _inner_items(item: _Item, package: str, stack: ExitStack) -> list[_Item]:
    file = stack.enter_context(_Capped(io.BytesIO(item.read(MAX_INNER))))
    return _in_order(_zip_items(_open_zip(file, _shown(item.parts))), _shown(item.parts), package)


# Modules and notebook


def _read_modules(entries: list[_Item], base: tuple[str, ...], package: str, notes: list[str]) -> dict[str, bytes]:
    """Return the bytes of each module directly in the package; one that cannot be read is a problem."""
    modules: dict[str, list[_Item]] = defaultdict(list)
    for entry in entries:
        if entry.parts[:-1] != base or entry.kind == "folder" or not entry.parts[-1].lower().endswith(".py"):
            continue
        module = entry.parts[-1][:-3]
        if not entry.parts[-1].endswith(".py") or not module.isidentifier():
            notes.append(f"{_shown(entry.parts)} is not used: a module's name is like that of rnn.py")
        elif module.lower() in LIBRARIES:
            notes.append(f"{_shown(entry.parts)} is not used: `import {module.lower()}` is the library")
        else:
            modules[module].append(entry)
    if base and _key(base[-1]) == _key(package):
        _note_others(entries, base, notes)
    if not modules:
        raise _ProblemError("no-module", _shown(base) or package)
    if len(modules) > MAX_MODULES:
        raise _ProblemError("many", f"{_shown(base) or package}/", MAX_MODULES, "modules")
    _drop_other_cases(modules, notes)
    for found in modules.values():
        if len(found) > 1:
            raise _ProblemError("duplicate", _shown(found[0].parts))
    return {module: found[0].read(MAX_MODULE) for module, found in sorted(modules.items())}


def _note_others(entries: list[_Item], base: tuple[str, ...], notes: list[str]) -> None:
    below = [entry for entry in entries if entry.parts[: len(base)] == base and entry.parts != base]
    deeper = {e.parts[len(base)] for e in below if e.kind == "folder" or len(e.parts) > len(base) + 1}
    if deeper:
        notes.append(f"folders inside {_shown(base)}/ are not used: {_some(sorted(deeper))}")
    beside = {e.parts[-1] for e in entries if e.parts[:-1] == base[:-1] and e.parts[-1].endswith(".py")}
    if beside:
        notes.append(f"modules beside {_shown(base)}/ are not used: {_some(sorted(beside))}")


def _drop_other_cases(modules: dict[str, list[_Item]], notes: list[str]) -> None:
    """Keep one of RNN.py and rnn.py, the lower-case one: on many systems they are one file."""
    kept: dict[str, str] = {}
    for module in sorted(modules, key=lambda name: (name != name.lower(), name)):
        if kept.setdefault(_key(module), module) != module:
            shown = _shown(modules.pop(module)[0].parts)
            notes.append(f"{shown} is not used: {kept[_key(module)]}.py is there too; keep one")


def _read_notebook(entries: list[_Item], beside: tuple[str, ...], name: str, notes: list[str]) -> bytes | None:
    books = [e for e in entries if e.kind != "folder" and e.parts[-1].lower().endswith(".ipynb")]
    found = [e for e in books if e.parts[:-1] == beside] or [e for e in books if len(e.parts) == 1]
    chosen = [e for e in found if e.parts[-1] == name] or found
    if len(chosen) > 1:
        notes.append(f"no notebook is used: there are {_some(e.parts[-1] for e in chosen)}; keep one, {name}")
    if len(chosen) != 1:
        return None
    try:
        return chosen[0].read(MAX_NOTEBOOK)
    except _ProblemError as problem:
        notes.append(f"the notebook is not used: {problem}")
        return None


def _only_notebook(entries: list[_Item], name: str, notes: list[str]) -> bytes | None:
    """The notebook of a submission without a package: at the root, or else in the only folder that has one."""
    folders = sorted({entry.parts[:-1] for entry in entries if entry.parts[-1].lower().endswith(".ipynb")}, key=len)
    beside = [folder for folder in folders if len(folder) <= 1]
    if not beside or (beside[0] and len(beside) > 1):
        return None
    return _read_notebook(entries, beside[0], name, notes)


# Folders


def _kind(info: os.stat_result) -> str:
    if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == JUNCTION:
        return "link"
    if stat.S_ISDIR(info.st_mode):
        return "folder"
    return "file" if stat.S_ISREG(info.st_mode) else "special"


def _folder_items(folder: Path, parts: tuple[str, ...], package: str) -> Iterator[_Item]:
    """Yield what lies in the folder, then in the package, which may lie one folder down."""
    try:
        with os.scandir(folder) as found:
            names = sorted(item.name for item in islice(found, MAX_ENTRIES + 1))
        if len(names) > MAX_ENTRIES:
            raise _ProblemError("many", _shown(parts) or "the folder", MAX_ENTRIES, "files")
        names = [name for name in names if not _hidden(name)]
        kinds = {name: _kind((folder / name).lstat()) for name in names}
    except OSError as error:
        raise _ProblemError("unreadable", _shown(parts) or "the folder", error.strerror) from None
    for name, kind in kinds.items():
        here = (*parts, _nfc(name))
        yield _Item(here, kind, partial(_read_regular, folder / name, _shown(here)))
    if parts and _key(parts[-1]) == _key(package):
        return  # only what lies directly in the package counts
    packages = [name for name in names if _key(name) == _key(package) and kinds[name] in ("folder", "link")]
    for name in packages if packages or parts else names:
        if kinds[name] == "folder":
            yield from _folder_items(folder / name, (*parts, _nfc(name)), package)


def _open_regular(path: Path, shown: str) -> int:
    """Return a descriptor of a regular file; a link or pipe that took its place meanwhile is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    except OSError as error:
        raise _ProblemError("unreadable", shown, error.strerror) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _ProblemError("special", shown)
    return descriptor


def _read_regular(path: Path, shown: str, size: int) -> bytes:
    try:
        with os.fdopen(_open_regular(path, shown), "rb") as file:
            return file.read(size)
    except OSError as error:
        raise _ProblemError("unreadable", shown, error.strerror) from None


# Zips


class _Capped(io.BufferedReader):
    """A zip file of which no single read gives more than the table of contents may have.

    zipfile reads that table in one go, as large as the zip says it is, and makes objects of it.
    """

    most = MAX_DIRECTORY + 1

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(self.most if size is None or size < 0 else min(size, self.most))
        if len(data) == self.most:
            raise _ProblemError("many", "the zip", self.most * MAX_ENTRIES // MAX_DIRECTORY, "files")
        return data


def _open_zip(file: _Capped, shown: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except _ProblemError:
        raise
    except Exception:  # zipfile lets a dozen types through on hostile bytes
        raise _ProblemError("broken", shown) from None


def _zip_items(archive: zipfile.ZipFile) -> Iterator[_Item]:
    for info in archive.infolist():
        parts = _zip_parts(_member_name(info))
        if parts and not any(_hidden(part) for part in parts):
            yield _member_item(archive, info, tuple(map(_nfc, parts)))


def _member_item(archive: zipfile.ZipFile, info: zipfile.ZipInfo, parts: tuple[str, ...]) -> _Item:
    return _Item(parts, _zip_kind(info), partial(_read_member, archive, info, _shown(parts)))


class _Archive:
    """The zip of an export, its table of contents read once for all submissions in it."""

    def __init__(self, path: Path) -> None:
        self.file = _zip_file(path, MAX_EXPORT_DIRECTORY)
        try:
            self.zip = _open_zip(self.file, visible(path.name))
        except _ProblemError:
            self.file.close()
            raise
        self.children: dict[str, dict[str, str]] = {"": {}}  # folder -> name -> kind
        self.members: dict[str, list[zipfile.ZipInfo]] = defaultdict(list)  # what lies directly in a folder
        refused = []
        for info in self.zip.infolist():
            try:
                self._add(info, _zip_parts(_member_name(info)))
            except _ProblemError:
                refused.append(visible(_member_name(info)))  # the others are graded all the same
        self.refused = tuple(refused)

    def _add(self, info: zipfile.ZipInfo, parts: tuple[str, ...]) -> None:
        if not parts:
            return
        if len(parts) > MAX_FOLDERS:
            raise _ProblemError("outside", _shown(parts))
        for depth in range(1, len(parts)):
            self.children.setdefault("/".join(parts[: depth - 1]), {})[parts[depth - 1]] = "folder"
        folder = "/".join(parts[:-1])
        self.children.setdefault(folder, {}).setdefault(parts[-1], _zip_kind(info))
        self.members[folder].append(info)

    def items(self, piece: Piece) -> Iterator[_Item]:
        """Yield what the piece holds, as if it were a submission of its own."""
        folder, _, name = piece.inside.rpartition("/")
        for info in self.members.get(folder, ()):
            if _zip_parts(_member_name(info))[-1] == name and _zip_kind(info) != "folder":
                yield _member_item(self.zip, info, (_nfc(piece.name or name),))
        waiting = [(piece.inside, (_nfc(piece.name),) if piece.name else ())]
        while waiting:
            folder, base = waiting.pop()
            for info in self.members.get(folder, ()):
                name = _zip_parts(_member_name(info))[-1]
                if not _hidden(name):
                    yield _member_item(self.zip, info, (*base, _nfc(name)))
            for name, kind in self.children.get(folder, {}).items():
                if kind == "folder" and not _hidden(name):
                    waiting.append((f"{folder}/{name}", (*base, _nfc(name))))


class _Last:
    """The export's zip that was read last: a judge reads many submissions of one export."""

    key: tuple[str, int, int] | None = None
    archive: _Archive | None = None


@atexit.register
def _close_last() -> None:
    if _Last.archive is not None:
        _Last.archive.file.close()
    _Last.key = _Last.archive = None


def _archive_at(path: Path) -> _Archive:
    try:
        info = path.stat()
    except OSError as error:
        raise _ProblemError("unreadable", visible(path.name), error.strerror) from None
    key = (str(path.absolute()), info.st_size, info.st_mtime_ns)
    if _Last.archive is None or _Last.key != key:
        _close_last()
        _Last.archive = _Archive(path)
        _Last.key = key
    return _Last.archive


def _member_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name as it was meant: some systems, macOS among them, write UTF-8 and do not say so."""
    name = info.orig_filename  # .filename ends at a NUL, and has other slashes on Windows
    if info.flag_bits & 0x800 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _zip_parts(name: str) -> tuple[str, ...]:
    """Return the path that an entry's name says; one that leads out of the zip, or may, is a problem."""
    slashed = name.replace("\\", "/")  # some Windows programs write their own separator into zips
    parts = slashed.split("/")
    if re.search(r"\0|^/|^[A-Za-z]:", slashed) or ".." in parts:
        raise _ProblemError("outside", visible(name))
    return tuple(part for part in parts if part not in ("", "."))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)  # of Unix; other systems leave it 0
    if info.orig_filename.endswith("/") or mode == stat.S_IFDIR:
        return "folder"
    return {0: "file", stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(mode, "special")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str, size: int) -> bytes:
    if info.flag_bits & 0x1:
        raise _ProblemError("encrypted", shown)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # bz2 and lzma too: zipfile unpacks all it read of them at once, and 4 kB can give gigabytes
        raise _ProblemError("method", shown)
    if info.file_size >= size or info.compress_size >= size + CHUNK:
        raise _ProblemError("large", shown, (size - 1) // MB)
    data = bytearray()
    try:
        with archive.open(info) as member:
            while len(data) < size and (chunk := member.read(CHUNK)):
                data += chunk
    except Exception:  # BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError and more
        raise _ProblemError("damaged", shown) from None
    return bytes(data)


# File names for reports


def file_stem(names: Sequence[str]) -> dict[str, str]:
    """Return for each name a file name, suffix apart, safe on every system and given to no other name."""
    digits = dict.fromkeys(names, 0)
    while True:
        stems = {name: _stem(name, length) for name, length in digits.items()}
        often = Counter(_key(stem) for stem in stems.values())
        clashing = [name for name, stem in stems.items() if often[_key(stem)] > 1]
        if not clashing:
            return stems
        for name in clashing:  # 8 digits first; more only if somebody searched for names that share them
            digits[name] = min(max(8, 2 * digits[name]), 64)


def _stem(name: str, digits: int) -> str:
    plain = _nfc(name).replace(" ", "_")
    kept = (c.isalnum() or c in ".-_" or unicodedata.category(c) in ("Mn", "Mc") for c in plain)
    stem = "".join(c if keep else "_" for c, keep in zip(plain, kept, strict=True))
    stem = stem.lstrip(".-").rstrip(".") or "submission"
    stem = f"_{stem}" if RESERVED.match(stem) else stem
    if not digits and stem == plain and len(stem) <= 80 and len(stem.encode()) <= 200:
        return stem
    tail = "-" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[: digits or 8]
    return stem[: 80 - len(tail)].encode()[: 200 - len(tail)].decode(errors="ignore") + tail
