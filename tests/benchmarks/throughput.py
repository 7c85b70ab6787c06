"""Grade 200 submissions, and ten of them with `otter run` of the same questions, in one run: ratios of CPU time.

    python tests/benchmarks/throughput.py [--submissions 200] [--parts ABCDEF] [--otter .venv/bin/otter]

Otter is asked the numpy questions whose cases are arrays in and arrays out. What is graded here is first exactly those
cases, then all cases of parts A to F, then everything: the memory budget of part G has the students' own code work for
half a second, whoever grades it.
Without an otter its part is left out and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np

from autograder.checks import bundle as bundles
from autograder.checks.bundle import BakedCase, BakedQuestion, Bundle
from autograder.commands.assignment import find_assignment, ready_bundle

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = (
    "solution", "loops", "einsum", "recompute", "blank", "partly-done", "known-mistakes", "two-bugs", "float32", "nan",
)  # fmt: skip
THREADS = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


def measured(command: list[str], cwd: Path) -> tuple[float, float, float]:
    """Run a command. Returns wall seconds, CPU seconds of all its processes, and the peak of the largest in MB."""
    program = (
        "import os, resource, subprocess, sys, time; begun = time.perf_counter(); "
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode; "
        "use = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(code, time.perf_counter() - begun, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], cwd=cwd, env={**os.environ, **THREADS},
                          capture_output=True, text=True, check=True)  # fmt: skip
    code, wall, cpu, peak = map(float, done.stdout.split())
    if code:
        raise SystemExit(f"failed with exit code {code:.0f}: {' '.join(command)}")
    return wall, cpu, peak


# ---------------------------------------------------------------- the class


def make_class(folder: Path, count: int) -> list[Path]:
    """Submissions of a class: the samples that neither hang nor break, again and again."""
    assembled = folder / "samples"
    subprocess.run([sys.executable, "tests/submissions/assemble.py", str(assembled)], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    shutil.copytree(ROOT / "reference" / "memnet", assembled / "solution" / "memnet")
    for path in assembled.glob("*.zip"):
        if path.stem in SAMPLES:
            shutil.unpack_archive(path, assembled / path.stem)
    packages = {name: next((assembled / name).rglob("memnet")) for name in SAMPLES}
    made = []
    for index in range(count):
        target = folder / "class" / f"student-{index:03d}"
        shutil.copytree(packages[SAMPLES[index % len(SAMPLES)]], target / "memnet")
        made.append(target)
    return made


# ---------------------------------------------------------------- the same questions for otter


TEST = '''
from otter.test_files import test_case
OK_FORMAT = False
name = "{name}"
points = 1

@test_case(points=None, hidden=False)
def test_{index}(env):
    import importlib, json
    import numpy as np
    data = np.load("benchmark.npz")
    plan = json.loads(bytes(data["plan"]))["{name}"]
    for number, case in enumerate(plan):
        values = {{}}
        for key in case["inputs"]:
            values[key] = data[f"{name}/{{number}}/in/{{key}}"]
        for key, value in case["plain"].items():
            values[key] = value
        module = importlib.import_module("memnet." + case["module"])
        for call in case["calls"]:
            exec(call, module.__dict__ | values, values)
        for key in case["expected"]:
            np.testing.assert_allclose(values[key], data[f"{name}/{{number}}/out/{{key}}"], rtol=1e-6, atol=1e-9)
'''


def comparable(question: BakedQuestion, case: BakedCase) -> bool:
    """Whether a case is arrays in and arrays out, which a plain otter test can do."""
    values = [*case.inputs.values(), *case.expected.values()]
    return not question.torch and bool(case.expected) and all(isinstance(v, np.ndarray | int | float) for v in values)


def otter_assignment(folder: Path, bundle: Bundle, otter: str) -> tuple[Path, int]:
    """An autograder zip with the cases of the numpy questions as otter tests. Returns it and the number of cases."""
    tests = folder / "tests"
    tests.mkdir(parents=True)
    arrays: dict[str, np.ndarray] = {}
    plan: dict[str, list[dict[str, object]]] = {}
    for index, question in enumerate(bundle.questions):
        cases = [case for case in question.cases if comparable(question, case)]
        if not cases:
            continue
        (tests / f"{question.name}.py").write_text(TEST.format(name=question.name, index=index))
        plan[question.name] = []
        for number, case in enumerate(cases):
            inputs = {name: value for name, value in case.inputs.items() if isinstance(value, np.ndarray)}
            plain = {name: value for name, value in case.inputs.items() if name not in inputs}
            plan[question.name].append({"module": question.module, "calls": case.calls or question.calls,
                                        "inputs": list(inputs), "plain": plain, "expected": list(case.expected)})  # fmt: skip
            arrays |= {f"{question.name}/{number}/in/{name}": value for name, value in inputs.items()}
            arrays |= {f"{question.name}/{number}/out/{name}": np.asarray(v) for name, v in case.expected.items()}
    np.savez(folder / "benchmark.npz", plan=np.frombuffer(json.dumps(plan).encode(), np.uint8), **arrays)
    subprocess.run([otter, "generate", "-t", "tests", "-o", "autograder.zip", "--no-requirements", "--no-environment",
                    "benchmark.npz"], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return folder / "autograder.zip", sum(map(len, plan.values()))


def otter_submission(submission: Path, target: Path) -> Path:
    """A submission as otter wants it: a zip with the notebook and the modules."""
    folder = target / submission.name
    shutil.copytree(submission, folder)
    cell = nbformat.v4.new_code_cell("import memnet.rnn", id="imports")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "memory.ipynb")
    return Path(shutil.make_archive(str(folder), "zip", folder))


def refuse_wrong_scores(path: Path) -> None:
    """The solution earns all of otter's points, or the comparison means nothing."""
    tests = [test for test in json.loads(path.read_text(encoding="utf-8"))["tests"] if "score" in test]
    lost = [test["name"] for test in tests if test["score"] != test["max_score"]]
    if lost or not tests:
        raise SystemExit(f"by otter the solution loses points in {', '.join(lost) or 'everything'}; mend the tests here")


# ---------------------------------------------------------------- the run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--submissions", type=int, default=200)
    parser.add_argument("--parts", default="", help="the letters of the parts that are graded")
    parser.add_argument("--otter", type=Path, default=Path(sys.executable).with_name("otter"))
    options = parser.parse_args()
    bundle, _ = ready_bundle(find_assignment(None), None)
    every = "".join(dict.fromkeys(question.part for question in bundle.questions))
    parts = options.parts or "ABCDEF"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = make_class(folder, options.submissions)
        some = replace(bundle, questions=tuple(q for q in bundle.questions if q.part in parts))
        otters = otter_cost(folder / "otter", made, some, options.otter)
        print("the same cases here")
        measure(folder, made, same_cases(some), "same", otters)
        for letters in [parts] if options.parts else [parts, every]:
            print(f"all cases of parts {', '.join(letters)}")
            some = replace(bundle, questions=tuple(q for q in bundle.questions if q.part in letters))
            measure(folder, made, some, letters, otters)


def same_cases(bundle: Bundle) -> Bundle:
    """The questions and cases that otter is asked."""
    questions = (replace(q, cases=tuple(case for case in q.cases if comparable(q, case))) for q in bundle.questions)
    return replace(bundle, questions=tuple(question for question in questions if question.cases))


def measure(folder: Path, made: list[Path], bundle: Bundle, name: str, otters: tuple[float, float] | None) -> None:
    """Grade the class with the questions of a bundle, and print how that compares."""
    path = folder / f"{name}.npz"
    bundles.write_file(path, bundles.to_bytes(bundle))
    command = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())", "grade"]
    command += [str(folder / "class"), "--out", str(folder / f"out-{name}"), "--bundle", str(path)]
    wall, cpu, peak = measured(command, ROOT)
    count = sum(len(question.cases) for question in bundle.questions)
    print(f"autograder: {len(made)} submissions of {len(bundle.questions)} questions, {count} cases each")
    print(f"  {wall:.1f} s, {len(made) / wall:.1f} a second, {cpu / len(made):.3f} CPU seconds a submission, "
          f"largest process {peak:.0f} MB")  # fmt: skip
    if otters is not None:
        wall_otter, cpu_otter = otters
        print(f"  ratio: {cpu_otter / (cpu / len(made)):.0f} times otter's throughput by CPU seconds a submission,")
        print(f"         {wall_otter / (wall / len(made)):.0f} times by the clock, otter one after the other, "
              f"{os.cpu_count()} cores here", flush=True)  # fmt: skip


def otter_cost(folder: Path, made: list[Path], bundle: Bundle, otter: Path) -> tuple[float, float] | None:
    """Seconds by the clock and CPU seconds that `otter run` takes for one of the first ten submissions."""
    if not otter.exists():
        print(f"otter: not measured, {otter} is not there; see the top of this file")
        return None
    zip_path, cases = otter_assignment(folder, bundle, str(otter))
    (folder / "run").mkdir()
    total, most, wall = 0.0, 0.0, 0.0
    for submission in made[:10]:
        zipped = otter_submission(submission, folder / "zips")
        ran = measured([str(otter), "run", "-a", str(zip_path), "-o", str(folder / "run"), str(zipped)], folder)
        wall, total, most = wall + ran[0] / 10, total + ran[1] / 10, max(most, ran[2])
        if submission is made[0]:  # the solution: what otter is asked must be what can be earned
            refuse_wrong_scores(folder / "run" / "results.json")
    print(f"otter run: 10 submissions, {cases} cases each (numpy questions only, in-process)")
    print(f"  {wall:.1f} s and {total:.2f} CPU seconds a submission, largest process {most:.0f} MB", flush=True)
    return wall, total


if __name__ == "__main__":
    main()
