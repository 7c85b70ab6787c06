"""Every export is recognised by itself, read where it lies, and gives the same as a folder and as a zip."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.grading.intake import Entry, Student, read_entry
from autograder.lms import gradescope, recognise
from autograder.lms.export import IntakeError
from autograder.lms.recognise import FORMATS, Listing, read_export

from ..test_intake import make_folder, make_zip, posix, zipped
from . import exports
from .exports import GRU, LONG, RNN, WORK, both_forms, laid_out, under

UTC = "+00:00"


def read(path: Path, wanted: str = "") -> tuple[Listing, dict[str, Entry]]:
    listing = read_export(path, wanted)
    entries = {entry.name: entry for entry in listing.entries}
    assert len(entries) == len(listing.entries)
    assert list(entries) == sorted(entries)
    assert "\n" not in listing.said
    return listing, entries


def sources(entry: Entry) -> Mapping[str, bytes]:
    found = read_entry(entry)
    assert not found.problem
    return found.sources


@both_forms
@pytest.mark.parametrize("wrapped", [False, True])
def test_gradescope(form: str, wrapped: bool, tmp_path: Path) -> None:
    files = exports.GRADESCOPE
    path = laid_out(tmp_path, under("assignment_9100_export", files) if wrapped else files, form)
    listing, entries = read(path)
    assert listing.said == (
        "Gradescope bulk export (submission_metadata.yml): 5 submissions "
        "(2 without a student, such as submission_1003); --format overrides"
    )
    assert listing.others == ("stray.txt",)
    assert entries["submission_9999"].aside == ("submission_metadata.yml does not say whose it is",)
    assert dict(sources(entries["submission_9999"])) == {"rnn": RNN}
    assert entries["submission_1001"].students == (
        Student("Pair One", "0200", "one@school.invalid"), Student("=2+2 \\u202e佐藤", "0300")
    )  # fmt: skip
    facts = entries["submission_1001"].facts()
    assert (facts["submitted_at"], facts["attempt"]) == (f"2023-09-21T17:04:05{UTC}", 2)
    assert facts["aside"] == [f"the attempt of 2023-09-20T17:00:00{UTC}"]
    assert facts["students"][0] == {"name": "Pair One", "sid": "0200", "email": "one@school.invalid"}
    assert dict(sources(entries["submission_1001"])) == {"rnn": RNN}
    assert dict(sources(entries["submission_1002"])) == {"rnn": RNN}
    assert entries["submission_1002"].facts() == {
        "students": [{"name": "Solo"}], "group": "", "submitted_at": "", "late": None, "attempt": 0, "aside": []
    }  # fmt: skip
    assert read_entry(entries["7.pdf"]).problem.startswith("there is no folder memnet/, only 7.pdf; ")
    assert read_entry(entries["submission_1003"]).problem.startswith("the folder is empty; ")


RESULTS = """\
submission_1:
  :submitters:
  - :name: |-
      A
      :results: no key
    :sid: '1'
  :results:
    tests:
    - name: x
      output: |
        @ what would be no YAML: [

        :submitters: {}
  :history:
  - :created_at: 2023-09-20 10:00:00 Z
    :results: {a: [1,
      2]}
    :score: 3.0
  :created_at: 2023-09-21 10:00:00 Z
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_gradescope_results_are_skipped(end: str, tmp_path: Path) -> None:
    """They are most of the file; whatever an autograder wrote there moves nothing."""
    text = RESULTS.replace("\n", end).encode()
    assert b"would be" not in gradescope._without_results(text)
    path = make_folder(tmp_path / "in", {"submission_metadata.yml": text})
    entry = read(path)[1]["submission_1"]
    assert (entry.students[0].sid, entry.submitted_at, entry.attempt) == ("1", f"2023-09-21T10:00:00{UTC}", 2)
    flat = b"submission_1:\n  {\n  results: [1,\n2],\n  submitters: [{name: Jane Doe}]\n}"
    path = make_folder(tmp_path / "flat", {"submission_metadata.yml": flat})
    assert read(path)[1]["submission_1"].students == (Student("Jane Doe"),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "submission_metadata.yml is damaged ("),
        ("- a\n", "submission_metadata.yml is not a list of submissions; export them again"),
        ("a: 1\n", "submission_metadata.yml is not a list of submissions; export them again"),
        ("a: {s: &s {':name': x}, ':submitters': [" + "*s, " * 1001 + "]}\n",
         "submission_metadata.yml lists more than 1000 students or attempts for a; export the submissions again"),
        ("../up: {}\n", "submission_metadata.yml names ../up, which is no folder here; export again"),
        ("[" * 5000, "submission_metadata.yml is damaged ("),
        ("{}", "submission_metadata.yml names none of what is here (submission_1); is it of another export?"),
        ("submission_2: {}", "submission_metadata.yml names none of what is here (submission_1); is it of another export?"),
        ("!!python/object/apply:os.system ['x']: {}\n", "submission_metadata.yml is damaged ("),
    ],
)
def test_gradescope_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = make_folder(tmp_path / "in", {"submission_metadata.yml": text.encode(), "submission_1/rnn.py": RNN})
    with pytest.raises(IntakeError) as refused:
        read_export(path)
    assert problem in str(refused.value)
    assert "; " in str(refused.value)


def test_moodle_teams(tmp_path: Path) -> None:
    """Those of no team hand in as one, which has no number."""
    files = {"Team Blue_12_assignsubmission_file_rnn.py": RNN, "Default group_assignsubmission_file_rnn.py": RNN}
    listing, entries = read(make_folder(tmp_path / "in", files))
    assert listing.said.startswith("Moodle download (2 names like ")
    rest = entries["Default group"]
    assert (rest.students, rest.group, dict(sources(rest))) == ((), "Default group", {"rnn": RNN})


@both_forms
def test_canvas(form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, exports.CANVAS, form))
    assert listing.said == "Canvas bulk download (10 names like _4302_99876_rnn.py): 6 submissions; --format overrides"
    assert listing.others == ("stray.txt",)
    assert list(entries) == ["4302", "doejane_4123", "linkonly_4303", "o_neil_4301", "roedan_4200", "佐藤花子_4300"]
    jane = entries["doejane_4123"]
    assert (jane.students, jane.late, jane.attempt) == ((Student(name="doejane", canvas="4123"),), True, 3)
    assert jane.aside == (
        "rnn.py, an earlier attempt (99880; 99991 counts)", "rnn.py, an earlier attempt (99871; 99991 counts)"
    )  # fmt: skip
    found = read_entry(jane)
    assert (dict(found.sources), found.notebook) == ({"rnn": RNN}, b"{}")
    dan = entries["roedan_4200"]
    assert (dan.late, dan.attempt, dan.aside) == (False, 0, ("a text written in Canvas",))
    assert dict(sources(dan)) == {"rnn": RNN}
    assert read_entry(entries["linkonly_4303"]).problem.startswith("the folder is empty; ")
    assert entries["linkonly_4303"].aside == ("the address of a page",)
    # A file's own name gives nobody's work to somebody else.
    assert entries["o_neil_4301"].students == (Student(name="o_neil", canvas="4301"),)
    assert entries["4302"].students == (Student(canvas="4302"),)


@both_forms
def test_canvas_anonymous(form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, exports.CANVAS_ANONYMOUS, form))
    assert listing.system == "canvas"
    assert {name: (entry.students[0], entry.late) for name, entry in entries.items()} == {
        "anon_Qq1": (Student(canvas="anon_Qq1"), False),
        "anon_Zz9": (Student(canvas="anon_Zz9"), True),
        "anon_a1B2c": (Student(canvas="anon_a1B2c"), False),
    }
    assert dict(sources(entries["anon_Qq1"])) == {"rnn": RNN}


def test_canvas_of_two_zips_the_later_counts(tmp_path: Path) -> None:
    files = {"doe_7_101_final.zip": zipped({"memnet/rnn.py": b"old"}), "doe_7_102_a.zip": zipped(WORK)}
    _, entries = read(make_folder(tmp_path / "in", files))
    found = read_entry(entries["doe_7"])
    assert (dict(found.sources), found.notes) == ({"rnn": RNN}, ("final.zip is not used: a.zip holds memnet/",))


@both_forms
def test_moodle(form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, exports.MOODLE, form))
    assert listing.said.startswith("Moodle download (8 names like ")
    assert listing.others == ("stray.txt",)
    assert list(entries) == [
        ".Dot_657723", "Dan Roe_657721", "Eve_657720", "Jane Doe_657717", "Jo =1+1_657718",
        "Text Only_657722", "佐藤 花子_657719",
    ]  # fmt: skip
    assert entries["Jo =1+1_657718"].students == (Student(name="Jo =1+1", moodle="657718"),)
    assert dict(sources(entries["Jane Doe_657717"])) == {"rnn": RNN}
    assert dict(sources(entries[".Dot_657723"])) == {"rnn": RNN}
    assert dict(sources(entries["Jo =1+1_657718"])) == {"rnn": RNN}
    assert dict(sources(entries["佐藤 花子_657719"])) == {"rnn": RNN, "gru": GRU}
    assert dict(sources(entries["Dan Roe_657721"])) == {"rnn": RNN}
    assert entries["Dan Roe_657721"].aside == ("a text written in Moodle",)
    assert read_entry(entries["Text Only_657722"]).problem.startswith("the folder is empty; ")
    # A file's own name gives nobody's work to somebody else, and takes nobody's place.
    assert entries["Eve_657720"].students == (Student(name="Eve", moodle="657720"),)


def test_moodle_blind(tmp_path: Path) -> None:
    _, entries = read(make_folder(tmp_path / "in", exports.MOODLE_BLIND))
    assert entries["Teilnehmer_12"].students == (Student(moodle="12"),)
    path = make_folder(tmp_path / "one", {"Participant_12_assignsubmission_file_rnn.py": RNN})
    assert read(path)[1]["Participant_12"].students == (Student(moodle="12"),)


@both_forms
def test_nbgrader(form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, exports.NBGRADER, form))
    assert listing.said == "nbgrader's submitted/ (3 times timestamp.txt): 3 submissions; --format overrides"
    assert {name: entry.submitted_at for name, entry in entries.items()} == {
        "jdoe": f"2015-02-02T22:58:23{UTC}", "o'neil b": f"2015-02-02T14:58:23{UTC}", "late": ""
    }  # fmt: skip
    assert entries["o'neil b"].students == (Student(login="o'neil b"),)
    assert read_entry(entries["jdoe"]).notebook == b"{}"


@posix
def test_a_link_is_nobodys_assignment(tmp_path: Path) -> None:
    path = make_folder(tmp_path / "submitted", {"jdoe/hw1/timestamp.txt": b"2015-02-02 14:58:23 UTC"})
    make_folder(tmp_path / "elsewhere", {"timestamp.txt": b"2016-01-01 00:00:00 UTC"})
    (path / "eve").mkdir()
    (path / "eve/hw1").symlink_to(tmp_path / "elsewhere")
    listing, entries = read(path)
    assert (list(entries), listing.others) == (["jdoe"], ("eve",))


def test_a_folder_that_cannot_be_listed_is_its_owners_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_folder(tmp_path / "in", {"anna/memnet/rnn.py": RNN, "bob/memnet/rnn.py": RNN})
    scan = os.scandir

    def refuse(folder: Path) -> Any:
        if Path(folder).name == "bob":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    _, entries = read(path)
    assert read_entry(entries["bob"]).problem.startswith("the folder cannot be read (Permission denied); ")
    assert dict(sources(entries["anna"])) == {"rnn": RNN}


def test_nbgrader_of_several_assignments(tmp_path: Path) -> None:
    files = under("submitted/jdoe/hw1", WORK) | under("submitted/jdoe/hw2", {"memnet/rnn.py": GRU, "a.ipynb": b""})
    path = make_folder(tmp_path / "course", files)
    make_folder(tmp_path / "submitted", {"jdoe/hw1/a.ipynb": b"", "roe/hw1/memnet/rnn.py": RNN})
    with pytest.raises(IntakeError, match=r"holds several .* \(hw1, hw2\); name one with --format nbgrader:NAME"):
        read_export(path)
    assert dict(sources(read(path, "nbgrader:hw2")[1]["jdoe"])) == {"rnn": GRU}
    listing, entries = read(tmp_path / "submitted")
    assert (listing.system, list(entries)) == ("nbgrader", ["jdoe", "roe"])


@both_forms
def test_github_classroom(form: str, tmp_path: Path) -> None:
    files = under("rnn-hw-submissions", exports.GITHUB)
    listing, entries = read(laid_out(tmp_path, files, form))
    assert listing.said == "GitHub Classroom clones (2 clones rnn-hw-…): 2 submissions; --format overrides"
    assert {name: entry.students for name, entry in entries.items()} == {
        "anna-b": (Student(login="anna-b"),), "anna-c": (Student(login="anna-c"),)
    }  # fmt: skip
    assert dict(sources(entries["anna-c"])) == {"rnn": RNN}


def test_github_classroom_by_what_names_share(tmp_path: Path) -> None:
    path = make_folder(tmp_path / "x", {f"hw-{user}/.git/config": b"" for user in ("a-b", "a-c")})
    assert list(read(path)[1]) == ["b", "c"]  # nothing tells that "a-" is theirs ...
    assert list(read(path, "github_classroom:hw")[1]) == ["a-b", "a-c"]  # ... unless somebody says so


@both_forms
def test_otter(form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, exports.OTTER, form))
    assert (listing.system, listing.others) == ("otter", ("notes.txt",))
    assert list(entries) == ["hw_2024_05_06T12_34_56_789", "student-017", "student-018"]
    assert dict(sources(entries["student-018"])) == {"rnn": RNN}
    assert read_entry(entries["student-017"]).notebook == b"{}"


@both_forms
@pytest.mark.parametrize("wrapped", [False, True])
def test_plain(form: str, wrapped: bool, tmp_path: Path) -> None:
    files = exports.PLAIN
    if wrapped:
        files = {name if ".." in name else f"class/{name}": data for name, data in files.items()}
    listing, entries = read(laid_out(tmp_path, files, form))
    assert listing.said.startswith("folders and zips: ")
    assert [name for name in entries if name.casefold().startswith("anna")] == ["Anna.zip", "anna.zip"]
    assert [name for name in entries if name.startswith("r\u00e9mi")] == ["r\u00e9mi", "r\u00e9mi (2)"]
    assert {"=cmd|' C calc'!A0", "O'Neil \"Q\"", "CON", LONG, "דוד \\u202eב"} <= set(entries)
    for entry in entries.values():
        assert dict(sources(entry)) == {"rnn": RNN}, entry.name
        assert entry.students == ()
    assert "readme.txt" in listing.others
    if form == "zip":
        assert any(".." in name for name in listing.others)
        assert any("\\u0000" in name for name in listing.others)
    assert len(entries) == len(exports.HOSTILE) + 5


ALONE = {
    "a folder": {"memnet/rnn.py": RNN, "a.ipynb": b""},
    "another case": {"MemNet/rnn.py": RNN},
    "modules": {"rnn.py": RNN, "text.txt": b""},
}


@both_forms
@pytest.mark.parametrize("case", ALONE)
def test_one_submission(case: str, form: str, tmp_path: Path) -> None:
    listing, entries = read(laid_out(tmp_path, ALONE[case], form, "student-017"))
    assert (listing.said, list(entries)) == ("one submission: 1 submission; --format overrides", ["student-017"])
    assert dict(sources(entries["student-017"])) == {"rnn": RNN}


def test_one_submission_one_level_down(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "student-017.zip", under("memory-in-networks", WORK))
    assert dict(sources(read(path)[1]["student-017"])) == {"rnn": RNN}


@pytest.mark.parametrize("name", ["rnn.py", "mine.ipynb"])
def test_one_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(RNN)
    assert list(read(tmp_path / name)[1]) == [name.partition(".")[0]]


REFUSED = {
    "nothing": ({"a.txt": b""}, "", "holds no submission; give what the system exported, or a folder of"),
    "no format": ({"a/x": b""}, "canvass", "--format canvass: there is no such format; there are gradescope, canvas, "),
    "two systems": (
        {"doe_4_9_rnn.py": RNN, "Jane Doe_5_assignsubmission_file_rnn.py": RNN}, "",
        "may be Canvas bulk download (1 names like doe_4_9_rnn.py) or Moodle download (1 names like "),
    "not that format": ({"a/x": b""}, "canvas", "holds no submission; "),
}  # fmt: skip


@both_forms
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, form: str, tmp_path: Path) -> None:
    files, wanted, problem = REFUSED[case]
    with pytest.raises(IntakeError) as refused:
        read_export(laid_out(tmp_path, files, form), wanted)
    assert problem in str(refused.value)
    assert "; " in str(refused.value) or case == "no format"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(IntakeError, match=r"a\.rar: is no folder, zip, notebook or module; give one of these"):
        read_export(tmp_path / "a.rar")
    with pytest.raises(IntakeError, match="gone: does not exist; give"):
        read_export(tmp_path / "gone")


@both_forms
@pytest.mark.parametrize("system", FORMATS)
def test_formats_that_are_asked_for(system: str, form: str, tmp_path: Path) -> None:
    """--format gives the same as recognising, wrapped into a folder or not."""
    files = getattr(exports, system.upper().removesuffix("_CLASSROOM"))
    asked = read_export(laid_out(tmp_path / "a", files, form), system)
    assert asked.system == system
    for n, there in enumerate((files, under("wrapped", files))):
        if system == "plain" or form == "folder":
            there = {name: data for name, data in there.items() if ".." not in name}
        found = read_export(laid_out(tmp_path / str(n), there, form), system)
        assert [entry.facts() for entry in found.entries] == [entry.facts() for entry in asked.entries]


def test_what_is_no_submission_does_not_flood(tmp_path: Path) -> None:
    files = {f"{n}.txt": b"" for n in range(60)} | {"anna/memnet/rnn.py": RNN}
    listing, _ = read(make_folder(tmp_path / "in", files))
    assert (len(listing.others), listing.others[-1]) == (51, "10 more files and folders")


def test_every_format_is_recognised() -> None:
    assert set(FORMATS) == {*recognise.SYSTEMS, "plain"}
