"""From the reference and the questions to what students are given. Staff only.

The template is generated, committed and compared; the zip is built from the committed files, so that it is the
same to the byte wherever it is built. Nothing is written unless the solution earns all points, the blank none,
and no line of the solution is in a student's file.
"""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..checks import bundle as bundles
from ..checks.bundle import Bundle, BundleError, write_file
from ..checks.compare import scaled_error
from ..checks.judge import judge_question
from ..checks.question import Question, parse_call
from ..checks.runner import ProcessRunner
from . import leaks, notebook
from .bake import public
from .declare import Assignment, AssignmentError, read_source

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
GIVEN = "# GIVEN"  # behind a statement or a def: students get it
LEFT = re.compile(r"\..+\.\d+\.tmp")  # a file under a temporary name, of a run that was killed
# The engine's modules that stand alone: the student's checker is these, as they are.
CHECKS = (
    "question", "wire", "bundle", "worker", "runner", "compare", "judge", "feedback", "sketch", "checker", "display", "grader",
)  # fmt: skip
# What is lacking is said before anything else is imported: this one file must be good for an old Python too.
CHECKS_INIT = '''"""The checks of this assignment: run `python -m checks`."""

import importlib.util
import sys

if sys.version_info < (3, 11):
    sys.exit("The checks need Python 3.11 or later; this is %d.%d, %s" % (*sys.version_info[:2], sys.executable))
if importlib.util.find_spec("numpy") is None:
    sys.exit("The checks need numpy, and %s has none: install it with  python -m pip install numpy" % sys.executable)
'''
CHECKS_MAIN = '''"""Run the checks: python -m checks [question ...] [--watch]."""

import os
import sys

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not __package__:  # run by its path, as in: python -I checks
    sys.path.insert(0, FOLDER)

import checks

# From here on Python's own modules come first: a random.py beside this folder must not stand in for one.
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != FOLDER] + [FOLDER]
try:
    from checks.checker import main
except (ImportError, SyntaxError) as error:
    where = getattr(error, "filename", None) or getattr(error, "name", None) or ""
    if not where.startswith(("checks.", FOLDER)):
        raise
    sys.exit(f"a file of checks/ is missing or changed ({error}); take the folder checks/ from the zip again")

if __name__ == "__main__":
    sys.exit(main())
'''
CHECKS_TEST = '''"""The same checks for pytest: one test a question."""

import pytest

from checks.checker import public_checker
from checks.feedback import question_lines

NAMES = [question.name for question in public_checker().bundle.questions]


@pytest.fixture(scope="module")
def checker():
    checker = public_checker()
    checker.read_modules()
    yield checker
    checker.runner.close()


@pytest.mark.parametrize("name", NAMES)
def test_question(checker, name):
    report = checker.check(name)
    text = "\\n".join(question_lines(report, detailed=True))
    if report["verdict"] in ("not_implemented", "unchecked"):
        pytest.skip(text.strip())
    if report["verdict"] != "passed":
        pytest.fail(text, pytrace=False)
'''


# ---------------------------------------------------------------- stubs


@dataclass(frozen=True)
class Split:
    """A module of the reference: what students get, and all of it."""

    stub: str
    full: str

    @property
    def empty(self) -> bool:
        """Whether the solution is all there is: a module that had code, and whose stub has none."""
        return len(ast.parse(self.stub).body) <= 1 < len(ast.parse(self.full).body)


def split_solution(text: str, path: str) -> Split:
    """Cut the solution out: inside a function a `raise` takes its place.

    Raises AssignmentError for odd markers, and for code outside them: students would get it.
    """
    kept: list[str] = []
    full: list[str] = []
    marked: set[int] = set()
    begun = 0
    for number, line in enumerate(text.splitlines(), 1):
        word = line.strip()
        if word == BEGIN:
            if begun:
                raise AssignmentError(f"{path}:{number}: {BEGIN} inside a solution; end the first one before")
            begun = number
            if line[:1] == " ":
                kept.append(line.replace(BEGIN, "raise NotImplementedError"))
        elif word == END:
            if not begun:
                raise AssignmentError(f"{path}:{number}: {END} without {BEGIN}; add it, or take this one out")
            begun = 0
        else:
            full.append(line)
            if begun:
                marked.add(number)
            else:
                kept.append(line)
    if begun:
        raise AssignmentError(f"{path}:{begun}: {BEGIN} without {END}; add it")
    _refuse_unmarked(text, path, marked)
    return Split(_tidy(kept), _tidy(full))


def _refuse_unmarked(text: str, path: str, marked: Collection[int]) -> None:
    """What students get of a module is docstrings, imports and the heads of functions, and what is said to be given."""
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise AssignmentError(f"{path}:{error.lineno}: {error.msg}; mend the file") from None
    lines = text.splitlines()
    while body:
        node = body.pop(0)
        end = node.body[0].lineno - 1 if isinstance(node, ast.FunctionDef | ast.ClassDef) else node.end_lineno
        if any(line.rstrip().endswith(GIVEN) for line in lines[node.lineno - 1 : end]):
            continue
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            body = [*node.body, *body]
        elif node.lineno not in marked and not _harmless(node):
            code = f"{lines[node.lineno - 1].strip():.60}"
            what = f"'{code}' stands outside {BEGIN} and {END}, so students would get it"
            raise AssignmentError(f"{path}:{node.lineno}: {what}; mark it, or write {GIVEN} behind it if they are to have it")
        else:
            body += [part for part in ast.walk(node) if isinstance(part, ast.stmt) and part is not node]


def _harmless(node: ast.stmt) -> bool:
    """Whether a statement is an import, or a docstring."""
    said = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return said or isinstance(node, ast.Import | ast.ImportFrom)


def _tidy(lines: list[str]) -> str:
    """Never more than two blank lines, none at the end."""
    text = "\n".join(lines).strip() + "\n"
    while "\n\n\n\n" in text:
        text = text.replace("\n\n\n\n", "\n\n\n")
    return text


def add_points(stub: str, path: str, questions: Mapping[str, Question]) -> str:
    """Say in each docstring, after its first paragraph, the question's number, points and minutes."""
    tree = ast.parse(stub)
    found = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    lines = stub.splitlines()
    inserts = []
    for name, question in questions.items():
        if name not in found:
            raise AssignmentError(f"{path}:1: has no {name}, which question {question.name} asks for; write it")
        docstring = found[name].body[0]
        if ast.get_docstring(found[name]) is None:
            raise AssignmentError(f"{path}: {name} has no docstring; students need one")
        points = f"{question.points:g} point{'s' if question.points != 1 else ''}"
        after = docstring.lineno
        while after < (docstring.end_lineno or after) and lines[after - 1].strip():
            after += 1
        if lines[after - 1].strip():
            says = f"{path}: {name}'s docstring is one paragraph; write a first line, an empty one, and what students need"
            raise AssignmentError(says)
        text = f"{' ' * docstring.col_offset}Question {question.number}, {points}, about {question.minutes} minutes."
        inserts.append((after, text))
    for after, text in sorted(inserts, reverse=True):
        lines[after:after] = [text, ""]
    return "\n".join(lines) + "\n"


def asked_functions(questions: tuple[Question, ...], module: str) -> dict[str, Question]:
    """The functions of a module that questions ask for."""
    wanted: dict[str, Question] = {}
    for question in questions:
        if question.module == module:
            for text in question.calls:
                function = parse_call(text).function
                if "." not in function and function not in {t for c in question.calls for t in parse_call(c).targets}:
                    wanted.setdefault(function, question)
    return wanted


# ---------------------------------------------------------------- the template


def template_files(assignment: Assignment, bundle: Bundle) -> dict[str, bytes]:
    """Everything in the student's folder, by path. Raises AssignmentError if it would be wrong to give it out."""
    root = assignment.folder.parent.parent
    splits = _splits(root / "reference" / assignment.package, root)
    for question in assignment.questions:
        if question.module not in splits:
            path = f"reference/{assignment.package}/{question.module}.py"
            raise AssignmentError(f"question {question.name}: there is no {path}; write it, or mend the name of the module")
    files: dict[str, str] = {}
    for name, split in splits.items():
        if split.empty:
            continue  # the solution's own helpers, of which nothing is left
        path = f"reference/{assignment.package}/{name}.py"
        asked = asked_functions(assignment.questions, name)
        if not asked and "raise NotImplementedError" in split.stub:
            raise AssignmentError(
                f"{path}:1: no question asks for anything in it, and students would get its stubs; take it out"
            )
        files[f"{assignment.package}/{name}.py"] = add_points(split.stub, path, asked)
    engine = Path(__file__).resolve().parent.parent / "checks"
    files |= {f"checks/{name}.py": read_source(engine / f"{name}.py") for name in CHECKS}
    files |= {
        "checks/__init__.py": CHECKS_INIT,
        "checks/__main__.py": CHECKS_MAIN,
        "checks/test_checks.py": CHECKS_TEST,
    }
    files["checks/properties.py"] = read_source(assignment.folder / "properties.py")
    result = {name: text.encode() for name, text in files.items()} | _own_files(assignment)
    result[notebook.file_name(assignment)] = notebook.student_notebook(assignment)
    result["checks/public.npz"] = _public_bundle(root / "student_template/checks/public.npz", public(bundle))
    stubs = {name: split.stub for name, split in splits.items()}
    told = [assignment.hidden_seed]
    for each in assignment.written:
        told += [text for _, text in each.rubric] + [text for pair in each.misconceptions for text in pair]
    secrets = leaks.secrets({name: split.full for name, split in splits.items()}, stubs, told)
    drawn = {f"figures/{path.name}": path.read_bytes() for path in sorted(assignment.folder.glob("figures/*.svg"))}
    leaks.refuse_leaks(secrets, {**result, **drawn})  # the notebook's pictures are drawn from these
    refuse_wrong_points(assignment, bundle, splits, result)
    return dict(sorted(result.items()))


def _own_files(assignment: Assignment) -> dict[str, bytes]:
    """What goes into the student's folder as it is, by path. Raises AssignmentError for what is not given out."""
    own, found = assignment.folder / "student", {}
    for file in sorted(own.rglob("*")):
        name = file.relative_to(own).as_posix()
        if "__pycache__" in file.parts or (file.is_dir() and not file.is_symlink()):
            continue
        if not file.is_file():
            raise AssignmentError(f"{file}: is no file and no folder but a link or the like; put there what it stands for")
        data = file.read_bytes()
        try:
            leaks.refuse_odd_file(name, data)
        except AssignmentError as error:
            raise AssignmentError(f"{own}/{error}") from None
        if name.endswith(leaks.TEXT):
            data = data.replace(b"\r\n", b"\n").replace(b"{questions}", _question_table(assignment).encode())
        found[name] = data
    return found


def _splits(folder: Path, root: Path) -> dict[str, Split]:
    found = {}
    for path in sorted(folder.glob("*.py")):
        found[path.stem] = split_solution(read_source(path), str(path.relative_to(root)))
    if not found:
        raise AssignmentError(f"{folder}: holds no modules; write the reference there")
    return found


def _question_table(assignment: Assignment) -> str:
    rows = ["| | function | file | points | minutes |", "|---|---|---|---|---|"]
    for q in assignment.questions:
        functions = ", ".join(f"`{name}`" for name in asked_functions((q,), q.module))
        rows.append(f"| {q.number} | {functions} | `{assignment.package}/{q.module}.py` | {q.points:g} | {q.minutes} |")
    for w in assignment.written:
        rows.append(f"| {w.number} | written answer | `{notebook.file_name(assignment)}` | {w.points:g} | {w.minutes} |")
    return "\n".join(rows)


def _public_bundle(path: Path, fresh: Bundle) -> bytes:
    """The committed bundle's bytes if it says what a fresh one says, up to the last digits of another machine."""
    try:
        data = path.read_bytes()
        if bundles_agree(bundles.from_bytes(data), fresh):
            return data
    except (OSError, BundleError):
        pass  # there is none yet, or none of this format: the fresh one is the first
    return bundles.to_bytes(fresh)


def bundles_agree(one: Any, other: Any) -> bool:
    """Whether two bundles are the same but for rounding: another processor sums in another order."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return scaled_error(one, other) <= (1e-5 if one.dtype == np.float32 else 1e-9)
    if isinstance(one, float) and isinstance(other, float):
        return bundles_agree(np.asarray(one), np.asarray(other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(bundles_agree, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(bundles_agree(one[key], other[key]) for key in one)
    if hasattr(one, "__dataclass_fields__") and type(one) is type(other):
        skipped = ("digest", "tolerances")  # made of the last digits
        return all(
            bundles_agree(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__ if name not in skipped
        )
    return bool(one == other)


# ---------------------------------------------------------------- what must hold before anything is given out


def refuse_wrong_points(
    assignment: Assignment, bundle: Bundle, splits: Mapping[str, Split], files: Mapping[str, bytes]
) -> None:
    """The solution earns all points and the blank none. Raises AssignmentError naming the questions that are off."""
    package = assignment.package
    solution = {name: split.full.encode() for name, split in splits.items()}
    blank = {name: files[f"{package}/{name}.py"] for name, split in splits.items() if not split.empty}
    runner = ProcessRunner(package, bundle.torch_modules)
    for what, sources in (("the solution", solution), ("the blank", blank)):
        runner.open(sources)
        try:
            reports = [judge_question(question, runner, assignment.properties) for question in bundle.questions]
        finally:
            runner.close()
        for report in reports:
            should, verdict = (report["possible"], "passed") if what == "the solution" else (0, "not_implemented")
            if report["earned"] != should or report["verdict"] != verdict:
                raise AssignmentError(
                    f"question {report['name']}: {what} earns {report['earned']:g} of {report['possible']:g} "
                    f"({report['verdict']}); mend the question or the reference"
                )


# ---------------------------------------------------------------- writing


def stale_files(template: Path, files: Mapping[str, bytes]) -> list[str]:
    """What in the committed template is not as it would be generated now."""
    found = []
    for name, data in files.items():
        path = template / name
        if not path.exists():
            found.append(f"{name}: is missing")
        elif not path.is_file() or path.read_bytes().replace(b"\r\n", b"\n") != data != path.read_bytes():
            found.append(f"{name}: is stale")
    found += [f"{name}: is not generated" for name in _others(template, files)]
    return found


def _others(template: Path, files: Mapping[str, bytes]) -> list[str]:
    paths = (path.relative_to(template) for path in sorted(template.rglob("*")) if path.is_file())
    names = (path.as_posix() for path in paths if not {"__pycache__", ".pytest_cache"} & set(path.parts))
    return [name for name in names if name not in files]


def write_template(template: Path, files: Mapping[str, bytes], aside: Path, known: Mapping[str, str]) -> list[str]:
    """Write what has changed and take away what is not generated. Nothing is lost: what a person wrote goes to `aside`.

    known: SHA-256 of what can be had again, by path, as the last release wrote it or git has it; that alone is not kept.
    Returns a line for each thing put aside.
    """
    said = []

    def keep(name: str) -> None:
        kept = _put_aside(template / name, aside / name)
        said.append(f"{template / name}: is neither of the last release nor committed; it is kept as {kept}")

    for name in _others(template, files):
        if known.get(name) in _digests(template / name) or LEFT.fullmatch(Path(name).name):
            (template / name).unlink()
    for name in _foreign(template, files):
        keep(name)
    for name, data in files.items():
        path = template / name
        if path.is_file() and path.read_bytes() == data:
            continue
        if path.exists() and not _digests(path) & {known.get(name), hashlib.sha256(data).hexdigest()}:
            keep(name)
        write_file(path, data)
    return said


def committed(folder: Path) -> dict[str, str]:
    """SHA-256 of the files below a folder that are as git has them, by path; none where there is no git."""

    def git(*words: str) -> set[str]:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, encoding="utf-8", check=False)
        return set(filter(None, done.stdout.split("\0")))

    if not folder.is_dir() or shutil.which("git") is None or not git("rev-parse", "--verify", "HEAD"):
        return {}
    same = git("ls-files", "-z", "--", ".") - git("diff", "--relative", "--name-only", "-z", "HEAD", "--", ".")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in same if (folder / name).is_file()}


def _foreign(template: Path, files: Mapping[str, bytes]) -> list[str]:
    """What is not generated: a folder as a whole if nothing in it is."""
    folders = {parent for name in files for parent in PurePosixPath(name).parents}
    found = set()
    for name in map(PurePosixPath, _others(template, files)):
        alone = [parent for parent in name.parents if parent not in folders]
        found.add((alone[-1] if alone else name).as_posix())
    return sorted(found)


def _digests(path: Path) -> set[str | None]:
    """SHA-256 of a file as it is, and as it was before git gave it another system's line ends; nothing for a folder."""
    data = path.read_bytes() if path.is_file() else b""
    return {hashlib.sha256(each).hexdigest() for each in (data, data.replace(b"\r\n", b"\n")) if path.is_file()}


def _put_aside(path: Path, aside: Path) -> Path:
    """Move it there, or beside what was put there before. Returns where it is."""
    free, number = aside, 1
    while free.exists() or free.is_symlink():
        free, number = aside.with_name(f"{aside.name}.{number}"), number + 1
    free.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, free)
    return free


def solution_files(assignment: Assignment) -> dict[str, bytes]:
    """The solution's modules in full, by name, without the marks."""
    root = assignment.folder.parent.parent
    return {name: split.full.encode() for name, split in _splits(root / "reference" / assignment.package, root).items()}
