"""The sample submissions, graded by ``make demo``: each earns what it must."""

from __future__ import annotations

import csv
import html
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.checks import bundle as bundles
from autograder.commands.assignment import bundle_path
from autograder.grading.names import file_stem

from .schema import CHECK

ROOT = Path(__file__).resolve().parent.parent
STYLES = ("loops", "einsum", "recompute")

spec = importlib.util.spec_from_file_location("assemble", ROOT / "tests/submissions/assemble.py")
assert spec is not None
assert spec.loader is not None
assemble = importlib.util.module_from_spec(spec)
spec.loader.exec_module(assemble)

SAMPLES = assemble.samples()
each_sample = pytest.mark.parametrize("sample", SAMPLES)


@dataclass(frozen=True)
class Graded:
    """What a run left: records, pages and rows of the table by the submission's name; hints by question."""

    records: dict[str, dict[str, Any]]
    pages: dict[str, str]
    rows: dict[str, dict[str, str]]
    hints: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def graded(demo):
    """What the demonstration made of the samples."""
    results, names = demo.project / "build/results", sorted(assemble.submission_name(*each) for each in SAMPLES.items())
    stems = file_stem(names)
    records = {name: json.loads((results / f"records/{stems[name]}.json").read_bytes()) for name in names}
    pages = {name: (results / f"feedback/{stems[name]}.html").read_text("utf-8") for name in names}
    with (results / "grades.csv").open(encoding="utf-8", newline="") as table:
        rows = {row["submission"]: row for row in csv.DictReader(table)}
    bundle = bundles.read(bundle_path(demo.project / "assignments/memory_in_networks"))
    hints = {question.name: dict(question.hints) for question in bundle.questions}
    return Graded(records, pages, rows, hints)


def wanted_question(expected: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
    """The verdict and points that a question must have: as said, or as the sample's base has them."""
    if question["name"] in expected["questions"]:
        return expected["questions"][question["name"]]
    if expected["status"] == "unreadable" or expected["base"] == "none":
        return {"verdict": "missing", "earned": 0}
    if expected["base"] == "blank" or question["module"] in expected.get("stubs", ()):
        return {"verdict": "not_implemented", "earned": 0}
    return {"verdict": "passed", "earned": question["possible"]}


# ---------------------------------------------------------------- what each sample earns


@pytest.mark.slow
@each_sample
def test_each_question_has_the_verdict_and_points_it_must(graded, sample):
    expected = SAMPLES[sample]
    record = graded.records[assemble.submission_name(sample, expected)]
    assert expected["questions"].keys() <= {question["name"] for question in record["questions"]}
    found = {q["name"]: {"verdict": q["verdict"], "earned": q["earned"]} for q in record["questions"]}
    assert found == {question["name"]: wanted_question(expected, question) for question in record["questions"]}
    CHECK.validate(record)  # every kind of verdict is among the samples


@pytest.mark.slow
@each_sample
def test_status_and_total_are_what_they_must_be(graded, sample):
    expected = SAMPLES[sample]
    name = assemble.submission_name(sample, expected)
    record, row = graded.records[name], graded.rows[name]
    assert (record["status"], record["total"]) == (expected["status"], expected["total"])
    assert (row["status"], float(row["total"])) == (expected["status"], expected["total"])
    assert bool(record["problem"]) is (expected["status"] == "unreadable")


@pytest.mark.slow
@each_sample
def test_page_says_what_the_student_needs(graded, sample):
    expected = SAMPLES[sample]
    name = assemble.submission_name(sample, expected)
    shown = html.unescape(graded.pages[name])
    assert [text for text in expected["says"] if text not in shown] == []
    printed = graded.records[name]["printed"]
    assert [text for text in expected.get("printed", ()) if text not in printed] == []


@pytest.mark.slow
@pytest.mark.parametrize("sample", [sample for sample, expected in SAMPLES.items() if "named" in expected])
def test_known_mistakes_are_named_and_their_hints_given(graded, sample):
    shown = html.unescape(graded.pages[sample])
    found = {question["name"]: mistakes_in(question) for question in graded.records[sample]["questions"]}
    wanted = SAMPLES[sample]["named"]
    assert {name: found[name] for name in wanted} == {name: set(mistakes) for name, mistakes in wanted.items()}
    hints = [graded.hints[name][mistake] for name, mistakes in wanted.items() for mistake in mistakes]
    assert [hint for hint in hints if hint not in shown] == []


def mistakes_in(question: dict[str, Any]) -> set[str]:
    """The mistakes that a question's public cases name."""
    cases = [case for case in question["cases"] if not case["hidden"]]
    return {value["mistake"] for case in cases for value in case["values"] if value["mistake"]}


@pytest.mark.slow
def test_every_submission_has_its_row_and_none_troubled_the_grader(graded):
    names = {assemble.submission_name(sample, expected) for sample, expected in SAMPLES.items()}
    assert set(graded.rows) == names
    assert {record["status"] for record in graded.records.values()} == {"graded", "unreadable"}


@pytest.mark.slow
@pytest.mark.parametrize("sample", STYLES)
def test_right_styles_get_no_remark(graded, sample):
    record = graded.records[sample]
    cases = [case for question in record["questions"] for case in question["cases"]]
    assert [case["warnings"] for case in cases if case["warnings"]] == []
    assert (record["notes"], record["printed"]) == ([], "")


# ---------------------------------------------------------------- the folder itself


def test_assembling_again_gives_the_same_bytes(tmp_path):
    def contents(folder: Path) -> dict[str, bytes]:
        assemble.assemble(folder)
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    first = contents(tmp_path / "one")
    assert first == contents(tmp_path / "two")
    assert first == contents(tmp_path / "one")  # over what is there


@pytest.mark.parametrize("sample", STYLES)
def test_right_styles_hold_nothing_of_the_reference(sample):
    own = {path.name for path in (ROOT / "tests/submissions" / sample / "memnet").glob("*.py")}
    others = {path.name for path in (ROOT / "reference/memnet").glob("*.py")} - own
    assert others == {"__init__.py", *(f"{name}.py" for key in ("stubs", "remove") for name in SAMPLES[sample][key])}
    assert SAMPLES[sample]["stubs"] == ["optional"]


@each_sample
def test_expectations_are_whole(sample):
    expected = SAMPLES[sample]
    keys = {"about", "base", "remove", "form", "status", "total", "questions", "says"}
    assert keys <= expected.keys() <= keys | {"name", "named", "printed", "stubs"}
    assert expected["base"] in assemble.BASES
    assert expected["form"] in assemble.FORMS
    assert expected["about"].endswith(".")
