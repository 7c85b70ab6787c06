"""The same attacks against a plain pytest grader, `otter run`, and this one; prints a table in Markdown.

    python tests/attacks/compare.py [--otter .venv/bin/otter] [--attacks 6]

Each grader asks the same four questions with the same cases and the same numpy assertion, all inputs public. A cell is
the share of the points that the submission gets, and what it touched outside. Without an otter its column is left out:
`pip install -e '.[otter]'` brings one. Linux; some minutes.
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
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from autograder.authoring.bake import bake
from autograder.authoring.declare import load_assignment, load_properties
from autograder.checks.bundle import Bundle, to_bytes
from tests.attacks import harness
from tests.attacks.catalogue import ATTACKS, Attack

# What a course's test says, the same for pytest and for otter.
RIGHT = "(solve it: the right solution)"
CHECK = '''
    import importlib
    import numpy as np
    case = {{"inputs": {{}}, "expected": {{}}}}
    with np.load({file!r}) as found:
        for key in found.files:
            name, number, kind, argument = key.split("|")
            if (name, number) == ({name!r}, {case!r}):
                case[kind][argument] = found[key]
    expected = case["expected"]
    function = getattr(importlib.import_module("memnet.{module}"), {name!r})
    got = function(*[value.copy() for value in case["inputs"].values()])
    got = got if isinstance(got, tuple) else (got,)
    for mine, right in zip(got, expected.values()):
        np.testing.assert_allclose(mine, right, rtol=1e-6, atol=1e-9)
'''
NOTHING = "\ndef cheat(name, args):\n    return fit(name, zeros(name, args))\n"
OWN = {
    RIGHT: Attack("", RIGHT, "", "", "\ndef cheat(name, args):\n    return right(name, args)\n"),
    "bring a conftest.py": Attack("import", "bring a conftest.py", "process", "testing", NOTHING),
}
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
    "walk the stack for expected values", "search the heap for expected values", "import the reference",
    "bring a conftest.py", "patch np.testing.assert_allclose", "patch __builtins__", "a tuple that says it is empty",
    "an object that becomes the expected array when it is looked at", "print a score", "end the process", "change a file",
    "leave a file", "leave a process behind", "signal the judge",
]  # fmt: skip
NO_RESULT = "no result"
ASSIGNMENT = harness.ROOT / "assignments" / "memory_in_networks"


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
    tests = "".join(f"\ndef test_{i}():{CHECK.format(file=str(cases), name=name, module=module, case=case)}"
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


def otter_assignment(folder: Path, bundle: Bundle, cases: Path, otter: str) -> Path:
    """The same as otter's exception tests: an autograder zip."""
    (folder / "tests").mkdir(parents=True)
    for i, (name, module, case) in enumerate(cases_of(bundle)):
        body = CHECK.format(file=str(cases), name=name, module=module, case=case)
        text = f"from otter.test_files import test_case\nOK_FORMAT = False\nname = 'q{i}'\npoints = 1\n\n"
        text += f"@test_case(points=None, hidden=False)\ndef test_{i}(env):{body}"
        (folder / "tests" / f"q{i}.py").write_text(text)
    subprocess.run([otter, "generate", "-t", "tests", "-o", "autograder.zip", "--no-requirements", "--no-environment"],
                   cwd=folder, check=True, capture_output=True)  # fmt: skip
    return folder / "autograder.zip"


def by_otter(folder: Path, autograder: Path, otter: str) -> str:
    """A notebook beside the submission, graded by `otter run`."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import memnet.rnn", id="imports")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "memory.ipynb")
    with tempfile.TemporaryDirectory() as place:
        zipped = shutil.make_archive(f"{place}/submission", "zip", folder)
        try:
            subprocess.run([otter, "run", "-a", str(autograder), "-o", place, zipped], cwd=place, capture_output=True,
                           timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(harness.ROOT)})  # fmt: skip
        except subprocess.TimeoutExpired:
            return NO_RESULT
        results = Path(place) / "results.json"
        found = json.loads(results.read_text("utf-8"))["tests"] if results.exists() else []
    tests = [test for test in found if re.match(r"q\d+$", test["name"].split(" ")[0])]
    return share(sum(test["score"] for test in tests), sum(test["max_score"] for test in tests))


def share(earned: float, possible: float) -> str:
    return f"{earned / possible:.0%}" if possible else NO_RESULT


def told(points: str, touched: list[str]) -> str:
    return f"{points}; touched: {', '.join(touched)}" if touched else points


Grader = Callable[[Mapping[str, bytes], Path], str]


def all_graders(place: Path, bundle: Bundle, baked: Bundle, runners: harness.Runners, otter: str) -> dict[str, Grader]:
    """The three by name; an otter that is not there is left out, and said to be."""
    cases = place / "cases.npz"
    harness.write_cases(cases, bundle)
    properties = load_properties(ASSIGNMENT)
    possible = sum(question.points for question in bundle.questions)

    def ours(modules: Mapping[str, bytes], _: Path) -> str:
        return share(harness.run_ours(modules, runners.confined, bundle, properties).points, possible)

    graders: dict[str, Grader] = {"plain pytest": lambda _, folder: by_pytest(folder, bundle, cases)}
    if Path(otter).exists():
        autograder = otter_assignment(place / "otter", bundle, cases, otter)
        version = subprocess.run([otter, "--version"], capture_output=True, text=True, check=False).stdout
        number = re.search(r"Otter-Grader version: (\S+)|([\d.]{5,})", version)
        name = f"otter run {number[1] or number[2]}" if number else "otter run"
        graders[name] = lambda _, folder: by_otter(folder, autograder, otter)
    else:
        print(f"otter: left out, {otter} is not there; see the top of this file")
    graders["autograder grade"] = ours
    return graders


def compare(name: str, graders: Mapping[str, Grader], bundle_file: Path, baked: Bundle, solution: Mapping[str, bytes]) -> str:
    """One row of the table."""
    attempt = {**{a.name: a for a in ATTACKS}, **OWN}[name]
    row = [name]
    for grader in graders.values():
        with harness.outside() as where, tempfile.TemporaryDirectory() as folder:
            modules = harness.package(harness.fill(attempt.source, where, bundle_file, baked), solution)
            write(modules, Path(folder) / "work", attempt)
            points = grader(modules, Path(folder) / "work")
            time.sleep(0.1)  # for what was left behind to show itself
            row.append(told(points, [t for t in where.touched() if t != "mtime" or "canary" not in where.touched()]))
    return f"| {' | '.join(row)} |"


def main() -> None:
    """Run each attack against each grader and print a row as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--otter", default=str(Path(sys.executable).parent / "otter"))
    parser.add_argument("--attacks", type=int, default=len(CHOSEN))
    options = parser.parse_args()
    baked = bake(load_assignment(ASSIGNMENT))
    bundle = harness.few(baked)
    paths = (harness.ROOT / "reference" / "memnet").glob("*.py")
    solution = {path.stem: path.read_bytes() for path in paths if path.stem not in harness.NOT_NUMPY}
    harness.adopt_orphans()
    runners = harness.Runners(bundle)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        bundle_file = place / "bundle.npz"
        bundle_file.write_bytes(to_bytes(baked))
        graders = all_graders(place, bundle, baked, runners, options.otter)
        print(f"| what a submission does | {' | '.join(graders)} |")
        print("|---" * (len(graders) + 1) + "|")
        for name in [RIGHT, *CHOSEN[: options.attacks]]:
            print(compare(name, graders, bundle_file, baked, solution), flush=True)
    runners.close()


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
