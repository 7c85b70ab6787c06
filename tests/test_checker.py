"""The student's folder as a student has it: unzipped elsewhere, with numpy alone, in an isolated Python."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from autograder.authoring import packages
from autograder.authoring.declare import Assignment

Words = tuple[str, ...]


@pytest.fixture(scope="module")
def zipped(template: Mapping[str, bytes], assignment: Assignment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "student.zip"
    path.write_bytes(packages.student_zip(template, assignment.name))
    return path


@pytest.fixture
def folder(zipped: Path, tmp_path: Path) -> Path:
    """Unzipped into a folder whose name has a space and an umlaut."""
    target = tmp_path / "Übung 5"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(target)
    return target / "memory-in-networks"


def python(
    folder: Path, *arguments: str, isolated: bool = False, env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run Python in the folder; the exit code and all that was printed."""
    flags = ["-I"] if isolated else []
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | dict(env or {})
    done = subprocess.run([sys.executable, *flags, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", timeout=60, check=False)  # fmt: skip
    return done.returncode, done.stdout


def fill(folder: Path, solution: Mapping[str, bytes], *modules: str) -> None:
    for name in modules:
        (folder / "memnet" / f"{name}.py").write_bytes(solution[name])


def edit(folder: Path, module: str, old: str, new: str) -> None:
    path = folder / "memnet" / f"{module}.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


NUMPY = ("order", "rnn", "bptt", "gradients", "lstm", "gru", "memory_budget", "memory_task", "optional", "shared")


def test_blank(folder: Path) -> None:
    code, text = python(folder, "-m", "checks")
    assert code == 1
    assert text.count("not written yet") == 33
    assert "0 of 95 points by the public checks" in text
    assert "Traceback" not in text


def test_solution_without_torch(folder: Path, solution: Mapping[str, bytes], tmp_path: Path) -> None:
    """Numpy questions are checked where there is no torch; the torch question says what it needs."""
    fill(folder, solution, *NUMPY, "simple_rnn")
    hide = tmp_path / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import importlib.util, sys\nreal = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'torch' else real(name, *a)\n"
    )
    code, text = python(folder, "-m", "checks", env={"PYTHONPATH": str(hide)})
    assert "105 of 95 points" in text
    assert text.count("needs torch, which is not installed") == 2
    assert code == 1


def test_solution_with_torch(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution, *NUMPY, "simple_rnn")
    code, text = python(folder, "-m", "checks")
    assert (code, "109 of 95 points" in text) == (0, True), text


@pytest.mark.parametrize("start", [("-m", "checks"), ("checks",), ("checks/__main__.py",)], ids=" ".join)
@pytest.mark.parametrize("isolated", [False, True])
def test_every_way_to_start(folder: Path, start: Words, isolated: bool) -> None:
    if start == ("-m", "checks") and isolated:  # an isolated Python does not look for modules where it stands
        start = ("-c", "import sys; sys.path.insert(0, '.'); from checks.checker import main; sys.exit(main())")
    code, text = python(folder, *start, "rnn_step", isolated=isolated)
    assert code == 1
    assert "rnn_step" in text
    assert "rnn_forward" not in text
    assert "0 of 4 points" in text


@pytest.mark.parametrize(
    ("word", "count"), [("rnn_backward", 1), ("C2", 1), ("c", 5), ("bptt", 5), ("bptt.py", 5), ("SimpleRNN", 1),
                       ("memnet/bptt.py", 5), (r"memnet\bptt.py", 5), ("memory_task_label", 1), ("best_interval", 1)]
)
def test_what_can_be_named(folder: Path, word: str, count: int) -> None:
    _, text = python(folder, "-m", "checks", word)
    assert len(re.findall(r"^  . [A-G]\d", text, re.M)) == count


def test_unknown_question(folder: Path) -> None:
    code, text = python(folder, "-m", "checks", "rnn_backwards")
    assert (code, text.startswith("there is no question 'rnn_backwards'; did you mean rnn_backward or ")) == (2, True)
    for word, says in {
        "zzz": "there is no question 'zzz'; name a function, such as same_bag_pair, a number, such as A1, a part, such as A, "
               "or a file, such as order.py\n",
        "memory_task_lable": "there is no question 'memory_task_lable'; did you mean memory_task_label or memory_task",
        "g5": "G5 is answered in words, in the notebook; people grade it\n",
    }.items():  # fmt: skip
        code, text = python(folder, "-m", "checks", word)
        assert (code, text[: len(says)]) == (2, says)


def test_what_is_lacking_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = python(folder, "-S", "-m", "checks")  # without what is installed
    assert (code, text.count("\n")) == (1, 1)
    assert re.fullmatch(r"The checks need numpy, and \S+ has none: install it with  python -m pip install numpy\n", text)
    source = (folder / "checks" / "__init__.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(SystemExit, match=r"^The checks need Python 3\.11 or later; this is 3\.10, "):
        exec(compile(source, "checks/__init__.py", "exec"), {})


def test_what_a_function_prints_is_shown(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution, "rnn")
    line = "    return np.tanh(x_t @ W_xh.T"
    edit(folder, "rnn", line, f"    print('state', h_prev.shape, '\\x1b')\n{line}")
    _, text = python(folder, "-m", "checks", "rnn_step")
    assert "\nPrinted while your code ran:\n    state (3, 5) �\n" in text
    assert "Printed" not in python(folder, "-m", "checks")[1]
    assert "Printed" not in python(folder, "-m", "checks", "rnn_forward")[1]


def test_damaged_folder(folder: Path) -> None:
    shutil.rmtree(folder / "memnet")
    code, text = python(folder, "-m", "checks")
    assert (code, "there is no folder memnet" in text) == (2, True)
    (folder / "checks" / "public.npz").write_bytes(b"damaged")
    code, text = python(folder, "-m", "checks")
    assert (code, text.endswith("public.npz is damaged; take the folder checks/ from the zip again\n")) == (2, True)
    (folder / "checks" / "public.npz").unlink()
    code, text = python(folder, "-m", "checks")
    assert (code, "take the folder checks/ from the zip again" in text) == (2, True)


@pytest.mark.parametrize("name", ["compare", "question", "properties", "worker"])
def test_a_file_of_the_checks_that_is_gone(folder: Path, name: str) -> None:
    (folder / "checks" / f"{name}.py").unlink()
    code, text = python(folder, "-m", "checks", "rnn_step")
    assert (code > 0, text.count("\n")) == (True, 1), text
    assert re.search(rf"{name}.*; take the folder checks/ from the zip again$", text)


def test_a_file_of_the_checks_that_was_changed(folder: Path) -> None:
    (folder / "checks" / "judge.py").write_text("def (")
    code, text = python(folder, "-m", "checks", "rnn_step")
    assert code == 1
    assert text.startswith("a file of checks/ is missing or changed (invalid syntax (judge.py, line 1)); take the folder")


@pytest.mark.parametrize("name", ["numpy", "random", "typing", "json", "dataclasses", "inspect", "queue"])
def test_a_file_beside_the_checks_does_not_stand_in_for_a_library(
    folder: Path, solution: Mapping[str, bytes], name: str
) -> None:
    fill(folder, solution, "rnn", "shared")
    (folder / f"{name}.py").write_text("print('plans for the weekend')\n")
    code, text = python(folder, "-m", "checks", "rnn_step")
    assert (code, "4 of 4 points" in text) == (0, True), text
    assert "weekend" not in text


@pytest.mark.parametrize(
    ("name", "note"),
    [("rnn (1).py", "holds a file rnn (1).py, which is not read: only rnn.py is."), ("rnn.py.txt", "a file rnn.py.txt"),
     ("Copy of rnn.py", "a file Copy of rnn.py"), ("rnn - Copy.py", "a file rnn - Copy.py"),
     ("memnet/rnn.py", "memnet/memnet/"), ("rnn_cell.py", ""),
     ("rnn.py.bak", ""), ("__pycache__/rnn.py", ""), ("helpers.py", "")],
)  # fmt: skip
def test_code_in_a_file_that_is_not_read_is_told(folder: Path, name: str, note: str) -> None:
    path = folder / "memnet" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x = 1\n")
    _, text = python(folder, "-m", "checks", "rnn_step")
    assert ("\nNote: " in text, note in text) == (bool(note), True), text


def test_feedback_like_a_teaching_assistants(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution, "rnn", "bptt", "shared")
    edit(folder, "rnn", "np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)", "np.tanh(x_t @ W_xh.T + h_prev @ W_hh + b)")
    code, text = python(folder, "-m", "checks", "rnn_step")
    assert code == 1
    assert "Hint (h_t): Try W_hh = [[0, 1], [0, 0]]" in text
    fill(folder, solution, "rnn")
    source = solution["bptt"].decode()
    name = re.search(r"def embedding_backward.*?\n    # END", source, re.S)
    assert name
    (folder / "memnet" / "bptt.py").write_text(
        source + "\n\ndef output_head_backward(dy, h, W_hy):\n"
        "    return dy @ W_hy, np.zeros((2, 3)), dy.sum(axis=(0, 1))\n",
        encoding="utf-8",
    )
    code, text = python(folder, "-m", "checks", "output_head_backward")
    assert "points: dh 0.667 of 0.667, dW_hy 0 of 0.667, db_y 0.667 of 0.667" in text
    assert re.search(r"dW_hy has shape \(2, 3\); expected \(V, H\) = \(6, 5\)", text)


def test_student_code_gone_wrong(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution, *NUMPY)
    (folder / "memnet" / "gru.py").write_text("def gru_step(:\n")
    (folder / "memnet" / "lstm.py").unlink()
    with (folder / "memnet" / "rnn.py").open("a") as file:
        file.write("\n\ndef output_head(h, W_hy, b_y):\n    return undefined_name\n")
        file.write("\n\ndef rnn_step(*a):\n    import os; os._exit(7)\n")
    code, text = python(folder, "-m", "checks")
    assert code == 1
    assert "SyntaxError" in text
    assert "memnet/lstm.py is not in the submission" in text
    assert "NameError: name 'undefined_name' is not defined" in text
    assert 'File "memnet/rnn.py", line' in text
    assert "ended its own process (exit status 7)" in text
    assert re.search(r"✓ C2 +rnn_backward +8 / 8", text), "the other questions are checked all the same"


def test_plain_letters_on_an_old_terminal(folder: Path) -> None:
    code, text = python(folder, "-m", "checks", "rnn_step", env={"PYTHONIOENCODING": "ascii"})
    assert (code, text.isascii()) == (1, True)


def test_pytest_runs_the_same_checks(folder: Path, solution: Mapping[str, bytes]) -> None:
    fill(folder, solution, "rnn")
    edit(folder, "rnn", "W_hy.T + b_y", "W_hy.T")
    code, text = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert code == 1
    assert re.search(r"1 failed, 4 passed, 28 skipped", text), text
    assert "Hint (y): With h = 0 the scores should equal b_y" in text


def test_watch_checks_again_on_save(folder: Path, solution: Mapping[str, bytes]) -> None:
    process = subprocess.Popen([sys.executable, "-u", "-m", "checks", "rnn_step", "--watch"], cwd=folder, text=True,
                               encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    assert process.stdout is not None
    lines: Iterator[str] = iter(process.stdout.readline, "")
    try:
        assert any("0 of 4 points" in line for line in lines)
        assert any("Ctrl-C ends this" in line for line in lines)
        fill(folder, solution, "rnn")
        assert any("4 of 4 points" in line for line in lines)
    finally:
        process.kill()
        process.communicate()


def test_load_gives_the_arrays_of_a_case(folder: Path) -> None:
    program = "from checks.checker import load; c = load('rnn_step', 'small'); print(*c, c['h_t'].shape)"
    code, text = python(folder, "-c", program)
    assert (code, text) == (0, "x_t h_prev W_xh W_hh b h_t (3, 5)\n")


def test_no_torch_is_imported_for_numpy_questions(folder: Path) -> None:
    program = "from checks.checker import main; main(['rnn_step']); import sys; print('torch' in sys.modules)"
    assert python(folder, "-c", program)[1].endswith("False\n")
