"""Otter's workflow with our judge under it: a plugin for `otter run`, and the program of our image for `otter grade`.

Before otter unpickles a log or starts a kernel, everything that a student handed in is moved into quarantine and judged
in a process of its own; otter is left a notebook that says what the verdict was. Otter's results get the judge's points,
whatever its kernel made of that notebook. Imports otter, nbformat and the standard library; no student's code, ever.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import multiprocessing.process
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from otter.plugins import AbstractOtterPlugin
from otter.test_files import GradingResults, TestCase
from otter.test_files.abstract_test import TestCaseResult
from otter.test_files.exception_test import ExceptionTestFile

from . import gradescope
from .checks.bundle import write_file
from .checks.feedback import WORDS, explain
from .gradescope import fenced
from .grading.single import engine_in, failed, judged

ENGINE = "memory_engine"  # the folder below files/ in the autograder zip that holds the judge and the bundle
NO_NOTEBOOK = "no_notebook.py"  # what otter takes for the submission where there is no notebook
OURS = (ENGINE, NO_NOTEBOOK, "tests", "__init__.py")  # what otter has put beside the student's files by then
UNPACKED = "judged is the folder that otter unpacked; links, paths and doubles that a zip is refused for are not seen in it"
Record = Mapping[str, Any]

_prepared: dict[Path, Record] = {}  # submission folder -> record, of what `main` has judged before otter began


class Plugin(AbstractOtterPlugin):  # type: ignore[misc]
    """Judges in `before_grading`, says so in `before_execution`, sets the points in `after_grading`."""

    record: Record
    unpacked = False  # whether what was judged is what otter made of a zip, by its own rules

    def before_grading(self, config: Any) -> None:
        """Otter's hook: quarantine, judge, and leave nothing of the student's that could be run."""
        path = Path(self.submission_path)
        source = Path(config.autograder_dir).resolve() / "source"
        if path.parent.resolve() in _prepared:
            self.record = _prepared[path.parent.resolve()]
        else:
            quarantine = clear(path.parent)
            given = given_to_otter()
            original = given if given is not None and is_made_of(quarantine, given) else None
            self.unpacked = original is None
            for name in OURS:
                _remove(quarantine / name)
            try:
                what = original.resolve() if original is not None else quarantine  # staff may name a link
                self.record = judged("submission", what, engine_in(source / "files" / ENGINE), seconds=self._seconds())
                leave_harmless(self.record["cells"], path)
            finally:
                shutil.rmtree(quarantine, ignore_errors=True)
        shutil.copytree(source / "tests", path.parent / "tests", dirs_exist_ok=True)

    def before_execution(self, submission: Any) -> Any:
        """Otter's hook: what its kernel runs."""
        return verdict_notebook(self.record)

    def after_grading(self, results: GradingResults) -> None:
        """Otter's hook: the judge's points and texts, whatever the kernel gave."""
        set_results(results, self.record)

    def generate_report(self) -> str:
        """Otter's hook: what staff are told."""
        return report_text(self.record) + (f"\nnote: {UNPACKED}" if self.unpacked else "")

    def _seconds(self) -> float:
        return float((self.plugin_config or {}).get("seconds", 600))


# ---------------------------------------------------------------- what was handed in


def given_to_otter() -> Path | None:
    """The file that the command `otter run` was given; None where otter is a library, or the file is gone.

    Otter has left the folder that the command was started in. multiprocessing keeps it, for processes to be started there.
    """
    context = click.get_current_context(silent=True)
    given = context.params.get("submission") if context is not None else None
    start = getattr(multiprocessing.process, "ORIGINAL_DIR", None)
    if not isinstance(given, str) or start is None:
        return None
    path = Path(start, given)
    return path if path.is_file() else None


def is_made_of(folder: Path, path: Path) -> bool:
    """Whether the folder holds all that otter makes of the file at `path`, to the byte, but for what otter puts there."""
    try:
        if path.suffix != ".zip":
            return filecmp.cmp(folder / path.name, path, shallow=False)
        with zipfile.ZipFile(path) as archive:  # of those that lie in one place, the last is left
            members = {_unpacked_to(info.filename): info for info in archive.infolist() if not info.is_dir()}
        return all(_is(folder.joinpath(*parts), info) for parts, info in members.items() if parts[0] not in OURS)
    except Exception:  # zipfile lets a dozen types through on hostile bytes
        return False


def _unpacked_to(name: str) -> tuple[str, ...]:
    """Where zipfile unpacks a member: without what would lead elsewhere."""
    return tuple(part for part in name.split("/") if part not in ("", ".", ".."))


def _is(path: Path, info: zipfile.ZipInfo) -> bool:
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):  # it may be larger than memory
            checksum = zlib.crc32(chunk, checksum)
    return path.stat().st_size == info.file_size and checksum == info.CRC


# ---------------------------------------------------------------- quarantine


def clear(folder: Path) -> Path:
    """Move everything in the folder to a new folder beside it, links as links; give that folder."""
    quarantine = Path(tempfile.mkdtemp(prefix="quarantine-", dir=folder.parent))
    for path in list(folder.iterdir()):
        path.rename(quarantine / path.name)
    return quarantine


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def leave_harmless(cells: Sequence[Sequence[str]], path: Path) -> None:
    """Write at `path`, where otter looks for the submission, what may be read and printed, and holds no code cell.

    cells: kind and text of each cell of the student's notebook. Texts stay as they are, for PDFs and for those who read
    the written answers; code becomes text.
    """
    if path.suffix != ".ipynb":
        write_file(path, b"# what was handed in has been judged\n")
        return
    shown = [_markdown(text if kind == "markdown" else fenced(text, "python")) for kind, text in cells]
    write_file(path, _notebook(shown or [_markdown("There is no notebook that can be shown.")]))


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _notebook(cells: list[dict[str, Any]]) -> bytes:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(book, indent=1).encode()


def verdict_notebook(record: Record) -> Any:
    """The notebook that otter's kernel runs: one assignment of booleans, for the files in tests/ to read."""
    import nbformat

    verdict = {q["name"]: {"public": _public_right(q), "all": q["verdict"] == "passed"} for q in record["questions"]}
    source = f"VERDICT = {verdict!r}"
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
    return nbformat.from_dict(json.loads(_notebook([cell])))  # type: ignore[no-untyped-call]


def _public_right(question: Record) -> bool:
    """Whether all public cases are right, and were run."""
    public = [case for case in question["cases"] if not case["hidden"]]
    return bool(public) and all(case["verdict"] == "passed" for case in public)


# ---------------------------------------------------------------- results


def set_results(results: GradingResults, record: Record) -> None:
    """Fill otter's results from the record: a test file a question, public cases and all cases, the judge's points."""
    results.set_plugin_data("autograder.otter_plugin", {key: value for key, value in record.items() if key != "cells"})
    if record["status"] == "grader_error":
        results.results = {}
        results._catastrophic_error = RuntimeError(f"the grader failed; the student is not to blame: {record['problem']}")
        return
    results._catastrophic_error = None
    results.results = {question["name"]: _test_file(question) for question in record["questions"]}
    words = [record["problem"], *record["notes"]]
    if any(words):
        results.set_output("\n".join(filter(None, words)))


def _test_file(question: Record) -> ExceptionTestFile:
    """One question for otter. Optional ones are worth nothing possible, so that their points come on top."""
    name, possible = question["name"], 0 if question["optional"] else question["possible"]
    public, everything = _public_right(question), question["verdict"] == "passed"
    right = "The public cases are right. Hidden cases of the same kind decide the points with them."
    wrong = f"{WORDS[question['verdict']]}. Points: {question['earned']:g} of {question['possible']:g}."
    cases = (
        (TestCase("public cases", None, False, 0, right, None), public, _public_text(question)),
        (TestCase("all cases", None, True, possible, None, None), everything, wrong + _hidden_text(question)),
    )
    file = ExceptionTestFile(name, f"tests/{name}.py", [case for case, _, _ in cases], all_or_nothing=False)
    file.test_case_results = [TestCaseResult(case, None if passed else text, passed) for case, passed, text in cases]
    file.update_score(question["earned"])
    return file


def _public_text(question: Record) -> str:
    return "\n".join(explain(question)) or WORDS[question["verdict"]]


def _hidden_text(question: Record) -> str:
    """Which hidden cases are not right: their names and verdicts; their numbers are for the records."""
    found = [case for case in question["cases"] if case["hidden"] and case["verdict"] != "passed"]
    return "".join(f"\nhidden case {case['name']}: {WORDS[case['verdict']]}" for case in found)


def report_text(record: Record) -> str:
    """What staff read in otter's output: status, points, isolation, and what is to be known about the submission."""
    lines = [f"status: {record['status']}", f"points: {record['total']:g} of {record['possible']:g}",
             f"isolation: {record.get('isolation', 'unknown')}"]  # fmt: skip
    lines += [f"problem: {record['problem']}"] if record["problem"] else []
    return "\n".join([*lines, *(f"note: {note}" for note in record["notes"])])


# ---------------------------------------------------------------- the image of `otter grade`


def main(root: Path, seconds: float = 600.0) -> int:
    """Judge what lies in root/submission before otter sees any of it, then let otter report. Returns the exit code.

    Whatever otter does, root/results/results.json is there at the end, and all that was handed in is in its place:
    `otter grade` takes the container for broken if it cannot copy out again what it copied in.
    """
    from otter.run.run_autograder import main as run_autograder

    settings = gradescope.Settings()
    submission, results = root / "submission", root / "results" / "results.json"
    gradescope.write_results(results, gradescope.pessimistic())
    metadata = root / "submission_metadata.json"
    with contextlib.suppress(OSError):
        if not metadata.exists() or not metadata.read_bytes().strip():
            metadata.write_text("{}", encoding="utf-8")  # otter's own image makes an empty file, which is no JSON
    record: Record = failed("submission", "it could not be moved into quarantine")
    quarantine = None
    try:
        quarantine = clear(submission)
        name, what = handed_in(quarantine)
        record = judged("submission", what, engine_in(root / "source" / "files" / ENGINE), seconds=seconds)
        leave_harmless(record["cells"], submission / name)
        _prepared[submission.resolve()] = record
        run_autograder(str(root), zips=False)
    except Exception as error:
        print(f"otter could not report: {type(error).__name__}: {error}", file=sys.stderr)
        gradescope.write_results(results, gradescope.results(record, settings))
        return 1
    finally:
        if quarantine is not None:
            put_back(quarantine, submission)
    return 0


def put_back(quarantine: Path, folder: Path) -> None:
    """Move into the folder what lay at its top and is not there now; the quarantine is gone then."""
    for path in list(quarantine.iterdir()):
        if path.name not in {other.name for other in folder.iterdir()}:
            path.rename(folder / path.name)
    shutil.rmtree(quarantine, ignore_errors=True)


def handed_in(quarantine: Path) -> tuple[str, Path]:
    """The name under which otter is left a notebook, and what is judged: the folder, or the only zip in it.

    `otter grade --pdfs` puts an empty PDF beside a zip.
    """
    paths = [path for path in sorted(quarantine.iterdir()) if path.name not in ("__MACOSX", ".DS_Store")]
    paths = [path for path in paths if path.suffix != ".pdf"]
    if len(paths) == 1 and paths[0].suffix.lower() == ".zip":
        return "submission.ipynb", paths[0]
    books = [path.name for path in paths if path.suffix == ".ipynb"]
    return (books[0] if len(books) == 1 else "submission.ipynb"), quarantine


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "/autograder")))
