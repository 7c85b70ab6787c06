"""A folder or zip of many submissions, as a system gave it: what lies in it. Imports files and names.

Who of it handed in what, the modules beside this one tell.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from ..grading.files import Archive, Piece, ProblemError, archive_at, items_of, kind_of
from ..grading.names import hidden, left_behind, visible

MAX_EXPORT_NAMES = 100_000  # files and folders directly in one folder of an export


class IntakeError(Exception):
    """The folder or zip of submissions itself cannot be used; the message says what, and what to do."""


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

    def names(self, inside: str = "", *, dotted: bool = False) -> dict[str, str]:
        """Return name -> file, folder, link or special, of what lies in a folder.

        Hidden files are left out; with `dotted`, only those that systems leave behind: a person's name may begin so.
        """
        found = self._archive().children.get(self._full(inside), {}) if self.is_zip else self._scan(self.path / inside)
        if len(found) > MAX_EXPORT_NAMES:
            raise IntakeError(f"{self.shown}: holds more than {MAX_EXPORT_NAMES} files in a folder; give it in parts")
        left_out = left_behind if dotted else hidden
        return {name: found[name] for name in sorted(found) if not left_out(name)}

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
            items = list(items_of(self.piece(inside, name=inside.rpartition("/")[2]), ""))
            if len(items) != 1:
                raise ProblemError("duplicate" if items else "damaged", visible(inside))
            return items[0].read(limit)
        except ProblemError as problem:
            raise IntakeError(f"{self.shown}: {problem}") from None

    def piece(self, inside: str, name: str = "") -> Piece:
        """Return where a file or folder of this export lies; see Piece for the name."""
        return Piece(self.path, self._full(inside), name) if self.is_zip else Piece(self.path / inside, "", name)

    def _full(self, inside: str) -> str:
        return f"{self.base}/{inside}" if self.base and inside else self.base or inside

    def _archive(self) -> Archive:
        try:
            return archive_at(self.path)
        except ProblemError as problem:
            raise IntakeError(f"{self.shown}: {problem}") from None

    def _scan(self, folder: Path) -> dict[str, str]:
        try:
            with os.scandir(folder) as found:
                names = [item.name for item in islice(found, MAX_EXPORT_NAMES + 1)]
            return {name: kind_of((folder / name).lstat()) for name in names}
        except OSError as error:
            raise IntakeError(f"{visible(str(folder))}: cannot be read ({error.strerror}); make it readable") from None
