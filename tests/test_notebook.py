"""The notebook's text, the student's notebook, and the master that `otter assign` reads."""

from __future__ import annotations

import ast
import base64
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.authoring import leaks, notebook, release
from autograder.authoring.bake import public
from autograder.authoring.declare import Assignment, AssignmentError
from autograder.checks.bundle import Bundle
from autograder.checks.grader import ANSWER_HERE, answer_heading, written_answers
from autograder.checks.question import parse_call

from .conftest import ASSIGNMENT, ROOT

Cells = list[dict[str, Any]]
Copy = Callable[[str, str], Assignment]


def cells_of(data: bytes) -> Cells:
    return [{**cell, "source": "".join(cell["source"])} for cell in json.loads(data)["cells"]]


def code_of(data: bytes) -> list[str]:
    return [cell["source"] for cell in cells_of(data) if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def student(assignment: Assignment) -> bytes:
    return notebook.student_notebook(assignment)


@pytest.fixture(scope="module")
def master(assignment: Assignment) -> bytes:
    return notebook.master_notebook(assignment)


@pytest.fixture
def copy(assignment: Assignment, tmp_path: Path) -> Copy:
    """The assignment with its notebook's text changed: ``copy(old, new)``."""

    def changed(old: str, new: str) -> Assignment:
        text = (ASSIGNMENT / "notebook.py").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "notebook.py").write_text(text.replace(old, new), encoding="utf-8")
        shutil.copytree(ASSIGNMENT / "figures", tmp_path / "figures")
        return replace(assignment, folder=tmp_path)

    return changed


# ---------------------------------------------------------------- made of the declarations


def test_the_same_bytes_wherever_it_is_built(assignment: Assignment, student: bytes, master: bytes, copy: Copy) -> None:
    elsewhere = copy("# Memory", "# Memory")
    assert notebook.student_notebook(elsewhere) == student
    assert notebook.master_notebook(elsewhere) == master
    assert notebook.file_name(assignment) == "memory_in_networks.ipynb"


def test_notebooks_are_valid_and_clean(student: bytes, master: bytes) -> None:
    for data in (student, master):
        book = json.loads(data)
        nbformat.validate(book)
        assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
        ids = [cell["id"] for cell in book["cells"]]
        assert len(set(ids)) == len(ids)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in book["cells"])
        assert not re.search(r"\{(question|written|table)\b", data.decode())


def test_every_question_has_its_heading_points_calls_and_check(assignment: Assignment, student: bytes) -> None:
    cells = {cell["id"]: cell for cell in cells_of(student)}
    for question in assignment.questions:
        text = cells[f"question-{question.name}"]["source"]
        assert text.startswith(f"### {question.number} · `{question.name}`\n")
        assert f"**{question.points:g} point" in text
        assert f"about {question.minutes} minutes" in text
        assert f"`memnet/{question.module}.py`" in text
        for function in {parse_call(call).function for call in question.calls}:
            assert f"{function}(" in text
        assert ("Optional" in text) is question.optional
        assert cells[f"check-{question.name}"]["source"] == f'grader.check("{question.name}")'


def test_a_changed_declaration_changes_the_notebook(assignment: Assignment) -> None:
    first = replace(assignment.questions[0], points=77.0, minutes=99)
    changed = replace(assignment, questions=(first, *assignment.questions[1:]))
    text = notebook.student_notebook(changed).decode()
    assert "**77 points, about 99 minutes.**" in text
    assert "170 points are graded by the checks and 5 by people: 175 in all." in text


def test_points_of_the_notebook_come_to_a_hundred(student: bytes, baked: Bundle) -> None:
    (table,) = [cell["source"] for cell in cells_of(student) if cell["id"] == "table"]
    assert "95 points are graded by the checks and 5 by people: 100 in all. Up to 14 optional" in table
    assert (baked.possible, baked.possible_written) == (95, 5)
    points = [int(row.split("|")[4]) for row in table.splitlines() if re.match(r"\| [A-Z] \|", row)]
    assert sum(points) == 114


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# {question rnn_step}\n", "# gone\n", "has 0 cells '{question rnn_step}'; there must be one"),
        ("# {question rnn_step}\n", "# {question rnn_step}\n\n# %% [markdown]\n# {question rnn_step}\n", "has 2 cells"),
        ("# {written hardest_part}\n", "# gone\n", "has 0 cells '{written hardest_part}'"),
        ("# {table}\n", "# {question rnn_stepp}\n", "'{question rnn_stepp}' is no question that is declared"),
        ("# ![A recurrent", "# ![](figures/lstm.png)\n# ![A recurrent", "figures/lstm.png has no alternative text"),
        ("(figures/lstm.png)", "(figures/gone.png)", "draw it, or take it out of notebook.py"),
    ],
)
def test_a_text_that_does_not_fit_the_declarations(copy: Copy, old: str, new: str, says: str) -> None:
    with pytest.raises(AssignmentError) as error:
        notebook.student_notebook(copy(old, new))
    assert says in str(error.value)


def test_a_text_that_is_not_there(assignment: Assignment, tmp_path: Path) -> None:
    with pytest.raises(AssignmentError, match=r"notebook\.py: No such file or directory; write the notebook's text there"):
        notebook.student_notebook(replace(assignment, folder=tmp_path))
    (tmp_path / "notebook.py").write_bytes("# %%\nZurück".encode("cp1252"))
    with pytest.raises(AssignmentError, match=r"notebook\.py:2: is not text in UTF-8; save it as UTF-8"):
        notebook.student_notebook(replace(assignment, folder=tmp_path))


# ---------------------------------------------------------------- what its cells call and show


def looking_cells(student: bytes) -> Iterator[tuple[str, ast.Module]]:
    for source in code_of(student):
        if "looking_at(" in source and "import looking_at" not in source:
            yield source, ast.parse(source)


def test_every_function_of_the_lab_that_it_calls_exists(student: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ASSIGNMENT / "student"))
    monkeypatch.delitem(sys.modules, "lab", raising=False)
    from lab import experiments, pictures

    called = set()
    for _, tree in looking_cells(student):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                module = {"experiments": experiments, "pictures": pictures}.get(node.func.value.id)
                if module is not None:
                    keywords = {keyword.arg: None for keyword in node.keywords}
                    inspect.signature(getattr(module, node.func.attr)).bind(*node.args, **keywords)
                    called.add(node.func.attr)
    assert called >= {
        "hidden_state_slider", "hidden_state_strip", "gradient_against_distance", "memory_against_time",
        "influence_and_accuracy", "gates_over_time", "train_on_task", "probe", "memory_profile", "influence",
    }  # fmt: skip


def test_cells_name_the_questions_that_they_need(assignment: Assignment, student: bytes) -> None:
    """A cell imports no function of a question that it does not name, or a blank one is not explained."""
    home = {}
    for question in assignment.questions:
        for function in release.asked_functions((question,), question.module):
            home[function] = question.name
    count = 0
    for source, tree in looking_cells(student):
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("memnet")
            for alias in node.names
        }
        named = {node.value for node in ast.walk(tree.body[-1].items[0].context_expr) if isinstance(node, ast.Constant)}  # type: ignore[attr-defined]
        assert {home[name] for name in imported} <= named, source
        assert named <= {question.name for question in assignment.questions}
        count += 1
    assert count >= 15


def test_code_fits_the_width_of_a_page(student: bytes) -> None:
    lines = [line for source in code_of(student) for line in source.splitlines()]
    assert max(map(len, lines)) <= 104


def solution_statements(extra: str = "") -> set[str]:
    """Statements of the reference that no stub has."""
    found = set()
    for path in (ROOT / "reference" / "memnet").glob("*.py"):
        split = release.split_solution(path.read_text(encoding="utf-8") + extra, path.name)
        found |= set(leaks.statements(split.full)) - set(leaks.statements(split.stub))
    return found


def given_away(sources: list[str], secret: set[str]) -> set[str]:
    return secret & {statement for source in sources for statement in leaks.statements(source)}


def test_no_statement_of_the_solution_stands_in_it(student: bytes, master: bytes) -> None:
    secret = solution_statements()
    assert len(secret) > 100
    examples = [block for cell in cells_of(student) if cell["cell_type"] == "markdown"
                for block in re.findall(r"```python\n(.*?)```", cell["source"], re.DOTALL)]  # fmt: skip
    assert not given_away([*code_of(student), *examples], secret)
    assert not given_away(code_of(master), secret)
    canary = "# BEGIN SOLUTION\ncanary = np.tanh(17 * np.arange(29))\n# END SOLUTION\n"
    assert given_away([*code_of(student), "canary = np.tanh( 17*np.arange(29) )  # here"], solution_statements(canary))


def test_pictures_are_described_and_travel_inside(student: bytes, master: bytes) -> None:
    for data in (student, master):
        shown = []
        for cell in cells_of(data):
            for told, source in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", cell["source"]):
                assert len(told) > 40, source
                assert "\n" not in told
                assert source.startswith("data:image/png;base64,")  # Colab shows neither attachments nor files beside it
                assert base64.b64decode(source.partition(",")[2]).startswith(b"\x89PNG")
                shown.append(source)
            assert "<img" not in cell["source"]
        assert len(shown) == 4


def test_what_stands_below_an_answer_is_told_apart_without_ids(student: bytes, assignment: Assignment) -> None:
    cells = [{"cell_type": cell["cell_type"], "source": cell["source"]} for cell in cells_of(student)]
    numbers = [written.number for written in assignment.written]
    assert written_answers({"cells": cells}, numbers) == dict.fromkeys(numbers, "")
    for number in numbers:
        (place,) = [index for index, cell in enumerate(cells) if cell["source"].startswith(answer_heading(number))]
        cells.insert(place + 1, {"cell_type": "markdown", "source": f"My {number}."})
    assert written_answers({"cells": cells}, numbers) == {number: f"My {number}." for number in numbers}


def test_the_rubric_is_for_staff(assignment: Assignment, baked: Bundle, template: Mapping[str, bytes]) -> None:
    assert [written.points for written in baked.written] == [4, 1]
    assert all(written.rubric and written.misconceptions for written in baked.written)
    assert [(written.number, written.rubric, written.misconceptions) for written in public(baked).written] == [
        ("G5", (), ()), ("G6", (), ()),
    ]  # fmt: skip
    for written in assignment.written:
        for secret in (*(text for _, text in written.rubric), *(text for pair in written.misconceptions for text in pair)):
            assert not [name for name, data in template.items() if secret.encode() in data]


def test_the_template_has_the_notebook(template: Mapping[str, bytes], student: bytes) -> None:
    assert template["memory_in_networks.ipynb"] == student
    assert "| G5 | written answer | `memory_in_networks.ipynb` | 4 | 30 |" in template["README.md"].decode()


# ---------------------------------------------------------------- written answers


def test_answer_cells_are_marked_three_ways(student: bytes) -> None:
    for number in ("G5", "G6"):
        (cell,) = [cell for cell in cells_of(student) if cell["id"] == f"answer-{number}"]
        assert cell["metadata"] == {"autograder": {"answer": number}, "tags": [f"answer-{number}"]}
        assert cell["source"] == f"#### Answer {number}\n\n{ANSWER_HERE}"
    assert written_answers(json.loads(student), ["G5", "G6"]) == {"G5": "", "G6": ""}


# ---------------------------------------------------------------- otter


def test_otter_assign_takes_the_master(
    assignment: Assignment, template: Mapping[str, bytes], tmp_path: Path
) -> None:
    """The real command: its student notebook has our checks, no rubric, and answers that are found again."""
    files = sorted(name for name in template if name.startswith(("checks/", "lab/")))
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(template[name])
    settings = {"run_tests": False, "files": files}
    (tmp_path / "memory_in_networks.ipynb").write_bytes(notebook.master_notebook(assignment, settings))
    done = subprocess.run(
        [sys.executable, "-m", "otter", "assign", "memory_in_networks.ipynb", "dist"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    names = {question.name for question in assignment.questions}
    for side in ("student", "autograder"):
        assert {path.stem for path in (tmp_path / "dist" / side / "tests").glob("*.py")} == names
    config = json.loads((tmp_path / "dist/autograder/otter_config.json").read_text(encoding="utf-8"))
    assert config["points_possible"] == 95
    assert (tmp_path / "dist/student/checks/public.npz").exists()
    data = (tmp_path / "dist/student/memory_in_networks.ipynb").read_bytes()
    checks = Counter(re.findall(r'grader\.check\("(\w+)"\)', "\n".join(code_of(data))))
    assert checks == Counter(names)
    assert not any(text in data.decode() for written in assignment.written for _, text in written.rubric)
    book = json.loads(data)
    assert written_answers(book, ["G5", "G6"]) == {"G5": "", "G6": ""}
    (first, second) = [cell for cell in book["cells"] if "otter_answer_cell" in cell["metadata"].get("tags", ())]
    first["source"], second["source"] = ["The first token, ", "11 factors away."], "It streams."
    assert written_answers(book, ["G5", "G6"]) == {"G5": "The first token, 11 factors away.", "G6": "It streams."}


def test_points_stand_in_the_master(assignment: Assignment, master: bytes) -> None:
    raw = [cell["source"] for cell in cells_of(master) if cell["cell_type"] == "raw"]
    assert raw[0].startswith('# ASSIGNMENT CONFIG\nname: "memory-in-networks"\n')
    for question in assignment.questions:
        assert f'# BEGIN QUESTION\nname: "{question.name}"\npoints: {question.points}' in raw
    assert '# BEGIN QUESTION\nname: "hardest_part"\npoints: 4\nmanual: true' in raw
    for begin, end in (("QUESTION", "QUESTION"), ("TESTS", "TESTS"), ("SOLUTION", "SOLUTION")):
        assert sum(text.startswith(f"# BEGIN {begin}") for text in raw) == raw.count(f"# END {end}")
