"""Tries here what keeps submissions in, control by control, and says whether to grade. Imports lockdown, and sandbox late.

Outcomes count, not versions: each control is attacked by a process to throw away. A grader makes the required part
of it at every start (`lockdown.probe`); this says which part does not hold, and what to do.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import json
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from . import lockdown

if sys.platform == "linux":
    import fcntl
    import resource

Attempt = Callable[[], object]
LIMITS = lockdown.Limits(memory=1 << 28, cpu_seconds=10)
PATIENCE = 4.0  # seconds for all controls that need no worker
JUDGE = os.getpid()  # whom the attempts aim at: the process that forks them


class Outcome(enum.Enum):
    """What came of a control. ABSENT: this kernel does not have it, and another one stands in its place."""

    HOLDS = "holds"
    ABSENT = "absent"
    FAILS = "FAILS"


class Verdict(enum.Enum):
    """What all controls together mean."""

    SAFE = "SAFE"
    ONE_LAYER_FEWER = "SAFE with one layer fewer"
    REFUSE = "REFUSE"


@dataclass(frozen=True)
class Control:
    """One line of the doctor's: what was tried, what came of it, and in words."""

    name: str
    outcome: str
    text: str


# ---------------------------------------------------------------- what is tried, in locked children


def _thread() -> None:
    threading.Thread(target=int).start()


def _syscall(name: str) -> Attempt:
    column = lockdown.MACHINES[os.uname().machine][0]
    number = lockdown.numbers(lockdown.KILLED, column)[name]
    return lambda: ctypes.CDLL(None).syscall(number, 0, 0, 0, 0, 0)


# What each control promises of a locked process, and the attempts that must end in an error.
REFUSED: dict[str, tuple[str, dict[str, Attempt]]] = {
    "files": ("nothing is opened, listed, looked at, made or removed", {
        "open": lambda: os.open("/", os.O_RDONLY),
        "own memory": lambda: os.open("/proc/self/mem", os.O_RDWR),
        "list": lambda: os.listdir("/"),  # noqa: PTH208
        "stat": lambda: os.stat("/"),  # noqa: PTH116
        "make": lambda: tempfile.TemporaryFile().close(),
        "chmod": lambda: os.chmod("/nowhere", 0o777),  # noqa: PTH101
        "memory file": lambda: os.memfd_create("x"),
    }),
    "programs": ("no new process, thread or program", {
        "fork": lambda: os.fork() or os._exit(0),
        "exec": lambda: os.execv("/bin/echo", ["echo", "exec"]),  # which says so, in this process's place
        "thread": _thread,
    }),
    "network": ("no socket of any family", {
        "tcp": lambda: socket.socket(socket.AF_INET),
        "udp": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX),
        "pair": lambda: socket.socketpair(),
    }),
    "the judge": ("its signals, limits, priority and processors are out of reach", {
        "signal": lambda: os.kill(JUDGE, 0),
        "signal from a pipe": lambda: fcntl.fcntl(1, fcntl.F_SETOWN, JUDGE),
        "limits": lambda: resource.prlimit(JUDGE, resource.RLIMIT_CPU),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, JUDGE, 0),
        "processors": lambda: os.sched_setaffinity(JUDGE, {0}),
    }),
    "new code": ("no page can be made executable", {
        "mmap": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    }),
    "memory": ("an allocation beyond the limit fails", {
        "heap": lambda: bytearray(1 << 29),
        "mapping": lambda: mmap.mmap(-1, 1 << 29),
    }),
}  # fmt: skip


def _refused(name: str) -> str:
    """In a locked child: what was let through, by name; empty if nothing was."""
    passed = []
    for attempt, act in REFUSED[name][1].items():
        try:
            act()
            passed.append(attempt)
        except (OSError, MemoryError, RuntimeError):
            continue
    return ", ".join(passed)


def _honest() -> str:
    """In a locked child: what honest code needs and does not get."""
    wrong = []
    if len(bytes(1 << 24)) != 1 << 24:
        wrong.append("memory")
    if not 0 < time.perf_counter() < time.perf_counter() + time.time():
        wrong.append("clocks")
    if len(os.urandom(8)) != 8:
        wrong.append("random numbers")
    with contextlib.suppress(ZeroDivisionError):
        signal.signal(signal.SIGALRM, lambda *_: 1 // 0)
        signal.raise_signal(signal.SIGALRM)
        wrong.append("its own signals")
    return ", ".join(wrong)


# ---------------------------------------------------------------- children to throw away


@dataclass(frozen=True)
class _Child:
    """What a child said, and the signal that ended it (0: none)."""

    said: str
    signal: int


def _child(action: Callable[[], str], prepare: Attempt = lambda: lockdown.lock(LIMITS)) -> _Child:
    """Fork, prepare, act, and tell what came of it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(writer, 1)
            prepare()
            said = action()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(1, said.encode())
        os._exit(0)
    os.close(writer)
    if not select.select([reader], [], [], PATIENCE)[0]:
        os.kill(pid, signal.SIGKILL)
    said = os.read(reader, 1 << 16).decode("utf-8", "replace")
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    return _Child(said, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)


def _control(name: str, failure: str, promise: str) -> Control:
    outcome = Outcome.FAILS if failure else Outcome.HOLDS
    return Control(name, outcome.value, failure or promise)


def _locked_controls() -> Iterator[Control]:
    for name, (promise, _) in REFUSED.items():
        child = _child(lambda name=name: _refused(name))  # type: ignore[misc]
        passed = f"let through: {child.said}" if child.said else ""
        yield _control(name, f"ended by signal {child.signal}" if child.signal else passed, promise)
    child = _child(lambda: str(_syscall("chroot")()))
    failure = "" if child.signal == signal.SIGSYS else f"a call that must kill does not ({child.said or 'no word'})"
    yield _control("kernel", failure, "a call for what no honest code needs kills")
    child = _child(_honest)
    yield _control("honest code", f"does not get: {child.said}" if child.said or child.signal else "",
                   "memory, clocks, random numbers and its own signals work")  # fmt: skip


def _spin() -> None:
    while True:
        pass


def _time_control() -> Control:
    """Seconds of processor time are counted, not of the clock: on a busy machine one takes longer."""
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(lockdown.CannotLock):
            lockdown.lock(lockdown.Limits(1 << 28, cpu_seconds=1))
            _spin()
        os._exit(0)
    ended = status = 0
    while not ended and _processor_seconds(pid) < PATIENCE:
        time.sleep(0.02)
        ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    stopped = ended and os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
    return _control("processor", "" if stopped else "the limit of time passes", "a loop without end is stopped")


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rights_control() -> Control:
    """Look at a locked process from outside: whose it is, and what it may."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 1)
        with contextlib.suppress(lockdown.CannotLock):
            lockdown.lock(LIMITS)
            os.write(1, b"locked")
            time.sleep(PATIENCE)
        os._exit(0)
    os.close(writer)
    os.read(reader, 16)
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reader)
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    user, rights = status["Uid"].split()[0], status["CapEff"].strip("0 ")
    failure = "it keeps capabilities" if rights else ""
    failure = "it stays root" if user == "0" else failure
    failure = "it may gain rights" if status["NoNewPrivs"].strip() != "1" else failure
    who = f"user {user}" if os.geteuid() == 0 else f"user {user}, which is yours: as root it would be another"
    return _control("rights", failure, f"none; a worker runs as {who}")


def _orphan_control() -> Control:
    """Whether a worker ends with the process that forked it. Each step waits for the one before, on a busy machine too."""
    reader, writer = os.pipe()
    go, gone = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.fork() == 0:
            with contextlib.suppress(lockdown.CannotLock):
                os.dup2(writer, 1)
                lockdown.lock(LIMITS)
                os.write(1, b"x")
                time.sleep(2 * PATIENCE)
        else:
            os.close(writer)
            os.read(go, 1)
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 1)
    os.write(gone, b"x")
    os.waitpid(pid, 0)
    survived = said != b"x" or not select.select([reader], [], [], PATIENCE)[0]
    for fd in (reader, go, gone):
        os.close(fd)
    return _control("orphans", "a worker outlives its judge" if survived else "", "a worker dies with its judge")


def _landlock_alone() -> str:
    call, _ = lockdown.prepare()
    call("prctl", lockdown.PR_SET_NO_NEW_PRIVS, 1)
    if not lockdown._landlock(call):
        return "absent"
    try:
        os.open("/", os.O_RDONLY)
    except PermissionError:
        return "holds"
    return "lets files through"


def _landlock_control() -> Control:
    said = _child(_landlock_alone, lambda: None).said
    text = {
        "holds": "a second lock on files, TCP, abstract sockets and signals, behind the first",
        "absent": "this kernel has none; the filter of system calls stands alone",
    }
    if said in text:
        return Control("landlock", said, text[said])
    return Control("landlock", Outcome.FAILS.value, said)


def examine() -> None:
    """In a process of its own, without threads: print each control as a line of JSON."""
    try:
        lockdown.prepare()
        lock = _child(lambda: "", lambda: lockdown.lock(LIMITS)).said.removeprefix("CannotLock: ")
    except lockdown.CannotLock as error:
        lock = str(error)
    found: Iterator[Control] = iter([_control("lock", lock, "a process locks itself, for good")])
    for control in found:
        print(json.dumps(asdict(control)), flush=True)
    if lock:
        return
    for control in (*_locked_controls(), _rights_control(), _landlock_control(), _orphan_control(), _time_control()):
        print(json.dumps(asdict(control)), flush=True)


# ---------------------------------------------------------------- the doctor


def _worker_control() -> Control:
    """The whole of it: a zygote, a worker, an honest answer, and code that tries to read a file."""
    from .sandbox import SandboxError, SandboxRunner

    runner = SandboxRunner("memnet", ())
    source = "import io\ndef honest(x): return 2 * x\ndef spy(x): return io.open('/etc/hostname').read()\n"
    begun = time.monotonic()
    try:
        runner.open({"m": source.encode()})
        given = {"x": 1.5}
        deadline = time.monotonic() + PATIENCE
        honest, _ = runner.ask("m", ("y = honest(x)",), given, ("y",), layouts={}, deadline=deadline)
        spy, _ = runner.ask("m", ("y = spy(x)",), given, ("y",), layouts={}, deadline=deadline)
    except SandboxError as error:
        return _control("workers", str(error), "")
    finally:
        runner.shut_down()
    if honest.values.get("y") != 3.0:
        return _control("workers", f"honest code is not run: {honest.verdict} {honest.text}", "")
    if spy.verdict != "forbidden":
        return _control("workers", "a worker reads a file", "")
    return _control("workers", "", f"one starts, answers and reads no file ({time.monotonic() - begun:.1f} s)")


def diagnose() -> tuple[list[Control], Verdict]:
    """Try everything. Returns the controls and what they mean."""
    try:
        lockdown.prepare()
    except lockdown.CannotLock as error:
        return [_control("system", str(error), "")], Verdict.REFUSE
    root, package = str(Path(__file__).resolve().parents[2]), __package__
    program = f"import sys; sys.path.insert(0, {root!r}); from {package}.doctor import examine; examine()"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", program],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5 * PATIENCE, check=False,
        )  # fmt: skip
        controls = [Control(**json.loads(line)) for line in done.stdout.splitlines()]
        if done.returncode or not controls:
            text = (done.stderr.strip() or "no word").splitlines()[-1]
            controls.append(_control("examination", f"ended with status {done.returncode}: {text}", ""))
    except (OSError, subprocess.SubprocessError) as error:
        controls = [_control("examination", f"cannot be made: {error}", "")]
    if all(control.outcome != Outcome.FAILS.value for control in controls):
        controls.append(_worker_control())
    return controls, judge(controls)


def judge(controls: list[Control]) -> Verdict:
    """What the controls mean: one that fails is one too many."""
    outcomes = {control.outcome for control in controls}
    if Outcome.FAILS.value in outcomes:
        return Verdict.REFUSE
    return Verdict.ONE_LAYER_FEWER if Outcome.ABSENT.value in outcomes else Verdict.SAFE


ADVICE = {
    Verdict.SAFE: "submissions can be graded here",
    Verdict.ONE_LAYER_FEWER: "submissions can be graded here; what stands behind the first lock elsewhere is missing",
    Verdict.REFUSE: "no submission should be run here; see what fails above. Graders run on Linux 3.17 or later (x86_64, "
    "aarch64), in WSL2, and in Docker with its default profile",
}


def lines(controls: list[Control], verdict: Verdict) -> Iterator[str]:
    """What the doctor says, a line a control and one for all."""
    for control in controls:
        yield f"{control.outcome:<7} {control.name:<12} {control.text}"
    yield f"{verdict.value}: {ADVICE[verdict]}"
