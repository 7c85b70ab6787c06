"""The student's checker: public cases, run in a process of its own, answered like a teaching assistant would.

Stands alone on numpy with the modules beside it; the same code checks here and grades later.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .bundle import Bundle, BundleError, from_bytes
from .judge import Property, judge_question
from .runner import ProcessRunner

WORDS = {
    "passed": "right", "wrong": "wrong", "crashed": "stopped with an error", "timed_out": "took too long",
    "over_memory": "used too much memory", "not_implemented": "not written yet", "missing": "missing",
    "forbidden": "not allowed", "grader_error": "could not be judged; this is not your fault", "unchecked": "not checked",
}  # fmt: skip


# ---------------------------------------------------------------- what a report says, as lines


def explain(report: Mapping[str, Any], *, hidden: bool = False, most: int = 2) -> list[str]:
    """What is wrong with a question, the most telling cases first: lines for a terminal.

    report: the question's part of a record. hidden: tell of hidden cases too (staff only). most: cases that are told.
    """
    if report["verdict"] in ("passed", "not_implemented"):
        return _warnings(report, hidden)
    shown = [case for case in report["cases"] if case["verdict"] != "passed" and (hidden or not case["hidden"])]
    lines = [] if report["verdict"] == "missing" or len(report["outputs"]) == 1 else [_shares(report)]
    for case in shown[:most]:
        lines += _explain_case(case)
    if len(shown) > most:
        names = ", ".join(case["name"] for case in shown[most:])
        lines.append(f"also not right: {names}")
    return lines + _warnings(report, hidden)


def _shares(report: Mapping[str, Any]) -> str:
    parts = [f"{output['name']} {output['earned']:.3g} of {output['possible']:.3g}" for output in report["outputs"]]
    return "points: " + ", ".join(parts)


def _explain_case(case: Mapping[str, Any]) -> Iterator[str]:
    yield f"case {case['name']}: {WORDS[case['verdict']]}"
    if case["text"]:
        yield f"  {case['text']}"
    yield from (f"  {line}" for line in case["trace"].splitlines())
    hints: dict[str, list[str]] = {}
    for value in case["values"]:
        if value["right"]:
            continue
        yield from (f"  {finding}" for finding in value["findings"])
        if value["hint"]:
            hints.setdefault(value["hint"], []).append(value["name"])
    for hint, names in hints.items():
        yield f"  Hint ({', '.join(names)}): {hint}"
    if case["hint"]:
        yield f"  Hint: {case['hint']}"


def _warnings(report: Mapping[str, Any], hidden: bool) -> list[str]:
    found = [w for case in report["cases"] if hidden or not case["hidden"] for w in case["warnings"]]
    return [f"Note: {text}" for text in dict.fromkeys(found)]


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
                    "possible": question.points, "cases": []}  # fmt: skip
        return judge_question(question, self.runner, self.properties)


def public_checker() -> Checker:
    """The checker of the folder that this package lies in. Raises BundleError if its files are damaged."""
    here = Path(__file__).resolve().parent
    try:
        data = (here / "public.npz").read_bytes()
    except OSError:
        raise BundleError(f"{here / 'public.npz'} is missing; take the folder checks/ from the zip again") from None
    properties = importlib.import_module(f"{__package__}.properties").PROPERTIES
    return Checker(here.parent, from_bytes(data), properties)


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
    parser.add_argument("questions", nargs="*", metavar="question", help="a question or a module; all if none is named")
    parser.add_argument("--watch", action="store_true", help="check again whenever a module is saved")
    options = parser.parse_args(arguments)
    try:
        checker = public_checker()
    except BundleError as error:
        return _complain(str(error))
    names = _selection(checker.bundle, options.questions)
    if isinstance(names, str):
        return _complain(names)
    if not (checker.root / checker.bundle.package).is_dir():
        return _complain(f"there is no folder {checker.bundle.package} in {checker.root}; unzip the assignment again")
    try:
        right = _check_and_print(checker, names, detailed=bool(options.questions))
        while options.watch:
            _wait_for_save(checker)
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


def _selection(bundle: Bundle, wanted: Sequence[str]) -> list[str] | str:
    """The questions that are meant, or what is wrong with the names."""
    names = [question.name for question in bundle.questions]
    chosen = []
    for word in wanted:
        word = word.removesuffix(".py")
        fitting = [q.name for q in bundle.questions if word in (q.name, q.module) or word.upper() in (q.number, q.part)]
        if not fitting:
            near = difflib.get_close_matches(word, names, 3)
            also = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(names)}"
            return f"there is no question {word!r}{also}"
        chosen += fitting
    return list(dict.fromkeys(chosen)) or names


def _check_and_print(checker: Checker, names: Sequence[str], *, detailed: bool) -> bool:
    bundle = checker.bundle
    checker.read_modules()
    _print(f"{bundle.title}, public checks of {bundle.package}/")
    part, earned, possible, right = "", 0.0, 0.0, True
    for question in bundle.questions:
        if question.name not in names:
            continue
        if question.part != part:
            part = question.part
            _print(f"\n{part}  {bundle.parts.get(part, '')}")
        report = checker.check(question.name)
        right = right and report["verdict"] == "passed"
        earned, possible = earned + report["earned"], possible + report["possible"]
        for line in question_lines(report, detailed=detailed):
            _print(line)
    _print(f"\n{earned:g} of {possible:g} points by the public checks. Grading adds hidden cases of the same kind.")
    return right


def question_lines(report: Mapping[str, Any], *, detailed: bool) -> list[str]:
    """One question as lines of a terminal: mark, name, points, verdict, and what is wrong."""
    verdict = report["verdict"]
    mark = {"passed": "✓", "not_implemented": "·", "unchecked": "?"}.get(verdict, "✗")
    word = "" if verdict == "passed" else WORDS[verdict]
    points = f"{report['earned']:g} / {report['possible']:g}"
    first = f"  {mark} {report['number']:<3} {report['name']:<26} {points:>9}   {word}".rstrip()
    if verdict == "unchecked":
        return [first + ": this question needs torch, which is not installed (pip install torch)"]
    return [first, *(f"        {line}" for line in explain(report, most=9 if detailed else 1))]


def _wait_for_save(checker: Checker) -> None:
    folder = checker.root / checker.bundle.package

    def state() -> list[tuple[str, int]]:
        return [(path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.py"))]

    before = state()
    while True:
        time.sleep(0.2)
        try:
            if state() != before:
                return
        except OSError:  # an editor is replacing the file at this very moment
            continue


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
