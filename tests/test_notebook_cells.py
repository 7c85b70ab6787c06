"""What students do to notebooks, as the grader meets it: functions in cells, and hostile notebooks."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.checks.bundle import Bundle
from autograder.grading.grade import asked_functions, judge_submission
from autograder.grading.intake import Submission, read_submission
from autograder.grading.notebook_cells import (
    MAX_SOURCE,
    NotebookError,
    parse_cell,
    python_text,
    read_cells,
    with_cells,
)
from autograder.grading.single import engine_in, failed, judged
from autograder.isolation.sandbox import SandboxRunner

ASKED = {"rnn": ["rnn_step", "output_head"], "gru": ["gru_step"]}
STUB = b'"""Module."""\n\nimport numpy as np\n\n\ndef rnn_step(x):\n    """Doc."""\n    raise NotImplementedError\n'
GRU = b"def gru_step(x):\n    return x\n"
NAME = "memory_in_networks.ipynb"


def code(*sources: Any, minor: int = 5, **more: Any) -> bytes:
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": s} for s in sources]
    return json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": cells, **more}).encode()


def handed_in(folder: Path, modules: Mapping[str, bytes], book: bytes | None, name: str = NAME) -> Submission:
    (folder / "memnet").mkdir(parents=True) if modules else folder.mkdir(exist_ok=True)
    for module, data in modules.items():
        (folder / "memnet" / f"{module}.py").write_bytes(data)
    if book is not None:
        (folder / name).write_bytes(book)
    return with_cells(read_submission("student-017", folder), ASKED, "memnet")


def run(source: bytes) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "module", "exec", dont_inherit=True), names)
    return names


CELL = """import math

def helper(x):
    return math.floor(x)

SCALE = 3

def rnn_step(x):
    return SCALE * helper(x)
"""


def test_a_function_in_a_cell_counts_where_the_module_has_a_stub(tmp_path: Path) -> None:
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code("print(1)", CELL))
    assert run(found.sources["rnn"])["rnn_step"](2.5) == 6
    assert found.sources["gru"] == GRU
    assert found.notes == (
        "taken from the notebook, since memnet/rnn.py leaves it unwritten: rnn_step (cell 2); write it into the module",
    )


def test_a_written_function_stays(tmp_path: Path) -> None:
    own = b"def rnn_step(x):\n    return 1\n"
    found = handed_in(tmp_path / "a", {"rnn": own, "gru": GRU}, code(CELL))
    assert found.sources["rnn"] == own
    assert found.notes == ("rnn_step stands in the notebook too; graded is what memnet/rnn.py says",)


def test_a_stub_in_a_cell_is_no_answer_and_the_last_one_counts(tmp_path: Path) -> None:
    stub = "def rnn_step(x):\n    raise NotImplementedError"
    assert not handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code(stub)).notes
    both = code("def rnn_step(x):\n    return 1", "def rnn_step(x):\n    return 2", stub)
    assert run(handed_in(tmp_path / "b", {"rnn": STUB, "gru": GRU}, both).sources["rnn"])["rnn_step"](0) == 2


def test_a_helper_of_the_module_is_not_replaced(tmp_path: Path) -> None:
    module = STUB + b"\n\ndef helper(x):\n    return -1\n"
    found = handed_in(tmp_path / "a", {"rnn": module, "gru": GRU}, code(CELL))
    assert run(found.sources["rnn"])["rnn_step"](9) == -3


def test_a_module_that_is_missing_is_said_first(tmp_path: Path) -> None:
    found = handed_in(tmp_path / "a", {"rnn": STUB}, code("x = 1"))
    assert found.notes[0] == "not handed in: memnet/gru.py; questions on it earn nothing"
    found = handed_in(tmp_path / "b", {"rnn": STUB}, code("def gru_step(x):\n    return x"))
    assert run(found.sources["gru"])["gru_step"](3) == 3
    assert "taken from the notebook" in found.notes[0]


@pytest.mark.parametrize("name", [NAME, "my copy (2).ipynb"])
def test_a_notebook_alone(tmp_path: Path, name: str) -> None:
    bare = handed_in(tmp_path / "a", {}, code("x = 1"), name)
    assert "there is no folder memnet/" in bare.problem
    found = handed_in(tmp_path / "b", {}, code(CELL), name)
    assert not found.problem
    assert found.notes[:2] == (
        "there is no module in a folder memnet/; graded is what the notebook defines",
        "not handed in: memnet/gru.py; questions on it earn nothing",
    )


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\n" + CELL,
        "!pip install numpy\n" + CELL,
        "%%time\n" + CELL,
        "%%writefile memnet/rnn.py\n" + CELL,
        CELL + "\nnp.dot?\n",
        "files = !ls\nt = %timeit -o 1\n" + CELL,
        CELL.splitlines(keepends=True),
        "if True:\n    %load_ext autoreload\n" + CELL,
        CELL.replace("\n", "\r\n"),
        CELL + "\nrnn_step(1); print('x')",
    ],
    ids=["line magic", "shell", "time", "writefile", "help", "assigned", "list", "indented", "crlf", "call"],
)
def test_what_is_ipythons_does_no_harm(tmp_path: Path, cell: Any) -> None:
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code(cell))
    assert run(found.sources["rnn"])["rnn_step"](2.5) == 6


STEP = "def rnn_step(x):\n    return 6\n"


@pytest.mark.parametrize(
    "cells",
    [
        ["!pip install numpy \\\n    scipy\n" + STEP],
        ["    " + STEP.replace("\n    ", "\n        ")],
        ["!ls\ndef rnn_step(x):\n    y = 6  # is it?\n    z = (7\n      % 8)\n    return y"],
        ["rnn_step = lambda x: 6"],
        ["def mine(x):\n    return 6", "rnn_step = mine"],
        ["if True:\n    def rnn_step(x):\n        return 6\nelse:\n    def rnn_step(x):\n        return 7"],
        ["try:\n    import nowhere\nexcept ImportError:\n    def rnn_step(x):\n        return 6"],
        ["six = lambda: 6", "def rnn_step(x):\n    return six()"],
        ["half = 6 / 2\ntwo: int = 1 + 1", "def rnn_step(x):\n    return int(half * two)"],
        ["x = 1 / 0\ny = open('gone')\nz = [y]", "def rnn_step(x):\n    y = x\n    return [z * 0 + 6 for z in [y]][0]"],
        [STEP, "rnn_step = rnn_step(3)", "x = await rnn_step(4)"],
        ["from __future__ import annotations", "def rnn_step(x: Unknown, *y: Unknown) -> Unknown:\n    return 6"],
        ["if __name__ == '__main__':\n    import math\n    def rnn_step(x):\n        return math.floor(6.5)"],
        ["numbers = [" + "1," * MAX_SOURCE + "]", STEP],
    ],
    ids=["continued", "indented", "question in a comment", "lambda", "renamed", "if", "try", "helper is a lambda",
         "helpers are computed", "cells' names are the function's own too", "result of the same name", "lazy annotations",
         "only as a program", "a large cell before it"],
)  # fmt: skip
def test_what_counts_as_a_function_in_a_cell(tmp_path: Path, cells: list[str]) -> None:
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code(*cells))
    assert run(found.sources["rnn"])["rnn_step"](2.5) == 6
    assert [note.partition(":")[0] for note in found.notes] == [
        "taken from the notebook, since memnet/rnn.py leaves it unwritten"
    ]


@pytest.mark.parametrize(
    ("cells", "stops"),
    [
        (["@lost\n" + STEP], "name 'lost' is not defined"),
        (["from functools import *", "@cache\ndef six():\n    return 6", "def rnn_step(x):\n    return six()"], "name 'cache'"),
        (["import nowhere", "def rnn_step(x):\n    return nowhere.six"], "name 'nowhere' is not defined"),
        (["rnn_step = mine"], "name 'mine' is not defined"),
    ],
    ids=["decorator", "helper's decorator", "import", "renamed"],
)
def test_what_fails_in_a_cell_costs_the_module_nothing(tmp_path: Path, cells: list[str], stops: str) -> None:
    """Functions that the module has are graded as they are; the cell's own says what failed when it is called."""
    own = STUB + b"\n\ndef output_head(x):\n    return max(x, 2)\n"
    found = handed_in(tmp_path / "a", {"rnn": own, "gru": GRU}, code(*cells))
    names = run(found.sources["rnn"])
    assert names["output_head"](1) == 2
    with pytest.raises(NameError, match=stops):
        names["rnn_step"](1)


def test_what_a_module_has_is_not_bound_anew(tmp_path: Path) -> None:
    own = STUB + b"\n\ndef output_head(x):\n    return 1\n"
    both = "if True:\n    def rnn_step(x):\n        return 6\n    def output_head(x):\n        return 7"
    found = handed_in(tmp_path / "a", {"rnn": own, "gru": GRU}, code(both))
    assert run(found.sources["rnn"])["output_head"](0) == 1
    assert found.notes[-1].startswith("rnn_step in cell 1 of the notebook is not taken")


@pytest.mark.parametrize(
    "cell",
    [STEP + "    oops(", "%%bash\n" + STEP, "for i in [1]:\n    def rnn_step(x):\n        return 6",
     ">>> def rnn_step(x):\n...     return 6", "def rnn_step(x):\n    return await x"],
    ids=["broken", "bash", "loop", "prompts", "await in a plain function"],
)  # fmt: skip
def test_a_function_that_is_not_taken_is_said(tmp_path: Path, cell: str) -> None:
    says = (
        "rnn_step in cell 2 of the notebook is not taken: it is no function at the top of a cell of plain Python; write it "
        "into memnet/rnn.py"
    )
    assert handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code("x = 1", cell)).notes == (says,)
    alone = handed_in(tmp_path / "b", {}, code("x = 1", cell))
    assert "there is no folder memnet/" in alone.problem
    assert says in alone.notes


def test_magics_are_not_looked_for_inside_python() -> None:
    text = 'x = """\n%time\n"""\ny = 7 \\\n  % 4\n'
    tree = parse_cell(text)
    assert tree is not None
    assert run(text.encode())["y"] == 3
    assert python_text("%%bash\nrm -r x") == ""
    assert parse_cell("def f(:") is None


@pytest.mark.parametrize("minor", range(6))
def test_every_format_four(tmp_path: Path, minor: int) -> None:
    colab = {"kernelspec": {"name": "julia", "display_name": "Julia"}, "colab": {"provenance": []}, "vscode": {"hash": "1"}}
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, code(CELL, minor=minor, metadata=colab))
    assert "def helper" in found.sources["rnn"].decode()


def test_cells_moved_doubled_deleted_and_edited(tmp_path: Path) -> None:
    """Where a cell stands, what surrounds it and what its metadata say changes nothing."""
    book = json.loads(code("1/0", CELL, CELL, "this is not Python", "import os; os.remove('x')"))
    book["cells"].reverse()
    for cell in book["cells"]:
        del cell["metadata"], cell["outputs"]
        cell["id"] = "same"
    del book["metadata"]
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, json.dumps(book).encode())
    source = found.sources["rnn"].decode()
    assert source.count("return SCALE * helper(x)") == 1, "the cell's, once"
    assert "os.remove" not in source
    assert "1 / 0" not in source


# ---------------------------------------------------------------- hostile notebooks

DEEP = 100_000
HOSTILE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "broken JSON": lambda: b'{"cells": [',
    "no JSON": lambda: b"\x80\x04\x95pickle",
    "pickle that runs": lambda: b"cos\nsystem\n(S'touch pwned'\ntR.",
    "zip in its place": lambda: b"PK\x03\x04" + bytes(60),
    "gzip in its place": lambda: b"\x1f\x8b\x08" + bytes(60),
    "a number": lambda: b"7",
    "null": lambda: b"null",
    "a list": lambda: b"[]",
    "a huge number": lambda: b"9" * 100_000,
    "deep lists": lambda: b"[" * DEEP + b"]" * DEEP,
    "deep objects": lambda: b'{"cells":' * DEEP + b"1" + b"}" * DEEP,
    "millions of parts": lambda: b'{"cells":[' + b"[],"[:3] * 2_000_000 + b"0]}",
    "NaN": lambda: b'{"cells": NaN}',
    "infinite minor": lambda: b'{"nbformat": 4, "nbformat_minor": Infinity, "cells": []}',
    "cells an object": lambda: b'{"cells": {"0": 1}}',
    "cells a string": lambda: b'{"cells": "code"}',
    "cells of wrong types": lambda: b'{"cells": [1, null, "x", [], true]}',
    "no cells": lambda: b'{"nbformat": 4}',
    "format 3": lambda: b'{"nbformat": 3, "worksheets": [{"cells": []}]}',
    "format a string": lambda: code(CELL, nbformat="four"),
    "cell type a list": lambda: b'{"cells": [{"cell_type": ["code"], "source": "x"}]}',
    "no source": lambda: b'{"cells": [{"cell_type": "code"}]}',
    "source an int": lambda: code(7),
    "source null": lambda: code(None),
    "source an object": lambda: code({"def rnn_step": 1}),
    "source mixed": lambda: code(["def rnn_step(x):\n", 7]),
    "source nested": lambda: code([["def rnn_step(x):\n"], "    return 1"]),
    "surrogates": lambda: b'{"cells": [{"cell_type": "code", "source": "def rnn_step(x):\\n    return \'\\ud800\'"}]}',
    "NUL in source": lambda: code("def rnn_step(x):\0\n    return 1"),
    "bidi in source": lambda: code("def rnn_step(x):\n    return '\u202e'"),
    "another encoding": lambda: code(CELL).decode().encode("utf-16"),
    "bytes that are no UTF-8": lambda: code(CELL).replace(b"math", b"\xff\xfe"),
    "duplicate keys": lambda: b'{"cells": 1, "cells": [], "cells": [{"cell_type": "code", "source": 1, "source": "x"}]}',
    "ids collide": lambda: json.dumps({"cells": [{"cell_type": "code", "id": "a", "source": "x"}] * 50}).encode(),
    "deep expression": lambda: code("x = " + "(" * 5000 + ")" * 5000),
    "deep operators": lambda: code("x = " + "-" * 50_000 + "1"),
    "long sum": lambda: code("def rnn_step(x):\n    return " + "x+" * 50_000 + "x"),
    "deep indentation": lambda: code("\n".join(" " * i + "if 1:" for i in range(200))),
    "deep attributes": lambda: code("def rnn_step(x):\n    return x" + ".a" * 50_000),
    "deep calls": lambda: code("x = " + "f(" * 3000 + ")" * 3000),
    "more code than is read": lambda: code(*["y = 1\n" * 10_000] * 30, CELL),
    "a million lines": lambda: code("0\n" * (MAX_SOURCE // 2 - 10)),
    "huge outputs": lambda: code("x", outputs=["A" * 12_000_000]),
    "too large": lambda: b" " * (17 * 2**20),
    "many cells": lambda: code(*["x"] * 20_000),
    "regex bait": lambda: code("a" * 100_000 + "\n" + " \t" * 50_000 + "%"),
    "definitions without names": lambda: code("def" + " " * 6_000_000, "class\n" * 900_000),
    "a line of blanks": lambda: code("(\n" + " \t" * 50_000 + "x"),
    "spaces and question marks": lambda: code("x" + " " * 100_000 + "?" * 100_000 + "!"),
    "names that are markup": lambda: code("def rnn_step(x):\n    return '<script>'\n" * 3),
    "global in a function": lambda: code("def rnn_step(x):\n    global __builtins__\n    __builtins__ = {}"),
    "decorated with a bomb": lambda: code("@__import__('os')._exit\ndef rnn_step(x):\n    return 1"),
    "default with a bomb": lambda: code("def rnn_step(x=__import__('os')._exit(9)):\n    return 1"),
    "class that hides a function": lambda: code("class rnn_step:\n    def __init__(self): raise SystemExit"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_notebook_costs_nothing_but_itself(tmp_path: Path, kind: str) -> None:
    """The modules are graded all the same; nothing is run; what is said of it is fit to be shown; memory is bounded."""
    data = HOSTILE[kind]()
    tracemalloc.start()
    try:
        found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, data)
        assert tracemalloc.get_traced_memory()[1] < 350e6
    finally:
        tracemalloc.stop()
    assert not found.problem
    assert found.sources["gru"] == GRU
    assert found.sources["rnn"].startswith(STUB)
    assert all(note.isprintable() and len(note) < 500 for note in found.notes)
    assert not (tmp_path / "pwned").exists()


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    found = handed_in(tmp_path / "a", {"rnn": STUB, "gru": GRU}, b"{")
    assert found.notes == (
        "no function is taken from the notebook: it is no notebook, or a damaged one; open it in Jupyter and save it again",
    )
    with pytest.raises(NotebookError, match=r"too many parts; clear all outputs"):
        read_cells(HOSTILE["millions of parts"]())
    with pytest.raises(NotebookError, match="save it in notebook format 4"):
        read_cells(HOSTILE["format 3"]())


# ---------------------------------------------------------------- graded


def test_functions_in_cells_earn_their_points(
    tmp_path: Path, baked: Bundle, assignment: Any, solution: dict[str, bytes], blank: dict[str, bytes]
) -> None:
    """The whole of one module moved into cells, its file left as it was given out: the points are the same."""
    book = code("%matplotlib inline\n" + solution["gradients"].decode())
    for module, data in {**solution, "gradients": blank["gradients"]}.items():
        path = tmp_path / "s" / "memnet" / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "s" / NAME).write_bytes(book)
    runner = SandboxRunner(baked.package, baked.torch_modules)
    few = [question for question in baked.questions if question.module == "gradients"]
    part = baked.__class__(**{**vars(baked), "questions": tuple(few)})
    try:
        record = judge_submission(read_submission("s", tmp_path / "s"), part, runner, assignment.properties)
    finally:
        runner.shut_down()
    assert record["total"] == sum(question.points for question in few)
    assert "taken from the notebook" in record["notes"][0]
    assert set(asked_functions(part)) == {"gradients"}


# ---------------------------------------------------------------- a judge's process that fails


def test_a_judge_that_cannot_work_is_said_to_the_staff(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    record = judged("student-017", tmp_path, engine)
    assert record["status"] == "grader_error"
    assert "the judge's process ended with 1 and without a record" in record["problem"]
    assert "No module named 'autograder'" in record["problem"] or "Error" in record["problem"]
    assert record.keys() == failed("x", "y").keys()


def test_a_judge_that_is_late_is_ended(tmp_path: Path) -> None:
    package = tmp_path / "autograder" / "grading"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "single.py").write_text("import time\ndef main():\n    time.sleep(60)\n")
    record = judged("student-017", tmp_path, engine_in(tmp_path), seconds=0.5)
    assert record["problem"] == "the judge had no record after 0.5 seconds"
