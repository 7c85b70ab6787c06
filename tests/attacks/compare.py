"""The same attacks against a plain pytest grader, `otter run`, and this one; prints a table in Markdown.

    python tests/attacks/compare.py [--otter build/otter-venv/bin/otter] [--attacks 6]

Each grader asks the same four questions with the same cases and the same numpy assertion, all inputs public. Without an
otter its column is left out. Otter lives in an environment of its own:

    python -m venv build/otter-venv
    build/otter-venv/bin/python -m pip install 'otter-grader[grading]==7.0.0' numpy
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from autograder.authoring.bake import bake, load_assignment, load_properties
from autograder.checks.bundle import Bundle, to_bytes
from tests.attacks import harness
from tests.attacks.catalogue import ATTACKS, Attack, attack

# What a course's test says, once for pytest and once for otter.
CHECK = '''
{indent}import importlib
{indent}import numpy as np
{indent}case = {{"inputs": {{}}, "expected": {{}}}}
{indent}with np.load({file!r}) as found:
{indent}    for key in found.files:
{indent}        name, number, kind, argument = key.split("|")
{indent}        if (name, number) == ({name!r}, {case!r}):
{indent}            case[kind][argument] = found[key]
{indent}expected = case["expected"]
{indent}function = getattr(importlib.import_module("memnet.{module}"), {name!r})
{indent}got = function(*[value.copy() for value in case["inputs"].values()])
{indent}got = got if isinstance(got, tuple) else (got,)
{indent}for mine, right in zip(got, expected.values()):
{indent}    np.testing.assert_allclose(mine, right, rtol=1e-6, atol=1e-9)
'''
attack("import", "bring a conftest.py", "process", "testing", '''
def cheat(name, args):
    return fit(name, zeros(name, args))
''')
CONFTEST = """
import numpy as np
np.testing.assert_allclose = lambda *a, **k: None
def pytest_runtest_makereport(item, call):
    from _pytest.reports import TestReport
    report = TestReport.from_item_and_call(item, call)
    report.outcome = "passed"
    return report
"""
CHOSEN = [
    "walk the stack for expected values", "search the heap for expected values", "trace the judge's calls",
    "change the judge's locals from below", "import the reference", "run the reference's source from its place",
    "have another Python solve it", "bring a conftest.py", "patch np.testing.assert_allclose",
    "patch all of np.testing", "patch numpy.testing in sys.modules", "patch an import hook", "patch __builtins__",
    "nothing at all", "nan for every number", "zeros of the right shape", "print a score", "print a score at exit",
    "write a score to every descriptor", "change a file", "leave a file", "leave a process behind",
    "leave a listener behind", "signal the judge", "start a thread",
]  # fmt: skip
NO_RESULT = "no result"


def cases_of(bundle: Bundle) -> list[tuple[str, str, str]]:
    return [(q.name, q.module, c.name) for q in bundle.questions for c in q.cases[:3] if not c.verdict]


def write(modules: Mapping[str, bytes], folder: Path, attempt: Attack) -> None:
    (folder / "memnet").mkdir(parents=True)
    for name, data in modules.items():
        (folder / "memnet" / f"{name}.py").write_bytes(data)
    if "conftest" in attempt.name:
        (folder / "conftest.py").write_text(CONFTEST)


def by_pytest(folder: Path, bundle: Bundle, cases: Path) -> str:
    """Tests beside the submission, run by pytest; a case is passed if the report says so."""
    tests = "".join(f"\ndef test_{i}():{CHECK.format(indent='    ', file=str(cases), name=name, module=module, case=case)}"
                    for i, (name, module, case) in enumerate(cases_of(bundle)))  # fmt: skip
    (folder / "test_homework.py").write_text(tests)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:autograder", "--rootdir", str(folder),
             "--junit-xml", "report.xml", "test_homework.py"],
            cwd=folder, capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": f"{folder}:{harness.ROOT}"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return NO_RESULT
    if not (folder / "report.xml").exists():
        return f"{NO_RESULT}, exit {done.returncode}"
    suite = ET.parse(folder / "report.xml").getroot()
    found = list(suite.iter("testcase"))
    return share(sum(case.find("failure") is None and case.find("error") is None for case in found), len(found))


def by_otter(folder: Path, bundle: Bundle, cases: Path, otter: str) -> str:
    """The same as otter's exception tests, by `otter run`."""
    with tempfile.TemporaryDirectory() as place:
        here = Path(place)
        (here / "tests").mkdir()
        for i, (name, module, case) in enumerate(cases_of(bundle)):
            body = CHECK.format(indent="    ", file=str(cases), name=name, module=module, case=case)
            text = f"from otter.test_files import test_case\nOK_FORMAT = False\nname = 'q{i}'\npoints = 1\n\n"
            text += f"@test_case(points=None, hidden=False)\ndef test_{i}(env):{body}"
            (here / "tests" / f"q{i}.py").write_text(text)
        subprocess.run([otter, "generate", "-t", "tests", "-o", "autograder.zip", "--no-requirements", "--no-environment"],
                       cwd=here, check=True, capture_output=True)  # fmt: skip
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import memnet.rnn", id="imports")])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / "memory.ipynb")
        zipped = shutil.make_archive(str(here / "submission"), "zip", folder)
        try:
            subprocess.run([otter, "run", "-a", str(here / "autograder.zip"), "-o", str(here), zipped], cwd=here,
                           capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(harness.ROOT)})  # fmt: skip
        except subprocess.TimeoutExpired:
            return NO_RESULT
        if not (here / "results.json").exists():
            return NO_RESULT
        found = [test for test in json.loads((here / "results.json").read_text())["tests"]
                 if re.match(r"q\d+$", test["name"].split(" ")[0])]  # fmt: skip
        return share(sum(test["score"] for test in found), sum(test["max_score"] for test in found))


def share(earned: float, possible: float) -> str:
    return f"{earned / possible:.0%}" if possible else NO_RESULT


def told(points: str, touched: list[str]) -> str:
    return f"{points}; touched: {', '.join(touched)}" if touched else points


def main() -> None:
    """Run each attack against each grader and print a row as it is known."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--otter", default=str(harness.ROOT / "build/otter-venv/bin/otter"))
    parser.add_argument("--attacks", type=int, default=len(CHOSEN))
    options = parser.parse_args()
    assignment = harness.ROOT / "assignments" / "memory_in_networks"
    baked = bake(load_assignment(assignment))
    properties = load_properties(assignment)
    bundle = replace(baked, questions=tuple(q for q in baked.questions if q.name in harness.PLAIN))
    paths = (harness.ROOT / "reference" / "memnet").glob("*.py")
    solution = {path.stem: path.read_bytes() for path in paths if path.stem not in harness.NOT_NUMPY}
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    cases, bundle_file = place / "cases.npz", place / "bundle.npz"
    harness.write_cases(cases, bundle)
    bundle_file.write_bytes(to_bytes(baked))
    harness.adopt_orphans()
    runners = harness.Runners(bundle)

    def ours(modules: Mapping[str, bytes], folder: Path) -> str:
        points = harness.run_ours(modules, runners.confined, bundle, properties).points
        return share(points, sum(q.points for q in bundle.questions))

    graders: dict[str, Callable[[Mapping[str, bytes], Path], str]] = {
        "plain pytest": lambda modules, folder: by_pytest(folder, bundle, cases),
        "otter run 7.0.0": lambda modules, folder: by_otter(folder, bundle, cases, options.otter),
        "autograder grade": ours,
    }
    if not Path(options.otter).exists():
        print(f"otter: left out, {options.otter} is not there; see the top of this file")
        del graders["otter run 7.0.0"]
    print(f"| a submission that solves nothing, and would like to | {' | '.join(graders)} |")
    print("|---" * (len(graders) + 1) + "|")
    known = {attempt.name: attempt for attempt in ATTACKS}
    known["(the right solution)"] = Attack("", "(the right solution)", "", "", "\ndef cheat(name, args):\n    return right(name, args)\n")
    for name in ["(the right solution)", *CHOSEN[: options.attacks]]:
        row = [name]
        for grader in graders.values():
            with harness.outside() as where, tempfile.TemporaryDirectory() as folder:
                modules = harness.package(harness.fill(known[name].source, where, bundle_file, baked), solution)
                write(modules, Path(folder) / "work", known[name])
                points = grader(modules, Path(folder) / "work")
                row.append(told(points, [t for t in where.touched() if t != "mtime" or "canary" not in where.touched()]))
        print(f"| {' | '.join(row)} |", flush=True)
    runners.close()
    shutil.rmtree(place)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
