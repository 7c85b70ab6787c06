"""From the notebook's text to the notebooks: the student's, and the master that `otter assign` reads. Staff only.

The text is `notebook.py` of the assignment, in jupytext's percent format. A markdown cell that is one placeholder stands
for what is declared elsewhere: ``{question rnn_step}``, ``{written hardest_part}``, ``{table}``. Imports jupytext and
nbformat inside functions, because grading needs neither. The same text gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..checks.grader import ANSWER_HERE, answer_heading, was_given
from ..checks.question import Question, Written, parse_call
from .declare import Assignment, AssignmentError, read_source

IMAGE = re.compile(r"!\[([^\]]*)\]\((figures/[\w-]+\.png)\)")
PLACEHOLDER = re.compile(r"\{(question|written|table)(?: (\w+))?\}")


@dataclass(frozen=True)
class Cell:
    """A cell: kind "markdown", "code" or "raw". name: what its id is made of, unless that is its text."""

    kind: str
    source: str
    name: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def file_name(assignment: Assignment) -> str:
    """What the notebook is called."""
    return f"{assignment.name.replace('-', '_')}.ipynb"


# ---------------------------------------------------------------- the text


def read_text(assignment: Assignment) -> list[Cell]:
    """The cells of the notebook's text, placeholders included. Raises AssignmentError where a question lacks its own."""
    path = assignment.folder / "notebook.py"
    try:
        import jupytext

        text = read_source(path)
    except ImportError as error:
        raise AssignmentError(f"the notebook is made with {error.name}, which is not installed; pip install jupytext") from None
    except OSError as error:
        raise AssignmentError(f"{path}: {error.strerror}; write the notebook's text there") from None
    cells = [Cell(cell.cell_type, cell.source.strip()) for cell in jupytext.reads(text, "py:percent").cells]
    _refuse_uneven(assignment, cells)
    return [_with_images(assignment, cell) for cell in cells]


def _with_images(assignment: Assignment, cell: Cell) -> Cell:
    """The cell with the pictures that its text names, inside the text: Colab and others show no attachments.

    Raises AssignmentError for one that is not there or not described.
    """

    def inside(match: re.Match[str]) -> str:
        told, path = " ".join(match[1].split()), match[2]
        if not told:
            raise AssignmentError(f"{assignment.folder / 'notebook.py'}: {path} has no alternative text; say what is seen")
        try:
            data = base64.b64encode((assignment.folder / path).read_bytes()).decode()
        except OSError as error:
            message = f"{assignment.folder / path}: {error.strerror}; draw it, or take it out of notebook.py"
            raise AssignmentError(message) from None
        return f"![{told}](data:image/png;base64,{data})"

    return replace(cell, source=IMAGE.sub(inside, cell.source))


def _refuse_uneven(assignment: Assignment, cells: Iterable[Cell]) -> None:
    """Every declared question stands in the text once, and nothing else does."""
    path = assignment.folder / "notebook.py"
    found = [match.groups() for cell in cells if (match := PLACEHOLDER.fullmatch(cell.source))]
    wanted = [("question", question.name) for question in assignment.questions]
    wanted += [("written", written.name) for written in assignment.written]
    for kind, name in wanted:
        count = found.count((kind, name))
        if count != 1:
            raise AssignmentError(f"{path}: has {count} cells '{{{kind} {name}}}'; there must be one")
    for kind, name in found:
        if kind != "table" and (kind, name) not in wanted:
            raise AssignmentError(f"{path}: '{{{kind} {name}}}' is no question that is declared; mend the name")


def _points(asked: Question | Written) -> str:
    return f"{asked.points:g} point{'s' if asked.points != 1 else ''}, about {asked.minutes} minutes"


def _question_text(question: Question, package: str) -> str:
    optional = " Optional: these points come on top." if question.optional else ""
    shown: dict[str, str] = {}
    for text in question.calls:
        shown.setdefault(parse_call(text).function, text)
    calls = "\n".join(shown.values())
    return (
        f"### {question.number} · `{question.name}`\n\n**{_points(question)}.**{optional} "
        f"Write it in `{package}/{question.module}.py`. It is called like this:\n\n```python\n{calls}\n```"
    )


def _written_text(written: Written) -> str:
    return (
        f"### {written.number} · {written.title}\n\n**{_points(written)}.** Answered in words, below; people read and grade it."
    )


def _table(assignment: Assignment) -> str:
    """Points and minutes by part, and what they come to."""
    rows = ["| part | | questions | points | minutes |", "|---|---|---|---:|---:|"]
    for letter, title in assignment.parts.items():
        asked: list[Question | Written] = [question for question in assignment.questions if question.part == letter]
        asked += [written for written in assignment.written if written.number[0] == letter]
        points, minutes = sum(each.points for each in asked), sum(each.minutes for each in asked)
        rows.append(f"| {letter} | {title} | {', '.join(each.number for each in asked)} | {points:g} | {minutes} |")
    automatic = sum(question.points for question in assignment.questions if not question.optional)
    extra = sum(question.points for question in assignment.questions if question.optional)
    people = sum(written.points for written in assignment.written)
    total = f"{automatic:g} points are graded by the checks and {people:g} by people: {automatic + people:g} in all."
    return "\n".join(rows) + f"\n\n{total}" + (f" Up to {extra:g} optional points come on top." if extra else "")


# ---------------------------------------------------------------- the student's notebook


def student_notebook(assignment: Assignment) -> bytes:
    """The notebook in the student's folder: text, a check cell a question, a marked cell a written answer."""
    questions = {question.name: question for question in assignment.questions}
    written = {each.name: each for each in assignment.written}
    cells: list[Cell] = []
    for cell in read_text(assignment):
        match = PLACEHOLDER.fullmatch(cell.source)
        if match is None:
            cells.append(_apart(cell) if cells and "autograder" in cells[-1].metadata else cell)
        elif match[1] == "table":
            cells.append(Cell("markdown", _table(assignment), "table"))
        elif match[1] == "question":
            question = questions[match[2]]
            cells.append(Cell("markdown", _question_text(question, assignment.package), f"question-{question.name}"))
            cells.append(Cell("code", f'grader.check("{question.name}")', f"check-{question.name}"))
        else:
            number = written[match[2]].number
            cells.append(Cell("markdown", _written_text(written[match[2]]), f"written-{match[2]}"))
            marks = {"autograder": {"answer": number}, "tags": [f"answer-{number}"]}
            cells.append(Cell("markdown", f"{answer_heading(number)}\n\n{ANSWER_HERE}", f"answer-{number}", marks))
    return _bytes(cells)


def _apart(cell: Cell) -> Cell:
    """What stands below a written answer, told apart from it even where an editor drops ids and metadata: by a rule."""
    known = cell.kind == "code" or was_given({"source": cell.source})
    return cell if known else replace(cell, source=f"---\n\n{cell.source}")


# ---------------------------------------------------------------- otter's master


def master_notebook(assignment: Assignment, settings: Mapping[str, Any] | None = None) -> bytes:
    """The notebook that `otter assign` reads. settings: added to its ASSIGNMENT CONFIG, or in place of what is there.

    A question's test calls the student's checker, so its verdict is said by the same words; a written question's
    solution is its rubric. Must not be given to students.
    """
    questions = {question.name: question for question in assignment.questions}
    written = {each.name: each for each in assignment.written}
    cells = [_raw("ASSIGNMENT CONFIG", _settings(assignment) | dict(settings or {}))]
    for cell in read_text(assignment):
        match = PLACEHOLDER.fullmatch(cell.source)
        if match is None:
            cells.append(replace(cell, source=_for_otter(cell)))
        elif match[1] == "table":
            cells.append(Cell("markdown", _table(assignment), "table"))
        elif match[1] == "question":
            cells += _master_question(questions[match[2]], assignment.package)
        else:
            cells += _master_written(written[match[2]])
    return _bytes([cell for cell in cells if cell.source])


def _settings(assignment: Assignment) -> dict[str, Any]:
    automatic = sum(question.points for question in assignment.questions if not question.optional)
    return {
        "name": assignment.name,
        "init_cell": True,
        "check_all_cell": False,  # the text has its own
        "export_cell": {"pdf": False, "run_tests": False, "files": [assignment.package]},
        "tests": {"ok_format": False, "files": True},
        "show_question_points": False,  # they stand in the headings
        "generate": {"points_possible": automatic},
    }


def _for_otter(cell: Cell) -> str:
    """A cell of the text where `grader` is otter's: the import of ours, and what only ours can do, fall away."""
    lines = [line for line in cell.source.split("\n") if line != "from checks import grader"]
    text = "\n".join(lines).strip()
    return "" if cell.kind == "code" and text in ("grader.export()", "") else text


def _raw(title: str, settings: Mapping[str, Any] | None = None) -> Cell:
    """A raw cell as otter knows them: a title, and settings as JSON, which is YAML."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in (settings or {}).items()]
    return Cell("raw", "\n".join([f"# {title}", *lines]))


def _master_question(question: Question, package: str) -> list[Cell]:
    test = (
        f"def test_{question.name}():\n"
        "    from checks import grader as checker\n\n"
        f'    feedback = checker.check("{question.name}")\n'
        "    assert feedback.right, str(feedback)"
    )
    return [
        _raw("BEGIN QUESTION", {"name": question.name, "points": question.points}),
        Cell("markdown", _question_text(question, package), f"question-{question.name}"),
        _raw("BEGIN TESTS"),
        Cell("code", test, f"test-{question.name}"),
        _raw("END TESTS"),
        _raw("END QUESTION"),
    ]


def _master_written(written: Written) -> list[Cell]:
    rubric = "\n".join(f"- {points:g}: {text}" for points, text in written.rubric)
    marks = {"autograder": {"answer": written.number}, "tags": [f"answer-{written.number}"]}
    return [
        _raw("BEGIN QUESTION", {"name": written.name, "points": written.points, "manual": True}),
        Cell("markdown", f"{_written_text(written)}\n\n{answer_heading(written.number)}", f"written-{written.name}"),
        _raw("BEGIN SOLUTION"),
        Cell("markdown", rubric, f"answer-{written.number}", marks),
        _raw("END SOLUTION"),
        _raw("END QUESTION"),
    ]


# ---------------------------------------------------------------- bytes


def _bytes(cells: Iterable[Cell]) -> bytes:
    """A notebook of format 4.5 whose bytes depend on its cells alone. Raises AssignmentError if nbformat refuses it."""
    import nbformat

    used: set[str] = set()
    content = []
    for cell in cells:
        identifier = name = cell.name or f"text-{hashlib.sha256(cell.source.encode()).hexdigest()[:8]}"
        number = 1
        while identifier in used:
            number += 1
            identifier = f"{name}-{number}"
        used.add(identifier)
        lines = cell.source.splitlines(keepends=True)
        entry: dict[str, Any] = {"cell_type": cell.kind, "id": identifier, "metadata": dict(cell.metadata), "source": lines}
        if cell.kind == "code":
            entry |= {"execution_count": None, "outputs": []}
        content.append(entry)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": content, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    try:
        nbformat.validate(json.loads(text))
    except nbformat.ValidationError as error:
        raise AssignmentError(f"the notebook is not valid: {error.message}; mend its text") from None
    return text.encode()
