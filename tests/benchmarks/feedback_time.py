"""How long it takes to say what is wrong: every mistake of every question, beside a right program of the same sizes.

Prints, for each question, the slowest in milliseconds; exit code 1 where telling takes 50 ms more than checking. What
a program gives is taken from a bundle, so that nothing but comparing, naming and describing is measured.

    python tests/benchmarks/feedback_time.py [BUNDLE]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autograder.authoring.bake import bake
from autograder.authoring.bench import GivenRunner
from autograder.authoring.declare import load_assignment
from autograder.checks import bundle as bundles
from autograder.checks.bundle import BakedCase, BakedQuestion
from autograder.checks.feedback import explain
from autograder.checks.judge import QuestionRun
from autograder.checks.runner import Answer

MOST = 50.0
ROOT = Path(__file__).resolve().parents[2]


def given(case: BakedCase, mistake: str) -> Answer:
    """What a program with a mistake gives in one case, as far as single values differ."""
    wrong: Mapping[str, Any] = case.mistakes.get(mistake, {})
    return Answer(values={name: wrong.get(name, value) for name, value in case.expected.items()})


def milliseconds(question: BakedQuestion, mistake: str) -> float:
    """The time to judge and explain, the best of three."""
    cases = [case for case in question.cases if not case.verdict and not case.budget]
    runner = GivenRunner(question, {case.name: given(case, mistake) for case in cases})
    times = []
    for _ in range(3):
        begun = time.process_time()
        run = QuestionRun(question, runner, {})
        for case in cases:
            run.run(case)
        explain(run.report(), most=9)
        times.append(time.process_time() - begun)
    return 1000 * min(times)


def main() -> int:
    """Measure all questions."""
    bundle = bundles.read(Path(sys.argv[1])) if sys.argv[1:] else bake(load_assignment(ROOT / "assignments/memory_in_networks"))
    slow = False
    print(f"{'question':28} right ms   wrong ms   more ms   of the mistake")
    for question in bundle.questions:
        if all(case.verdict for case in question.cases):
            continue  # a property says in words what is wrong
        right = milliseconds(question, "")
        worst, name = max(((milliseconds(question, name), name) for name in question.hints), default=(right, ""))
        slow |= worst - right > MOST
        print(f"{question.name:28} {right:8.1f} {worst:10.1f} {worst - right:9.1f}   {name}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
