"""The checker for notebooks: ``from checks import grader``, then ``grader.check("rnn_step")``.

Modules are read from disk at every call, so no kernel needs to be started anew. Imports the standard library and its
sister modules; IPython only where a notebook runs.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .bundle import BakedQuestion, Bundle, BundleError, stored_zip, write_file
from .checker import Checker, functions, public_checker, selection
from .display import GREEN, RED, Checked, Said, message, one, several
from .question import Written
from .worker import is_stub

ANSWER_HERE = "*Write your answer here, in place of this line. Leave the heading above it as it is.*"


def answer_heading(number: str) -> str:
    """The line of a notebook below which a written answer stands."""
    return f"#### Answer {number}"


# ---------------------------------------------------------------- checking


def check(*names: Any) -> Said:
    """Check questions by name, number, part or module, or by the function itself; all if none is named."""
    try:
        checker = _checker()
    except BundleError as error:
        return message(str(error), colour=RED)
    chosen = _chosen(checker.bundle, [getattr(name, "__name__", str(name)) for name in names])
    if isinstance(chosen, str):
        return message(chosen[:1].upper() + chosen[1:])
    if not (checker.root / checker.bundle.package).is_dir():
        title = f"There is no folder {checker.bundle.package} in {checker.root}."
        return message(title, ["Take it from the assignment's zip again."], colour=RED)
    found = _judge(checker, chosen)
    if names and len(found) == 1:
        return one(_with_next_step(found[0], checker.bundle.package))
    return several(checker.bundle, found, everything=not names)


def _chosen(bundle: Bundle, words: Sequence[str]) -> list[str] | str:
    """As `selection`, but a question's own name means that question alone, even where its module is called so too."""
    own = {question.name for question in bundle.questions}
    named = [word for word in words if word in own]
    others = [word for word in words if word not in own]
    found = selection(bundle, others) if others or not words else []
    return found if isinstance(found, str) else list(dict.fromkeys([*named, *found]))


def check_all() -> Said:
    """Check every question."""
    return check()


@functools.cache
def _checker() -> Checker:
    return public_checker()


def _judge(checker: Checker, names: Sequence[str]) -> list[Checked]:
    checker.read_modules()
    try:
        found = []
        for question in checker.bundle.questions:
            if question.name in names:
                report = checker.check(question.name)
                found.append(Checked(question, report, _redefined(question, checker.bundle.package)))
        return found
    finally:
        checker.runner.close()  # no process is left behind a cell


def _with_next_step(checked: Checked, package: str) -> Checked:
    """What to do about a stub, unless there is something else to be said."""
    if checked.report["verdict"] != "not_implemented" or checked.notes:
        return checked
    return replace(checked, notes=(f"Write it in {package}/{checked.question.module}.py, save the file, and check again.",))


def _redefined(question: BakedQuestion, package: str) -> list[str]:
    """Say so where a function of the question is defined in a cell: checks read the module, and so does grading if it can."""
    names = _names()
    here = [name for name in functions(question) if getattr(names.get(name), "__module__", "") == "__main__"]
    return [f"You defined {name} in a cell of the notebook. Checks read {package}/{question.module}.py alone, and "
            "grading takes a function from a cell only where the module leaves it unwritten: copy it there, and save the file."
            for name in here]  # fmt: skip


def _shell() -> Any:
    """The running IPython, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _names() -> Mapping[str, Any]:
    """The names of the notebook."""
    shell = _shell()
    names: Mapping[str, Any] = shell.user_ns if shell is not None else vars(sys.modules["__main__"])
    return names


# ---------------------------------------------------------------- looking


@contextlib.contextmanager
def looking_at(*names: str) -> Iterator[Callable[..., None]]:
    """A block that runs your functions to show something: ``with looking_at("rnn_forward") as show:``.

    Imports of your modules inside it take them up as they are on disk now. Where a function is not written yet, or stops
    with an error, the block ends with a note instead of a traceback, and the cells below go on.
    """
    checker = _checker()
    package = checker.bundle.package
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a file saved twice in a second is read twice
    try:
        yield _show
    except NotImplementedError as error:
        _show(_not_yet(checker, error, names))
    except ImportError as error:
        _show(_no_module(error, package))
    except Exception as error:
        _show(_stopped(checker, error))
    finally:
        sys.dont_write_bytecode = written


def _show(*values: Any) -> None:
    """Show values as the last line of a cell would; outside of notebooks, print what they say."""
    shell = _shell()
    for value in values:
        told = getattr(value, "alt_text", None)  # what a picture says to those who cannot see it
        if shell is None:
            print(told or value)
            continue
        display = importlib.import_module("IPython.display").display
        if told is None:
            display(value)
        else:  # the picture once, and not as a bare image as well
            display({"text/html": value._repr_html_(), "text/plain": told}, raw=True)


def _own_frames(checker: Checker, error: BaseException) -> list[traceback.FrameSummary]:
    folder = checker.root / checker.bundle.package
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if Path(frame.filename).is_relative_to(folder)]


def _not_yet(checker: Checker, error: BaseException, names: Sequence[str]) -> Said:
    """Say which of the functions that a cell needs are still blank: those on disk, or else the one that raised."""
    package = checker.bundle.package
    raised = {frame.name for frame in _own_frames(checker, error)[-1:]}
    blank, other = [], []
    for question in checker.bundle.questions:
        line = f"{question.number} {question.name}, in {package}/{question.module}.py"
        if question.name in names and _is_blank(checker, question):
            blank.append(line)
        elif raised & {question.name, *functions(question)}:
            other.append(line)
    return message("Nothing to look at yet: this cell needs what is not written.",
                   [*(blank or other), "Go on, and come back to this cell when that is right."])  # fmt: skip


def _is_blank(checker: Checker, question: BakedQuestion) -> bool:
    try:
        defined = _outline((checker.root / checker.bundle.package / f"{question.module}.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(defined.get(name) for name in functions(question))


def _no_module(error: ImportError, package: str) -> Said:
    if error.name and error.name.split(".")[0] != package:
        known = {"torch", "matplotlib", "numpy", "ipywidgets"}
        title = f"This cell needs {error.name}, which is not here."
        line = f"%pip install {error.name}" if error.name in known else "Was the folder of the assignment moved?"
        return message(title, [line])
    return message(f"A module of yours could not be imported: {error}",
                   [f"Is the file in {package}/, under its own name, and does it define that function?"])  # fmt: skip


def _stopped(checker: Checker, error: Exception) -> Said:
    title = f"This cell stopped with an error: {type(error).__name__}: {str(error)[:300]}"
    package = checker.bundle.package
    if isinstance(error, SyntaxError):
        return message(title, [f"{package}/{Path(error.filename or '').name}, line {error.lineno}"], colour=RED)
    frames = _own_frames(checker, error)
    lines = [f"{package}/{Path(f.filename).name}, line {f.lineno}, in {f.name}: {f.line}" for f in frames[-4:]]
    last = traceback.extract_tb(error.__traceback__)[-1]
    if not lines:
        above = ["Is that name made in a cell further up, which has not been run?"] if isinstance(error, NameError) else []
        return message(title, [f"line {last.lineno}: {last.line}", *above], colour=RED)
    return message(title, [*lines, "The checks say more: run the check of that function."], colour=RED)


# ---------------------------------------------------------------- handing in


def export(notebook: str = "") -> Said:
    """Write the zip to hand in: the modules and the notebook as they are on disk. Says what is missing or still blank.

    notebook: its file name, where there are several.
    """
    try:
        checker = _checker()
    except BundleError as error:
        return message(str(error), colour=RED)
    root, bundle = checker.root, checker.bundle
    folder = root / bundle.package
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
        if "__pycache__" not in path.parts
    }
    problems, contents = _module_problems(checker, files), [f"{len(files)} modules of {bundle.package}/"]
    book = _book(root, notebook, f"{bundle.assignment.replace('-', '_')}.ipynb")
    if isinstance(book, _Book):
        files[book.name] = book.data
        more, answers = _notebook_problems(book, bundle.written)
        problems += more
        contents += [f"{book.name}, as it {book.state}", *answers]
    else:
        problems.insert(0, book)
    path = root / f"{bundle.assignment}-submission.zip"
    write_file(path, stored_zip(files))
    lines = [*(f"It holds {line}" if not line.startswith(" ") else line for line in contents)]
    if IN_COLAB in sys.modules:
        lines.append(f"Download it, from the files at the left: Colab deletes {root} when the session ends, modules and all.")
    if problems:
        lines += ["Look at this before you hand it in:", *(f"- {line}" for line in problems)]
    title = f"Wrote {path.name}, which is what you hand in."
    return message(title, lines, colour=RED if problems else GREEN, right=not problems)


IN_COLAB = "google.colab"  # the module that its kernels load at their start


@dataclass(frozen=True)
class _Book:
    """A notebook to hand in. state: what is said of it, after "as it". live: whether it is what the student sees now."""

    name: str
    data: bytes
    state: str
    live: bool = False


def _book(root: Path, wanted: str, usual: str) -> _Book | str:
    """The notebook to hand in, or what is to be said where there is none."""
    if IN_COLAB in sys.modules and not wanted and (book := _in_colab(usual)):
        return book
    path = _find_notebook(root, wanted, usual)
    if isinstance(path, str):
        return path
    saved = datetime.fromtimestamp(path.stat().st_mtime).strftime("%H:%M:%S on %d %B")
    return _Book(path.name, path.read_bytes(), f"was saved at {saved}")


def _in_colab(name: str) -> _Book | None:
    """The notebook as it stands in Colab's page: it is no file that a kernel could read. None where Colab does not give it."""
    try:
        reply = importlib.import_module(f"{IN_COLAB}._message").blocking_request("get_ipynb", timeout_sec=30)
        return _Book(name, json.dumps(reply["ipynb"], indent=1).encode(), "stands in Colab now", live=True)
    except Exception:  # whatever has become of a function that Colab does not promise
        return None


def _find_notebook(root: Path, wanted: str, usual: str) -> Path | str:
    """The notebook to hand in, or what is to be said of it."""
    if wanted:
        path = root / wanted
        return path if path.is_file() else f"There is no notebook {wanted} in {root}."
    running = str(_names().get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or "")
    if running.endswith(".ipynb") and Path(running).is_file():
        return Path(running)
    found = sorted(path for path in root.glob("*.ipynb") if path.is_file())
    if len(found) == 1:
        return found[0]
    for path in found:
        if path.name == usual:
            return path
    if found:
        several = ", ".join(path.name for path in found)
        return f'The notebook is missing: there are {several}; name the right one, as in grader.export("{found[0].name}").'
    return f"The notebook is missing: there is none in {root}. Download it, put it there, and run this cell again."


def _module_problems(checker: Checker, files: Mapping[str, bytes]) -> list[str]:
    """Modules that are missing or broken, functions that are missing or blank, in the order of the questions."""
    package, problems, blank = checker.bundle.package, [], []
    asked: dict[str, list[BakedQuestion]] = {}
    for question in checker.bundle.questions:
        asked.setdefault(question.module, []).append(question)
    for module, questions in asked.items():
        path, required = f"{package}/{module}.py", [q for q in questions if not q.optional]
        lost = f"{', '.join(q.number for q in questions)} would earn nothing"
        if path not in files:
            if required:
                problems.append(f"{path} is missing: {lost}.")
            continue
        try:
            defined = _outline(files[path])
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            problems.append(f"{path} cannot be read ({error.args[0]}{f', line {line}' if line else ''}): {lost}.")
            continue
        for question in required:
            for name in functions(question):
                if name not in defined and "*" not in defined:
                    problems.append(f"{path} does not define {name} ({question.number}).")
                elif defined.get(name):
                    blank.append(f"{question.number} {name}")
            problems += _redefined(question, package)
    return problems + ([f"Still blank: {', '.join(blank)}."] if blank else [])


def _outline(source: bytes) -> dict[str, bool]:
    """The names that a module defines at its top, and whether each is as blank as its stub."""
    names: dict[str, bool] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = _blank(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name): False for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id: False for target in node.targets if isinstance(target, ast.Name)}
    return names


def _blank(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function is a stub, or a class has a method that is one."""
    if isinstance(node, ast.ClassDef):
        return any(map(is_stub, node.body))
    return is_stub(node)


def _notebook_problems(book: _Book, written: Sequence[Written]) -> tuple[list[str], list[str]]:
    """What is wrong with the notebook as it is handed in, and a line on each written answer in it."""
    try:
        notebook = json.loads(book.data)
        answers = written_answers(notebook, [each.number for each in written])
        unsaved = [] if book.live else _unsaved(notebook)
    except (ValueError, TypeError, AttributeError, KeyError):
        return [f"{book.name} cannot be read: it is no notebook. Save it again."], []
    problems, lines = [], []
    for number, text in answers.items():
        if text:
            words = text.split()
            start = " ".join(words[:8])[:60]
            lines.append(f"  the answer {number}, {len(words)} words: {start}{'…' if len(words) > 8 else ''}")
        else:
            saved = "." if book.live else " as it was saved. If you wrote one, save and export again."
            problems.append(f"{number} has no answer in the notebook{saved}")
    if IN_COLAB in sys.modules and not book.live:
        problems.insert(0, f"What you see in Colab is not the file {book.name} that went into the zip. Download your notebook "
                           "(File, Download, .ipynb), put it in place of that file, and run this cell again.")  # fmt: skip
    return problems + unsaved, lines


def _unsaved(notebook: Mapping[str, Any]) -> list[str]:
    """Say so where what was run last is not in the saved notebook."""
    shell = _shell()
    history = list(shell.history_manager.input_hist_raw) if shell is not None else []
    saved = {_source(cell).strip() for cell in notebook["cells"] if cell.get("cell_type") == "code"}
    for run in history[-2:]:  # the cell that runs now, and the one before
        if run.strip() and run.strip() not in saved:
            line = run.strip().splitlines()[0][:60]
            return [f"The notebook was not saved since you ran the cell that starts with '{line}'. Save it (Ctrl+S, or "
                    "Cmd+S on a Mac) and run this cell again."]  # fmt: skip
    return []


# ---------------------------------------------------------------- written answers


def written_answers(notebook: Mapping[str, Any], numbers: Sequence[str]) -> dict[str, str]:
    """The written answers of a notebook that was read as JSON, by number; "" where there is none.

    An answer's cell is known by its metadata, else by its tag, else by its heading, because editors drop one or another.
    What students wrote into cells of their own right below it belongs to it, up to what was there from the start. A cell
    that was turned into code by a slip is an answer all the same. Cells that were duplicated count one after the other.
    """
    return {number: _answer(notebook.get("cells", []), number) for number in numbers}


def _answer(cells: Sequence[Mapping[str, Any]], number: str) -> str:
    heading = re.compile(rf"^#{{1,6}}\s*Answer\s+{re.escape(number)}\b[^\n]*$", re.MULTILINE | re.IGNORECASE)
    texts = [_source(cell) for cell in cells]
    code = [cell.get("cell_type") == "code" for cell in cells]
    metadata = [cell.get("metadata") or {} for cell in cells]
    looked = [heading.match if is_code else heading.search for is_code in code]  # in code only where a cell begins with it
    ways = (
        [(entry.get("autograder") or {}).get("answer") == number for entry in metadata],
        [f"answer-{number}" in (entry.get("tags") or ()) for entry in metadata],
        [bool(looks(text.strip())) for looks, text in zip(looked, texts, strict=True)],
    )
    ends = [is_code or was_given(cell) for is_code, cell in zip(code, cells, strict=True)]
    for marked in ways:
        found = []
        for index in (index for index, is_marked in enumerate(marked) if is_marked):
            stop = next((at for at in range(index + 1, len(cells)) if ends[at] or marked[at]), len(cells))
            found += [_bare(heading.split(texts[index])[-1]), *map(_bare, texts[index + 1 : stop])]
        if any(found):
            return "\n\n".join(text for text in dict.fromkeys(found) if text)
    return ""


def was_given(cell: Mapping[str, Any]) -> bool:
    """Whether a cell was in the notebook that students were given: by its id, which Colab keeps elsewhere, or as it begins."""
    ids = (cell.get("id"), (cell.get("metadata") or {}).get("id"))
    own = any(re.fullmatch(r"(text|question|written|answer|check)-[\w-]+|table", str(each)) for each in ids)
    return own or re.match(r"#+\s*(Answer\b|[A-Z]\d+\b)|---|<!--", _source(cell).strip()) is not None


def _bare(text: str) -> str:
    for prompt in (ANSWER_HERE, "_Type your answer here, replacing this text._"):
        text = text.replace(prompt, "")
    return text.strip()


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)
