"""Records of submissions, one line each, appended the moment they are known. Imports the standard library.

A run that is killed goes on where it stopped: what the journal holds is not graded again. Nothing in a record
depends on time, place or order, so an interrupted run ends with the same bytes as an undisturbed one.
Records stay on the disk: what is held in memory is where each of them lies.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

if os.name == "posix":
    import fcntl

NAME = "journal.jsonl"
BUSY = "another grader is at work on it"
Record = dict[str, Any]


class JournalError(Exception):
    """The results folder cannot be used; the message says why and what to do."""


class Records(Mapping[str, Record]):
    """The records of an open journal by name, each read from the disk when it is asked for."""

    def __init__(self, read: Callable[[str], Record], places: Mapping[str, Any]) -> None:
        self._read, self._places = read, places

    def __getitem__(self, name: str) -> Record:
        return self._read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def in_order(self, change: Callable[[Record], Record] = lambda record: record) -> InOrder:
        """All records in the order of names, each changed when it is read."""
        return InOrder(self, sorted(self._places), change)


class InOrder(Sequence[Record]):
    """Records as reports take them: a sequence that may be gone through again and again, never all in memory."""

    def __init__(self, records: Records, names: Sequence[str], change: Callable[[Record], Record]) -> None:
        self.names = names
        self._records, self._change = records, change

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return InOrder(self._records, self.names[index], self._change)
        return self._change(self._records[self.names[index]])


class Journal:
    """The journal of a results folder, locked against a second grader while it is open.

    head: what all records of the folder have in common (assignment, bundle, isolation); a folder whose journal
    begins otherwise is refused.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.head = dict(head)
        self._places: dict[str, tuple[int, int]] = {}  # where the line of each record begins, and its length
        self._end = 0
        self.records = Records(self._record, self._places)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self.path.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
                raise JournalError(f"{folder}: holds other files and no {NAME}; name an empty or new folder")
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(f"{error.filename or folder}: {error.strerror}; name another folder") from None
        try:
            self._lock(folder)
            self._read()
        except BaseException:
            os.close(self._file)
            raise

    def _lock(self, folder: Path) -> None:
        if os.name == "posix":
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise JournalError(f"{folder}: {BUSY}; wait, or name another folder") from None

    def _read(self) -> None:
        """Find the records there are; cut off a last line that a killed run left half written."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file if os.fstat(self._file).st_size else ()):  # devices have no end
                if not line.endswith(b"\n"):
                    os.ftruncate(self._file, self._end)
                    break
                self._take(number, line)
        if not self._end:
            self._write(self.head)

    def _take(self, number: int, line: bytes) -> None:
        try:
            found = json.loads(line)
            if number:
                self._places[found["submission"]] = (self._end, len(line))
            elif not isinstance(found, dict):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise JournalError(f"{self.path}: is damaged; restore it, or name another folder") from None
        self._end += len(line)
        for key, value in self.head.items() if not number else ():
            if found.get(key) != value:
                raise JournalError(
                    f"{self.path}: graded with another {key} ({short(found.get(key))}, now {short(value)}); name another folder"
                )

    def _record(self, name: str) -> Record:
        place, size = self._places[name]
        record: Record = json.loads(self._line(place, size))
        return record

    def _line(self, place: int, size: int) -> bytes:
        data = bytearray()
        while len(data) < size and (chunk := os.pread(self._file, size - len(data), place + len(data))):
            data += chunk
        return bytes(data)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record and see it to the disk. Raises JournalError, and leaves no half line behind."""
        self._add(record, sync=True)

    def extend(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add records that are safe elsewhere until this returns: they are seen to the disk together."""
        for record in records:
            self._add(record, sync=False)
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def _add(self, record: Mapping[str, Any], *, sync: bool) -> None:
        begins = self._end
        self._write(record, sync=sync)
        self._places[record["submission"]] = (begins, self._end - begins)

    def _write(self, item: Mapping[str, Any], *, sync: bool = True) -> None:
        text = _line_of(item)
        line = memoryview(text)
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            while line:
                line = line[os.write(self._file, line) :]
            if sync:
                with contextlib.suppress(OSError):  # not every file system can; what a power cut takes is graded again
                    os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise JournalError(f"{self.path}: {error.strerror}; make room and run the same command again") from None
        self._end += len(text)

    def settle(self) -> None:
        """Rewrite a finished run's journal in the order of names, under a temporary name that is then renamed."""
        head, names = _line_of(self.head), sorted(self._places)
        if self._settled(len(head), names):
            return
        temporary = self.path.with_name(f".{NAME}.tmp")
        places, end = {}, len(head)
        try:
            with temporary.open("wb") as file:
                file.write(head)
                for name in names:
                    place, size = self._places[name]
                    file.write(self._line(place, size))
                    places[name] = (end, size)
                    end += size
            fresh = os.open(temporary, os.O_RDWR)
            if os.name == "posix":  # the lock goes with the file: the new one is locked before it takes the place
                fcntl.flock(fresh, fcntl.LOCK_EX)
            temporary.replace(self.path)
            os.close(self._file)
            self._file, self._end = fresh, end
            self._places.update(places)
        except OSError as error:
            raise JournalError(f"{temporary}: {error.strerror}; make room and run the same command again") from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _settled(self, begins: int, names: Sequence[str]) -> bool:
        """Whether the lines lie one after the other in the order of names already."""
        if os.pread(self._file, begins + 1, 0)[:begins] != _line_of(self.head):
            return False
        for name in names:
            place, size = self._places[name]
            if place != begins:
                return False
            begins += size
        return begins == self._end

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)


def _line_of(item: Mapping[str, Any]) -> bytes:
    return json.dumps(item, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_head(folder: Path) -> Record:
    """The first line of a results folder's journal. Raises JournalError where there is none."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
    except OSError as error:
        raise JournalError(f"{path}: {error.strerror}; name a folder that 'autograder grade' wrote") from None
    except ValueError:
        head = None
    if not isinstance(head, dict):
        raise JournalError(f"{path}: is damaged; restore it, or grade again")
    return head


def short(value: object) -> str:
    """A value as a message shows it."""
    text = str(value)
    return text[:12] + "…" if len(text) > 24 else text
