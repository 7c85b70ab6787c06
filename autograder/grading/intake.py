"""Reads what students handed in, folders and zips, as hostile data; imports the standard library only.

The grader gets the bytes of the modules and of the notebook, nothing else. Nothing is unpacked to disk,
imported, or followed out of the submission. Bad content raises nothing: it is the submission's `problem`, a
sentence for the student and the staff. What was left aside is a note.
"""

from __future__ import annotations

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
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path

MB = 2**20
MAX_ZIP = 100 * MB  # size of a zip file: far above any honest one, and quick to read
MAX_DIRECTORY = MB  # size of a zip's table of contents, of which zipfile makes objects ten times as large
MAX_ENTRIES = 2000  # files and folders in a submission: an honest one holds some 20, with caches 200
MAX_MODULES = 50  # modules in the package: an honest one holds some 10; with MAX_MODULE it caps what is read
MAX_MODULE = MB  # size of a module: source text of 20,000 lines
MAX_NOTEBOOK = 16 * MB  # size of a notebook: pictures in its outputs make it large
MAX_NOTES = 20  # remarks: a submission must not flood the report
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
    "nested": "there is only another zip, {}; unzip it and hand in what is in it",
    "no-module": "{}/ holds no module; put your .py files directly into it",
    "no-package": "there is no folder {}/, only {}; hand in that folder itself",
    "outside": "{} is not a plain path inside the zip (it has .., a drive, a NUL or a leading /);"
    " make the zip again from your folder",
    "outside-package": "{0} outside {1}/; put the modules into a folder {1}/",
    "several": "there are several folders {}/ ({}); keep one",
    "special": "{} is not a regular file; hand in a regular one",
    "unreadable": "{} cannot be read ({}); make it readable and hand it in again",
}

LACKING = ("no-package", "no-module", "outside-package")  # problems of a submission that its notebook may make up for


class IntakeError(Exception):
    """The folder of submissions itself cannot be used; the message says what, and what to do."""


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
class _Entry:
    parts: tuple[str, ...]  # the path inside the submission, NFC
    kind: str  # file, folder, link, special
    read_up_to: Callable[[int], bytes]  # so many bytes at most; raises _ProblemError

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


# The folder of submissions


def list_submissions(folder: Path) -> list[tuple[str, Path]]:
    """Return (name, path) of every sub-folder and zip directly in the folder, names distinct and sorted.

    A link is listed, not followed: reading it gives its problem.
    Raises IntakeError if there is no such folder, or no submission in it.
    """
    paths = [path for path, ours in _look(folder) if ours]
    if not paths:
        raise IntakeError(f"{visible(str(folder))}: holds no submission; give a folder of folders or zips")
    stems = {path: path.name[:-4] if _is_zip(path) else path.name for path in paths}
    often = Counter(_key(stem) for stem in stems.values())
    wanted = {path: path.name if often[_key(stem)] > 1 else stem for path, stem in stems.items()}
    shown = {path: visible(_nfc(name), 255) for path, name in wanted.items()}
    taken, listed = set(shown.values()), dict[str, Path]()
    for path in sorted(paths, key=lambda path: (shown[path], os.fsencode(path.name))):
        name = shown[path]
        if name in listed:
            name = next(other for n in count(2) if (other := f"{name} ({n})") not in taken)
        taken.add(name)
        listed[name] = path
    return sorted(listed.items())


def other_files(folder: Path) -> list[str]:
    """Return, as people may see them, the names directly in the folder that are no submissions."""
    return sorted(visible(path.name) for path, ours in _look(folder) if not ours)


def _look(folder: Path) -> list[tuple[Path, bool]]:
    shown = visible(str(folder))
    try:
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise IntakeError(f"{shown}: {what}; give the folder that holds the submissions")
        paths = [path for path in folder.iterdir() if not _hidden(path.name)]
        return [(path, path.is_symlink() or path.is_dir() or _is_zip(path)) for path in paths]
    except OSError as error:
        raise IntakeError(f"{shown}: cannot be read ({error.strerror}); make it readable") from None


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip") and (path.is_symlink() or not path.is_dir())


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in NOT_OURS


# One submission


def read_submission(
    name: str, path: Path, *, package: str = "memnet", notebook: str = "memory_in_networks.ipynb"
) -> Submission:
    """Return what the folder or zip at `path` holds; whatever is wrong with it becomes its `problem`.

    `package` is looked for at the root, then one level down; the notebook lies beside it: the one named
    `notebook`, or the only one. Trouble with the notebook alone is a note, since the modules can be graded.
    """
    notes: list[str] = []
    sources: dict[str, bytes] = {}
    book, kind, problem = None, "", ""
    try:
        with _opened(path, package) as entries:
            try:
                base = _find_package(entries, package, notes)
                sources = _read_modules(entries, base, notes)
            except _ProblemError as error:
                if error.kind in LACKING:
                    book = _only_notebook(entries, notebook, notes)
                raise
            book = _read_notebook(entries, base[:-1], notebook, notes)
    except _ProblemError as error:
        kind, problem = error.kind, str(error)
    if len(notes) > MAX_NOTES:
        notes[MAX_NOTES:] = [f"and {len(notes) - MAX_NOTES} more remarks of this sort"]
    return Submission(name, path, sources, book, tuple(notes), problem, _content(sources, book, kind), kind)


def _content(sources: Mapping[str, bytes], notebook: bytes | None, problem_kind: str) -> str:
    parts = [(f"module {name}", data) for name, data in sorted(sources.items())]
    parts += [("notebook", notebook)] if notebook is not None else []
    digest = hashlib.sha256()
    for label, data in [*parts, ("problem", problem_kind.encode())]:
        digest.update(f"{label}\n{len(data)}\n".encode() + data)  # with lengths: no two lists give the same bytes
    return digest.hexdigest()


@contextmanager
def _opened(path: Path, package: str) -> Iterator[list[_Entry]]:
    """Yield the entries of the folder or zip, in order, while they can be read."""
    shown = visible(path.name)
    try:
        kind = _kind(path.lstat())
    except OSError as error:
        raise _ProblemError("unreadable", shown, error.strerror) from None
    if kind == "folder":
        yield _in_order(_folder_entries(path, (), package), "the folder", package)
        return
    if kind != "file":
        raise _ProblemError(kind, shown)
    with _Capped(io.FileIO(_open_regular(path, shown))) as file:
        if os.fstat(file.fileno()).st_size > MAX_ZIP:
            raise _ProblemError("large", shown, MAX_ZIP // MB)
        yield _in_order(_zip_entries(file, shown), "the zip", package)


def _in_order(found: Iterator[_Entry], what: str, package: str) -> list[_Entry]:
    entries = list(islice(found, MAX_ENTRIES + 1))
    if len(entries) > MAX_ENTRIES:
        raise _ProblemError("many", what, MAX_ENTRIES, "files")
    if not entries:
        raise _ProblemError("empty", what, package)
    return sorted(entries, key=lambda entry: entry.parts)


def _find_package(entries: list[_Entry], package: str, notes: list[str]) -> tuple[str, ...]:
    """Return the path of the package's folder: at the root before one level down, exact before any case."""
    folders = {entry.parts[:depth] for entry in entries for depth in (1, 2) if depth < len(entry.parts)}
    folders |= {entry.parts for entry in entries if entry.kind in ("folder", "link")}
    for depth in (1, 2):
        named = sorted(f for f in folders if len(f) == depth and _key(f[-1]) == _key(package))
        found = [folder for folder in named if folder[-1] == package] or named
        if len(found) > 1:
            raise _ProblemError("several", package, _some("/".join(folder) for folder in found))
        for base in found:
            if any(entry.kind == "link" and entry.parts == base[: len(entry.parts)] for entry in entries):
                raise _ProblemError("link", _shown(base))
            if base[-1] != package:
                notes.append(f"the folder {visible(base[-1])}/ is read as {package}/; name it {package}/")
            return base
    raise _not_found(entries, package)


def _not_found(entries: list[_Entry], package: str) -> _ProblemError:
    files = [entry.parts for entry in entries if entry.kind != "folder"]
    if len(files) == 1 and files[0][-1].lower().endswith(".zip"):
        return _ProblemError("nested", _shown(files[0]))
    loose = ["/".join(parts) for parts in files if len(parts) <= 2 and parts[-1].endswith(".py")]
    if loose:
        return _ProblemError("outside-package", _some(loose) + (" lie" if loose[1:] else " lies"), package)
    return _ProblemError("no-package", package, _some(sorted({entry.parts[0] for entry in entries})))


def _read_modules(entries: list[_Entry], base: tuple[str, ...], notes: list[str]) -> dict[str, bytes]:
    """Return the bytes of each module directly in the package; one that cannot be read is a problem."""
    modules: dict[str, list[_Entry]] = defaultdict(list)
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
    _note_others(entries, base, notes)
    if not modules:
        raise _ProblemError("no-module", _shown(base))
    if len(modules) > MAX_MODULES:
        raise _ProblemError("many", f"{_shown(base)}/", MAX_MODULES, "modules")
    _drop_other_cases(modules, notes)
    for found in modules.values():
        if len(found) > 1:
            raise _ProblemError("duplicate", _shown(found[0].parts))
    return {module: found[0].read(MAX_MODULE) for module, found in sorted(modules.items())}


def _note_others(entries: list[_Entry], base: tuple[str, ...], notes: list[str]) -> None:
    below = [entry for entry in entries if entry.parts[: len(base)] == base and entry.parts != base]
    deeper = {e.parts[len(base)] for e in below if e.kind == "folder" or len(e.parts) > len(base) + 1}
    if deeper:
        notes.append(f"folders inside {_shown(base)}/ are not used: {_some(sorted(deeper))}")
    beside = {e.parts[-1] for e in entries if e.parts[:-1] == base[:-1] and e.parts[-1].endswith(".py")}
    if beside:
        notes.append(f"modules beside {_shown(base)}/ are not used: {_some(sorted(beside))}")


def _drop_other_cases(modules: dict[str, list[_Entry]], notes: list[str]) -> None:
    """Keep one of RNN.py and rnn.py, the lower-case one: on many systems they are one file."""
    kept: dict[str, str] = {}
    for module in sorted(modules, key=lambda name: (name != name.lower(), name)):
        if kept.setdefault(_key(module), module) != module:
            shown = _shown(modules.pop(module)[0].parts)
            notes.append(f"{shown} is not used: {kept[_key(module)]}.py is there too; keep one")


def _read_notebook(entries: list[_Entry], beside: tuple[str, ...], name: str, notes: list[str]) -> bytes | None:
    found = [e for e in entries if e.parts[:-1] == beside and e.parts[-1].lower().endswith(".ipynb")]
    found = [e for e in found if e.kind != "folder"]
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


def _only_notebook(entries: list[_Entry], name: str, notes: list[str]) -> bytes | None:
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


def _folder_entries(folder: Path, parts: tuple[str, ...], package: str) -> Iterator[_Entry]:
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
        yield _Entry(here, kind, partial(_read_regular, folder / name, _shown(here)))
    if parts and _key(parts[-1]) == _key(package):
        return  # only what lies directly in the package counts
    packages = [name for name in names if _key(name) == _key(package) and kinds[name] in ("folder", "link")]
    for name in packages if packages or parts else names:
        if kinds[name] == "folder":
            yield from _folder_entries(folder / name, (*parts, _nfc(name)), package)


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

    def read(self, size: int | None = -1, /) -> bytes:
        most = MAX_DIRECTORY + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) == most:
            raise _ProblemError("many", "the zip", MAX_ENTRIES, "files")
        return data


def _zip_entries(file: _Capped, shown: str) -> Iterator[_Entry]:
    try:
        archive = zipfile.ZipFile(file)
    except _ProblemError:
        raise
    except Exception:  # zipfile lets a dozen types through on hostile bytes
        raise _ProblemError("broken", shown) from None
    for info in archive.infolist():
        parts = _zip_parts(info.orig_filename)  # .filename ends at a NUL, and has other slashes on Windows
        if parts and not any(_hidden(part) for part in parts):
            kind = _zip_kind(info)
            yield _Entry(parts, kind, partial(_read_member, archive, info, _shown(parts)))


def _zip_parts(name: str) -> tuple[str, ...]:
    """Return the path that an entry's name says; one that leads out of the zip, or may, is a problem."""
    slashed = name.replace("\\", "/")  # some Windows programs write their own separator into zips
    parts = slashed.split("/")
    if re.search(r"\0|^/|^[A-Za-z]:", slashed) or ".." in parts:
        raise _ProblemError("outside", visible(name))
    return tuple(_nfc(part) for part in parts if part not in ("", "."))


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
