"""Records of submissions, one line each, appended the moment they are known. Imports the standard library.

A run that is killed goes on where it stopped: what the journal holds is not graded again. Nothing in a record
depends on time, place or order, so an interrupted run ends with the same bytes as an undisturbed one.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

if os.name == "posix":
    import fcntl

NAME = "journal.jsonl"


class JournalError(Exception):
    """The results folder cannot be used; the message says why and what to do."""


class Journal:
    """The journal of a results folder, locked against a second grader while it is open.

    head: what all records of the folder have in common (assignment, bundle, isolation); a folder whose journal
    begins otherwise is refused.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.head = dict(head)
        self.records: dict[str, dict[str, Any]] = {}
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
                raise JournalError(f"{folder}: another grader is at work on it; wait, or name another folder") from None

    def _read(self) -> None:
        """Take in the records there are; cut off a last line that a killed run left half written."""
        size = os.fstat(self._file).st_size
        data = os.pread(self._file, size, 0) if size else b""
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.ftruncate(self._file, len(whole))
        lines = whole.splitlines()
        try:
            found = [json.loads(line) for line in lines]
            if found and not all(isinstance(item, dict) for item in found):
                raise ValueError
        except ValueError:
            raise JournalError(f"{self.path}: is damaged; restore it, or name another folder") from None
        if not found:
            self._write(self.head)
            return
        for key, value in self.head.items():
            if found[0].get(key) != value:
                raise JournalError(
                    f"{self.path}: graded with another {key} ({_short(found[0].get(key))}, now {_short(value)}); "
                    "name another folder"
                )
        try:
            self.records = {record["submission"]: record for record in found[1:]}
        except (KeyError, TypeError):
            raise JournalError(f"{self.path}: is damaged; restore it, or name another folder") from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record and see it to the disk. Raises JournalError, and leaves no half line behind."""
        self._write(record)
        self.records[record["submission"]] = dict(record)

    def _write(self, item: Mapping[str, Any]) -> None:
        line = memoryview(json.dumps(item, sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            while line:
                line = line[os.write(self._file, line) :]
            with contextlib.suppress(OSError):  # not every file system can; a record lost to a power cut is graded again
                os.fsync(self._file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, end)
            raise JournalError(f"{self.path}: {error.strerror}; make room and run the same command again") from None

    def settle(self) -> None:
        """Rewrite a finished run's journal in the order of names, under a temporary name that is then renamed."""
        lines = [self.head, *(self.records[name] for name in sorted(self.records))]
        text = "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)
        temporary = self.path.with_name(f".{NAME}.tmp")
        try:
            temporary.write_bytes(text.encode("utf-8", "replace"))
            fresh = os.open(temporary, os.O_RDWR)
            if os.name == "posix":  # the lock goes with the file: the new one is locked before it takes the place
                fcntl.flock(fresh, fcntl.LOCK_EX)
            temporary.replace(self.path)
            os.close(self._file)
            self._file = fresh
        except OSError as error:
            raise JournalError(f"{temporary}: {error.strerror}; make room and run the same command again") from None
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._file)


def _short(value: object) -> str:
    text = str(value)
    return text[:12] + "…" if len(text) > 24 else text
