"""What lies in a folder or a zip from outside, and its bytes. Imports names and the standard library.

Nothing is unpacked to disk or followed out of its place. What cannot be read is a ProblemError, a sentence for the
student and the staff.
"""

from __future__ import annotations

import atexit
import io
import os
import re
import stat
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from .names import hidden, name_key, nfc, shown_path, visible

MB = 2**20
MAX_ZIP = 100 * MB  # size of a zip file: far above any honest one, and quick to read
MAX_DIRECTORY = MB  # size of a zip's table of contents, of which zipfile makes objects ten times as large
MAX_ENTRIES = 2000  # files and folders where something is looked for: an honest submission holds some 20, with caches 200
MAX_EXPORT_DIRECTORY = 128 * MB  # of an export's zip: some 500,000 files
MAX_INNER = 32 * MB  # size of a zip in a zip, which is read to memory
MAX_FOLDERS = 30  # folders in folders, in an export's zip
CHUNK = 2**16  # bytes unpacked from a zip's member at a time

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


class ProblemError(Exception):
    """Why a submission cannot be graded: the kind, a key of PROBLEMS, is part of the content's hash."""

    def __init__(self, kind: str, *values: object) -> None:
        super().__init__(PROBLEMS[kind].format(*values))
        self.kind = kind


@dataclass(frozen=True)
class Piece:
    """A file or folder that belongs to a submission; read where it lies, never unpacked."""

    path: Path  # on disk: the file or folder itself, or the export's zip
    inside: str = ""  # a member, or a folder, of the zip at `path`
    name: str = ""  # what its owner called the file; "" for a folder or zip that is the submission itself


@dataclass(frozen=True)
class Item:
    parts: tuple[str, ...]  # the path inside the submission, NFC
    kind: str  # file, folder, link, special
    read_up_to: Callable[[int], bytes]  # so many bytes at most; raises ProblemError
    rank: int = 0  # the position of its piece: of the same thing in several attempts, the last counts

    def read(self, limit: int) -> bytes:
        if self.kind != "file":
            raise ProblemError("link" if self.kind == "link" else "special", shown_path(self.parts))
        data = self.read_up_to(limit + 1)
        if len(data) > limit:
            raise ProblemError("large", shown_path(self.parts), limit // MB)
        return data


def items_of(piece: Piece, package: str, stack: ExitStack | None = None) -> Iterator[Item]:
    """Yield what a piece holds; it can be read until the stack is closed. Without one, a zip is not looked into."""
    if piece.inside:
        yield from _as_a_folder(list(archive_at(piece.path).items(piece)), package)
        return
    shown = visible(piece.path.name)
    try:
        kind = kind_of(piece.path.lstat())
    except OSError as error:
        raise ProblemError("unreadable", shown, error.strerror) from None
    if piece.name and kind != "folder":
        yield Item((nfc(piece.name),), kind, partial(_read_regular, piece.path, visible(piece.name)))
    elif kind == "folder":
        yield from _folder_items(piece.path, (nfc(piece.name),) if piece.name else (), package)
    elif kind != "file":
        raise ProblemError(kind, shown)
    elif stack is not None:
        file = stack.enter_context(_zip_file(piece.path, MAX_DIRECTORY))
        yield from _as_a_folder(list(_zip_items(_open_zip(file, shown))), package)


def _zip_file(path: Path, largest_directory: int) -> _Capped:
    shown = visible(path.name)
    file = _Capped(io.FileIO(_open_regular(path, shown)))
    file.most = largest_directory + 1
    if largest_directory == MAX_DIRECTORY and os.fstat(file.fileno()).st_size > MAX_ZIP:
        file.close()
        raise ProblemError("large", shown, MAX_ZIP // MB)
    return file


def in_order(found: Iterable[Item], what: str, package: str) -> list[Item]:
    """Return a submission's items by path. Raises ProblemError if there are none, or too many."""
    items = list(islice(found, MAX_ENTRIES + 1))
    if len(items) > MAX_ENTRIES:
        raise ProblemError("many", what, MAX_ENTRIES, "files")
    if not items:
        raise ProblemError("empty", what, package)
    return sorted(items, key=lambda item: item.parts)


# ---------------------------------------------------------------- folders


def kind_of(info: os.stat_result) -> str:
    """Return whether it is a file, folder or link, or special."""
    if stat.S_ISLNK(info.st_mode) or getattr(info, "st_reparse_tag", 0) == JUNCTION:
        return "link"
    if stat.S_ISDIR(info.st_mode):
        return "folder"
    return "file" if stat.S_ISREG(info.st_mode) else "special"


def _folder_items(folder: Path, parts: tuple[str, ...], package: str) -> Iterator[Item]:
    """Yield what lies in the folder, then in the package, which may lie one folder down. As in _as_a_folder."""
    try:
        with os.scandir(folder) as found:
            names = sorted(islice((item.name for item in found if not hidden(item.name)), MAX_ENTRIES + 1))
        if len(names) > MAX_ENTRIES:
            raise ProblemError("many", shown_path(parts) or "the folder", MAX_ENTRIES, "files")
        kinds = {name: kind_of((folder / name).lstat()) for name in names}
    except OSError as error:
        raise ProblemError("unreadable", shown_path(parts) or "the folder", error.strerror) from None
    for name, kind in kinds.items():
        here = (*parts, *map(nfc, _unpacked_parts(name) if kind == "file" else (name,)))
        if not any(map(hidden, here[len(parts) :])):
            yield Item(here, kind, partial(_read_regular, folder / name, shown_path(here)))
    if parts and name_key(parts[-1]) == name_key(package):
        return  # only what lies directly in the package counts
    packages = [name for name in names if name_key(name) == name_key(package) and kinds[name] in ("folder", "link")]
    for name in packages if packages or parts else names:
        if kinds[name] == "folder":
            yield from _folder_items(folder / name, (*parts, nfc(name)), package)


def _unpacked_parts(name: str) -> tuple[str, ...]:
    r"""Return the path that a file's name is, where a zip with \ in its paths was unpacked by a program that keeps them."""
    parts = tuple(name.split("\\"))
    return (name,) if {"", ".", ".."} & {*parts} else parts


def _open_regular(path: Path, shown: str) -> int:
    """Return a descriptor of a regular file; a link or pipe that took its place meanwhile is refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    except OSError as error:
        raise ProblemError("unreadable", shown, error.strerror) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProblemError("special", shown)
    return descriptor


def _read_regular(path: Path, shown: str, size: int) -> bytes:
    try:
        with os.fdopen(_open_regular(path, shown), "rb") as file:
            return file.read(size)
    except OSError as error:
        raise ProblemError("unreadable", shown, error.strerror) from None


# ---------------------------------------------------------------- zips


class _Capped(io.BufferedReader):
    """A zip file of which no single read gives more than the table of contents may have.

    zipfile reads that table in one go, as large as the zip says it is, and makes objects of it.
    """

    most = MAX_DIRECTORY + 1

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(self.most if size is None or size < 0 else min(size, self.most))
        if len(data) == self.most:
            raise ProblemError("many", "the zip", self.most * MAX_ENTRIES // MAX_DIRECTORY, "files")
        return data


def _open_zip(file: _Capped, shown: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except ProblemError:
        raise
    except Exception:  # zipfile lets a dozen types through on hostile bytes
        raise ProblemError("broken", shown) from None


def _as_a_folder(items: list[Item], package: str) -> Iterator[Item]:
    """Yield a zip's items as _folder_items gives them once it is unpacked: what it earns does not hang on who unpacks it.

    Of a folder that nothing is looked for in, there is the folder and not what lies in it.
    """
    key = name_key(package)
    at_root = any(name_key(i.parts[0]) == key and (len(i.parts) > 1 or i.kind in ("folder", "link")) for i in items)
    given = set[tuple[str, ...]]()
    for item in items:
        depth = _depth(item.parts, key, at_root)
        folders = [item.parts[:n] for n in range(1, depth + 1) if n < len(item.parts) + (item.kind == "folder")]
        for folder in folders:
            if folder not in given:
                yield Item(folder, "folder", item.read_up_to)
        given.update(folders)
        if item.kind != "folder" and len(item.parts) <= depth:
            yield item


def _depth(parts: tuple[str, ...], key: str, at_root: bool) -> int:
    """Return how long a path may be to be looked at, where this one lies: in a package, beside one, or where one may be."""
    if name_key(parts[0]) == key:
        return 2
    if at_root:
        return 1
    return 3 if len(parts) > 1 and name_key(parts[1]) == key else 2


def _zip_items(archive: zipfile.ZipFile) -> Iterator[Item]:
    for info in archive.infolist():
        parts = _zip_parts(_member_name(info))
        if parts and not any(hidden(part) for part in parts):
            yield _member_item(archive, info, tuple(map(nfc, parts)))


def _member_item(archive: zipfile.ZipFile, info: zipfile.ZipInfo, parts: tuple[str, ...]) -> Item:
    return Item(parts, _zip_kind(info), partial(_read_member, archive, info, shown_path(parts)))


class Archive:
    """The zip of an export, its table of contents read once for all submissions in it."""

    def __init__(self, path: Path) -> None:
        self.file = _zip_file(path, MAX_EXPORT_DIRECTORY)
        try:
            self.zip = _open_zip(self.file, visible(path.name))
        except ProblemError:
            self.file.close()
            raise
        self.children: dict[str, dict[str, str]] = {"": {}}  # folder -> name -> kind
        self.members: dict[str, list[zipfile.ZipInfo]] = defaultdict(list)  # what lies directly in a folder
        refused = []
        for info in self.zip.infolist():
            try:
                self._add(info, _zip_parts(_member_name(info)))
            except ProblemError:
                refused.append(visible(_member_name(info)))  # the others are graded all the same
        self.refused = tuple(refused)

    def _add(self, info: zipfile.ZipInfo, parts: tuple[str, ...]) -> None:
        if not parts:
            return
        if len(parts) > MAX_FOLDERS:
            raise ProblemError("outside", shown_path(parts))
        for depth in range(1, len(parts)):
            self.children.setdefault("/".join(parts[: depth - 1]), {})[parts[depth - 1]] = "folder"
        folder = "/".join(parts[:-1])
        self.children.setdefault(folder, {}).setdefault(parts[-1], _zip_kind(info))
        self.members[folder].append(info)

    def items(self, piece: Piece) -> Iterator[Item]:
        """Yield what the piece holds, as if it were a submission of its own."""
        folder, _, name = piece.inside.rpartition("/")
        for info in self.members.get(folder, ()):
            if _zip_parts(_member_name(info))[-1] == name and _zip_kind(info) != "folder":
                yield _member_item(self.zip, info, (nfc(piece.name or name),))
        waiting = [(piece.inside, (nfc(piece.name),) if piece.name else ())]
        while waiting:
            folder, base = waiting.pop()
            for info in self.members.get(folder, ()):
                name = _zip_parts(_member_name(info))[-1]
                if not hidden(name):
                    yield _member_item(self.zip, info, (*base, nfc(name)))
            for name, kind in self.children.get(folder, {}).items():
                if kind == "folder" and not hidden(name):
                    waiting.append((f"{folder}/{name}", (*base, nfc(name))))


class _Last:
    """The export's zip that was read last: a judge reads many submissions of one export."""

    key: tuple[str, int, int] | None = None
    archive: Archive | None = None


@atexit.register
def _close_last() -> None:
    if _Last.archive is not None:
        _Last.archive.file.close()
    _Last.key = _Last.archive = None


def archive_at(path: Path) -> Archive:
    """Return the zip of an export, read anew if it is not the last one, or has changed."""
    try:
        info = path.stat()
    except OSError as error:
        raise ProblemError("unreadable", visible(path.name), error.strerror) from None
    key = (str(path.absolute()), info.st_size, info.st_mtime_ns)
    if _Last.archive is None or _Last.key != key:
        _close_last()
        _Last.archive = Archive(path)
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
        raise ProblemError("outside", visible(name))
    return tuple(part for part in parts if part not in ("", "."))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = stat.S_IFMT(info.external_attr >> 16)  # of Unix; other systems leave it 0
    if info.orig_filename.endswith("/") or mode == stat.S_IFDIR:
        return "folder"
    return {0: "file", stat.S_IFREG: "file", stat.S_IFLNK: "link"}.get(mode, "special")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str, size: int) -> bytes:
    if info.flag_bits & 0x1:
        raise ProblemError("encrypted", shown)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # bz2 and lzma too: zipfile unpacks all it read of them at once, and 4 kB can give gigabytes
        raise ProblemError("method", shown)
    if info.file_size >= size or info.compress_size >= size + CHUNK:
        raise ProblemError("large", shown, (size - 1) // MB)
    data = bytearray()
    try:
        with archive.open(info) as member:
            while len(data) < size and (chunk := member.read(CHUNK)):
                data += chunk
    except Exception:  # BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError and more
        raise ProblemError("damaged", shown) from None
    return bytes(data)


def inner_items(item: Item, package: str, stack: ExitStack) -> list[Item]:
    """Return what lies in a zip that lies in a submission."""
    file = stack.enter_context(_Capped(io.BytesIO(item.read(MAX_INNER))))
    found = _as_a_folder(list(_zip_items(_open_zip(file, shown_path(item.parts)))), package)
    return in_order(found, shown_path(item.parts), package)
