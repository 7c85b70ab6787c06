"""The checker for notebooks: what it says, draws and hands in, on modules as they are on disk."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from autograder.authoring.bake import public
from autograder.authoring.declare import Assignment
from autograder.checks import bundle as bundles
from autograder.checks import display, grader
from autograder.checks.bundle import Bundle, BundleError
from autograder.checks.checker import Checker

from .conftest import write_package

Change = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def public_bundle(baked: Bundle) -> Bundle:
    return bundles.from_bytes(bundles.to_bytes(public(baked)))


@pytest.fixture
def folder(
    tmp_path: Path, public_bundle: Bundle, assignment: Assignment, solution: Mapping[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:  # fmt: skip
    """A student's folder with the reference in it, and the grader at home there."""
    write_package(tmp_path, solution)
    checker = Checker(tmp_path, public_bundle, assignment.properties)
    monkeypatch.setattr(grader, "_checker", lambda: checker)
    for name in ("JPY_SESSION_NAME",):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def change(folder: Path) -> Change:
    """Change the text of a module: ``change("rnn", old, new)``."""

    def changed(module: str, old: str, new: str) -> None:
        path = folder / "memnet" / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return changed


@pytest.fixture
def in_notebook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Give the notebook names, as cells that define them would."""

    def define(**values: Any) -> None:
        for name, value in values.items():
            monkeypatch.setattr(sys.modules["__main__"], name, value, raising=False)

    return define


SVG = "{http://www.w3.org/2000/svg}"


def svgs_of(said: display.Said) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", said.html, re.DOTALL)]


# ---------------------------------------------------------------- checking


def test_a_right_answer_has_its_tick(folder: Path) -> None:
    said = grader.check("rnn_step")
    assert said.right
    assert str(said) == repr(said) == "✓ B1  rnn_step                       4 / 4"
    assert "✓ right" in said._repr_html_()
    assert "4 / 4 points" in said.html
    assert "<svg" not in said.html


def test_modules_are_read_anew_at_every_call(folder: Path, change: Change) -> None:
    assert grader.check("rnn_step").right
    change("rnn", "def rnn_step(", "def rnn_step_old(")
    assert "missing" in str(grader.check("rnn_step"))
    change("rnn", "def rnn_step_old(", "def rnn_step(")
    assert grader.check("rnn_step").right


def test_a_wrong_answer_has_its_hint_and_its_picture(folder: Path) -> None:
    (folder / "memnet" / "rnn.py").write_text(
        "import numpy as np\n\ndef rnn_forward(x, h0, W_xh, W_hh, b):\n"
        "    h = np.zeros((*x.shape[:2], len(b)))\n    prev = h0\n    for t in range(x.shape[1] - 1):\n"
        "        h[:, t] = prev = np.tanh(x[:, t] @ W_xh.T + prev @ W_hh.T + b)\n    return h\n",
        encoding="utf-8",
    )
    said = grader.check("rnn_forward")
    assert not said.right
    assert str(said).startswith("✗ B2  rnn_forward")
    assert "h is wrong only at t = 7" in str(said)
    assert re.search(r"Hint \(h\): .*\?", str(said))
    assert re.search(r"Hint \(h\): .*\?", said.html)
    (picture,) = svgs_of(said)
    assert "h: wrong at t 7 alone" in (picture.get("aria-label") or "")
    assert len(picture.findall(f"{SVG}rect")) == 8  # a bar, or a thin line where it is right
    assert re.search(r"<figcaption[^>]*>Case \w+\. Error by timestep t: the higher, the larger", said.html)


def test_gate_blocks_are_told_apart(folder: Path, change: Change) -> None:
    text = (folder / "memnet" / "lstm.py").read_text(encoding="utf-8")
    (folder / "memnet" / "lstm.py").write_text(
        text + "\n\n_right = lstm_forward\n\n\ndef lstm_forward(*arguments):\n    h, c, gates = _right(*arguments)\n"
        "    H = h.shape[2]\n    gates = gates.copy()\n    gates[:, 2:, H:2 * H] += 0.25\n    return h, c, gates\n",
        encoding="utf-8",
    )
    by_time, by_block = (picture.get("aria-label") or "" for picture in svgs_of(grader.check("lstm_forward")))
    assert "gates: wrong at 6 of 8, first at t 2" in by_time
    assert "gates: wrong at block f alone" in by_block


def test_blocks_of_weights_and_shapes_that_are_off(folder: Path) -> None:
    text = (folder / "memnet" / "lstm.py").read_text(encoding="utf-8")
    (folder / "memnet" / "lstm.py").write_text(
        text + "\n\n_right = lstm_step_backward\n\n\ndef lstm_step_backward(*arguments):\n"
        "    *others, dW_xh, dW_hh, db = _right(*arguments)\n    H = len(db) // 4\n    dW_hh = dW_hh.copy()\n"
        "    dW_hh[2 * H : 3 * H] *= 2\n    return *others, dW_xh, dW_hh, db[np.newaxis]\n",
        encoding="utf-8",
    )
    (picture,) = svgs_of(grader.check("lstm_step_backward"))  # none of db, whose shape is off
    assert "dW_hh: wrong at block g alone" in (picture.get("aria-label") or "")


def test_a_blank_says_where_to_write(folder: Path, blank: Mapping[str, bytes]) -> None:
    (folder / "memnet" / "rnn.py").write_bytes(blank["rnn"])
    said = grader.check("B1")
    assert str(said).endswith("Write it in memnet/rnn.py, save the file, and check again.")
    assert "Write it in memnet/rnn.py" in said.html


def test_a_crash_shows_the_students_line_and_nothing_of_ours(folder: Path) -> None:
    (folder / "memnet" / "gru.py").write_text(
        "def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):\n    raise ValueError('<script>alert(1)</script> & co')\n",
        encoding="utf-8",
    )
    said = grader.check("gru_step")
    assert "memnet/gru.py" in str(said)
    assert "<script" not in said.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in said.html
    assert "worker.py" not in said.html


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("rnn_bakward", "There is no question 'rnn_bakward'; did you mean rnn_backward or"),
        ("Rnn_Step", "There is no question 'Rnn_Step'; did you mean rnn_step"),
        ("<b>zzz</b>", "There is no question '<b>zzz</b>'; name a function, such as same_bag_pair, "),
    ],
)
def test_a_bad_name_gets_near_ones(folder: Path, word: str, says: str) -> None:
    said = grader.check(word)
    assert str(said).startswith(says)
    assert not said.right
    assert "<b>zzz" not in said.html


def test_questions_may_be_meant_in_several_ways(folder: Path) -> None:
    def rnn_step() -> None:
        """Stand for the student's own function."""

    for way in ("rnn_step", "B1", "b1", rnn_step):
        assert "B1  rnn_step" in str(grader.check(way))
    assert str(grader.check("memory_task")).count("\n") == 0  # the question, not the module of that name
    several = grader.check("gradients")
    assert re.findall(r"^  ✓ (\w+)", str(several), re.MULTILINE) == ["D1", "D2", "D3"]
    assert str(several).endswith("9 of 9 points by the public checks. Grading adds hidden cases of the same kind.")
    assert grader.check("rnn_step", "D2").right


def test_check_all_adds_up(folder: Path, blank: Mapping[str, bytes]) -> None:
    (folder / "memnet" / "gru.py").write_bytes(blank["gru"])
    said = grader.check_all()
    assert not said.right
    assert "  · E6  gru_step                       0 / 2   not written yet" in str(said)
    assert str(said).endswith(
        "points by the public checks. Grading adds hidden cases of the same kind. G5 and G6 are read and graded by people: "
        "5 points more."
    )
    assert re.search(r"^\d+ of 95 points", str(said), re.MULTILINE)
    for part in ("A  Order matters", "G  The memory budget"):
        assert part in str(said)
        assert part in said.html


def test_pages_are_plain_html(folder: Path, change: Change) -> None:
    """No script, no class, no outside file, and tags that close: every front end shows it."""
    change("rnn", "np.tanh(", "np.sin(")
    for said in (grader.check("rnn_forward"), grader.check("rnn_step", "rnn_forward"), display.message("a < b", ["c & d"])):
        assert not re.search(r"<script|<style|class=|href=|src=|javascript|url\(", said.html)
        coloured = set(re.findall(r'style="((?:[^"]*;)?color:[^"]*)"', said.html))
        assert all(style.startswith(f"{display.BADGE};background:#") for style in coloured)
        ElementTree.fromstring(said.html)


def test_verdicts_can_be_read_on_light_and_on_dark_pages() -> None:
    """White on a colour of its own, by the contrast that WCAG asks of text; all other text has the page's colour."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    for colour in {*display.COLOURS.values(), display.RED}:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour


def test_a_function_defined_in_a_cell_is_noticed(
    folder: Path, in_notebook: Callable[..., None], blank: Mapping[str, bytes]
) -> None:
    def rnn_step() -> None:
        """Stand for a cell's function."""

    rnn_step.__module__ = "__main__"
    in_notebook(rnn_step=rnn_step, rnn_forward=np.tanh)
    says = (
        "You defined rnn_step in a cell of the notebook. Checks read memnet/rnn.py alone, and grading takes a function "
        "from a cell only where the module leaves it unwritten: copy it there"
    )
    said = grader.check("rnn_step")
    assert said.right
    assert says in str(said)
    assert says in said.html
    assert "You defined" not in str(grader.check("rnn_forward"))
    (folder / "memnet" / "rnn.py").write_bytes(blank["rnn"])
    assert says in str(grader.check("rnn_step"))
    assert says in str(grader.export())


def test_a_folder_that_is_not_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "memnet").rename(folder / "elsewhere")
    assert str(grader.check("rnn_step")).startswith("There is no folder memnet in ")

    def damaged() -> Checker:
        raise BundleError("public.npz is missing; take the folder checks/ from the zip again")

    monkeypatch.setattr(grader, "_checker", damaged)
    for call in (grader.check_all, grader.export):
        assert str(call()) == "public.npz is missing; take the folder checks/ from the zip again"


def test_no_process_is_left_behind(folder: Path) -> None:
    grader.check("rnn_step")
    assert not grader._checker().runner._processes


# ---------------------------------------------------------------- looking


def test_looking_takes_modules_as_they_are_now(folder: Path, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    monkeypatch.syspath_prepend(str(folder))
    for answer in ("1.0", "2.0", "3.0"):
        (folder / "memnet" / "gru.py").write_text(f"ANSWER = {answer}\n", encoding="utf-8")
        with grader.looking_at("gru_step"):
            from memnet.gru import ANSWER

            assert str(ANSWER) == answer
    assert not sys.dont_write_bytecode or os.environ.get("PYTHONDONTWRITEBYTECODE")


def test_looking_at_what_is_blank(
    folder: Path, monkeypatch: pytest.MonkeyPatch, blank: Mapping[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    for name in ("rnn", "gradients"):
        (folder / "memnet" / f"{name}.py").write_bytes(blank[name])
    with grader.looking_at("rnn_forward", "gradient_norms", "lstm_forward"):
        from memnet.rnn import rnn_forward

        rnn_forward(*[None] * 5)
    said = capsys.readouterr().out
    assert said == (
        "Nothing to look at yet: this cell needs what is not written.\n  B2 rnn_forward, in memnet/rnn.py\n"
        "  D2 gradient_norms, in memnet/gradients.py\n  Go on, and come back to this cell when that is right.\n"
    )


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def gru_step(x):\n    return x[7]\n",
         "TypeError: 'int' object is not subscriptable\n  memnet/gru.py, line 2, in gru_step: return x[7]"),
        ("def gru_step(x:\n", "SyntaxError: "),
        ("import no_such_library\n", "This cell needs no_such_library, which is not here."),
        ("x = 1\n", "A module of yours could not be imported: cannot import name 'gru_step'"),
    ],
)
def test_looking_at_what_stops(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str, says: str
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    (folder / "memnet" / "gru.py").write_text(source, encoding="utf-8")
    with grader.looking_at("gru_step"):
        from memnet.gru import gru_step

        gru_step(1)
    said = capsys.readouterr().out
    assert says in said
    assert "Traceback" not in said
    assert said.count("\n") <= 4


def test_a_name_from_a_cell_that_has_not_been_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with grader.looking_at("rnn_forward"):
        made_above  # type: ignore[name-defined]  # noqa: B018, F821
    assert capsys.readouterr().out.endswith("  Is that name made in a cell further up, which has not been run?\n")


def test_looking_shows_what_it_is_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Picture:
        alt_text = "Two lines."

    with grader.looking_at("rnn_step") as show:
        show(Picture(), 7)
    assert capsys.readouterr().out == "Two lines.\n7\n"


# ---------------------------------------------------------------- handing in


@pytest.fixture
def book(folder: Path, template: Mapping[str, bytes]) -> Path:
    """The notebook in the folder, with both answers."""
    path = folder / "memory_in_networks.ipynb"
    notebook = json.loads(template[path.name])
    for cell in notebook["cells"]:
        if cell["id"].startswith("answer-"):
            cell["source"][1:] = ["\n", "The first token, because it is eleven Jacobians away from the loss."]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_export_of_what_is_whole(folder: Path, book: Path, solution: Mapping[str, bytes]) -> None:
    (folder / "memnet" / "__pycache__").mkdir()
    (folder / "memnet" / "__pycache__" / "old.py").write_text("x")
    (folder / "other.py").write_text("x")
    said = grader.export()
    assert said.right, str(said)
    assert str(said).startswith("Wrote memory-in-networks-submission.zip, which is what you hand in.\n")
    assert "It holds memory_in_networks.ipynb, as it was saved at " in str(said)
    assert "the answer G5, 12 words: The first token, because it is eleven Jacobians…" in str(said)
    with zipfile.ZipFile(folder / "memory-in-networks-submission.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files.pop(book.name) == book.read_bytes()
    assert files == {f"memnet/{name}.py": data for name, data in solution.items()}


def test_what_is_exported_is_what_intake_reads(folder: Path, book: Path, solution: Mapping[str, bytes]) -> None:
    from autograder.grading.intake import read_submission

    grader.export()
    submission = read_submission("s", folder / "memory-in-networks-submission.zip")
    assert not submission.problem
    assert submission.notebook == book.read_bytes()
    assert set(submission.sources) == set(solution)


def test_export_says_what_is_missing(folder: Path, book: Path, blank: Mapping[str, bytes], change: Change) -> None:
    (folder / "memnet" / "gradients.py").unlink()
    (folder / "memnet" / "optional.py").unlink()
    (folder / "memnet" / "order.py").write_text("def same_bag_pair(:\n")
    (folder / "memnet" / "simple_rnn.py").write_bytes(blank["simple_rnn"])
    change("rnn", "def output_head(", "def output_heads(")
    change("gru", "def gru_step(", 'def gru_step(*a):\n    """Blank."""\n    raise NotImplementedError\n\n\ndef _other(')
    said = grader.export()
    assert not said.right
    problems = [line.strip() for line in str(said).splitlines() if line.strip().startswith("- ")]
    assert problems == [
        "- memnet/order.py cannot be read (invalid syntax, line 1): A1, A2 would earn nothing.",
        "- memnet/rnn.py does not define output_head (B3).",
        "- memnet/gradients.py is missing: D1, D2, D3 would earn nothing.",
        "- Still blank: E6 gru_step, F1 SimpleRNN, F2 rnn_to_torch.",
    ]
    assert (folder / "memory-in-networks-submission.zip").exists()


def test_export_and_the_notebook(folder: Path, template: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "- The notebook is missing: there is none in " in str(grader.export())
    path = folder / "mine.ipynb"
    path.write_bytes(template["memory_in_networks.ipynb"])
    said = str(grader.export())
    assert "It holds mine.ipynb" in said
    assert "- G5 has no answer in the notebook as it was saved. If you wrote one, save and export again." in said
    (folder / "copy.ipynb").write_text("{}")
    assert 'there are copy.ipynb, mine.ipynb; name the right one, as in grader.export("copy.ipynb")' in str(grader.export())
    assert "It holds mine.ipynb" in str(grader.export("mine.ipynb"))
    assert "- There is no notebook nine.ipynb in " in str(grader.export("nine.ipynb"))
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    assert "It holds mine.ipynb" in str(grader.export())
    for damaged in ("no json", "[]", '{"cells": 3}', '{"cells": [3]}', "{}"):
        path.write_text(damaged)
        assert "mine.ipynb cannot be read: it is no notebook. Save it again." in str(grader.export()), damaged


def test_export_in_colab(folder: Path, book: Path, template: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handed in is what the page shows: the file in the folder is the one that was given out."""
    shown, asked = json.loads(book.read_bytes()), []

    def ask(request: str, **more: Any) -> dict[str, Any] | None:
        asked.append((request, more))
        return answer

    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab._message", ModuleType("google.colab._message"))
    monkeypatch.setattr(sys.modules["google.colab._message"], "blocking_request", ask, raising=False)
    book.write_bytes(template[book.name])
    answer: dict[str, Any] | None = {"ipynb": {**shown, "metadata": {"colab": {"provenance": []}}}}
    said = grader.export()
    assert said.right, str(said)
    assert f"It holds {book.name}, as it stands in Colab now" in str(said)
    assert "the answer G5, 12 words: The first token" in str(said)
    assert f"Download it, from the files at the left: Colab deletes {folder} when the session ends" in str(said)
    with zipfile.ZipFile(folder / "memory-in-networks-submission.zip") as archive:
        assert json.loads(archive.read(book.name)) == answer["ipynb"]
    answer = {"ipynb": json.loads(template[book.name])}
    assert "- G5 has no answer in the notebook.\n" in str(grader.export())
    assert asked == [("get_ipynb", {"timeout_sec": 30})] * 2

    answer = None  # Colab was not in time
    said = grader.export()
    assert not said.right
    assert f"- What you see in Colab is not the file {book.name} that went into the zip. Download your notebook" in str(said)
    book.unlink()
    assert "- The notebook is missing: there is none in " in str(grader.export())
    (folder / "mine.ipynb").write_text(json.dumps(shown), encoding="utf-8")
    assert "It holds mine.ipynb, as it was saved at " in str(grader.export("mine.ipynb"))
    assert len(asked) == 4


# ---------------------------------------------------------------- written answers

MARK = {"autograder": {"answer": "G5"}}
ANSWERS = [
    ("as it was given", [("markdown", MARK, "#### Answer G5\n\nText.")], "Text."),
    ("metadata gone, tag left", [("markdown", {"tags": ["answer-G5"]}, "Text.")], "Text."),
    ("only the heading left", [("markdown", {}, "#### Answer G5\n\nText.")], "Text."),
    ("another level of heading", [("markdown", {}, "# answer  G5 (mine)\nText.")], "Text."),
    ("heading taken out", [("markdown", MARK, "Text.")], "Text."),
    ("text below, in its own cell", [("markdown", {}, "#### Answer G5"), ("markdown", {}, "Text.")], "Text."),
    ("below what was left", [("markdown", MARK, f"#### Answer G5\n\n{grader.ANSWER_HERE}"), ("markdown", {}, "A.")], "A."),
    ("begun in its cell", [("markdown", MARK, "# Answer G5\nA."), ("markdown", {}, "B."), ("raw", {}, "C")], "A.\n\nB.\n\nC"),
    ("text below, then code", [("markdown", MARK, "#### Answer G5"), ("code", {}, "1"), ("markdown", {}, "No.")], ""),
    ("Colab's id of a given cell", [("markdown", MARK, "#### Answer G5\n\nA."), ("markdown", {"id": "text-1a2b"}, "B.")], "A."),
    ("duplicated", [("markdown", MARK, "#### Answer G5\n\nA."), ("markdown", MARK, "#### Answer G5\n\nB.")], "A.\n\nB."),
    ("duplicated and left", [("markdown", MARK, f"#### Answer G5\n\n{grader.ANSWER_HERE}"), ("markdown", MARK, "A.")], "A."),
    ("made a raw cell", [("raw", MARK, "#### Answer G5\n\nText.")], "Text."),
    ("deleted", [("markdown", {}, "Something.")], ""),
    ("another's", [("markdown", {}, "#### Answer G55\n\nText.")], ""),
    ("left as it was", [("markdown", MARK, f"#### Answer G5\n\n{grader.ANSWER_HERE}")], ""),
    ("prompt kept above", [("markdown", MARK, f"#### Answer G5\n\n{grader.ANSWER_HERE}\n\nText.")], "Text."),
    ("the next answer is not mine", [("markdown", MARK, "#### Answer G5"), ("markdown", {}, "#### Answer G6\n\nB.")], ""),
    ("odd metadata", [("markdown", {"autograder": None, "tags": None}, "#### Answer G5\n\nText.")], "Text."),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "text"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_written_answers_are_found_again(cells: list[tuple[str, dict[str, Any], str]], text: str) -> None:
    for split in (False, True):
        book = {"cells": [
            {"cell_type": kind, "metadata": metadata, "source": source.splitlines(keepends=True) if split else source}
            for kind, metadata, source in cells
        ]}  # fmt: skip
        assert grader.written_answers(book, ["G5"])["G5"] == text
