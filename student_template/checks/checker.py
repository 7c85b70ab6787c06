"""The student's checker: public cases, run in a process of its own, answered like a teaching assistant would.

Stands alone on numpy with the modules beside it; the same code checks here and grades later.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bundle import BakedQuestion, Bundle, BundleError, from_bytes
from .feedback import question_lines
from .judge import Property, QuestionRun
from .question import parse_call
from .runner import ProcessRunner, clean

PRINTED = 2000  # characters that are shown of what a function printed

# ---------------------------------------------------------------- checking


class Checker:
    """Checks the modules that lie beside the folder of checks."""

    def __init__(self, root: Path, bundle: Bundle, properties: Mapping[str, Property]) -> None:
        self.root = root
        self.bundle = bundle
        self.properties = properties
        self.runner = ProcessRunner(bundle.package, bundle.torch_modules)

    def read_modules(self) -> None:
        """Take up the modules as they are now."""
        folder = self.root / self.bundle.package
        self.runner.open({path.stem: path.read_bytes() for path in sorted(folder.glob("*.py"))})

    def check(self, name: str) -> dict[str, Any]:
        """The report on one question."""
        question = next(question for question in self.bundle.questions if question.name == name)
        if question.torch and importlib.util.find_spec("torch") is None:
            function = question.calls[0].partition("=")[2].partition("(")[0].strip()
            stub = self.runner.is_stub(question.module, function)
            verdict = "not_implemented" if stub else "unchecked"
            return {"name": name, "number": question.number, "verdict": verdict, "earned": 0.0, "outputs": [],
                    "possible": question.points, "optional": question.optional, "cases": []}  # fmt: skip
        run = QuestionRun(question, self.runner, self.properties)
        for case in question.cases:
            run.run(case)
        return run.report()


def public_checker() -> Checker:
    """The checker of the folder that this package lies in. Raises BundleError if its files are damaged."""
    here = Path(__file__).resolve().parent
    try:
        bundle = from_bytes((here / "public.npz").read_bytes())
    except (OSError, BundleError) as error:
        what = "damaged" if isinstance(error, BundleError) else "missing"
        raise BundleError(f"{here / 'public.npz'} is {what}; take the folder checks/ from the zip again") from None
    for module in ("worker", "properties"):  # neither is imported yet; without the first the student's code would be blamed
        if importlib.util.find_spec(f"{__package__}.{module}") is None:
            raise BundleError(f"{here / module}.py is missing; take the folder checks/ from the zip again")
    properties = importlib.import_module(f"{__package__}.properties").PROPERTIES
    return Checker(here.parent, bundle, properties)


def load(question: str, case: str) -> dict[str, Any]:
    """The arrays of a public case by name, inputs and expected outputs, to try a function on by hand."""
    for baked in public_checker().bundle.questions:
        for found in baked.cases:
            if (baked.name, found.name) == (question, case):
                return {**found.inputs, **found.expected}
    raise KeyError(f"no public case {case!r} of a question {question!r}")


# ---------------------------------------------------------------- the command line


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m checks [question ...] [--watch]``. Returns 0 if all that was checked is right, else 1."""
    parser = argparse.ArgumentParser(prog="python -m checks", description="Check your modules on the public cases.")
    what = "a function, a number such as B1, a part such as B, or a file such as rnn.py; none: all of them"
    parser.add_argument("questions", nargs="*", metavar="question", help=what)
    parser.add_argument("--watch", action="store_true", help="check again whenever a module is saved")
    options = parser.parse_args(arguments)
    try:
        checker = public_checker()
    except BundleError as error:
        return _complain(str(error))
    names = selection(checker.bundle, options.questions)
    if isinstance(names, str):
        return _complain(names)
    if not (checker.root / checker.bundle.package).is_dir():
        return _complain(f"there is no folder {checker.bundle.package} in {checker.root}; unzip the assignment again")
    try:
        seen = _state(checker)  # before the modules are read: what is saved during a check is checked next
        right = _check_and_print(checker, names, detailed=bool(options.questions))
        while options.watch:
            _print(f"\nChecked again whenever a module of {checker.bundle.package}/ is saved; Ctrl-C ends this.")
            seen = _wait_for_save(checker, seen)
            _print("\n" + "-" * 72 + "\n")
            right = _check_and_print(checker, names, detailed=bool(options.questions))
    except KeyboardInterrupt:
        return 130
    finally:
        checker.runner.close()
    return 0 if right else 1


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


def selection(bundle: Bundle, wanted: Sequence[str]) -> list[str] | str:
    """The questions that are meant by functions, numbers, parts or modules; or, as text, what is wrong with the words."""
    names = [question.name for question in bundle.questions]
    chosen = []
    for each in wanted:
        word = re.split(r"[\\/]", each)[-1].removesuffix(".py")
        fitting = [
            question.name for question in bundle.questions
            if word in (question.name, question.module, *functions(question))
            or word.upper() in (question.number, question.part)
        ]  # fmt: skip
        if not fitting:
            return _unknown(bundle, each)
        chosen += fitting
    return list(dict.fromkeys(chosen)) or names


def functions(question: BakedQuestion) -> list[str]:
    """The names that a student defines for a question."""
    calls = [parse_call(text) for text in question.calls]
    given = {target for call in calls for target in call.targets}
    return list(dict.fromkeys(c.function for c in calls if "." not in c.function and c.function not in given))


def _unknown(bundle: Bundle, word: str) -> str:
    """What is wrong with a word that means no question."""
    if word.upper() in [each.number for each in bundle.written]:
        return f"{word.upper()} is answered in words, in the notebook; people grade it"
    names = dict.fromkeys(name for question in bundle.questions for name in (question.name, *functions(question)))
    if near := difflib.get_close_matches(word, names, 3):
        return f"there is no question {word!r}; did you mean {' or '.join(near)}?"
    first = bundle.questions[0]
    return (f"there is no question {word!r}; name a function, such as {first.name}, a number, such as {first.number}, a part, "
            f"such as {first.part}, or a file, such as {first.module}.py")  # fmt: skip


def _check_and_print(checker: Checker, names: Sequence[str], *, detailed: bool) -> bool:
    bundle = checker.bundle
    checker.read_modules()
    _print(f"{bundle.title}, public checks of {bundle.package}/")
    for note in _lookalikes(checker):
        _print(f"Note: {note}")
    part, earned, possible, right = "", 0.0, 0.0, True
    for question in bundle.questions:
        if question.name not in names:
            continue
        if question.part != part:
            part = question.part
            _print(f"\n{part}  {bundle.parts.get(part, '')}")
        report = checker.check(question.name)
        right = right and report["verdict"] == "passed"
        earned += report["earned"]
        possible += 0 if report["optional"] else report["possible"]
        for line in question_lines(report, detailed=detailed):
            _print(line)
    if detailed:
        checker.runner.close()  # when a process has ended, all that it printed is here
        _print_lines("Printed while your code ran:", clean(checker.runner.printed(), PRINTED))
    _print(f"\n{earned:g} of {possible:g} points by the public checks. Grading adds hidden cases of the same kind.")
    return right


def _lookalikes(checker: Checker) -> list[str]:
    """Files that may hold the student's code and are not read, such as `rnn (1).py`: what is said of each."""
    package = checker.bundle.package
    modules = sorted({question.module for question in checker.bundle.questions})
    notes = []
    for path in sorted((checker.root / package).iterdir()):
        name = clean(path.name, 80)
        if path.name == package and path.is_dir():
            notes.append(
                f"there is a folder {package}/{package}/, which is not read: the modules belong into {package}/ itself."
            )
        for module in modules:
            copy = re.fullmatch(rf"(copy of )?{module}([ (-].*)?\.py(\.txt)?", path.name, re.IGNORECASE)
            if copy and path.name != f"{module}.py":
                notes.append(f"{package}/ holds a file {name}, which is not read: only {module}.py is.")
    return notes


def _print_lines(title: str, text: str) -> None:
    if text.strip():
        _print("\n".join(["", title, *(f"    {line}" for line in text.rstrip().splitlines())]))


def _state(checker: Checker) -> list[tuple[str, int]]:
    """The names of the modules, and when each was saved; nothing while an editor is replacing one."""
    folder = checker.root / checker.bundle.package
    try:
        return [(path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.py"))]
    except OSError:
        return []


def _wait_for_save(checker: Checker, before: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Wait until the modules are others than before. Returns their state."""
    while True:
        now = _state(checker)
        if now and now != before:
            return now
        time.sleep(0.2)


def _print(text: str) -> None:
    """Print, in plain letters where the terminal knows no others."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for mark, plain in (("✓", "ok"), ("✗", "x"), ("·", "-"), ("…", "...")):
            text = text.replace(mark, plain)
        text = text.encode(encoding, "replace").decode(encoding)
    print(text, flush=True)
