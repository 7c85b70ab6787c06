"""Programs as students type them, right and wrong: what each loses, and what it is told.

``wrong_programs/<module>.py`` holds many, each under a line ``#: question what is wrong | outputs that lose | mistakes
that are named``; ``right_programs/<module>.py`` holds such as lose nothing, under ``#: question style``. Each is laid
over the reference and runs in a worker, as a submission does. They were written by others than the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autograder.authoring import bench
from autograder.authoring.declare import Assignment
from autograder.checks.bundle import Bundle
from autograder.checks.judge import judge_question
from autograder.checks.runner import Runner
from autograder.grading.grade import make_runner

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """One program. loses: outputs that keep less than all; named: mistakes that its wrong values are named by."""

    module: str
    question: str
    what: str
    source: str
    loses: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()


def programs(folder: Path) -> Iterator[Program]:
    for path in sorted(folder.glob("*.py")):
        for block in path.read_text(encoding="utf-8").split("#: ")[1:]:
            head, _, source = block.partition("\n")
            title, *expected = (part.strip() for part in head.split(" | "))
            question, _, what = title.partition(" ")
            loses, named = (frozenset(text.replace("-", "").split()) for text in (*expected, "", "")[:2])
            yield Program(path.stem, question, what, source, loses, named)


WRONG, RIGHT = list(programs(HERE / "wrong_programs")), list(programs(HERE / "right_programs"))


def ids(program: Program) -> str:
    return f"{program.question}: {program.what}"


@pytest.fixture(scope="module")
def runner(baked: Bundle) -> Iterator[Runner]:
    running = make_runner(baked, unsafe=not bench.can_confine())
    yield running
    running.close()
    getattr(running, "shut_down", lambda: None)()


def judged(
    program: Program, runner: Runner, baked: Bundle, assignment: Assignment, solution: Mapping[str, bytes], *, alone: bool
) -> dict[str, Any]:
    """The reports of the questions of a program's module, or of its own alone."""
    over = {program.module: solution[program.module] + b"\n\n" + program.source.encode()}
    runner.open({**solution, **over})
    found = {}
    for question in baked.questions:
        if question.module == program.module and (not alone or question.name == program.question):
            found[question.name] = judge_question(question, runner, assignment.properties)
    runner.close()
    return found


@pytest.mark.parametrize("program", WRONG, ids=ids)
def test_wrong_program_loses_what_it_should_and_is_told_the_truth(
    program: Program, runner: Runner, baked: Bundle, assignment: Assignment, solution: Mapping[str, bytes]
) -> None:
    found = judged(program, runner, baked, assignment, solution, alone=WRONG.index(program) % 4 > 0)
    assert [name for name, report in found.items() if report["earned"] < report["possible"]] == [program.question]
    report = found[program.question]
    assert {output["name"] for output in report["outputs"] if output["earned"] < output["possible"]} == program.loses
    values = [value for case in report["cases"] for value in case["values"] if not value["right"]]
    assert {value["mistake"] for value in values} - {""} == program.named
    assert all(value["findings"] for value in values)


@pytest.mark.parametrize("program", RIGHT, ids=ids)
def test_right_program_loses_nothing(
    program: Program, runner: Runner, baked: Bundle, assignment: Assignment, solution: Mapping[str, bytes]
) -> None:
    found = judged(program, runner, baked, assignment, solution, alone=True)
    report = found[program.question]
    assert report["earned"] == report["possible"], [case for case in report["cases"] if case["verdict"] != "passed"]


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) >= 230
    assert len(RIGHT) >= 60
    named = sum(bool(program.named) for program in WRONG)
    assert named >= 0.6 * len(WRONG)
