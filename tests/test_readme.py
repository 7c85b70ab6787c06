"""The README's commands are run, in order, in a clean checkout; their output is what it says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from .conftest import ROOT, Demo, typed

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.S)


def commands(block: str) -> list[tuple[str, str]]:
    """Each command of a block with the output under it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.slow
def test_every_command_says_what_the_readme_says(demo: Demo) -> None:
    copy, here, seen = demo.project, demo.project, []
    for block in BLOCKS:
        for command, expected in commands(block):
            if command.startswith("cd "):
                here = copy / command.removeprefix("cd ")
                continue
            if command.startswith(("make", "autograder", "pytest")):
                here = copy
            if (command, here) in seen and "rnn_step" in command:
                spoil(here)
            seen.append((command, here))
            got = (demo.said if command == "make demo" else typed(command, here)).replace(f"{copy}/", "").replace(str(copy), "")
            lines = "\n".join(line.rstrip() for line in got.splitlines()) + "\n"
            same = doctest.OutputChecker().check_output(expected.strip(), lines.strip(), doctest.ELLIPSIS)
            assert same, f"{command}\n--- the README says\n{expected}\n--- it says\n{lines}"
    assert len(seen) >= 8


def spoil(folder: Path) -> None:
    """Fill in the step as a student might: with W_hh turned the wrong way."""
    stub = folder / "memnet" / "rnn.py"
    wrong = "\n\ndef rnn_step(x_t, h_prev, W_xh, W_hh, b):\n    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh + b)\n"
    stub.write_text(stub.read_text(encoding="utf-8") + wrong, encoding="utf-8")


def test_every_command_line_stands_in_a_block_that_is_run() -> None:
    """Commands in running text are either run in a block too, or are what runs this test."""
    text = re.sub(r"```.*?```", "", README, flags=re.S)
    ran = " ".join(command for block in BLOCKS for command, _ in commands(block))
    elsewhere = {"make test", "make bench", "python -m checks", "python -m checks --watch"}  # test_checker
    elsewhere |= {"autograder prove", "autograder prove --quick", "autograder mistakes", "autograder draft"}  # test_prove
    elsewhere |= {"make attack", "make fuzz"}  # long; tests/attacks and what hypothesis tries are short forms
    elsewhere |= {"make image"}  # long, and as root; test_gradescope tries setup.sh and run_autograder in a tree
    elsewhere |= {"python tests/attacks/compare.py"}  # test_compare
    elsewhere |= {"autograder diff RUN_A RUN_B", "autograder merge RUN... --out RUN"}  # test_runs, test_cluster
    elsewhere |= {"autograder written build/results --merge FILE.csv"}  # test_written
    for command in re.findall(r"`((?:make|autograder|python|pytest) [^`]+)`", text):
        assert command in ran or command in elsewhere, command


def test_the_tree_is_the_tree() -> None:
    block = re.search(r"## The tree\n\n```\n(.*?)```", README, re.S)
    assert block
    text = block.group(1)
    modules = {path.stem for path in (ROOT / "autograder").rglob("*.py")} - {"__init__"}
    assert modules <= set(re.findall(r"\w+", text)), modules - set(re.findall(r"\w+", text))
    for name in re.findall(r"^(\w+)/", text, re.M):
        assert (ROOT / name).is_dir(), name
