"""Fuzzes the reading of submissions: bytes as a zip, and names of files in it."""

from __future__ import annotations

import io
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import atheris

with atheris.instrument_imports(include=["autograder", "zipfile"]):
    from autograder.grading import intake, names

from tests.fuzz.common import fuzz, steers

warnings.simplefilter("ignore")  # of zipfile, of names that are there twice
FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm"))
PLACE = FOLDER / "student.zip"


def read(data: bytes) -> None:
    """Any bytes are a submission or a problem in words; nothing is written, nothing is large."""
    PLACE.write_bytes(data[1:] if data[:1] < b"\x80" else archive(data[1:]))
    found = intake.read_submission("student", PLACE)
    assert list(FOLDER.iterdir()) == [PLACE]
    assert bool(found.problem) != bool(found.sources)
    assert sum(map(len, found.sources.values())) <= intake.MAX_MODULES * intake.MAX_MODULE
    for name in found.sources:
        assert name.isidentifier()
    for text in (found.problem, *found.notes):
        assert len(text) < 5000  # five names of 120 characters, each shown by six
        assert not steers(text), ascii(text)
    stem = names.file_stem([names.visible(data[:60].decode("utf-8", "surrogateescape"))])
    for name in stem.values():
        assert name
        assert not set(name) & set('/\\:*?"<>|\0\n\r')
        assert name not in (".", "..")


def archive(data: bytes) -> bytes:
    """A whole zip whose names and contents are the fuzzer's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for part in data.split(b"\xff")[:8]:
            name, _, content = part.partition(b"\xfe")
            info = zipfile.ZipInfo(name.decode("latin-1") or "x")
            info.external_attr = ((content[:1] or b"\0")[0] & 15) << 28  # the kind of file
            file.writestr(info, content)
    return buffer.getvalue()


if __name__ == "__main__":
    honest = b"memnet/rnn.py\xfe\x08x = 1\xffmemory_in_networks.ipynb\xfe\x08{}\xff../up.py\xfe\x08\xffa/memnet/\xfe\x04"
    fuzz(read, b"\xff" + honest, b"\x00" + archive(honest))
