"""The journal: resumed, locked, cut or refused, and never half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.journal import NAME, Journal, JournalError

from .conftest import ROOT

HEAD = {"assignment": "toy 1.0", "bundle": "0123456789abcdef" * 4, "isolation": "full"}


def record(name: str, **changed: Any) -> dict[str, Any]:
    return {"submission": name, "status": "graded", "total": 1.5, **changed}


def write(folder: Path, *records: dict[str, Any]) -> bytes:
    with Journal(folder, HEAD) as journal:
        for item in records:
            journal.append(item)
    return (folder / NAME).read_bytes()


def lines(folder: Path) -> list[Any]:
    return [json.loads(line) for line in (folder / NAME).read_text(encoding="utf-8").splitlines()]


# ---------------------------------------------------------------- going on


def test_records_are_there_the_moment_they_are_known(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "results"
    with Journal(folder, HEAD) as journal:
        assert lines(folder) == [HEAD]
        journal.append(record("Zoë 佐藤"))
        assert lines(folder) == [HEAD, record("Zoë 佐藤")]
        journal.append(record("b", text="two\nlines\r\u2028 and \ud800"))
    assert len((folder / NAME).read_bytes().split(b"\n")) == 4


def test_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    write(tmp_path, record("b"), record("a"))
    with Journal(tmp_path, HEAD) as journal:
        assert journal.records == {"b": record("b"), "a": record("a")}
        journal.append(record("c"))
        journal.append(record("a", total=3.0))  # graded again: the last one counts
    with Journal(tmp_path, HEAD) as journal:
        assert journal.records == {"b": record("b"), "a": record("a", total=3.0), "c": record("c")}


def test_records_given_are_not_shared(tmp_path: Path) -> None:
    with Journal(tmp_path, HEAD) as journal:
        item = record("a")
        journal.append(item)
        item["total"] = 99.0
        assert journal.records["a"]["total"] == 1.5


@pytest.mark.parametrize("torn", [b"{", b'{"submission": "c", "status"', b"\0\0\0\0", b"\xff", b'{"submission": "c"}'])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_torn_last_line_is_cut(tmp_path: Path, torn: bytes, count: int) -> None:
    whole = write(tmp_path, *[record(name) for name in "ab"[:count]])
    (tmp_path / NAME).write_bytes(whole + torn)
    assert write(tmp_path) == whole
    (tmp_path / NAME).write_bytes(whole + torn)
    write(tmp_path, record("c"))
    assert lines(tmp_path) == [HEAD, *[record(name) for name in "ab"[:count]], record("c")]


def test_torn_head_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"assignment": "to')
    assert write(tmp_path) == json.dumps(HEAD, sort_keys=True).encode() + b"\n"


# ---------------------------------------------------------------- refusing


def refuse(folder: Path, message: str, head: dict[str, Any] | None = None) -> None:
    with pytest.raises(JournalError) as error:
        Journal(folder, head or HEAD)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("place", "damage"),
    [(0, b"no JSON\n"), (1, b"no JSON\n"), (1, b"\n"), (1, b"[1]\n"), (1, b"\xff\xfe\n"), (1, b'{"total": 1}\n'),
     (1, b'{"submission": ["a"]}\n'), (0, b"null\n")],
)  # fmt: skip
def test_damaged_journal_is_refused_and_left_as_it_is(tmp_path: Path, place: int, damage: bytes) -> None:
    parts = write(tmp_path, record("a"), record("b")).splitlines(keepends=True)
    data = b"".join([*parts[:place], damage, *parts[place:]])
    (tmp_path / NAME).write_bytes(data)
    refuse(tmp_path, f"{tmp_path / NAME}: is damaged; restore it, or name another folder")
    assert (tmp_path / NAME).read_bytes() == data


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("assignment", "toy 2.0", "another assignment (toy 1.0, now toy 2.0)"),
        ("bundle", "f" * 64, "another bundle (0123456789ab…, now ffffffffffff…)"),
        ("isolation", "unsafe", "another isolation (full, now unsafe)"),
        ("seed", 3, "another seed (None, now 3)"),
    ],
)
def test_journal_of_another_run_is_refused(tmp_path: Path, key: str, value: Any, words: str) -> None:
    before = write(tmp_path, record("a"))
    refuse(tmp_path, f"{tmp_path / NAME}: graded with {words}; name another folder", {**HEAD, key: value})
    assert (tmp_path / NAME).read_bytes() == before


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("nobody minds")
    (tmp_path / "thesis.tex").write_text("x")
    refuse(tmp_path, f"{tmp_path}: holds other files and no {NAME}; name an empty or new folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "thesis.tex"]
    (tmp_path / "thesis.tex").unlink()
    write(tmp_path, record("a"))
    (tmp_path / "grades.csv").write_text("x")
    assert len(write(tmp_path).splitlines()) == 2


def test_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refuse(tmp_path / "file", f"{tmp_path / 'file'}: File exists; name another folder")
    refuse(tmp_path / "file" / "in", f"{tmp_path / 'file' / 'in'}: Not a directory; name another folder")
    (tmp_path / "folder" / NAME).mkdir(parents=True)
    refuse(tmp_path / "folder", f"{tmp_path / 'folder' / NAME}: Is a directory; name another folder")


posix = pytest.mark.skipif(os.name != "posix", reason="locks, limits and devices of POSIX")


@posix
def test_second_grader_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    message = f"{tmp_path}: another grader is at work on it; wait, or name another folder"
    with Journal(tmp_path, HEAD) as journal:
        refuse(tmp_path, message)
        journal.append(record("a"))
        refuse(tmp_path, message)
    for _ in range(3):  # nor does a refused journal keep the lock
        refuse(tmp_path, f"{tmp_path / NAME}: graded with another seed (None, now 3); name another folder",
               {**HEAD, "seed": 3})  # fmt: skip
        with Journal(tmp_path, HEAD) as journal:
            assert set(journal.records) == {"a"}


@posix
def test_lock_is_held_through_settling(tmp_path: Path) -> None:
    with Journal(tmp_path, HEAD) as journal:
        journal.append(record("a"))
        journal.settle()
        refuse(tmp_path, f"{tmp_path}: another grader is at work on it; wait, or name another folder")
        journal.append(record("b"))
    with Journal(tmp_path, HEAD) as journal:
        assert set(journal.records) == {"a", "b"}


# ---------------------------------------------------------------- full disks


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).symlink_to("/dev/full")
    refuse(tmp_path, f"{tmp_path / NAME}: No space left on device; make room and run the same command again")


FILL = """
import resource, sys
from pathlib import Path
from autograder.grading.journal import Journal, JournalError

def within(room, step):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        step()
    except JournalError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

with Journal(Path(sys.argv[1]), {"assignment": "toy"}) as journal:
    journal.append({"submission": "z", "text": "x" * 500})
    within(int(sys.argv[2]), lambda: journal.append({"submission": "b", "text": "y" * 5000}))
    print(sorted(journal.records))
    journal.append({"submission": "c"})
    within(100, journal.settle)
"""


@posix
@pytest.mark.parametrize("room", [100, 2000])
def test_write_that_fails_half_way_leaves_no_half_line(tmp_path: Path, room: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path), str(room)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    why = "File too large; make room and run the same command again"
    assert done.stdout.splitlines() == [f"{tmp_path / NAME}: {why}", "['z']", f"{tmp_path / f'.{NAME}.tmp'}: {why}"]
    assert [line.get("submission") for line in lines(tmp_path)] == [None, "z", "c"]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


# ---------------------------------------------------------------- settling


def test_settling_sorts_and_forgets_what_was_graded_again(tmp_path: Path) -> None:
    with Journal(tmp_path, HEAD) as journal:
        for name in ("b", "ö", "B", "a"):
            journal.append(record(name))
        journal.append(record("b", total=2.0))
        journal.settle()
        first = (tmp_path / NAME).read_bytes()
        journal.settle()
        assert (tmp_path / NAME).read_bytes() == first
    assert lines(tmp_path) == [HEAD, record("B"), record("a"), record("b", total=2.0), record("ö")]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    with Journal(tmp_path, HEAD) as journal:
        assert len(journal.records) == 4
        journal.settle()
    assert (tmp_path / NAME).read_bytes() == first


def test_order_and_interruptions_leave_no_mark(tmp_path: Path) -> None:
    names = ["c", "a", "b"]
    for folder, order in (("one", names), ("two", sorted(names))):
        for name in order:
            write(tmp_path / folder, record(name))
        with Journal(tmp_path / folder, HEAD) as journal:
            journal.settle()
    assert (tmp_path / "one" / NAME).read_bytes() == (tmp_path / "two" / NAME).read_bytes()
