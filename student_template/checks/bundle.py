"""What the graders need, as arrays in one `.npz` file: read, written and cut down here. Imports numpy and wire.

A bundle is baked once a release (`bake`). It holds questions, cases, inputs, expected outputs, tolerances and
what each known mistake would have given; no code. The public bundle holds the public cases alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .question import Written
from .wire import TRUSTED, WireError, Writer, pack, parse_message

FORMAT = 1


class BundleError(Exception):
    """A bundle that cannot be used; the message says what and what to do."""


@dataclass(frozen=True)
class BakedCase:
    """A case with its arrays. `evidence` is what the judge alone sees; `inputs` is what the worker is given.

    returns: the values that the worker is asked for. expected: what they must be; empty where a property judges.
    tolerances: for each compared value, the bounds for float64 and for float32 accuracy, relative to max|expected|.
    mistakes: name -> value name -> what that mistake gives, where it differs from what is expected.
    budget: bytes of memory that the call may take; 0 if it is not measured.
    """

    name: str
    hidden: bool
    costs: float
    calls: tuple[str, ...]
    sizes: Mapping[str, int]
    hint: str
    verdict: str
    layouts: Mapping[str, str]
    returns: tuple[str, ...]
    inputs: Mapping[str, Any]
    evidence: Mapping[str, Any]
    expected: Mapping[str, Any]
    tolerances: Mapping[str, tuple[float, float]]
    mistakes: Mapping[str, Mapping[str, Any]]
    budget: int = 0


@dataclass(frozen=True)
class BakedQuestion:
    """A question as graders use it. hints: mistake name -> hint. outputs: axes by name."""

    name: str
    number: str
    module: str
    points: float
    calls: tuple[str, ...]
    outputs: Mapping[str, str]
    gates: str
    torch: bool
    seconds: float
    hints: Mapping[str, str]
    cases: tuple[BakedCase, ...]
    optional: bool = False

    @property
    def part(self) -> str:
        """The letter of its part."""
        return self.number[0]


@dataclass(frozen=True)
class Bundle:
    """All questions of a release.

    assignment, title, version: from the assignment. parts: letter -> title. source: hash of what it was baked
    from. public: whether hidden cases and rubrics are left out. written: what people grade. digest: hash of all its
    contents.
    """

    assignment: str
    title: str
    version: str
    package: str
    parts: Mapping[str, str]
    source: str
    public: bool
    questions: tuple[BakedQuestion, ...]
    digest: str = ""
    written: tuple[Written, ...] = ()

    @property
    def possible(self) -> float:
        """Points of all questions that are graded here; optional ones come on top of them, and so do written ones."""
        return sum(question.points for question in self.questions if not question.optional)

    @property
    def possible_written(self) -> float:
        """Points of the written answers together."""
        return sum(written.points for written in self.written)

    @property
    def torch_modules(self) -> tuple[str, ...]:
        """The modules that may import torch."""
        return tuple(sorted({question.module for question in self.questions if question.torch}))


_CASE_VALUES = ("inputs", "evidence", "expected", "mistakes")


def encode(bundle: Bundle) -> tuple[bytes, bytes]:
    """The bundle as JSON and raw bytes."""
    writer = Writer(TRUSTED.body)
    head = {name: getattr(bundle, name) for name in ("assignment", "title", "version", "package", "source", "public")}
    questions = []
    for question in bundle.questions:
        cases = [
            {**vars(case), **{name: writer.value(getattr(case, name)) for name in _CASE_VALUES}} for case in question.cases
        ]
        questions.append({**vars(question), "cases": cases})
    message = {"format": FORMAT, **head, "parts": dict(bundle.parts), "questions": questions,
               "written": [vars(written) for written in bundle.written]}  # fmt: skip
    data = pack(0, message, writer)
    size = int.from_bytes(data[8:12], "little")
    return data[16 : 16 + size], data[16 + size :]


def decode(text: bytes, body: bytes) -> Bundle:
    """The bundle behind JSON and raw bytes. Raises BundleError."""
    try:
        message = parse_message(text, body, TRUSTED)
        content = message.content
        if content.get("format") != FORMAT:
            raise BundleError(f"it has format {content.get('format')}, and this grader reads format {FORMAT}; bake anew")
        questions = []
        for question in content["questions"]:
            cases = []
            for case in question["cases"]:
                values = {name: message.value(case[name]) for name in _CASE_VALUES}
                bounds = {name: (low, high) for name, (low, high) in case["tolerances"].items()}
                lists = {name: tuple(case[name]) for name in ("calls", "returns")}
                cases.append(BakedCase(**{**case, **values, **lists, "tolerances": bounds}))
            questions.append(BakedQuestion(**{**question, "calls": tuple(question["calls"]), "cases": tuple(cases)}))
        head = {n: content[n] for n in ("assignment", "title", "version", "package", "source", "public", "parts")}
        written = tuple(_written(entry) for entry in content["written"])
        return Bundle(**head, questions=tuple(questions), written=written, digest=hashlib.sha256(text + body).hexdigest())
    except (WireError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"it is not a bundle of this grader ({error}); bake anew") from None


def _written(entry: Mapping[str, Any]) -> Written:
    lists = {name: tuple(map(tuple, entry[name])) for name in ("rubric", "misconceptions")}
    return Written(**{**entry, **lists, "evidence": tuple(entry["evidence"])})


def to_bytes(bundle: Bundle) -> bytes:
    """The bundle as the bytes of an `.npz` file, the same on every build."""
    text, body = encode(bundle)
    return stored_zip(
        {"questions.npy": _npy(text), "arrays.npy": _npy(body)},
    )


def _npy(data: bytes) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.frombuffer(data, np.uint8), allow_pickle=False)
    return buffer.getvalue()


def stored_zip(files: Mapping[str, bytes], executable: Collection[str] = ()) -> bytes:
    """A zip whose bytes depend on nothing but its files: sorted names, one date, fixed modes, deflate level 9."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, whichever system builds it
            info.external_attr = (0o100755 if name in executable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    return buffer.getvalue()


def from_bytes(data: bytes) -> Bundle:
    """Read an `.npz` bundle. Nothing is unpickled. Raises BundleError."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            text, body = archive["questions"].tobytes(), archive["arrays"].tobytes()
    except Exception as error:  # zipfile and zlib let a dozen types through on damaged bytes
        what = f" ({error})" if zipfile.is_zipfile(io.BytesIO(data)) else ""  # of other files numpy speaks of pickles
        raise BundleError(f"it is no bundle{what}; bake anew") from None
    return decode(text, body)


def read(path: Path, *, source: str = "") -> Bundle:
    """Read a bundle from a file. `source`: the hash it must have been baked from. Raises BundleError."""
    try:
        bundle = from_bytes(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}; bake it with 'autograder bake'") from None
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None
    if source and bundle.source != source:
        raise BundleError(f"{path}: it was baked from other questions than these (stale); run 'autograder bake'")
    return bundle


def write_file(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")  # a name may be as long as names can be
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON-able value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
