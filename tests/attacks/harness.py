"""Runs an attack against a plain grader, against ours, and against ours with a layer off; watches from outside."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property
from autograder.checks.question import parse_call
from autograder.checks.runner import ProcessRunner, Runner
from autograder.grading import grade as grading
from autograder.grading.intake import Submission
from autograder.isolation.sandbox import SandboxRunner

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PLAIN = ("rnn_step", "output_head", "output_head_backward", "embedding_backward")
KINDS = ("rnn_step", "sequence_loss", "clip_by_global_norm", "same_bag_pair", "stored_states", "lstm_step")
NOT_NUMPY = ("__init__", "simple_rnn")


# ---------------------------------------------------------------- what lies outside, and whether it was touched


@dataclass
class Outside:
    """Things that no submission may touch, and how they were before."""

    folder: Path
    port: int
    before: dict[str, Any] = field(default_factory=dict)
    signals: list[int] = field(default_factory=list)

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    def state(self) -> dict[str, Any]:
        info = self.canary.stat() if self.canary.exists() else None
        return {
            "canary": self.canary.read_bytes() if info else None,
            "mode": info and info.st_mode,
            "mtime": info and info.st_mtime_ns,
            "xattr": os.listxattr(self.canary) if info else None,
            "left": sorted(path.name for path in self.folder.iterdir()),
            "shared memory": sorted(name for name in os.listdir("/dev/shm") if self.mark in name),  # noqa: PTH208
            "temporary": sorted(name for name in os.listdir("/tmp") if self.mark in name),  # noqa: PTH208
            "niceness": os.getpriority(os.PRIO_PROCESS, 0),
            "affinity": sorted(os.sched_getaffinity(0)),
            "signals": len(self.signals),
            "children": self.processes(),
            "listener": self.answers(),
        }

    @property
    def mark(self) -> str:
        return self.folder.name

    def processes(self) -> int:
        """Orphans that were left to us, by the name they gave themselves."""
        found = 0
        for path in Path("/proc").glob("[0-9]*"):
            try:
                found += self.mark.encode()[-15:] in (path / "comm").read_bytes()
            except OSError:
                continue
        return found

    def answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def touched(self) -> list[str]:
        after = self.state()
        return [name for name in after if after[name] != self.before[name]]


@contextmanager
def outside() -> Iterator[Outside]:
    """A world-writable folder with a canary, a free port, and ears for SIGUSR1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="outside-"))
    folder.chmod(0o777)
    found = Outside(folder, port)
    found.canary.write_text("canary")
    found.canary.chmod(0o666)
    heard = signal.signal(signal.SIGUSR1, lambda number, frame: found.signals.append(number))
    niceness, affinity = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)
    found.before = found.state()
    try:
        yield found
    finally:
        signal.signal(signal.SIGUSR1, heard)
        os.sched_setaffinity(0, affinity)
        if os.geteuid() == 0:
            os.setpriority(os.PRIO_PROCESS, 0, niceness)
        _kill_marked(found)
        for place in (Path("/tmp"), Path("/dev/shm")):
            for path in place.glob(f"*{found.mark}*"):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _kill_marked(found: Outside) -> None:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if found.mark.encode()[-15:] in (path / "comm").read_bytes():
                os.kill(int(path.name), signal.SIGKILL)
        except OSError:
            continue


def numpy_questions(bundle: Bundle) -> Bundle:
    """What attacks are asked: without torch, whose zygote takes seconds, and without what is measured and large."""
    chosen = (q for q in bundle.questions if not q.torch and not any(case.budget for case in q.cases))
    return replace(bundle, questions=tuple(chosen))


def exact(bundle: Bundle) -> Bundle:
    """The questions with one right answer, of fractions: where there are many, a right one that was shaken a little may
    still be one, and a small whole number is itself in half precision too."""
    questions = [q for q in numpy_questions(bundle).questions if not q.cases[0].verdict]
    whole = {q.name for q in questions if all(isinstance(value, int) for value in q.cases[0].expected.values())}
    return replace(bundle, questions=tuple(q for q in questions if q.name not in whole))


def few(bundle: Bundle) -> Bundle:
    """The questions of the plain grader."""
    return replace(bundle, questions=tuple(q for q in bundle.questions if q.name in PLAIN))


def of_every_kind(bundle: Bundle, seconds: float) -> Bundle:
    """A question of every kind of answer, with a deadline that costs little: array, number, list, property, integers, tuple."""
    chosen = [q for q in numpy_questions(bundle).questions if q.name in KINDS]
    return replace(bundle, questions=tuple(replace(question, seconds=seconds) for question in chosen))


def sample(names: Sequence[str], every: int) -> list[Any]:
    """All of them in the full form; every so-manieth in the quick one."""
    return [pytest.param(name, marks=pytest.mark.attack) if i % every else name for i, name in enumerate(names)]


# ---------------------------------------------------------------- submissions


def fill(source: str, where: Outside, bundle_file: Path, bundle: Bundle) -> str:
    """Put in what the attacker may know: paths, numbers of outputs, places to write to."""
    calls = [parse_call(text) for q in bundle.questions for text in (*q.calls, *(t for case in q.cases for t in case.calls))]
    outputs = {call.function: len(call.targets) for call in calls if "." not in call.function}
    values = {"WATCH": str(where.folder), "MARK": where.mark, "PORT": str(where.port), "ROOT": str(ROOT),
              "BUNDLE": str(bundle_file), "OUTPUTS": repr(outputs), "PYTHON": sys.executable}  # fmt: skip
    return re.sub(r"\$([A-Z]+)", lambda match: values[match[1]], source)


def package(source: str, solution: Mapping[str, bytes]) -> dict[str, bytes]:
    """The cheat under the name of every numpy module, and the right modules beside it as right_*."""
    names = [name for name in solution if name not in NOT_NUMPY]
    modules = {name: source.encode() for name in names}
    for name in names:
        text = re.sub(rb"from \.(\w+) import", rb"from .right_\1 import", solution[name])
        modules[f"right_{name}"] = re.sub(rb"from memnet\.(\w+) import", rb"from memnet.right_\1 import", text)
    return modules


def submission(sources: Mapping[str, bytes], name: str = "attack") -> Submission:
    return Submission(name, Path(name), sources, None, (), "", "0")


# ---------------------------------------------------------------- running


@dataclass(frozen=True)
class Result:
    """What came of a run: points, or the plain grader's count by style (None if it gave no result)."""

    points: float
    styles: Mapping[str, int] | None
    record: Mapping[str, Any]
    seconds: float
    touched: list[str]


def write_cases(path: Path, bundle: Bundle, *, hidden: bool = True) -> None:
    arrays = {}
    for question in bundle.questions:
        if question.name in PLAIN:
            for case in question.cases[:3]:
                if not case.verdict and (hidden or not case.hidden):
                    order = parse_call(question.calls[0]).arguments
                    inputs = {name: case.inputs[name] for name in order}
                    for kind, values in (("inputs", inputs), ("expected", case.expected)):
                        for name, value in values.items():
                            arrays[f"{question.name}|{case.name}|{kind}|{name}"] = np.asarray(value)
    np.savez(path, **arrays)


def run_plain(sources: Mapping[str, bytes], cases: Path, bundle: Bundle, where: Outside) -> Result:
    """The plain grader: everything in one process."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in sources.items():
            path = Path(folder) / "memnet" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        modules = {f"MODULE_{q.name}": f"memnet.{q.module}" for q in bundle.questions if q.name in PLAIN}
        begun = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, str(HERE / "plain_grader.py"), folder, str(cases), str(ROOT)],
                capture_output=True, timeout=30, env={**os.environ, **modules, "OPENBLAS_NUM_THREADS": "1"},
                check=False, cwd=folder,
            )  # fmt: skip
            text = done.stdout[-100_000:].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            text = ""
        seconds = time.monotonic() - begun
    lines = re.findall(r"^RESULT (.*)$", text, re.MULTILINE)
    earned = json.loads(lines[-1])["earned"] if lines else None
    return Result(sum((earned or {}).values()), earned, {}, seconds, where.touched())


def run_ours(
    sources: Mapping[str, bytes], runner: Runner, bundle: Bundle, properties: Mapping[str, Property],
    where: Outside | None = None,
) -> Result:  # fmt: skip
    """The real judge with a runner: confined, or a plain child process."""
    begun = time.monotonic()
    record = grading.judge_submission(submission(sources), bundle, runner, properties)
    seconds = time.monotonic() - begun
    time.sleep(0.05 if where else 0)  # for what was left behind to show itself
    return Result(record["total"], None, record, seconds, where.touched() if where else [])


class Runners:
    """The runners of a test session, started when needed."""

    def __init__(self, bundle: Bundle) -> None:
        self.confined = SandboxRunner(bundle.package, bundle.torch_modules)
        self.unconfined = ProcessRunner(bundle.package, bundle.torch_modules)

    def close(self) -> None:
        self.confined.shut_down()
        self.unconfined.close()


def adopt_orphans() -> None:
    """Become the parent of what our children leave behind, so that it can be seen."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
