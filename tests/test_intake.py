"""Intake: what students hand in is read, or refused with a sentence; never followed, unpacked or imported."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import time
import tracemalloc
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.grading import files, intake
from autograder.grading.files import Piece
from autograder.grading.intake import LACKING, Entry, Submission, read_entry, read_submission
from autograder.grading.names import visible
from autograder.lms import export as export_of
from autograder.lms.export import Export, IntakeError

RNN = b"def rnn_step(): ...\n"
NOTEBOOK = "memory_in_networks.ipynb"
GOOD = {"memnet/rnn.py": RNN, "memnet/__init__.py": b"", NOTEBOOK: b"{}"}

posix = pytest.mark.skipif(os.name != "posix", reason="files that only POSIX has")


def make_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    path.mkdir(parents=True)
    for name, data in files.items():
        target = path / name
        if name.endswith("/"):
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    return path


def make_zip(path: Path, files: Mapping[str, bytes] | list[tuple[str, bytes]], **settings: object) -> Path:
    """Write a zip with exactly these entry names, however bad; settings are set on each ZipInfo."""
    pairs = list(files.items()) if isinstance(files, Mapping) else files
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")  # duplicate names are the point
        for name, data in pairs:
            info = zipfile.ZipInfo()
            info.filename = info.orig_filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in settings.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return path


def patch(path: Path, member: str, offset: int, layout: str, value: int) -> None:
    """Overwrite a field of the member's entry in the table of contents."""
    data = bytearray(path.read_bytes())
    start = data.rindex(member.encode()) - 46
    assert data[start : start + 4] == b"PK\1\2"
    struct.pack_into(layout, data, start + offset, value)
    path.write_bytes(data)


FLAGS, METHOD, CRC, PACKED, SIZE = (8, "<H"), (10, "<H"), (16, "<L"), (20, "<L"), (24, "<L")


@contextmanager
def allocating_at_most(size: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def read(path: Path, **settings: str) -> Submission:
    found = read_submission("anna", path, **settings)
    assert len(found.content) == 64
    if found.problem:
        assert not found.sources
        assert found.notebook is None or found.problem_kind in LACKING
        assert "; " in found.problem, "a problem says what, and what to do"
    for text in (found.problem, *found.notes):
        assert not any(
            unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text.replace("\u200c", "")
        )
    return found


@pytest.fixture(params=["folder", "zip"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Mapping[str, bytes]], Path]:
    """Hand in the same files as a folder and as a zip."""

    def folder(files: Mapping[str, bytes]) -> Path:
        try:
            made = make_folder(tmp_path / "anna", files)
        except OSError:
            made = tmp_path / "nothing"
        if sum(path.is_file() for path in made.rglob("*")) != len(files):
            pytest.skip("this file system cannot hold such names")
        return made

    return folder if request.param == "folder" else lambda files: make_zip(tmp_path / "anna.zip", files)


# What is read

FOUND = {
    "at the root": (GOOD, {"rnn": RNN, "__init__": b""}, b"{}", []),
    "one level down": ({f"hw4/{n}": d for n, d in GOOD.items()}, {"rnn": RNN, "__init__": b""}, b"{}", []),
    "root wins": ({"memnet/rnn.py": RNN, "old/memnet/rnn.py": b"old"}, {"rnn": RNN}, None, []),
    "systems' leavings": (
        {"memnet/rnn.py": RNN, "__MACOSX/memnet/rnn.py": b"", "memnet/._rnn.py": b"", ".git/memnet/a.py": b"",
         "memnet/__pycache__/rnn.pyc": b"", ".DS_Store": b"", "Thumbs.db": b""},
        {"rnn": RNN}, None, []),
    "other case": (
        {"MemNet/rnn.py": RNN}, {"rnn": RNN}, None,
        ["the folder MemNet/ is read as memnet/; name it memnet/"]),
    "exact case one level down": ({"a/memnet/rnn.py": RNN, "b/Memnet/rnn.py": b""}, {"rnn": RNN}, None, []),
    "shadows": (
        {"memnet/rnn.py": RNN, "memnet/numpy.py": b"", "memnet/Copy.py": b"", "memnet/torch.py": b""},
        {"rnn": RNN}, None,
        ["memnet/Copy.py is not used: `import copy` is the library",
         "memnet/numpy.py is not used: `import numpy` is the library",
         "memnet/torch.py is not used: `import torch` is the library"]),
    "beside": (
        {"memnet/rnn.py": RNN, "numpy.py": b"", "conftest.py": b"", "sitecustomize.py": b""},
        {"rnn": RNN}, None,
        ["modules beside memnet/ are not used: conftest.py, numpy.py, sitecustomize.py"]),
    "below": (
        {"memnet/rnn.py": RNN, "memnet/numpy/__init__.py": b"", "memnet/data.txt": b""}, {"rnn": RNN}, None,
        ["folders inside memnet/ are not used: numpy"]),
    "no module's name": (
        {"memnet/rnn.py": RNN, "memnet/rnn (1).py": b"", "memnet/gru.PY": b"", "memnet/a'\"b.py": b"",
         "memnet/x\ny\u202e.py": b""},
        {"rnn": RNN}, None,
        ["memnet/a'\"b.py is not used: a module's name is like that of rnn.py",
         "memnet/gru.PY is not used: a module's name is like that of rnn.py",
         "memnet/rnn (1).py is not used: a module's name is like that of rnn.py",
         "memnet/x\\u000ay\\u202e.py is not used: a module's name is like that of rnn.py"]),
    "non-Latin and decomposed": (
        {"memnet/сеть.py": RNN, "memnet/re\u0301seau.py": RNN}, {"сеть": RNN, "r\u00e9seau": RNN}, None, []),
    "two cases": (
        {"memnet/rnn.py": RNN, "memnet/RNN.py": b"1", "memnet/Gru.py": b"2", "memnet/GRU.py": b"3"},
        {"rnn": RNN, "GRU": b"3"}, None,
        ["memnet/Gru.py is not used: GRU.py is there too; keep one",
         "memnet/RNN.py is not used: rnn.py is there too; keep one"]),
    "another notebook": ({"memnet/rnn.py": RNN, "mine.ipynb": b"[]"}, {"rnn": RNN}, b"[]", []),
    "the expected notebook": (GOOD | {"a.ipynb": b"[]"}, {"rnn": RNN, "__init__": b""}, b"{}", []),
    "two notebooks": (
        {"memnet/rnn.py": RNN, "a.ipynb": b"", "b.ipynb": b""}, {"rnn": RNN}, None,
        [f"no notebook is used: there are a.ipynb, b.ipynb; keep one, {NOTEBOOK}"]),
    "large notebook": (
        {"memnet/rnn.py": RNN, "a.ipynb": bytes(16 * 2**20 + 1)}, {"rnn": RNN}, None,
        ["the notebook is not used: a.ipynb is larger than 16 MB; make it smaller"]),
    "notebook in the package": ({"hw/memnet/rnn.py": RNN, "hw/memnet/a.ipynb": b"[]"}, {"rnn": RNN}, b"[]", []),
    "notebooks beside and in the package": (
        {"memnet/rnn.py": RNN, "memnet/a.ipynb": b"", "memnet/c.ipynb": b"", "b.ipynb": b"[]"}, {"rnn": RNN}, b"[]", []),
    "notebook elsewhere": ({"hw/memnet/rnn.py": RNN, "x/a.ipynb": b"", "b.ipynb/c": b""}, {"rnn": RNN}, None, []),
    "loose": (
        {"rnn.py": RNN, "gru.py": b"", "a.ipynb": b"[]"}, {"rnn": RNN, "gru": b""}, b"[]",
        ["gru.py, rnn.py lie outside memnet/; read as if inside, but hand in the folder memnet/"]),
    "loose in one folder": (
        {"hw/rnn.py": RNN, "hw/a.ipynb": b"[]"}, {"rnn": RNN}, b"[]",
        ["hw/rnn.py lies outside memnet/; read as if inside, but hand in the folder memnet/"]),
    "notebook at the root": ({"hw/memnet/rnn.py": RNN, "a.ipynb": b"[]"}, {"rnn": RNN}, b"[]", []),
    "thousands of files where nothing is looked for": (
        {"memnet/rnn.py": RNN, **{f"data/{n}": b"" for n in range(3000)}, **{f".old/{n}": b"" for n in range(9)}},
        {"rnn": RNN}, None, []),
    "thousands of files one level down": (
        {"hw/memnet/rnn.py": RNN, **{f"hw/data/{n}": b"" for n in range(3000)}}, {"rnn": RNN}, None, []),
    "thousands of hidden files": ({"memnet/rnn.py": RNN, **{f".{n}": b"" for n in range(3000)}}, {"rnn": RNN}, None, []),
    "as many files as may be": ({"memnet/rnn.py": RNN, **{f"memnet/{n}": b"" for n in range(1998)}}, {"rnn": RNN}, None, []),
    "notebook where nothing is looked for": (
        {"memnet/rnn.py": RNN, "hw/a.ipynb": b"[]", "hw/part/b.ipynb": b"[]"}, {"rnn": RNN}, None, []),
    "largest module": ({"memnet/rnn.py": bytes(2**20)}, {"rnn": bytes(2**20)}, None, []),
}  # fmt: skip


@pytest.mark.skipif(os.sep != "/", reason="here a backslash separates folders")
def test_a_zip_with_backslashes_that_another_program_unpacked(tmp_path: Path) -> None:
    """As otter unpacks it: what was a path is a file's name. It gives what the zip itself gives."""
    names = {"hw\\memnet\\rnn.py": RNN, "hw\\a.ipynb": b"[]", "__MACOSX\\memnet\\gru.py": b"", "..\\b.ipynb": b""}
    for name, data in names.items():
        (tmp_path / name).write_bytes(data)
    found = read(tmp_path)
    assert (found.problem, dict(found.sources), found.notebook) == ("", {"rnn": RNN}, b"[]")


@pytest.mark.parametrize("case", FOUND)
def test_found(case: str, make: Callable[[Mapping[str, bytes]], Path]) -> None:
    files, sources, notebook, notes = FOUND[case]
    found = read(make(files))
    assert found.problem == ""
    assert (dict(found.sources), found.notebook, sorted(found.notes)) == (sources, notebook, notes)


PROBLEMS = {
    "empty": ({}, "empty; hand in the folder memnet/ and the notebook"),
    "only hidden": (
        {".DS_Store": b"", "__MACOSX/memnet/rnn.py": b""},
        "is empty; hand in the folder memnet/"),
    "module outside": (
        {"hw/rnn.py": RNN, "text/a.txt": b""},
        "hw/rnn.py lies outside memnet/; put the modules into a folder memnet/"),
    "modules outside": (
        {"hw/rnn.py": RNN, "work/gru.py": b""},
        "hw/rnn.py, work/gru.py lie outside memnet/; put"),
    "not found": (
        {f"f{n}.txt": b"" for n in range(7)} | {"e/x": b""},
        "there is no folder memnet/, only e, f0.txt, f1.txt, f2.txt, f3.txt, 3 more; hand in that"),
    "too deep": ({"a/b/memnet/rnn.py": RNN}, "there is no folder memnet/, only a; "),
    "several": (
        {"a/memnet/rnn.py": RNN, "b/memnet/rnn.py": RNN},
        "there are several folders memnet/ (a/memnet, b/memnet); keep one"),
    "several cases": (
        {"MEMNET/rnn.py": RNN, "Memnet/rnn.py": RNN},
        "several folders memnet/ (MEMNET, Memnet)"),
    "a file": ({"memnet": b"", "x\u202e": b""}, "there is no folder memnet/, only memnet, x\\u202e; "),
    "no module": ({"memnet/rnn.txt": RNN}, "memnet/ holds no module; put your .py files directly into it"),
    "many modules": (
        {f"memnet/m{n}.py": b"" for n in range(51)},
        "memnet/ holds more than 50 modules; hand in"),
    "large": ({"memnet/rnn.py": bytes(2**20 + 1)}, "memnet/rnn.py is larger than 1 MB; make it smaller"),
    "inner is no zip": ({"inner.zip": b"PK"}, "inner.zip is broken or is no zip; make the zip again"),
    "only a text": ({"hw/text.txt": b"", "hw/a.zip.txt": b""}, "there is no folder memnet/, only hw; "),
    "many": (
        {f"memnet/{n}": b"" for n in range(2000)},
        "holds more than 2000 files; hand in the modules and"),
    "many at the root": (
        {"memnet/rnn.py": RNN, **{f"{n}": b"" for n in range(2000)}},
        "holds more than 2000 files; hand in the modules and"),
    "many in folders": (
        {"hw/memnet/rnn.py": RNN, **{f"{n % 2}/{n}": b"" for n in range(2000)}},
        "holds more than 2000 files; hand in the modules and"),
    "no module, and a notebook where nothing is looked for": (
        {"memnet/rnn.txt": RNN, "hw/a.ipynb": b"[]"},
        "memnet/ holds no module; put your .py files directly into it"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS)
def test_problem(case: str, make: Callable[[Mapping[str, bytes]], Path]) -> None:
    files, problem = PROBLEMS[case]
    found = read(make(files))
    assert problem in found.problem
    assert found.notebook is None


def test_content_is_that_of_the_files(tmp_path: Path) -> None:
    contents = {
        read(make_folder(tmp_path / "a", GOOD)).content,
        read(make_zip(tmp_path / "b.zip", GOOD)).content,
        read(
            make_zip(tmp_path / "c.zip", dict(reversed(GOOD.items())), date_time=(2001, 2, 3, 4, 5, 6))
        ).content,
        read(make_zip(tmp_path / "d.zip", {f"x/{n}": d for n, d in GOOD.items()}, compress_type=0)).content,
    }
    assert len(contents) == 1
    others = [GOOD | {"memnet/rnn.py": b"x"}, GOOD | {"memnet/a.py": b""}, GOOD | {NOTEBOOK: b""}]
    others += [{n: d for n, d in GOOD.items() if n != NOTEBOOK}, {}, {"rnn.py": RNN}]
    contents |= {read(make_zip(tmp_path / f"{n}.zip", files)).content for n, files in enumerate(others)}
    assert len(contents) == 1 + len(others)


def test_names_can_be_chosen(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"net/rnn.py": RNN, "x.ipynb": b"x", "y.ipynb": b"y"})
    found = read(path, package="net", notebook="y.ipynb")
    assert (found.name, found.path, dict(found.sources), found.notebook) == ("anna", path, {"rnn": RNN}, b"y")


def test_notes_do_not_flood(tmp_path: Path) -> None:
    files = {"memnet/rnn.py": RNN} | {f"memnet/a {n}.py": b"" for n in range(40)}
    notes = read(make_zip(tmp_path / "a.zip", files)).notes
    assert (len(notes), notes[-1]) == (21, "and 20 more remarks of this sort")


# Zips in a submission


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_zip_inside_is_read(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    inner = zipped({f"memory-in-networks/{n}": d for n, d in GOOD.items()})
    found = read(make({"hw/inner.zip": zipped({"mine.ZIP": inner}), "hw/notes.txt": b""}))
    assert (found.problem, dict(found.sources), found.notebook, found.notes) == (
        "", {"rnn": RNN, "__init__": b""}, b"{}", ()
    )  # fmt: skip


def test_zips_inside_have_a_bound(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    deep = zipped(GOOD)
    for n in range(3):
        deep = zipped({f"{n}.zip": deep})
    assert read(make({"x.zip": deep})).problem == "1.zip is a zip in zips in zips; unzip it and hand in what is in it"


def test_zip_inside_is_bounded_in_size(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"x.zip": bytes(33 * 2**20)})
    with allocating_at_most(4 * 2**20):
        assert read(path).problem == "x.zip is larger than 32 MB; make it smaller"
    patch(path, "x.zip", *SIZE, 1000)  # it lies about its size
    with allocating_at_most(4 * 2**20):
        assert read(path).problem.startswith("x.zip is damaged in the zip; ")


def test_of_several_zips_the_one_with_the_package_counts(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    found = read(make({"data.zip": zipped({"x/a.txt": b""}), "work.zip": zipped(GOOD)}))
    assert (found.problem, set(found.sources), found.notes) == (
        "", {"rnn", "__init__"}, ("data.zip is not used: work.zip holds memnet/",)
    )  # fmt: skip


def test_several_zips_with_the_package(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    problem = read(make({"a.zip": zipped(GOOD), "a (1).zip": zipped(GOOD)})).problem
    assert problem == "several zips hold a folder memnet/ (a (1).zip, a.zip); keep one"


def test_the_package_beside_a_zip_wins(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    found = read(make(GOOD | {"old.zip": zipped({"memnet/rnn.py": b"old"})}))
    assert found.sources["rnn"] == RNN


def test_a_hostile_name_in_a_zip_inside(make: Callable[[Mapping[str, bytes]], Path]) -> None:
    problem = read(make({"a.zip": zipped(GOOD | {"../up.py": b""})})).problem
    assert problem.startswith("../up.py is not a plain path inside the zip")


# Exports and entries


def test_of_attempts_the_last_piece_counts(tmp_path: Path) -> None:
    pieces = []
    for n, data in enumerate([b"first", b"second"]):
        path = tmp_path / f"{n}.zip"
        path.write_bytes(zipped({"memnet/rnn.py": data}))
        pieces.append(Piece(path, "", f"{9 - n}.zip"))
    found = read_entry(Entry("student-017", tuple(pieces)))
    assert (found.sources, found.notes) == ({"rnn": b"second"}, ("9.zip is not used: 8.zip holds memnet/",))


def test_entry_of_nothing() -> None:
    assert read_entry(Entry("student-017", ())).problem == "the folder is empty; hand in the folder memnet/ and the notebook"


@pytest.mark.parametrize("name", ["rnn.py", "mine.IPYNB"])
def test_one_file_is_a_submission(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(RNN)
    found = read(tmp_path / name)
    if name == "rnn.py":
        assert (found.problem, dict(found.sources)) == ("", {"rnn": RNN})
    else:
        assert (found.problem_kind, found.notebook) == ("no-package", RNN)


def test_export_in_a_zip(tmp_path: Path) -> None:
    files = {
        "top/a b/memnet/rnn.py": RNN, "top/a b/.git/x": b"", "top/c.zip": zipped(GOOD), "top/t.txt": b"text",
        "../up": b"", "top/n\0ul": b"", "__MACOSX/top/x": b"", "/".join("d" * 31): b"", "top/a b/memnet/../x": b"",
    }  # fmt: skip
    export = Export(make_zip(tmp_path / "in.zip", files))
    assert export.names() == {"top": "folder"}
    top = export.within("top")
    assert (export.name, top.name) == ("in.zip", "top")
    assert top.names() == {"a b": "folder", "c.zip": "file", "t.txt": "file"}
    assert (top.has("a b/.git"), top.has("x"), top.read("t.txt", 4)) == (True, False, b"text")
    for name in ("a b", "c.zip"):
        assert read_entry(Entry(name, (top.piece(name),))).sources["rnn"] == RNN
    assert list(export.refused) == [visible("../up"), "top/n\\u0000ul", "/".join("d" * 31)[:120], "top/a b/memnet/../x"]
    for inside, problem in (("t.txt", "larger than"), ("gone.txt", "damaged")):
        with pytest.raises(IntakeError, match=problem):
            top.read(inside, 3)


def test_export_in_a_folder(tmp_path: Path) -> None:
    export = Export(make_folder(tmp_path / "in", {"x/a/t.txt": b"text", ".git/x": b""}))
    assert (export.names(), export.names("x"), export.has(".git/x")) == ({"x": "folder"}, {"a": "folder"}, True)
    assert export.within("x").read("a/t.txt", 4) == b"text"


def test_export_that_changes_is_read_again(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "in.zip", {"a/t.txt": b"1"})
    assert Export(path).names() == {"a": "folder"}
    os.utime(make_zip(path, {"b/t.txt": b"1", "c/t.txt": b"1"}), (1, 1))
    assert Export(path).names() == {"b": "folder", "c": "folder"}
    with pytest.raises(IntakeError, match=r"no\.zip: .* is broken or is no zip"):
        Export(make_folder(tmp_path / "x", {"no.zip": b"PK"}) / "no.zip")
    with pytest.raises(IntakeError, match="gone: does not exist; give the folder or zip that holds the submissions"):
        Export(tmp_path / "gone")


def test_export_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(IntakeError, match=r"cannot be read \(Permission denied\); make it readable"):
        Export(tmp_path).names()


def test_export_of_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_of, "MAX_EXPORT_NAMES", 3)
    with pytest.raises(IntakeError, match="holds more than 3 files in a folder; give it in parts"):
        Export(make_folder(tmp_path / "in", {f"{n}/x": b"" for n in range(4)})).names()


# Zips


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:/x", "c:x", "..\\x", "\\\\host\\x", "a\0b", "__MACOSX/../x"]
)
def test_zip_entry_outside(name: str, tmp_path: Path) -> None:
    problem = read(make_zip(tmp_path / "a.zip", GOOD | {name: b"x"})).problem
    assert problem.startswith(f"{visible(name)} is not a plain path inside the zip (it has ..,")
    assert problem.endswith("make the zip again from your folder")


def test_names_in_utf8_that_do_not_say_so(tmp_path: Path) -> None:
    """The Finder of macOS writes such zips; a name that is no UTF-8 stays what it seems."""
    path = make_zip(tmp_path / "a.zip", {"mem\u00e9/memnet/r\u00e9seau.py": RNN, "x\u00e9.ipynb": b"{}"})
    data = path.read_bytes().replace(b"x\xc3\xa9", b"x\xc3x")
    for flag in (6, 8):  # where the flags stand in a member's own header and in the table of contents
        mark = b"PK\3\4" if flag == 6 else b"PK\1\2"
        parts = data.split(mark)
        data = mark.join([parts[0], *(part[: flag - 4] + b"\0\0" + part[flag - 2 :] for part in parts[1:])])
    path.write_bytes(data)
    assert set(read(path).sources) == {"r\u00e9seau"}
    assert set(Export(path).names()) == {"mem\u00e9", "x├x.ipynb"}


def test_zip_entry_names_are_cleaned(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"./": b"", "": b"", "./memnet//rnn.py": RNN, "a b'\"\n": b""})
    assert dict(read(path).sources) == {"rnn": RNN}


@pytest.mark.parametrize("second", ["memnet/rnn.py", "./memnet/rnn.py"])
def test_zip_duplicate(second: str, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", [("memnet/rnn.py", RNN), (second, b"other")])
    assert read(path).problem == "memnet/rnn.py is there more than once; keep one"
    path = make_zip(tmp_path / "b.zip", [("memnet/rnn.py", RNN), ("README", b""), ("README", b"")])
    assert read(path).problem == ""


DAMAGED = "memnet/rnn.py is damaged in the zip; make the zip again and check that it opens"
PATCHES = {
    "encrypted": (*FLAGS, 1, "memnet/rnn.py is encrypted in the zip; make the zip without a password"),
    "strongly encrypted": (*FLAGS, 0x40, DAMAGED),
    "bz2": (*METHOD, zipfile.ZIP_BZIP2, "memnet/rnn.py is packed in an unusual way; make the zip with your"),
    "deflate64": (
        *METHOD,
        9,
        "memnet/rnn.py is packed in an unusual way; make the zip with your system's own tool",
    ),
    "bad CRC": (*CRC, 123, DAMAGED),
    "size too small": (*SIZE, 3, DAMAGED),
    "size too large": (*SIZE, 2**30, "memnet/rnn.py is larger than 1 MB; make it smaller"),
    "packed size too small": (*PACKED, 3, DAMAGED),
    "packed size too large": (*PACKED, 2**30, "memnet/rnn.py is larger than 1 MB; make it smaller"),
    "offset": (42, "<L", 7, DAMAGED),
    "offset past the end": (42, "<L", 2**20, DAMAGED),
    "version": (6, "<H", 99, "a.zip is broken or is no zip; make the zip again and check that it opens"),
}


@pytest.mark.parametrize("case", PATCHES)
def test_zip_patched(case: str, tmp_path: Path) -> None:
    offset, layout, value, problem = PATCHES[case]
    path = make_zip(tmp_path / "a.zip", {"memnet/rnn.py": RNN, "notes.txt": b"text"})
    patch(path, "memnet/rnn.py", offset, layout, value)
    assert problem in read(path).problem
    if case not in ("version", "offset"):  # trouble with what is not needed is none, unless newer Pythons see an overlap
        path = make_zip(tmp_path / "b.zip", {"memnet/rnn.py": RNN, "notes.txt": b"text"})
        patch(path, "notes.txt", offset, layout, value)
        assert dict(read(path).sources) == {"rnn": RNN}


def test_zip_damaged_notebook_is_a_note(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", GOOD)
    patch(path, NOTEBOOK, *CRC, 1)
    found = read(path)
    assert (found.problem, found.notebook, set(found.sources)) == ("", None, {"rnn", "__init__"})
    assert found.notes[0].startswith(f"the notebook is not used: {NOTEBOOK} is damaged in the zip; ")


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (stat.S_IFLNK, "memnet/rnn.py is a link, which is not followed; hand in what it points to"),
        (stat.S_IFIFO, "memnet/rnn.py is not a regular file; hand in a regular one"),
        (stat.S_IFCHR, "memnet/rnn.py is not a regular file; hand in a regular one"),
        (stat.S_IFDIR, "memnet/ holds no module; put your .py files directly into it"),
        (stat.S_IFREG, ""),
    ],
)
def test_zip_modes(mode: int, problem: str, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"memnet/rnn.py": RNN}, external_attr=(mode | 0o644) << 16)
    assert read(path).problem == problem


def test_zip_link_as_folder(tmp_path: Path) -> None:
    for name in ("memnet", "x", "x/memnet"):
        path = make_zip(
            tmp_path / f"{name[-1]}.zip", {name: b"/etc"}, external_attr=(stat.S_IFLNK | 0o777) << 16
        )
        inside = f"{name}/rnn.py" if name.endswith("memnet") else f"{name}/memnet/rnn.py"
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(inside, RNN)
        assert read(path).problem.endswith(
            "memnet is a link, which is not followed; hand in what it points to"
        )


def test_zip_broken(tmp_path: Path) -> None:
    whole = make_zip(tmp_path / "a.zip", GOOD).read_bytes()
    for n, data in enumerate([b"", b"Rar!\x1a\x07", whole[: len(whole) // 2], whole[:-1], whole[-22:]]):
        path = tmp_path / f"b\u202e{n}.zip"
        path.write_bytes(data)
        assert read(path).problem.startswith(f"b\\u202e{n}.zip is broken or is no zip; make the zip again")


def test_zip_large(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.truncate(100 * 2**20 + 1)
    with allocating_at_most(2**20):
        assert read(path).problem == "a.zip is larger than 100 MB; make it smaller"


def test_zip_with_a_large_table_of_contents(tmp_path: Path) -> None:
    path, size = tmp_path / "a.zip", 50 * 2**20
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, size, 0, 0))
    with allocating_at_most(4 * 2**20):
        assert read(path).problem.startswith("the zip holds more than 2000 files; ")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_bomb(method: int, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"memnet/rnn.py": bytes(64 * 2**20)}, compress_type=method)
    patch(path, "memnet/rnn.py", *SIZE, 1000)
    with allocating_at_most(8 * 2**20):
        assert read(path).problem.startswith("memnet/rnn.py is ")


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    edits = st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), max_size=8)

    def edit(drawn: tuple[list[tuple[int, int]], int, int]) -> bytes:
        changes, start, end = drawn
        changed = bytearray(data)
        for position, value in changes:
            changed[position] = value
        return bytes(changed[start : len(changed) - end])

    return st.tuples(edits, st.integers(0, 3), st.integers(0, 3)).map(edit)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def check_any_bytes(data: bytes, path: Path) -> None:
    path.write_bytes(data)
    with allocating_at_most(4 * 2**20):
        found = read(path)
    assert all(
        name.isidentifier() and len(source) <= intake.MAX_MODULE for name, source in found.sources.items()
    )
    assert bool(found.sources) != bool(found.problem)
    assert found.content == read(path).content


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300).map(lambda data: data + b"PK\5\6" + data[:18].ljust(18, b"\0")) | st.binary())
def test_any_bytes(scratch: Path, data: bytes) -> None:
    check_any_bytes(data, scratch / "any.zip")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_mutated_zip(scratch: Path, data: st.DataObject) -> None:
    path = scratch / "mutated.zip"
    if not (whole := scratch / "whole.zip").exists():
        make_zip(whole, GOOD | {"memnet/gru.py": bytes(3000)})
    check_any_bytes(data.draw(mutated(whole.read_bytes())), path)


ENTRY_NAMES = st.lists(
    st.sampled_from(["memnet", "Memnet", "..", ".", "", "rnn.py", "x", "a\u202e", "é.py"]), max_size=4
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(ENTRY_NAMES.map("/".join) | st.text(max_size=9), st.binary(max_size=9)), max_size=8)
)
def test_any_entry_names(scratch: Path, entries: list[tuple[str, bytes]]) -> None:
    encodable = [
        (name, data)
        for name, data in entries
        if name.isascii() or name.encode("utf-8", "ignore").decode() == name
    ]
    check_any_bytes(make_zip(scratch / "names.zip", encodable).read_bytes(), scratch / "names.zip")


# Folders


@posix
def test_folder_with_other_than_regular_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_bytes(b"answer = 42")
    link = "memnet/rnn.py is a link, which is not followed; hand in what it points to"
    special = "memnet/rnn.py is not a regular file; hand in a regular one"

    def serve(path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            here = Path.cwd()
            os.chdir(path.parent)  # a socket's path has 108 bytes at most
            try:
                server.bind(path.name)
            finally:
                os.chdir(here)

    makers: list[tuple[Callable[[Path], None], str]] = [
        (lambda path: path.symlink_to(secret), link),
        (lambda path: path.symlink_to("nowhere"), link),
        (lambda path: path.symlink_to("/dev/zero"), link),
        (os.mkfifo, special),
        (serve, special),
        (lambda path: path.mkdir(), "memnet/ holds no module; put your .py files directly into it"),
        (lambda path: path.hardlink_to(secret), ""),
    ]
    for n, (maker, problem) in enumerate(makers):
        folder = make_folder(tmp_path / str(n), {"memnet/": b""})
        maker(folder / "memnet" / "rnn.py")
        assert read(folder).problem == problem
    folder = make_folder(tmp_path / "unneeded", {"memnet/rnn.py": RNN})
    os.mkfifo(folder / "memnet" / "pipe")
    (folder / "elsewhere").symlink_to("/")
    (folder / NOTEBOOK).symlink_to(secret)
    found = read(folder)
    assert dict(found.sources) == {"rnn": RNN}
    assert found.notes == (f"the notebook is not used: {NOTEBOOK} is a link, which is not followed; "
                           "hand in what it points to",)  # fmt: skip


@posix
def test_folder_links_are_not_followed(tmp_path: Path) -> None:
    real = make_folder(tmp_path / "real", GOOD)
    package = make_folder(tmp_path / "package", {})
    (package / "memnet").symlink_to(real / "memnet")
    assert read(package).problem == "memnet is a link, which is not followed; hand in what it points to"
    nested = make_folder(tmp_path / "nested", {"x/": b""})
    (nested / "x" / "memnet").symlink_to(real / "memnet")
    assert read(nested).problem == "x/memnet is a link, which is not followed; hand in what it points to"
    parent = make_folder(tmp_path / "parent", {})
    (parent / "x").symlink_to(real)
    assert read(parent).problem == "there is no folder memnet/, only x; hand in that folder itself"
    (tmp_path / "whole").symlink_to(real)
    assert (
        read(tmp_path / "whole").problem
        == "whole is a link, which is not followed; hand in what it points to"
    )
    (tmp_path / "whole.zip").symlink_to(make_zip(tmp_path / "a.zip", GOOD))
    assert read(tmp_path / "whole.zip").problem.startswith("whole.zip is a link, which is not followed; ")
    os.mkfifo(tmp_path / "pipe.zip")
    assert read(tmp_path / "pipe.zip").problem == "pipe.zip is not a regular file; hand in a regular one"


@posix
def test_file_replaced_after_it_was_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "kind_of", lambda info: "folder" if stat.S_ISDIR(info.st_mode) else "file")
    folder = make_folder(tmp_path / "a", {"memnet/": b""})
    module = folder / "memnet" / "rnn.py"
    os.mkfifo(module)
    assert read(folder).problem == "memnet/rnn.py is not a regular file; hand in a regular one"
    module.unlink()
    module.symlink_to("/dev/zero")
    assert read(folder).problem.startswith("memnet/rnn.py cannot be read (")


@pytest.mark.parametrize("call", ["os.open", "os.scandir", "pathlib.Path.lstat"])
def test_unreadable(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder, packed = make_folder(tmp_path / "a", GOOD), make_zip(tmp_path / "a.zip", GOOD)
    shown = {
        "os.open": ("memnet/__init__.py", "a.zip"),
        "os.scandir": ("the folder", ""),
        "pathlib.Path.lstat": ("a", "a.zip"),
    }
    with monkeypatch.context() as patched:
        patched.setattr(call, refuse)
        problems = [read(folder).problem, read(packed).problem]
    ending = " cannot be read (Permission denied); make it readable and hand it in again"
    assert problems == [what and what + ending for what in shown[call]]
    assert read(tmp_path / "gone.zip").problem.startswith("gone.zip cannot be read (")


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may read everything")
def test_permissions(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", GOOD)
    for path in (folder / "memnet" / "rnn.py", folder / "memnet", folder):
        mode = path.stat().st_mode
        path.chmod(0)
        assert " cannot be read (" in read(folder).problem
        path.chmod(mode)


def test_reading_fails_midway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(make_folder(tmp_path / "a", GOOD) / NOTEBOOK, os.O_WRONLY)
    monkeypatch.setattr(files, "_open_regular", lambda path, shown: descriptor)
    assert read(tmp_path / "a").problem.startswith("memnet/__init__.py cannot be read (")


def test_every_problem_has_a_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for kind, problem in files.PROBLEMS.items():
        longest = max(problem.replace("{0}", "{}").replace("{1}", "{}").split("{}"), key=len)
        assert longest.strip()[:20] in text, kind


def test_a_class_is_read_quickly(tmp_path: Path) -> None:
    for n in range(100):
        make_zip(tmp_path / "in" / f"student {n}.zip", GOOD)
    start = time.perf_counter()
    assert not any(read_submission(path.stem, path).problem for path in (tmp_path / "in").iterdir())
    assert time.perf_counter() - start < 5


def test_separators_of_windows(tmp_path: Path) -> None:
    """Some programs write backslashes into a zip; the modules are found all the same."""
    path = tmp_path / "student-017.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = info.orig_filename = "hw\\memnet\\rnn.py"
        archive.writestr(info, "x = 1\n")
    found = read_submission("student-017", path)
    assert (found.problem, dict(found.sources)) == ("", {"rnn": b"x = 1\n"})
