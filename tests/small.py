"""A small bundle and class for tests of whole runs: four quick questions of the real assignment, graded for real."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from autograder.checks import bundle as bundles
from autograder.checks.bundle import Bundle

from .conftest import write_package

QUESTIONS = ("rnn_step", "output_head", "rnn_forward", "gru_step")
HANGS = b"\nwhile True:\n    pass\n"


def small(baked: Bundle) -> Bundle:
    """The bundle of these questions alone."""
    questions = tuple(question for question in baked.questions if question.name in QUESTIONS)
    return again(replace(baked, questions=questions))


def again(bundle: Bundle) -> Bundle:
    """The bundle as it is read from its file, with its own digest."""
    return bundles.decode(*bundles.encode(bundle))


def changed(bundle: Bundle, name: str) -> Bundle:
    """A new version in which one question is worth more."""
    questions = tuple(replace(q, points=q.points + 1) if q.name == name else q for q in bundle.questions)
    return again(replace(bundle, questions=questions, version="1.1"))


def write(bundle: Bundle, path: Path) -> Path:
    bundles.write_file(path, bundles.to_bytes(bundle))
    return path


def make_class(folder: Path, solution: Mapping[str, bytes], count: int = 6) -> Path:
    """Submissions of every kind: right, wrong, printing, ending its process, unreadable; then right ones."""
    numpy_only = {name: data for name, data in solution.items() if name != "simple_rnn"}
    wrong = numpy_only["rnn"].replace(b"for t in range(T)", b"for t in range(1, T)", 1)
    assert wrong != numpy_only["rnn"]
    write_package(folder / "student-001", numpy_only)
    write_package(folder / "student-002", {**numpy_only, "rnn": wrong})
    write_package(folder / "student-003", {**numpy_only, "gru": numpy_only["gru"] + b"\nprint('hello from gru')\n"})
    write_package(folder / "student-004", {**numpy_only, "gru": b"import os\ndef gru_step(*a):\n    os._exit(0)\n"})
    (folder / "student-005.zip").write_bytes(b"PK no zip at all")
    for number in range(6, count + 1):
        write_package(folder / f"student-{number:03}", numpy_only)
    return folder
