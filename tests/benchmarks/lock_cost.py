"""What the lock costs: the solution judged in locked and in unlocked workers, in turn; a ratio of processor time.

    python tests/benchmarks/lock_cost.py [--pairs 20]

Both kinds of worker come from a zygote; in one of them the lock is left out. Linux.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from autograder.authoring.bake import bake
from autograder.authoring.declare import load_assignment, load_properties
from autograder.isolation import sandbox
from tests.attacks import harness

ASSIGNMENT = harness.ROOT / "assignments" / "memory_in_networks"
# In the zygote of the unlocked kind: everything but the lock.
UNLOCKED = "from autograder.isolation import lockdown; lockdown.lock = lambda *_: lockdown.Level.NO_LANDLOCK"


class Unlocked(sandbox.SandboxRunner):
    """Workers that are as the confined ones are, and not locked."""

    def start(self, torch: bool) -> sandbox.Process:
        if torch not in self._zygotes:
            real = sandbox.subprocess.Popen

            def popen(command: list[str], **keywords: object) -> object:
                *start, program = command
                return real([*start, program.replace("; zygote_main(", f"; {UNLOCKED}; zygote_main(")], **keywords)

            sandbox.subprocess.Popen = popen
            try:
                self._zygotes[torch] = sandbox.Zygote(torch, self._meeting)
            finally:
                sandbox.subprocess.Popen = real
        return super().start(torch)


def processor_time(runner: sandbox.SandboxRunner) -> float:
    """Seconds of ours and of the zygote with the workers that it has reaped."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    for zygote in runner._zygotes.values():
        fields = Path(f"/proc/{zygote._child.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20)
    options = parser.parse_args()
    bundle = harness.numpy_questions(bake(load_assignment(ASSIGNMENT)))
    properties = load_properties(ASSIGNMENT)
    paths = (harness.ROOT / "reference" / "memnet").glob("*.py")
    solution = {path.stem: path.read_bytes() for path in paths if path.stem not in harness.NOT_NUMPY}
    runners = {"locked": sandbox.SandboxRunner("memnet", ()), "unlocked": Unlocked("memnet", ())}
    spent: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(options.pairs + 1):
        for name, runner in runners.items():
            begun = processor_time(runner) if turn else 0.0
            points = harness.run_ours(solution, runner, bundle, properties).points
            assert points > 0
            if turn:  # the first starts the zygotes
                spent[name].append(processor_time(runner) - begun)
    for name, runner in runners.items():
        print(f"{name:9} {1000 * statistics.median(spent[name]):6.0f} ms of processor time a submission, level {runner.level}")
        runner.shut_down()
    print(f"locked / unlocked: {sum(spent['locked']) / sum(spent['unlocked']):.3f}, over {options.pairs} pairs")


if __name__ == "__main__":
    main()
