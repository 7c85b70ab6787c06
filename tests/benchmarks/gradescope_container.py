"""Gradescope's limits, for real: 768 MB and half a core in a control group. `python tests/benchmarks/gradescope_container.py`.

Needs root, control groups of version 1 with memory and cpu, and a release in dist/. Prints, for each submission, the
score, seconds of processor and of wall clock, and the most memory that all processes together had at a time.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/submissions")]
import assemble  # noqa: E402

MEMORY, CORES = 768 * 2**20, 0.5
GROUPS = Path("/sys/fs/cgroup")
SAMPLES = ("einsum", "blank", "known-mistakes", "hangs", "too-much-memory")


def in_group(folder: Path, controls: dict[str, int]) -> None:
    folder.mkdir(exist_ok=True)
    for name, value in controls.items():
        (folder / name).write_text(str(value))


def measure(package: bytes, sample: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            archive.extractall(root / "source")
        for path, data in assemble.submission_files(sample, assemble.samples()[sample]).items():
            (root / "submission" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "submission" / path).write_bytes(data)
        environment = {**os.environ, "AUTOGRADER_ROOT": name, "AUTOGRADER_PYTHON": sys.executable, "PYTHONPATH": ""}
        said = limited(["bash", f"{root}/source/run_autograder"], environment)
        score = json.loads((root / "results/results.json").read_bytes())["score"]
    return f"{sample:<18} {score:>6g} points {said}"


def limited(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command under the limits, where control groups of version 1 can be had, and say what it used."""
    memory, cpu = GROUPS / f"memory/gradescope-{os.getpid()}", GROUPS / f"cpu/gradescope-{os.getpid()}"
    groups = (memory, cpu) if (GROUPS / "memory/memory.limit_in_bytes").exists() else ()
    if groups:
        in_group(memory, {"memory.limit_in_bytes": MEMORY})
        in_group(cpu, {"cpu.cfs_period_us": 100_000, "cpu.cfs_quota_us": int(CORES * 100_000)})
    join = "".join(f"echo $$ >{group}/cgroup.procs; " for group in groups)
    before, begun = os.times(), time.monotonic()
    subprocess.run(["bash", "-c", f'{join}exec "$@"', "-", *words], env=environment, capture_output=True, check=False)
    wall, after = time.monotonic() - begun, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    peak = int((memory / "memory.max_usage_in_bytes").read_text()) / 2**20 if groups else float("nan")
    for folder in groups:
        folder.rmdir()
    return f"{used:6.1f} s of processor {wall:6.1f} s in all {peak:5.0f} MiB at the peak"


if __name__ == "__main__":
    (zipped,) = (ROOT / "dist").glob("*-gradescope-autograder.zip")
    for each in SAMPLES:
        print(measure(zipped.read_bytes(), each), flush=True)
