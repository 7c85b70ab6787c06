"""One submission graded in a process of its own, for front ends that must have a record whatever happens. Staff only.

`judged` starts this file as a program with the engine that lies around it, waits, and takes the record that comes back;
when none comes, the record says that the grader failed. Otter's plugin and Gradescope's autograder stand on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from autograder.grading.single import main; sys.exit(main())"
MAX_TOLD = 2000  # characters of what a failing grader wrote that staff are told


@dataclass(frozen=True)
class Engine:
    """Where a package of ours has its parts: the folder of `autograder`, the bundle, the assignment's properties."""

    folder: Path
    bundle: Path
    assignment: Path


def engine_in(folder: Path) -> Engine:
    """The engine of a package that `autograder release` wrote."""
    return Engine(folder, folder / "bundle.npz", folder / "assignment")


def judged(name: str, path: Path, engine: Engine, *, seconds: float = 600.0) -> dict[str, Any]:
    """The record of the submission at `path`; one of status grader_error if the judge's process gives none in time."""
    command = [sys.executable, "-I", "-c", PROGRAM, str(engine.folder), str(os.getpid()), name, str(path), str(engine.bundle),
               str(engine.assignment)]  # fmt: skip
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", start_new_session=True
        ) as process:
            try:
                reply, said = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                _end(process)
                return failed(name, f"the judge had no record after {seconds:g} seconds")
    except OSError as error:
        return failed(name, f"the judge could not be started ({error.strerror})")
    try:
        record = json.loads(reply)
        if process.returncode == 0 and record["submission"] == name:
            return dict(record)
    except (ValueError, KeyError, TypeError):
        pass
    told = said.decode("utf-8", "replace").strip()[-MAX_TOLD:]
    return failed(name, f"the judge's process ended with {process.returncode} and without a record. {told}".strip())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a judge; its workers die with it."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def failed(name: str, problem: str) -> dict[str, Any]:
    """A record that says that the grader failed: for the staff, never full points and never a silent zero."""
    return {"submission": name, "content": "", "status": "grader_error", "problem": problem, "notes": [], "printed": "",
            "total": 0.0, "possible": 0.0, "questions": [], "peaks": {}, "cells": [], "answers": {}}  # fmt: skip


# ---------------------------------------------------------------- the judge's process


def main() -> int:
    """Grade one submission and write its record to standard output as JSON."""
    from ..isolation.sandbox import die_with_parent

    parent, name, path, bundle, assignment = sys.argv[1:6]
    if sys.platform == "linux":
        die_with_parent(int(parent))
    reply = os.dup(1)
    os.dup2(2, 1)  # whatever else is printed is no record
    record = grade_one(name, Path(path), Path(bundle), Path(assignment))
    with os.fdopen(reply, "w", encoding="utf-8", errors="replace") as file:
        json.dump(record, file)
    return 0


def grade_one(name: str, path: Path, bundle_file: Path, assignment: Path) -> dict[str, Any]:
    """The record of one submission with what front ends of one submission show besides.

    isolation, bundle: as in the records of many. peaks: question -> bytes of memory of its largest measured case. cells:
    the notebook's, kind and text. answers: those of the written questions, by number. Raises what a broken engine raises,
    and nothing for what a submission does.
    """
    from ..authoring.declare import load_properties
    from ..checks.bundle import read
    from .grade import isolation, judge_submission
    from .intake import read_submission

    level = isolation(unsafe=False)
    bundle = read(bundle_file)
    submission = read_submission(name, path, package=bundle.package)
    runner = _measuring_runner(bundle.package, bundle.torch_modules)
    try:
        record = judge_submission(submission, bundle, runner, load_properties(assignment))
    finally:
        runner.shut_down()
    measured = {question.calls: question.name for question in bundle.questions if any(c.budget for c in question.cases)}
    peaks = {measured[calls]: peak for calls, peak in sorted(runner.peaks.items()) if calls in measured}
    parts = _notebook_parts(submission.notebook, [written.number for written in bundle.written])
    return {**record, "isolation": level, "bundle": bundle.digest, "peaks": peaks, **parts}


def _notebook_parts(notebook: bytes | None, asked: Sequence[str]) -> dict[str, Any]:
    """The notebook's cells, kind and text, and the written answers in them; nothing of one that cannot be read."""
    from .answers import written_answers
    from .notebook_cells import NotebookError, read_cells

    try:
        cells = read_cells(notebook) if notebook is not None else []
    except NotebookError:
        cells = []
    answers = {number: answer for number, answer in written_answers(cells, asked).items() if answer}
    return {"cells": [[cell.kind, cell.text] for cell in cells], "answers": answers}


def _measuring_runner(package: str, torch_modules: tuple[str, ...]) -> Any:
    """A confining runner that keeps the largest peak of memory for each list of calls."""
    from ..isolation.sandbox import SandboxRunner

    class Measuring(SandboxRunner):
        def __init__(self) -> None:
            super().__init__(package, torch_modules)
            self.peaks: dict[tuple[str, ...], int] = {}

        def ask(self, module: str, calls: Any, *given: Any, **more: Any) -> Any:
            answer, lost = super().ask(module, calls, *given, **more)
            if more.get("measure") and not more.get("trace") and answer.peak is not None:
                self.peaks[tuple(calls)] = max(answer.peak, self.peaks.get(tuple(calls), 0))
            return answer, lost

    return Measuring()
