"""Grade a class that was made up: its speed, its memory as it grows, and whose the time is.

    python tests/benchmarks/classroom.py [--submissions 1000] [--seed 1]

Of a hundred submissions sixty are right or have one mistake, twenty-five are wrong in several places, ten are broken
(no Python, a module missing, values of the wrong kind) and five hang or attack. A quarter of the class is graded first:
what a process takes at its peak should not depend on how many there are. Then its records are copied, until there are
ten thousand, for what the pages and tables of so many take; grading is a shard's work and grows with the number alone.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tests.test_wrong_programs import RIGHT, WRONG, Program  # noqa: E402

STYLES = ("loops", "einsum", "recompute", "float32", "own-helpers")
LACKING = ("partly-done", "known-mistakes", "two-bugs", "nan", "blank", "full-storage")
BROKEN = ("syntax-error", "missing-file", "broken-zip", "wrong-counts", "object-arrays", "no-package", "returns-lists",
          "exits", "imports-torch")  # fmt: skip
HOSTILE = ("hangs", "hangs-on-import", "floods-output", "too-much-memory", "recursion", "opens-files")
TICK = os.sysconf("SC_CLK_TCK")
EVERY = 0.1  # seconds between looks at the processes


def make_class(folder: Path, count: int, seed: int) -> Counter[str]:
    """Write submissions into a folder. Returns how many there are of each kind."""
    draw, kinds = random.Random(seed), Counter[str]()
    samples = folder.parent / "samples"
    subprocess.run([sys.executable, "tests/submissions/assemble.py", str(samples)], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    shutil.copytree(ROOT / "reference" / "memnet", samples / "solution" / "memnet")
    by_stem = {path.stem if path.suffix == ".zip" else path.name: path for path in samples.iterdir()}
    for number in range(count):
        target, place = folder / f"student-{number:05d}", 37 * number % 100
        kind = "right or nearly" if place < 60 else "wrong" if place < 85 else "broken" if place < 95 else "hostile"
        kinds[kind] += 1
        if kind == "right or nearly":
            base = "solution" if draw.random() < 0.7 else draw.choice(STYLES)
            programs = draw.sample(RIGHT, 3) + (draw.sample(WRONG, 1) if draw.random() < 0.4 else [])
        elif kind == "wrong":
            base = draw.choice(LACKING) if draw.random() < 0.5 else "solution"
            programs = draw.sample(WRONG, draw.randint(2, 6)) if base == "solution" else []
        else:
            base, programs = draw.choice(BROKEN if kind == "broken" else HOSTILE), []
        source = by_stem[base]
        if source.suffix == ".zip":
            shutil.copy(source, target.with_suffix(".zip"))
            continue
        shutil.copytree(source, target)
        lay_over(target, programs, number)
    return kinds


def lay_over(target: Path, programs: list[Program], number: int) -> None:
    """Append programs to the modules that they are of, and to one a comment, so that no two submissions are the same."""
    modules = {path.stem: path for path in target.rglob("*.py")}
    for program in programs:
        with modules[program.module].open("a", encoding="utf-8") as file:
            file.write(f"\n\n{program.source}")
    for path in list(modules.values())[:1]:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n# {number}\n")


# ---------------------------------------------------------------- the processes of a run


@dataclass
class Use:
    """Processor seconds by kind of process, and the largest peak of one in MB."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    peak: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def look(seen: dict[str, tuple[str, float, float]], use: Use) -> Iterator[tuple[str, str]]:
    """Note what all processes have used by now; gives each with its parent's."""
    for name in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            text = Path(f"/proc/{name}/stat").read_text("ascii", "replace")
            status = Path(f"/proc/{name}/status").read_text("ascii", "replace")
            command = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        own, children = (sum(map(int, fields[at : at + 2])) / TICK for at in (11, 13))
        kind = "zygote" if b"zygote_main" in command else "judge" if b"multiprocessing.spawn" in command else "main"
        kind = kind if command else seen.get(name, ("worker",))[0]  # a dead one has no command any more
        peak = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")]
        seen[name] = kind, own, children
        use.peak[f"{name} {kind}"] = max(use.peak[f"{name} {kind}"], *peak, 0.0)
        yield name, fields[1]


def graded(folder: Path, out: Path, jobs: int) -> tuple[float, Use]:
    """Grade a folder. Returns the seconds by the clock, and what the processes used."""
    command = [sys.executable, "-c", "import sys; from autograder.cli import main; sys.exit(main())", "grade", str(folder),
               "--out", str(out), "--jobs", str(jobs)]  # fmt: skip
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen: dict[str, tuple[str, float, float]] = {}
    parents: dict[str, str] = {}
    use = Use()
    while process.poll() is None:
        parents |= dict(look(seen, use))
        time.sleep(EVERY)
    wall = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"failed with exit code {process.returncode}")
    family = {str(process.pid)}
    while more := {name for name, parent in parents.items() if parent in family} - family:
        family |= more
    peaks, use.peak = use.peak, defaultdict(float)
    for name in family & set(seen):
        kind, own, children = seen[name]
        worker = kind == "zygote" and seen.get(parents[name], ("",))[0] == "zygote"
        if not worker:  # what a zygote's children used counts with it once they are gone
            use.seconds[kind] += own
            use.seconds["worker"] += children if kind == "zygote" else 0.0
        kind = "worker" if worker else kind
        use.peak[kind] = max(use.peak[kind], *(peak for key, peak in peaks.items() if key.split()[0] == name))
    return wall, use


# ---------------------------------------------------------------- pages and tables of many

REPORTS = """
import resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from autograder.authoring.declare import shows_hidden_hints
from autograder.commands.assignment import find_assignment, ready_bundle
from autograder.commands.results import write_reports
from autograder.grading.journal import Journal, read_head
source, target, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
bundle, _ = ready_bundle(find_assignment(None), None)
with Journal(source, read_head(source)) as few, Journal(target, read_head(source)) as many:
    names = list(few.records)
    for number in range(count):
        many.extend([{**few.records[names[number % len(names)]], "submission": f"copy-{number:06d}"}])
    begun = time.process_time()
    write_reports(target, many.records.in_order(), bundle, hidden_hints=True)
    print(time.process_time() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
          (target / "dashboard.html").stat().st_size / 2**20)
"""


def reports_of(out: Path, many: Path, count: int) -> None:
    """Copy the records of a run until there are `count`, write all reports of them, and print what that took."""
    done = subprocess.run([sys.executable, "-c", REPORTS, str(out), str(many), str(count)], cwd=ROOT, check=True,
                          capture_output=True, text=True)  # fmt: skip
    seconds, peak, size = map(float, done.stdout.split())
    print(f"reports of {count}: {seconds:.0f} processor seconds, {peak:.0f} MB, a dashboard of {size:.1f} MB", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reports", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for count in (options.submissions // 4, options.submissions):
            here = Path(name) / str(count)
            folder = here / "class"
            folder.mkdir(parents=True)
            kinds = make_class(folder, count, options.seed)
            wall, use = graded(folder, here / "out", options.jobs)
            total = sum(use.seconds.values())
            said = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
            print(f"{count} submissions ({said}), {options.jobs} jobs")
            print(f"  {wall:.0f} s, {count / wall:.1f} a second, {total / count:.3f} processor seconds a submission")
            shares = ", ".join(f"{kind} {seconds / total:.0%}" for kind, seconds in sorted(use.seconds.items()))
            print(f"  of processor time: {shares} (a worker runs the students' code)")
            print("  at the peak: " + ", ".join(f"{kind} {peak:.0f} MB" for kind, peak in sorted(use.peak.items())), flush=True)
            if count == options.submissions:
                reports_of(here / "out", Path(name) / "many", options.reports)
            shutil.rmtree(here)


if __name__ == "__main__":
    main()
