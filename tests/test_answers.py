"""Answers out of notebooks, whatever is wrong with the notebook, and what its cells printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.checks.grader import ANSWER_HERE, answer_heading
from autograder.grading.answers import LONGEST, PRINTED, measured, plain, written_answers
from autograder.grading.notebook_cells import NotebookError, read_cells


def notebook(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}).encode()


def text(source: Any, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": source}


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": list(outputs), "execution_count": 1}


def printed(words: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": [words]}


HEADING = answer_heading("G5")


@pytest.mark.parametrize(
    "cell",
    [
        text(f"{HEADING}\n\nThe first.", autograder={"answer": "G5"}),
        text(["The ", "first."], autograder={"answer": "G5"}),
        text("The first.", tags=["answer-G5"]),
        text(f"{HEADING}\n\nThe first."),
        {**text(f"{HEADING}\nThe first."), "cell_type": "raw"},
        code(f"{HEADING}\n\nThe first."),
        {**text("The first.", autograder={"answer": "G5"}), "cell_type": "code"},
    ],
)
def test_an_answer_is_found_by_metadata_tag_or_heading(cell: dict[str, Any]) -> None:
    cells = read_cells(notebook(text("# Title"), cell, text("---\n\nsomething else")))
    assert written_answers(cells, ["G5", "G6"]) == {"G5": "The first.", "G6": ""}


def test_an_answer_below_its_heading_is_found_but_not_what_was_given() -> None:
    below = text("Below it.")
    assert written_answers(read_cells(notebook(text(HEADING), below)), ["G5"]) == {"G5": "Below it."}
    for given in ({**below, "id": "text-17"}, text("Below it.", id="text-17"), text("## G6. Why"), code("3")):
        assert written_answers(read_cells(notebook(text(HEADING), given)), ["G5"]) == {"G5": ""}


@pytest.mark.parametrize("cell", [text(f"{HEADING}\n\n{ANSWER_HERE}", tags=["answer-G5"]), text("no heading"), code("G5 = 1"),
                                  code(f"norms()\n{HEADING} needs these")])  # fmt: skip
def test_no_answer_is_none(cell: dict[str, Any]) -> None:
    assert written_answers(read_cells(notebook(cell)), ["G5"]) == {"G5": ""}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a damaged one"), (b"\xff\xfe", "a damaged one"), (b"[" * 100_000, "a damaged one"),
        (b"[1]", "no list of cells"), (b"{}", "no list of cells"), (b'{"cells": 3}', "no list of cells"),
        (b"[" * 500_000, "too many parts"),
    ],
)  # fmt: skip
def test_what_is_no_notebook_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(NotebookError, match=message):
        read_cells(data)


STRANGE: list[Any] = [None, 3, "text", [], {}, [None], [3], {"a": 1}, [[]], True, 1e999]


@pytest.mark.parametrize("key", ["cell_type", "metadata", "source", "outputs", "id"])
@pytest.mark.parametrize("value", STRANGE, ids=str)
def test_strange_cells_are_read_all_the_same(key: str, value: Any) -> None:
    for cell in (text("The first.", tags=["answer-G5"]), code("print(norms)", printed("3"))):
        cells = read_cells(notebook({**cell, key: value}))
        assert written_answers(cells, ["G5"]).keys() == {"G5"}
        measured(cells, ["norms"])


@pytest.mark.parametrize("value", STRANGE, ids=str)
def test_strange_marks_and_outputs_are_read_all_the_same(value: Any) -> None:
    cells = read_cells(notebook(
        text("The first.", tags=value, autograder=value),
        code("norms", value, {"output_type": value, "name": value, "text": value}, {"data": value}),
        code("norms", {"output_type": "stream", "name": "stdout", "text": value}, {"data": {"text/plain": value}}),
    ))  # fmt: skip
    assert written_answers(cells, ["G5"]) == {"G5": ""}
    measured(cells, ["norms"])


def test_hostile_text_is_one_that_people_may_see() -> None:
    answer = "<script>alert(1)</script>\x1b[31m red\x1b[0m\x00 \u202eevil\r\n\ttwo\x0bthree"
    found = written_answers(read_cells(notebook(text(answer, tags=["answer-G5"]))), ["G5"])["G5"]
    assert found == "<script>alert(1)</script> red\\u0000 \\u202eevil\n    two\nthree"
    assert plain("a" * 10**6) == "\n".join(["a" * 2000 + "…", "…"])
    long = plain("word \n" * 10**6)
    assert len(long) <= LONGEST + 2
    assert long.endswith("\n…")


def test_own_numbers_are_what_cells_printed_that_use_a_function() -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": ["<Figure>"]}}
    cells = read_cells(notebook(
        code("print(gradient_norms(h))", printed("1e-8\n"), picture),
        code("gradient_norms_of_mine()", printed("2")),
        text("gradient_norms"),
        code("probe(x)", {"output_type": "execute_result", "data": {"text/plain": ["0.97"]}},
             {"output_type": "stream", "name": "stderr", "text": "a warning"}),
        code("probe(y)"),
        code("probe(z)", printed("9" * 10**5)),
    ))  # fmt: skip
    found = measured(cells, ["gradient_norms", "probe"])
    assert found[:2] == [(1, "1e-8"), (4, "0.97")]
    assert [number for number, _ in found] == [1, 4, 6]
    assert len(found[2][1]) <= PRINTED + 2
    assert measured(cells, []) == []
