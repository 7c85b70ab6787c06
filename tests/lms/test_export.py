"""The real command line, from each system's export to what each system imports; records are those of the schema."""

from __future__ import annotations

import copy
import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import defusedxml.ElementTree
import jsonschema
import pytest

from autograder.checks.bundle import Bundle
from autograder.commands.export import _WRITERS
from autograder.grading.grade import grader_error, stamp
from autograder.grading.intake import Entry, Student
from autograder.grading.policy import Late, Policy, apply
from autograder.grading.written import attach

from ..conftest import ASSIGNMENT, Run
from ..schema import CHECK, SCHEMA
from ..test_intake import make_folder
from . import exports
from .exports import RNN, laid_out
from .records import AUDIT, of, record

PLAIN = ["=cmd|' C calc'!A0/memnet/rnn.py", "anna.zip", "Anna.zip", "nested.zip", "../outside/memnet/rnn.py", "readme.txt"]
FORMS = {
    "gradescope": (exports.GRADESCOPE, "zip"),
    "canvas": (exports.CANVAS, "zip"),
    "moodle": (exports.MOODLE, "folder"),
    "nbgrader": (exports.NBGRADER, "folder"),
    "github_classroom": (exports.under("rnn-hw-submissions", exports.GITHUB), "folder"),
    "otter": (exports.OTTER, "zip"),
    "plain": ({name: exports.PLAIN[name] for name in PLAIN}, "zip"),
    "one submission": ({"rnn.py": RNN}, "folder"),
}
SAID = {
    "gradescope": "Gradescope bulk export (submission_metadata.yml): 5 submissions "
                  "(2 without a student, such as submission_1003)",
    "canvas": "Canvas bulk download (10 names like _4302_99876_rnn.py): 6 submissions",
    "moodle": "Moodle download (8 names like Dan Roe_657721_assignsubmission_file_work.zip): 7 submissions",
    "nbgrader": "nbgrader's submitted/ (3 times timestamp.txt): 3 submissions",
    "github_classroom": "GitHub Classroom clones (2 clones rnn-hw-…): 2 submissions",
    "otter": "flat folder of zips and notebooks (2 names like hw_2024_05_06T12_34_56_789.zip): 3 submissions",
    "plain": "folders and zips: 4 submissions",
    "one submission": "one submission: 1 submission",
}


def grade(run: Run, bundle: Path, export: Path, out: Path, *more: object) -> Any:
    return run("autograder", "grade", export, "--out", out, "--bundle", bundle, "--assignment", ASSIGNMENT, *more)


@pytest.fixture(scope="module")
def graded(run: Run, bundle_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The results folder of each export, as the command line made it."""
    found = {}
    for system, (files, form) in FORMS.items():
        place = tmp_path_factory.mktemp(system.replace(" ", "-"))
        done = grade(run, bundle_file, laid_out(place, files, form, "in"), place / "out")
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[0] == f"{SAID[system]}; --format overrides"
        found[system] = place / "out"
    return found


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted((out / "records").iterdir())]


@pytest.mark.parametrize("system", FORMS)
def test_records_are_those_of_the_schema(system: str, graded: dict[str, Path]) -> None:
    found = records(graded[system])
    assert len(found) == int(SAID[system].split(": ")[-1].split()[0])
    for one in found:
        CHECK.validate(one)
    with (graded[system] / "journal.jsonl").open(encoding="utf-8") as journal:
        next(journal)
        for line in journal:
            CHECK.validate(json.loads(line))


POLICY = {"raw": 90.0, "penalty": 9.0, "percent": 10.0, "days_late": 1, "extended": False,
          "due": "2026-11-30T23:59:00+01:00", "why": ["1 hour late: 1 begun day at 10 %"]}  # fmt: skip
WRITTEN = {"name": "why", "number": "G5", "earned": 2.5, "possible": 4.0, "points": [2.0, 0.5], "comment": ""}
PROFILE = {"every": 1, "steps": [0.0, None], "norms": [[1.0, None], [1.0, 2.0]], "gates": "ifgo",
           "blocks": [0.0, 0.1, 0.0, 0.0]}  # fmt: skip


def full() -> dict[str, Any]:
    """A record with everything that a record may have."""
    one = record("x", policy=POLICY, written=[WRITTEN], students=[{"name": "Ann", "canvas": "1"}])
    one["questions"][1]["cases"][0]["values"][0]["profile"] = PROFILE
    return copy.deepcopy(one)


def objects(part: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a record, with the path to it."""
    if isinstance(part, dict):
        yield where, part
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from objects(inner, f"{where}/{key}")


def test_the_schema_knows_all_that_a_record_may_have_and_nothing_else() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    CHECK.validate(full())
    places = [where for where, _ in objects(full())]
    assert {"", "/audit", "/audit/questions", "/policy", "/written/0", "/students/0", "/questions/1/cases/0",
            "/questions/1/outputs/0", "/questions/1/cases/0/values/0/profile"} <= set(places)  # fmt: skip
    for where in places:
        changed = full()
        dict(objects(changed))[where]["unheard_of"] = "x"
        assert not CHECK.is_valid(changed), where


OPTIONAL = {"/policy", "/written", "/questions/1/cases/0/values/0/profile"}


def test_the_schema_misses_what_is_not_there() -> None:
    for where, part in objects(full()):
        if where in ("/audit/questions", "/students/0"):
            continue  # any names, and what is known of a student
        for key in part:
            changed = full()
            del dict(objects(changed))[where][key]
            free = f"{where}/{key}" in OPTIONAL or (where.endswith("/profile") and key == "norms")
            assert CHECK.is_valid(changed) is free, f"{where}/{key}"


@pytest.mark.parametrize(
    "change",
    [
        {"total": "1"}, {"submitted_at": "yesterday"}, {"students": [{"nickname": "x"}]}, {"status": "fine"}, {"late": 0},
        {"policy": {**POLICY, "percent": 101}}, {"policy": {**POLICY, "due": "2026-11-30"}},
        {"policy": {**POLICY, "why": [""]}}, {"policy": {**POLICY, "days_late": 0.5}},
        {"audit": {**AUDIT, "engine": "?"}}, {"audit": {**AUDIT, "modules": "5" * 16}},
        {"audit": {**AUDIT, "questions": {"scale": 3}}}, {"written": [{**WRITTEN, "points": 2.5}]},
    ],
    ids=str,
)  # fmt: skip
def test_the_schema_refuses_what_is_no_record(change: dict[str, Any]) -> None:
    assert not CHECK.is_valid({**full(), **change})


def test_records_that_no_judge_made_are_those_of_the_schema(baked: Bundle) -> None:
    facts = Entry("x", (), students=(Student(name="Ann"),), submitted_at="2026-12-01T00:30:00+01:00").facts()
    failed = grader_error("x", "", baked, "the judge's process died of it, twice")
    judged = {**failed, **stamp(baked, ASSIGNMENT, "full"), **facts}
    CHECK.validate(judged)
    late = Late("percent_a_day", due=datetime(2026, 11, 30, 23, 59, tzinfo=UTC), percent=10.0)
    for policy in (Policy(), Policy(late), Policy(late, cap=50.0, extra="fill"), Policy(cap=50.0)):
        for one in (judged, full(), record("y", status="unreadable", problem="it is empty", questions=[])):
            CHECK.validate(apply(one, policy))
    asked = baked.written[0]
    points = {"x": {asked.number: {"points": [1.0] * len(asked.rubric), "comment": "good"}}}
    assert attach(judged, points, baked.written)["written"]
    CHECK.validate(attach(judged, points, baked.written))


def test_records_know_whose_they_are(graded: dict[str, Path]) -> None:
    pair = next(one for one in records(graded["gradescope"]) if one["submission"] == "submission_1001")
    assert [student["sid"] for student in pair["students"]] == ["0200", "0300"]
    assert (pair["submitted_at"], pair["attempt"], pair["status"]) == ("2023-09-21T17:04:05+00:00", 2, "graded")
    jane = next(one for one in records(graded["canvas"]) if one["submission"] == "doejane_4123")
    assert (jane["late"], len(jane["aside"])) == (True, 2)


def test_the_same_export_again_grades_nothing(run: Run, bundle_file: Path, graded: dict[str, Path]) -> None:
    out = graded["canvas"]
    again = grade(run, bundle_file, out.parent / "in.zip", out)
    assert again.returncode == 0
    assert "6 of 6 submissions have their record already" in again.stderr


def test_what_is_no_export_is_refused(run: Run, bundle_file: Path, tmp_path: Path) -> None:
    path = make_folder(tmp_path / "in", {"doe_4_9_rnn.py": RNN, "Jane Doe_5_assignsubmission_file_rnn.py": RNN})
    refused = grade(run, bundle_file, path, tmp_path / "out")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "may be Canvas bulk download (" in refused.stderr
    assert "say which with --format canvas|moodle" in refused.stderr
    assert not (tmp_path / "out").exists()
    refused = grade(run, bundle_file, path, tmp_path / "out", "--format", "blackboard")
    assert (refused.returncode, "there is no such format" in refused.stderr) == (2, True)


GRADEBOOK = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Memory in Networks (201)\r\n    Points Possible,,,,,95\r\n"
    '"Doe, Jane",4123,SIS01,jdoe1,Sec 1,\r\n"Roe, Dan",4200,SIS02,roe,Sec 1,1.00\r\n"佐藤 花子",4300,,x,"Sec 1",\r\n'
)
WORKSHEET = (
    "\ufeffIdentifiant;x\r\n".replace(";x", ",Nom,Courriel,Statut,Note,Maximum,Modifiable,Modif1,Modif2,Commentaires")
    + 'Participant 657717,"Jane Doe",j@x.invalid,Remis,,"100,00",Oui,-,-,\r\n'
    + 'Participant 657799,"Jo Poe",k@x.invalid,Remis,,"100,00",Oui,-,-,\r\n'
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder whose totals are known: what a run leaves."""
    found = [
        of("doejane_4123", 87.5, name="doejane", canvas="4123"), of("Jo Poe_657799", 12.25, name="Jo Poe", moodle="657799"),
        record("=1+1"), record("佐藤 \\u202e", 0, status="unreadable", problem="it is <empty>; hand in", questions=[]),
    ]  # fmt: skip
    out = tmp_path / "results"
    for n, one in enumerate(found):
        CHECK.validate(one)
        (out / "records").mkdir(parents=True, exist_ok=True)
        (out / "records" / f"{n}.json").write_text(json.dumps(one), "utf-8")
    (out / "journal.jsonl").write_text(json.dumps({"assignment": "memory-in-networks"}) + "\n", "utf-8")
    return out


def test_canvas_and_moodle(run: Run, results: Path, tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_bytes(GRADEBOOK.encode())
    (tmp_path / "sheet.csv").write_bytes(WORKSHEET.encode())
    done = run("autograder", "export", results, "--canvas", tmp_path / "book.csv", "--moodle", tmp_path / "sheet.csv")
    assert done.returncode == 1
    assert "1 of 3 students filled in, column 'Memory in Networks (201)'" in done.stdout
    assert "1 of 2 participants filled in, column 'Note', feedback in 'Commentaires'" in done.stdout
    assert "book.csv: =1+1: fits no row" in done.stderr
    assert "sheet.csv: doejane_4123: fits no row" in done.stderr
    book = (results / "export/book.csv").read_bytes().decode()
    assert book == GRADEBOOK.replace("jdoe1,Sec 1,\r", "jdoe1,Sec 1,87.5\r")
    said = "12.25 of 100 points<br>A1 scale: 12.25 of 99<br>B1 rnn_step: 0 of 1"
    first, _, last = WORKSHEET.partition("k@x.invalid")
    last = last.replace("Remis,,", 'Remis,"12,25",').replace("-,\r", f"-,{said}\r")
    assert (results / "export/sheet.csv").read_bytes().decode() == f"{first}k@x.invalid{last}"
    assert (tmp_path / "book.csv").read_bytes() == GRADEBOOK.encode()


def test_every_other_format(run: Run, results: Path) -> None:
    names = [name for name in _WRITERS if name not in ("canvas", "moodle")]
    done = run("autograder", "export", results, *(f"--{name.replace('_', '-')}" for name in names))
    assert done.returncode == 1
    assert "moodle_feedback.zip: Jo Poe_657799: has no page, left out" in done.stderr
    out = results / "export"
    assert sorted(path.name for path in out.iterdir()) == [
        "final_grades.csv", "github", "gradescope", "junit.xml", "moodle_feedback.zip", "nbgrader.csv", "students.csv"
    ]  # fmt: skip
    assert len(defusedxml.ElementTree.parse(out / "junit.xml").getroot()) == 4
    for name in ("final_grades", "nbgrader", "students"):
        rows = list(csv.reader(io.StringIO((out / f"{name}.csv").read_bytes().decode("utf-8"), newline="")))
        assert len({len(row) for row in rows}) == 1
        assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert json.loads((out / "gradescope/doejane_4123/results.json").read_text("utf-8"))["score"] == 87.5
    assert len(list((out / "gradescope").glob("*/results.json"))) == len(list((out / "github").iterdir())) == 4
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    run("autograder", "export", results, *(f"--{name.replace('_', '-')}" for name in names))
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_moodle_from_its_export_to_its_feedback(run: Run, graded: dict[str, Path]) -> None:
    out = graded["moodle"]
    done = run("autograder", "export", out, "--moodle-feedback")
    assert (done.returncode, done.stderr) == (0, "")
    with zipfile.ZipFile(out / "export/moodle_feedback.zip") as archive:
        names = archive.namelist()
        assert "佐藤 花子_657719_assignsubmission_file/feedback.html" in names
        assert len(names) == 7
        assert all(archive.read(name).startswith(b"<!doctype html>") for name in names)


REFUSED = {
    "nothing asked": ([], "say what to export: --canvas --moodle --moodle-feedback --gradescope"),
    "no gradebook": (["--canvas", "gone.csv"], "gone.csv: cannot be read (No such file or directory); name the file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, run: Run, results: Path) -> None:
    words, problem = REFUSED[case]
    refused = run("autograder", "export", results, *words)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert problem in refused.stderr


def test_results_that_cannot_be_used(run: Run, results: Path, tmp_path: Path) -> None:
    refused = run("autograder", "export", tmp_path, "--csv")
    assert refused.returncode == 2
    assert "holds no records; name a folder that 'autograder grade' has finished" in refused.stderr
    (results / "records/0.json").write_text("{", "utf-8")
    refused = run("autograder", "export", results, "--csv")
    assert (refused.returncode, "0.json: is no record; run 'autograder grade' again" in refused.stderr) == (2, True)


def test_what_was_exported_is_never_overwritten(run: Run, results: Path) -> None:
    (results / "book.csv").write_bytes(GRADEBOOK.encode())
    refused = run("autograder", "export", results, "--canvas", results / "book.csv", "--out", results)
    assert refused.returncode == 2
    assert "book.csv: is what was exported, which stays as it is; name another folder with --out" in refused.stderr
    assert (results / "book.csv").read_bytes() == GRADEBOOK.encode()
