"""The judge's end of the wire: asks a worker, keeps the deadline, replaces a dead worker. Imports numpy and wire.

`ProcessRunner` starts a plain child process and works on every operating system; it is what students use on
their own machine. The confined worker of `sandbox` is a `Runner` with other processes behind it.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .wire import Caps, Message, WireError, Writer, numbered, read_message, written

OUTPUT_CAP = 1 << 20  # bytes of standard output and error that a submission may print
LOAD_SECONDS = 20.0  # for a worker to start; torch takes its time
LITTLE = 0.02  # seconds by which it is not worth moving a deadline again
CAPS = Caps()
FIRST_TOUCHED = 5 << 18  # bytes of the interpreter's and the libraries' own code that a call may be the first to run


class Died(Exception):
    """The worker is gone, or broke the rules; `reason` is what a student is told."""

    def __init__(self, reason: str, verdict: str = "crashed") -> None:
        super().__init__(reason)
        self.reason = reason
        self.verdict = verdict


class DeadlinePassed(Exception):
    """The worker has not answered in time."""


@dataclass(frozen=True)
class Answer:
    """What came of one case. verdict: "" when values came, else a verdict with its text.

    values: by output name. changed: inputs and earlier results that the code changed. trace: lines of the student's code.
    ended: the worker did not survive it. peak: bytes of memory that the call took, where it was measured; where: the
    line that held most of them, in the worker's own word.
    """

    verdict: str = ""
    text: str = ""
    trace: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    ended: bool = False
    peak: int | None = None
    where: str = ""


@dataclass(frozen=True)
class Memory:
    """What the kernel says of a process, in bytes: its address space and its pages, each now and at its peak."""

    space: int
    space_peak: int
    pages: int
    pages_peak: int

    def taken(self, before: Memory) -> int:
        """Bytes taken since `before`, the larger of two measures that fail in different places.

        Address space counts what was asked for, to the page; code that unmaps a library first has room that it does
        not show. Pages count what was written, wherever, and also code that is run for the first time.
        """
        return max(self.space_peak - before.space, self.pages_peak - before.pages - FIRST_TOUCHED)


class Process(Protocol):
    """A worker process. `read` returns exactly `count` bytes; it raises Died or DeadlinePassed, as does `write`."""

    def write(self, data: bytes, deadline: float) -> None: ...
    def read(self, count: int, deadline: float) -> bytes: ...
    def close(self) -> None: ...
    def output(self) -> str: ...
    def memory(self) -> Memory | None: ...
    def queued(self) -> float: ...


LATE = "not finished in time"
# The kinds of failure that a worker reports, and the verdict that each deserves.
VERDICTS = {
    "missing": "missing", "not_implemented": "not_implemented", "forbidden": "forbidden",
    "memory": "over_memory", "count": "wrong", "raised": "crashed",
}  # fmt: skip


class Runner:
    """Runs the calls of one submission at a time; a fresh worker after each death."""

    def __init__(self, package: str, torch_modules: Sequence[str]) -> None:
        self.package = package
        self.torch_modules = tuple(torch_modules)
        self._sources: Mapping[str, bytes] = {}
        self._processes: dict[bool, Process] = {}
        self._sequence: dict[bool, int] = {}
        self._waits: dict[bool, float] = {}  # seconds that a worker has waited for a processor, when last asked
        self._kept: dict[tuple[object, ...], tuple[Any, bytes, bytes]] = {}  # what was sent for a case, to be sent again
        self._imported: set[tuple[bool, str]] = set()
        self._lost: dict[str, Answer] = {}
        self._printed: list[str] = []
        self._queued = 0.0  # seconds of this question that its worker waited for a processor

    def start(self, torch: bool) -> Process:
        """Start a worker, with torch or without."""
        raise NotImplementedError

    def open(self, sources: Mapping[str, bytes]) -> None:
        """Take up a submission: its modules by name. Workers start when they are needed."""
        self.close()
        self._sources = sources
        self._printed = []
        self._lost = {}

    def close(self) -> None:
        """End the workers of this submission."""
        for torch in list(self._processes):
            self._drop(torch)

    def printed(self) -> str:
        """What the submission has printed since `open`."""
        return "".join([*self._printed, *(process.output() for process in self._processes.values())])

    def is_stub(self, module: str, function: str) -> bool:
        """Whether a function is as the template has it; asked of the numpy worker, which runs nothing for it."""
        if module not in self._sources:
            return False
        try:
            self._ready(False, fresh=False)
            reply = self._send(False, {"op": "outline", "module": module}, Writer(), time.monotonic() + 5)
        except (Died, DeadlinePassed, WireError):
            self._drop(False)
            return False
        stubs = reply.content.get("stubs")
        return isinstance(stubs, list) and function in stubs

    def ask(
        self,
        module: str,
        calls: Sequence[str],
        inputs: Mapping[str, Any],
        returns: Sequence[str],
        *,
        layouts: Mapping[str, str],
        torch: bool = False,
        measure: bool = False,
        trace: bool = False,
        deadline: float,
    ) -> tuple[Answer, float]:
        """Run calls in the worker. Never raises for what a submission does.

        measure: run one call in a fresh worker and read the memory it takes from outside. trace: have the worker
        watch its lines, for a hint. Returns the answer, and the seconds that were not the student's: those in which
        a worker started, or was ready to run while every processor was busy. The deadline is moved by them.
        """
        self._queued = 0.0
        answer, waited = self._ask(module, calls, inputs, returns, layouts, torch, measure, trace, deadline)
        return answer, waited + self._queued

    def _ask(
        self, module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str],
        layouts: Mapping[str, str], torch: bool, measure: bool, trace: bool, deadline: float,
    ) -> tuple[Answer, float]:  # fmt: skip
        if module not in self._sources:  # no worker is needed to say so, least of all one with torch
            return Answer("missing", f"{self.package}/{module}.py is not in the submission"), 0.0
        if module in self._lost:
            return self._lost[module], 0.0
        asked = module, calls, inputs, returns, layouts
        loaded, waited = measure, 0.0
        try:
            waited = self._ready(torch, fresh=measure)
            deadline += waited
            if measure:
                return self._measure(torch, _request(*asked), deadline, lines=trace), waited
            if (torch, module) not in self._imported:
                self._send(torch, {"op": "import", "module": module}, Writer(), deadline)
                self._imported.add((torch, module))
            loaded = True
            return _answer(self._exchange(torch, *self._written(*asked), deadline), returns, inputs), waited
        except DeadlinePassed:
            answer = Answer("timed_out", LATE, ended=True)
        except Died as death:
            answer = Answer(death.verdict, death.reason, ended=True)
        except WireError as error:
            answer = Answer("crashed", f"the code interfered with the grader's connection: {error}", ended=True)
        self._drop(torch)
        if not loaded:  # a module that hangs or dies while it is imported would do so for each of its questions
            self._lost[module] = replace(answer, text=f"{answer.text}, while {module}.py was being imported")
            answer = self._lost[module]
        return answer, waited

    def _written(
        self, module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str], layouts: Mapping[str, str]
    ) -> tuple[bytes, bytes]:
        """What is sent for a case. It is kept: every submission is sent the same."""
        key = (id(inputs), module, tuple(calls), tuple(returns), tuple(layouts.items()))
        if key not in self._kept:  # with the inputs themselves, so that no others get their id
            self._kept[key] = (inputs, *written(*_request(module, calls, inputs, returns, layouts)))
        return self._kept[key][1:]

    def _measure(self, torch: bool, request: tuple[Mapping[str, Any], Writer], deadline: float, *, lines: bool) -> Answer:
        """Hold, run, fetch; the memory is what the kernel says of the process before and after the run.

        Where no kernel is asked, on a student's own machine, it is what Python's own tracing says.
        """
        process = self._processes[torch]
        trace = "lines" if lines else ("" if process.memory() else "peak")
        content, writer = request
        self._send(torch, {**content, "op": "hold", "trace": trace}, writer, deadline)
        before = process.memory()
        self._send(torch, {"op": "run"}, Writer(), deadline)
        after = process.memory()
        reply = self._send(torch, {"op": "fetch"}, Writer(), deadline)
        answer = _answer(reply, content["returns"], content["inputs"])
        end = process.memory()  # a value may be one that is computed when it is sent
        self._drop(torch)
        traced, where = reply.content.get("traced"), clean(reply.content.get("where"), 200)
        peak = traced if type(traced) is int and traced else None
        if before and after and end:
            sent = 3 * sum(array.nbytes for value in answer.values.values() for array in _arrays(value))
            peak = max(after.taken(before), end.taken(before) - sent)  # sending a value takes it three times
        return replace(answer, peak=peak, where=where)

    def _ready(self, torch: bool, *, fresh: bool) -> float:
        """See to it that there is a worker, a fresh one if asked for. Returns the seconds that it took to start."""
        if fresh:
            self._drop(torch)
        if torch in self._processes:
            return 0.0
        begun = time.monotonic()
        self._load(torch)
        return time.monotonic() - begun

    def _load(self, torch: bool) -> None:
        self._processes[torch] = self.start(torch)
        self._sequence[torch], self._waits[torch] = 0, 0.0
        writer = Writer(1 << 30)
        arrays = {name: np.frombuffer(source, np.uint8) for name, source in self._sources.items()}
        request = {"op": "load", "package": self.package, "torch_modules": self.torch_modules,
                   "sources": writer.value(arrays)}  # fmt: skip
        self._send(torch, request, writer, time.monotonic() + LOAD_SECONDS)

    def _send(self, torch: bool, request: Mapping[str, Any], writer: Writer, deadline: float) -> Message:
        return self._exchange(torch, *written(request, writer), deadline)

    def _exchange(self, torch: bool, text: bytes, body: bytes, deadline: float) -> Message:
        """Send a message and read the reply."""
        process, sequence = self._processes[torch], self._sequence[torch]
        self._sequence[torch] += 1
        begun, before, deadline = time.monotonic(), self._waits[torch], deadline + self._queued
        process.write(numbered(sequence, text, body), deadline)
        try:
            return read_message(lambda count: _read(process, count, deadline, before), sequence, CAPS)
        finally:
            if time.monotonic() - begun > LITTLE:  # the kernel is asked where it matters; what a quick reply waited counts then
                self._waits[torch] = process.queued()
                self._queued += max(0.0, self._waits[torch] - before)

    def _drop(self, torch: bool) -> None:
        process = self._processes.pop(torch, None)
        self._imported = {key for key in self._imported if key[0] is not torch}
        if process is not None:
            process.close()
            self._printed.append(process.output())


def _request(
    module: str, calls: Sequence[str], inputs: Mapping[str, Any], returns: Sequence[str], layouts: Mapping[str, str]
) -> tuple[dict[str, Any], Writer]:
    """A case as a message, and the writer that has its arrays."""
    writer = Writer(1 << 30)
    values = {name: writer.value(value) for name, value in inputs.items()}
    return {"op": "ask", "module": module, "calls": list(calls), "returns": list(returns), "layouts": dict(layouts),
            "inputs": values}, writer  # fmt: skip


def _read(process: Process, count: int, deadline: float, before: float) -> bytes:
    """Exactly `count` bytes. The deadline moves by the time in which the process has waited for a processor since `before`."""
    moved = 0.0
    while True:
        try:
            return process.read(count, deadline + moved)
        except DeadlinePassed:
            late = process.queued() - before
            if late < moved + LITTLE:
                raise
            moved = late


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    """The arrays in a value, and in lists and tuples of them."""
    if isinstance(value, list | tuple):
        return [array for item in value for array in _arrays(item)]
    return [value] if isinstance(value, np.ndarray) else []


def _answer(reply: Message, returns: Sequence[str], inputs: Collection[str]) -> Answer:
    """What a reply to a question with these inputs says, with everything in it checked. Raises WireError."""
    content = reply.content
    if content.get("ok") is True:
        values, changed = content.get("values"), content.get("changed")
        if not isinstance(values, dict) or set(values) != set(returns) or not isinstance(changed, list):
            raise WireError("an answer that lacks what was asked")
        names = tuple(name for name in (*inputs, *returns) if name in changed)
        return Answer(values={name: reply.value(values[name]) for name in returns}, changed=names)
    kind = content.get("kind")
    verdict = VERDICTS.get(kind) if isinstance(kind, str) else None
    if verdict is None:
        raise WireError("an answer of unknown kind")
    return Answer(verdict, clean(content.get("text")), clean(content.get("trace"), 4000))


def clean(text: object, most: int = 1000) -> str:
    """Text that a submission wrote, fit to be shown: capped, without control, bidi or address characters."""
    import re

    if not isinstance(text, str):
        return ""
    text = text[: most + 1]
    kept = "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text if c != "\r")
    kept = re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", kept)
    return kept if len(kept) <= most else kept[:most] + "…"


# ---------------------------------------------------------------- a plain child process


class ProcessRunner(Runner):
    """Workers are plain child processes of this Python: a deadline and the wire, but no confinement."""

    def start(self, torch: bool) -> Process:
        """Start a child that serves on its standard streams."""
        return ChildProcess(torch)


class ChildProcess:
    """A child of this Python, read by a thread so that a deadline works on every operating system."""

    def __init__(self, torch: bool) -> None:
        package = __package__ or ""
        root = Path(__file__).resolve().parents[package.count(".") + 1]  # where the outermost package lies
        outermost = package.partition(".")[0]
        program = (  # its folder is never on the path: a student's random.py there must not stand in for Python's
            "import sys; del sys.path[0]; from importlib import machinery, util; "
            f"spec = machinery.PathFinder.find_spec({outermost!r}, [{str(root)!r}]); "
            f"sys.modules[spec.name] = package = util.module_from_spec(spec); spec.loader.exec_module(package); "
            f"from {package}.worker import main; main({torch})"
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")}
        self._child = subprocess.Popen(
            [sys.executable, "-s", "-c", program],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env={**kept, **threads, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"},  # to a pipe Windows would print cp1252
        )  # fmt: skip
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._output = bytearray()
        self._threads = [
            threading.Thread(target=self._pump_replies, daemon=True),
            threading.Thread(target=self._pump_output, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _pump_replies(self) -> None:
        assert self._child.stdout is not None
        while chunk := os.read(self._child.stdout.fileno(), 1 << 20):
            self._chunks.put(chunk)
        self._chunks.put(b"")

    def _pump_output(self) -> None:
        assert self._child.stderr is not None
        while chunk := os.read(self._child.stderr.fileno(), 1 << 16):
            self._output += chunk[: OUTPUT_CAP + 1 - len(self._output)]
            if len(self._output) > OUTPUT_CAP:
                self._child.kill()

    def write(self, data: bytes, deadline: float) -> None:
        """Send bytes; a worker reads as soon as it has answered, so this does not wait long."""
        assert self._child.stdin is not None
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._child.stdin.fileno(), view) :]
        except OSError:
            raise Died(self._reason()) from None

    def read(self, count: int, deadline: float) -> bytes:
        """Exactly `count` bytes."""
        while len(self._rest) < count:
            try:
                chunk = self._chunks.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise DeadlinePassed from None
            if not chunk:
                raise Died(self._reason())
            self._rest += chunk
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def _reason(self) -> str:
        """Why the child hung up. One that is still there does not get to say when it ends."""
        try:
            status = self._child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            return "the code closed the grader's connection"
        if len(self._output) > OUTPUT_CAP:
            return f"the code printed more than {OUTPUT_CAP >> 20} MB and was stopped"
        return f"the code ended its own process (exit status {status})"

    def close(self) -> None:
        """Kill the child and let go of its pipes."""
        self._child.kill()
        self._child.wait()
        for thread in self._threads:
            thread.join(timeout=1)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()

    def output(self) -> str:
        """What the code has printed so far."""
        return self._output[:OUTPUT_CAP].decode("utf-8", "replace")

    def memory(self) -> Memory | None:
        """Not asked of the system: a process that has not loaded everything first shows more than the call takes."""
        return None

    def queued(self) -> float:
        """Not asked of the system: on a machine of one's own a slow check is run again."""
        return 0.0
