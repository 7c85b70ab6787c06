"""Builds the folder of sample submissions: `python tests/submissions/assemble.py build/submissions`.

Each folder beside this file is a sample: `expected.json`, and the files in which it differs from its base. Imports
the standard library and the engine's way of making stubs.

expected.json:
    about      one sentence
    name       of the submission; without it, that of the sample's folder
    base       "solution", "blank" (every function still a stub) or "none"
    remove     modules of the base that are not handed in
    stubs      modules of which every function is still a stub, whatever the base
    form       how it is handed in: a key of FORMS
    status     what its record says: "graded" or "unreadable"
    total      points
    questions  verdict and points of each question that the base would not earn alike
    named      by question, the known mistakes whose hints its feedback page gives
    says       texts that its feedback page shows
    printed    texts that its record keeps of what it printed
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autograder.authoring.release import BEGIN, END, split_solution

SAMPLES = Path(__file__).resolve().parent
REFERENCE = SAMPLES.parent.parent / "reference"
PACKAGE = "memnet"
Files = Mapping[str, bytes]


def samples() -> dict[str, dict[str, Any]]:
    """The contents of expected.json by the sample's folder."""
    found = sorted(SAMPLES.glob("*/expected.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in found}


def submission_name(sample: str, expected: Mapping[str, Any]) -> str:
    """What the submission is called."""
    return str(expected.get("name", sample))


def assemble(target: Path) -> list[str]:
    """Write every sample as a submission into `target`; give the names of the submissions, in order."""
    target.mkdir(parents=True, exist_ok=True)
    written: dict[Path, str] = {}
    for sample, expected in samples().items():
        name = submission_name(sample, expected)
        path = target / (name if expected["form"] == "folder" else f"{name}.zip")
        if any(path.exists() and path.samefile(other) for other in written):
            print(f"{path}: left out; this file system takes it for a sample written before", file=sys.stderr)
            continue
        _remove(path)
        FORMS[expected["form"]](path, submission_files(sample, expected))
        written[path] = name
    return sorted(written.values())


def submission_files(sample: str, expected: Mapping[str, Any]) -> dict[str, bytes]:
    """What the sample hands in, by path: its base, its own files over that, without what it removes."""
    files = BASES[expected["base"]]()
    for module in expected.get("stubs", ()):
        files[f"{PACKAGE}/{module}.py"] = _blank()[f"{PACKAGE}/{module}.py"]
    own = SAMPLES / sample
    for path in sorted(own.rglob("*")):
        if path.is_file() and path != own / "expected.json" and "__pycache__" not in path.parts:
            files[path.relative_to(own).as_posix()] = path.read_bytes()
    for module in expected["remove"]:
        del files[f"{PACKAGE}/{module}.py"]
    return dict(sorted(files.items()))


# ---------------------------------------------------------------- bases


def _solution() -> dict[str, bytes]:
    return _from_reference(
        lambda text, _: "".join(line for line in text.splitlines(keepends=True) if line.strip() not in (BEGIN, END))
    )


def _blank() -> dict[str, bytes]:
    return _from_reference(lambda text, path: split_solution(text, path).stub)


def _from_reference(change: Callable[[str, str], str]) -> dict[str, bytes]:
    paths = sorted((REFERENCE / PACKAGE).glob("*.py"))
    return {
        path.relative_to(REFERENCE).as_posix(): change(path.read_text(encoding="utf-8"), str(path)).encode()
        for path in paths
    }


BASES: dict[str, Callable[[], dict[str, bytes]]] = {"solution": _solution, "blank": _blank, "none": dict}

# ---------------------------------------------------------------- forms


def _folder(path: Path, files: Files) -> None:
    path.mkdir()
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def _zip(path: Path, files: Files) -> None:
    path.write_bytes(_zipped(files))


def _zip_one_level_down(path: Path, files: Files) -> None:
    path.write_bytes(_zipped({f"{path.stem}/{name}": data for name, data in files.items()}))


def _broken_zip(path: Path, files: Files) -> None:
    data = _zipped(files)
    path.write_bytes(data[: len(data) // 2])  # as an upload that was cut short


def _zip_that_leads_outside(path: Path, files: Files) -> None:
    path.write_bytes(_zipped({**files, "../../outside.py": b"print('written where it should not be')\n"}))


def _encrypted_zip(path: Path, files: Files) -> None:
    """A zip that says of every file that it is encrypted."""
    data = bytearray(_zipped(files))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(header)
        while at >= 0:
            data[at + flags] |= 1
            at = data.find(header, at + 4)
    path.write_bytes(bytes(data))


def _zipped(files: Files) -> bytes:
    """A zip that is the same to the byte on every system: no dates, no compression, in order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


FORMS: dict[str, Callable[[Path, Files], None]] = {
    "folder": _folder,
    "zip": _zip,
    "zip one level down": _zip_one_level_down,
    "broken zip": _broken_zip,
    "zip that leads outside": _zip_that_leads_outside,
    "encrypted zip": _encrypted_zip,
}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/submissions/assemble.py FOLDER")
    print(f"{sys.argv[1]}: {len(assemble(Path(sys.argv[1])))} submissions")
