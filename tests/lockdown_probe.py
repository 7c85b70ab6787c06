"""What test_lockdown.py runs in processes of its own: a zygote that forks a child for each row of a table.

`lockdown_probe.py attacks` (benign, torch, situations, sweep) prints as JSON, for each row, what came of it: a value,
an error or a signal. Attacks go without the lock first: one that fails anyway proves nothing.
"""

# The calls themselves are the subject here, not pathlib's way of making them.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH115, PTH116, PTH123, PTH208, PTH211, SIM115

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import gc
import importlib.metadata  # which Python 3.13 wants when caches are forgotten
import json
import linecache
import logging
import mmap
import os
import platform
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OPENBLAS", "OMP", "MKL")}
import numpy as np
import numpy.fft
import numpy.linalg

sys.path.insert(0, str(Path(__file__).parent.parent))
from autograder.isolation import lockdown

Row = Callable[[], object]
MACHINE = lockdown.MACHINES.get(os.uname().machine, (0, 0))
NUMBERS = lockdown.numbers(lockdown.KILLED, MACHINE[0])
FUTEX = lockdown.numbers("futex 202 98", MACHINE[0])["futex"]
LIMITS = lockdown.Limits(memory=1 << 29, cpu_seconds=10)
ZYGOTE = os.getpid()
FOLDER = Path(tempfile.mkdtemp())
CANARY = str(FOLDER / "canary")
libc = ctypes.CDLL(None, use_errno=True)


def c(function: str, *arguments: int | bytes | None) -> int:
    """Call libc with 64-bit arguments; raises OSError as `os` would."""
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(getattr(libc, function)(*wide))
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def page() -> int:
    """Return the address of a fresh page, never freed."""
    memory = mmap.mmap(-1, 4096)
    kept.append(memory)
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


kept: list[object] = []


def spawn_and_wait() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def start_thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def import_from_disk() -> None:
    """A module that every user may read: where this Python lies, and for whom, is another matter."""
    sys.path.insert(0, str(FOLDER))
    importlib.invalidate_caches()
    __import__("on_disk")


def sockets(family: int, kind: int) -> Row:
    return lambda: socket.socket(family, kind).close()


def limit_from_afar() -> None:
    """Set a limit from an address whose lower half is zero, which half a comparison would take for none."""
    kind, far = resource.RLIMIT_CPU, 1 << 32
    c("mmap", far, 4096, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10, -1, 0)  # MAP_FIXED
    ctypes.memmove(far, struct.pack("=2Q", 999, 999), 16)
    c("prlimit64", 0, kind, far, 0)
    assert resource.getrlimit(kind) == (999, 999)


def iovec() -> bytes:
    return struct.pack("PN", page(), 8)


# Refused with an error. Whoever adds a row: it must do no harm when nothing stops it.
ATTACKS: dict[str, Row] = {
    "read a file": lambda: open("/etc/passwd").read(),
    "read own memory": lambda: open("/proc/self/mem", "rb"),
    "read the environment": lambda: open("/proc/self/environ", "rb").read(),
    "read by numpy": lambda: np.fromfile("/etc/passwd", dtype=np.uint8, count=1),
    "list a folder": lambda: os.listdir("/"),
    "stat": lambda: os.stat("/etc/passwd"),
    "lstat": lambda: os.lstat("/etc/passwd"),
    "statvfs": lambda: os.statvfs("/"),
    "readlink": lambda: os.readlink("/proc/self/exe"),
    "getxattr": lambda: os.listxattr(CANARY),
    "chdir": lambda: os.chdir("/"),
    "getcwd": os.getcwd,
    "import from disk": import_from_disk,
    "write a file": lambda: open(CANARY, "a").write("x"),
    "create a file": lambda: open(FOLDER / "new", "w").close(),
    "unlink": lambda: os.unlink(CANARY),
    "rename": lambda: os.rename(CANARY, CANARY + "2"),
    "link": lambda: os.link(CANARY, CANARY + "2"),
    "symlink": lambda: os.symlink(CANARY, CANARY + "2"),
    "mkdir": lambda: os.mkdir(FOLDER / "new"),
    "mkfifo": lambda: os.mkfifo(FOLDER / "new"),
    "chmod": lambda: os.chmod(CANARY, 0o600),
    "chown": lambda: os.chown(CANARY, os.getuid(), os.getgid()),
    "utime": lambda: os.utime(CANARY),
    "setxattr": lambda: os.setxattr(CANARY, "user.x", b"1"),
    "truncate": lambda: os.truncate(CANARY, 0),
    "temporary file": lambda: tempfile.TemporaryFile(dir=FOLDER).close(),
    "inotify": lambda: c("inotify_init1", 0),
    "memfd": lambda: os.memfd_create("x"),
    "shared memory": lambda: c("shmctl", c("shmget", 0, 4096, 0o1600), 0, 0),
    "fork": spawn_and_wait,
    "vfork and exec": lambda: subprocess.run(["/bin/true"], check=True),
    "posix_spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "thread": start_thread,
    "tcp": sockets(socket.AF_INET, socket.SOCK_STREAM),
    "udp": sockets(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": sockets(socket.AF_UNIX, socket.SOCK_STREAM),
    "netlink": sockets(socket.AF_NETLINK, socket.SOCK_RAW),
    "socketpair": lambda: socket.socketpair(),
    "kill the judge": lambda: os.kill(ZYGOTE, 0),
    "kill all": lambda: os.kill(-1, 0),
    "kill the group": lambda: os.killpg(0, 0),
    "tgkill the judge": lambda: c("tgkill", ZYGOTE, ZYGOTE, 0),
    "sigqueue the judge": lambda: c("sigqueue", ZYGOTE, 0, 0),
    "pidfd of the judge": lambda: os.pidfd_open(ZYGOTE),
    "priority of the judge": lambda: os.setpriority(os.PRIO_PROCESS, ZYGOTE, os.getpriority(0, ZYGOTE)),
    "affinity of the judge": lambda: os.sched_setaffinity(ZYGOTE, os.sched_getaffinity(0)),
    "affinity of the judge, read": lambda: os.sched_getaffinity(ZYGOTE),
    "scheduler of the judge": lambda: os.sched_setscheduler(ZYGOTE, os.SCHED_OTHER, os.sched_param(0)),
    "limits of the judge": lambda: resource.prlimit(ZYGOTE, resource.RLIMIT_CPU),
    "own limits": lambda: resource.setrlimit(resource.RLIMIT_CPU, (999, 999)),
    "own limits, from afar": limit_from_afar,
    "own priority": lambda: os.nice(1),
    "signals by SETOWN": lambda: fcntl.fcntl(4, fcntl.F_SETOWN, ZYGOTE),
    "signals by SETSIG": lambda: fcntl.fcntl(4, fcntl.F_SETSIG, signal.SIGCONT),
    "signals by SETFL": lambda: fcntl.fcntl(4, fcntl.F_SETFL, fcntl.fcntl(4, fcntl.F_GETFL) | os.O_ASYNC),
    "signals by FIOASYNC": lambda: fcntl.ioctl(4, termios.FIOASYNC, struct.pack("i", 1)),
    "nonblocking": lambda: os.set_blocking(3, False),
    "size of a pipe": lambda: fcntl.fcntl(4, fcntl.F_SETPIPE_SZ, 1 << 17),
    "dup": lambda: os.dup(0),
    "pipe": os.pipe,
    "eventfd": lambda: os.eventfd(0),
    "epoll": lambda: select.epoll(),
    "splice": lambda: c("vmsplice", 4, iovec(), 1, 0),
    "executable page": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "make a page executable": lambda: c("mprotect", page(), 4096, 5),
    "the same by pkey": lambda: c("pkey_mprotect", page(), 4096, 5, -1),
    "the same by persona": lambda: c("personality", 0x0400000),
    "mergeable pages": lambda: c("madvise", page(), 4096, 12),
    "lock pages": lambda: c("mlock", page(), 4096),
    "futex with inheritance": lambda: c("syscall", FUTEX, page(), 6, 0, 0),
    "be dumpable": lambda: c("prctl", 4, 1, 0, 0, 0),
    "outlive the judge": lambda: c("prctl", 1, 0, 0, 0, 0),
    "a filter of its own": lambda: c("prctl", 38, 1, 0, 0, 0),
    "become a user": lambda: os.setuid(os.getuid()),
    "leave the session": lambda: os.setpgid(0, 0),
}
OTHER_ERRORS = {"thread": "RuntimeError", "import from disk": "ModuleNotFoundError"}

# Killed. Without the lock they get as far as the kernel's own opinion of arguments that mean nothing.
KERNEL: dict[str, Row] = {
    name: lambda number=number: c("syscall", number, -1, 0, 0, 0, 0)
    for name, number in NUMBERS.items()
    if name not in ("reboot", "unshare", "ptrace")  # of which some would do something
}
KERNEL |= {
    "ptrace": lambda: c("ptrace", 0, 0, 0, 0),
    "unshare": lambda: c("unshare", 0),
    "x32": lambda: c("syscall", 1 << 30),
    "read the judge": lambda: c("process_vm_readv", ZYGOTE, iovec(), 1, iovec(), 1, 0),
}


def caught(kind: type[BaseException], action: Row) -> bool:
    try:
        action()
    except kind:
        return True
    return False


def recurse(n: int = 0) -> int:
    return recurse(n + 1) + 1


def trace() -> bool:
    source = "def f():\n    return 1 / 0  # here\n"
    linecache.cache["<student>"] = (len(source), None, source.splitlines(True), "<student>")
    space: dict[str, Callable[[], None]] = {}
    exec(compile(source, "<student>", "exec"), space)
    try:
        space["f"]()
    except ZeroDivisionError:
        return "# here" in traceback.format_exc()
    return False


def signalled() -> bool:
    seen: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, _frame: seen.append(number))
    signal.raise_signal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    return len(seen) == 2


def many_pages() -> bool:
    arrays = [np.ones(1 << k) for k in range(22)]
    return sum(a.sum() for a in arrays) == (1 << 22) - 1 and len(bytearray(1 << 26) * 2) == 1 << 27


def pipes() -> bool:
    os.write(4, b"x" * 200_000 + b"\n")  # more than a pipe holds: the zygote is reading
    return os.read(3, 1 << 20) == b"question" and bool(select.select([3], [], [], 0)) and not os.isatty(3)


random = np.random.default_rng(0)
A = random.standard_normal((500, 500))
BENIGN: dict[str, Row] = {
    "matmul": lambda: np.isfinite(A @ A).all() and np.allclose(A[:3] @ A, np.einsum("ij,jk->ik", A[:3], A)),
    "einsum": lambda: np.einsum("ij,jk,kl->il", A[:9], A, A[:, :9], optimize=True).shape == (9, 9),
    "fft": lambda: np.allclose(np.fft.ifft(np.fft.fft(A[0])), A[0]),
    "linalg": lambda: np.allclose(A @ np.linalg.solve(A, A[0]), A[0]) and np.linalg.svd(A[:50])[1].all(),
    "fresh generator": lambda: np.random.default_rng().random() != np.random.default_rng().random(),
    "urandom": lambda: len(os.urandom(9)) == 9,
    "too much memory": lambda: caught(MemoryError, lambda: np.zeros(1 << 30)),
    "too much memory, python": lambda: caught(MemoryError, lambda: bytearray(1 << 30)),
    "much memory": many_pages,
    "recursion": lambda: caught(RecursionError, recurse),
    "deeper recursion": lambda: sys.setrecursionlimit(9000) or caught(RecursionError, recurse),
    "clocks": lambda: time.sleep(0.001) is None and time.perf_counter() < time.perf_counter() + time.time(),
    "print": lambda: print("a student prints", flush=True) is None,
    "traceback": trace,
    "gc": lambda: gc.collect() >= 0,
    "locks": lambda: threading.Lock().acquire() and not threading.Event().wait(0.001),
    "signals of its own": signalled,
    "pipes": pipes,
    "platform": lambda: platform.machine() and os.cpu_count() and len(os.sched_getaffinity(0)) > 0,
    "own limits, read": lambda: resource.getrlimit(resource.RLIMIT_NPROC) == (0, 0),
    "who": lambda: os.getppid() == ZYGOTE and os.times().user >= 0 and resource.getrusage(0).ru_maxrss > 0,
    "stat of a descriptor": lambda: libc.syscall(lockdown.numbers("f 5 80", MACHINE[0])["f"], 3, bytes(256)) == 0,
}


def no_page_to_write_code_to() -> bool:
    """Say whether no page is both writable and executable: one from before the lock would be a way around it."""
    return not re.search(r"^\S+ .wx", Path("/proc/self/maps").read_text(), re.MULTILINE)


def torch_rows() -> dict[str, Row]:
    import torch
    import torch._dynamo
    import torch.fx.experimental.symbolic_shapes
    import torch.nn

    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False
    # Else asked lazily, and loudly where /proc/cpuinfo and the disk are out of reach.
    torch.cpu._is_avx2_supported()
    logging.disable()
    if hasattr(torch.autograd.profiler, "_maybe_cupti_monitor"):
        torch.autograd.profiler._maybe_cupti_monitor()
    logging.disable(logging.NOTSET)

    def learns() -> bool:
        torch.manual_seed(0)
        x, net = torch.randn(20, 8, 5), torch.nn.RNN(5, 64)
        adam, losses = torch.optim.Adam(net.parameters(), lr=0.01), []
        for _ in range(5):
            adam.zero_grad()
            loss = (net(x)[0] ** 2).mean()
            loss.backward()
            adam.step()
            losses.append(loss.item())
        return losses[-1] < losses[0]

    def agrees() -> bool:
        w = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
        return bool(torch.autograd.gradcheck(lambda w: torch.tanh(w @ w), (w,)))

    def multiplies() -> bool:
        a = torch.ones(500, 500)
        return bool((a @ a == 500).all())

    pages = no_page_to_write_code_to()
    return {"learn": learns, "gradcheck": agrees, "matmul": multiplies, "pages": lambda: pages}


def pretend(answers: dict[str, int]) -> None:
    """Install a filter that answers some of the lock's own calls with an error (0: success that is none)."""
    call, _ = lockdown.prepare()
    known = lockdown.numbers(lockdown.OUR, MACHINE[0])
    code = [(lockdown.LOAD, 0, 0, 0)]
    for name, error in answers.items():
        code += [(lockdown.EQUAL, 0, 1, known[name]), (lockdown.RETURN, 0, 0, 0x50000 | error)]
    call("prctl", lockdown.PR_SET_NO_NEW_PRIVS, 1)
    lockdown._filter(call, [*code, (lockdown.RETURN, 0, 0, lockdown.ALLOW)])


def keep_capabilities(mask: int) -> None:
    lockdown.prepare()[0]("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", mask, mask, 0, 0, 0, 0))


def locked(before: Row | None = None, after: Row = lambda: None, uid: int | None = 65534) -> Row:
    """Make a row: do something, lock, do something; its value is the level and that of the last step."""

    def row() -> object:
        if before:
            before()
        return lockdown.lock(LIMITS, uid=uid).value, after()

    return row


def landlock_alone() -> object:
    call, _ = lockdown.prepare()
    call("prctl", lockdown.PR_SET_NO_NEW_PRIVS, 1)
    if not lockdown._landlock(call):
        return "no Landlock here"
    return [caught(PermissionError, action) for action in (lambda: open("/etc/passwd"), lambda: os.listdir("/"))]


def each_landlock() -> object:
    """Apply the rules of each older Landlock in turn, each on top of the last."""
    real, _ = lockdown.prepare()
    real("prctl", lockdown.PR_SET_NO_NEW_PRIVS, 1)
    try:
        newest = real("landlock_create_ruleset", 0, 0, 1)
    except OSError:
        return "no Landlock here"
    for abi in range(1, min(newest, 8) + 1):

        def call(name: str, *arguments: int | bytes, abi: int = abi) -> int:
            return abi if arguments == (0, 0, 1) else real(name, *arguments)

        lockdown._landlock(call)
    return "taken"


def landlock_version() -> list[int]:
    try:
        return [lockdown.prepare()[0]("landlock_create_ruleset", 0, 0, 1)]
    except OSError:
        return [0]


def enter_32_bit() -> None:
    """Call getpid through the table of 32-bit programs, from a page made executable in time."""
    code = b"\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3"  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    kept.append(memory)
    kept.append(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory))))


def spin() -> None:
    while True:
        pass


def orphan() -> object:
    """Leave a locked worker behind and say whether its end of a pipe was closed after its parent's end."""
    reader, writer = os.pipe()
    go, gone = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.dup2(writer, 4)
            lockdown.lock(LIMITS)
            os.write(4, b"locked")
            time.sleep(60)
        os.close(writer)
        os.read(go, 1)
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 100)
    os.write(gone, b"x")
    ended = bool(select.select([reader], [], [], 15)[0])
    return said.decode(), os.read(reader, 100).decode() if ended else "", ended


def too_late() -> object:
    """Lock as if the parent ended meanwhile."""
    parents = iter([ZYGOTE, 1])
    os.getppid = lambda: next(parents)
    return lockdown.lock(LIMITS).value


def looked_at(uid: int | None = 65534) -> object:
    """Look at a locked worker from outside: as ourselves, and as another process of the worker's user."""
    if os.geteuid() == 0:
        os.setgroups([7])
    ready, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(said, 4)
        lockdown.lock(LIMITS, uid=uid)
        os.write(4, b"x")
        time.sleep(30)
    os.read(ready, 1)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    before = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    limits = Path(f"/proc/{pid}/limits").read_text()
    if os.geteuid() == 0 and uid is not None:
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    status = Path(f"/proc/{pid}/status").read_text()
    secret = [Path(f"/proc/{pid}/{name}") for name in ("mem", "environ", "maps")]
    closed = [caught(PermissionError, lambda p=p: p.open("rb").close()) for p in secret]
    os.kill(pid, signal.SIGKILL)
    names = ("CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Groups", "Uid", "Gid")
    return {n: before[n].strip() for n in names}, limits, "VmPeak" in status and "VmSize" in status, closed


def timing() -> list[float]:
    """Seconds for each step of the lock."""
    times = []
    for name in ("_limit", "_drop_rights", "_landlock", "_filter"):

        def timed(step: Callable[..., object], *arguments: object) -> object:
            start = time.perf_counter()
            try:
                return step(*arguments)
            finally:
                times.append(time.perf_counter() - start)

        setattr(lockdown, name, functools.partial(timed, getattr(lockdown, name)))
    start = time.perf_counter()
    lockdown.lock(LIMITS)
    return [*times, time.perf_counter() - start]


SITUATIONS: dict[str, Row] = {
    "as root": locked(),
    "staying root": locked(uid=None, after=lambda: caught(PermissionError, lambda: os.listdir("/"))),
    "docker's capabilities": locked(lambda: keep_capabilities(0xA80425FB)),
    "no capabilities": locked(lambda: keep_capabilities(0)),
    "no capabilities, staying root": locked(lambda: keep_capabilities(0), uid=None),
    "ordinary user": locked(lambda: os.setresuid(1000, 1000, 1000), after=os.getuid),
    "no landlock": locked(
        lambda: pretend({"landlock_create_ruleset": errno.ENOSYS}),
        after=lambda: caught(PermissionError, lambda: os.listdir("/")),
    ),
    "no seccomp": locked(lambda: pretend({"seccomp": errno.EINVAL})),
    "twice": locked(locked()),
    "a thread": locked(lambda: threading.Thread(target=time.sleep, args=(5,), daemon=True).start()),
    "surplus descriptor": locked(lambda: os.dup2(0, 77), after=lambda: caught(OSError, lambda: os.read(77, 1))),
    "32-bit entry, free": lambda: (enter_32_bit(), kept[-1]() == os.getpid())[1],  # type: ignore[operator]
    "32-bit entry": locked(enter_32_bit, after=lambda: kept[-1]()),  # type: ignore[operator]
    "too much processor": lambda: lockdown.lock(lockdown.Limits(1 << 28, cpu_seconds=1)) and spin(),
    "landlock alone": landlock_alone,
    "each landlock": each_landlock,
    "landlock's version": landlock_version,
    "orphan": orphan,
    "pages": no_page_to_write_code_to,
    "too late": too_late,
    "looked at": looked_at,
    "looked at as root": lambda: looked_at(uid=None),
    "looked at as a user": lambda: (os.setresuid(1000, 1000, 1000), c("prctl", 4, 1, 0, 0, 0), looked_at())[2],
    "probe": lambda: lockdown.probe().value,
    "probe as root": lambda: lockdown.probe(uid=None).value,
    "probe, no seccomp": lambda: (pretend({"seccomp": errno.EINVAL}), lockdown.probe())[1],
    "probe, a kernel that pretends": lambda: (
        pretend({"seccomp": 0, "landlock_create_ruleset": 0, "landlock_restrict_self": 0}),
        lockdown.probe(),
    ),
    "lock in ms": lambda: str([round(1e3 * t, 2) for t in timing()]),
}


# The layers of the lock, from the first to the last, and the step of `lock` that each is.
LAYERS = {"seccomp": "_filter", "landlock": "_landlock", "limits": "_limit", "rights": "_drop_rights"}


def without(layers: tuple[str, ...]) -> None:
    """In a child: take layers off."""
    for layer in layers:
        setattr(lockdown, LAYERS[layer], lambda *_: None)


def run(row: Row, lock: bool, limit: float = 20, off: tuple[str, ...] = ()) -> object:
    """Fork, do it, and return what came of it: a value, the name of an error, or a signal."""
    question, questions = os.pipe()
    replies, reply = os.pipe()
    os.write(questions, b"question")
    pid = os.fork()
    if pid == 0:
        os.dup2(reply, 200), os.dup2(question, 3), os.dup2(200, 4)
        os.closerange(5, 256)
        try:
            without(off)
            if lock:
                lockdown.lock(LIMITS)
            value = row()
            said = value if isinstance(value, (bool, str, tuple, list, np.bool)) else "done"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(4, b"\n" + json.dumps(said, default=bool).encode())
        os._exit(0)
    os.close(question), os.close(reply), os.close(questions)
    chunks, deadline = [], time.monotonic() + limit
    while select.select([replies], [], [], max(0, deadline - time.monotonic()))[0]:
        if not (chunk := os.read(replies, 1 << 16)):
            break
        chunks.append(chunk)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(replies)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return json.loads(b"".join(chunks).split(b"\n")[-1] or b'"done"')


def sweep() -> dict[str, object]:
    """Try every number outside the allow-list, in a locked child each."""
    allowed = set(lockdown.numbers(",".join([lockdown.PLAIN, *lockdown.RULED]), MACHINE[0]).values())
    numbers = (n for n in range(601) if n not in allowed)
    return {str(n): run(lambda n=n: c("syscall", n, 0, 0, 0, 0, 0, 0), lock=True) for n in numbers}


def clean_up() -> None:
    FOLDER.chmod(0o777)
    for left in FOLDER.iterdir():
        left.rmdir() if left.is_dir() else left.unlink()
    Path(CANARY).write_text("canary")
    os.chmod(CANARY, 0o666)
    (FOLDER / "on_disk.py").write_text("")


def attack(rows: dict[str, Row]) -> dict[str, object]:
    """Try each without the lock and with it."""
    outcomes = {}
    for name, row in rows.items():
        clean_up()
        outcomes[name] = (run(row, lock=False), run(row, lock=True))
    return outcomes


@contextlib.contextmanager
def another_worker() -> Iterator[None]:
    """A process of the user that workers become, as there is beside every one of them when a class is graded.

    RLIMIT_NPROC stops an exec only in a process whose new user had processes already when it became that user, and as
    long as there are too many: `setuid` marks it then, and exec looks at the mark. Without this companion what is
    found about exec would depend on what else this machine happens to do.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        os.write(writer, b"x")
        while True:
            signal.pause()
    os.read(reader, 1)
    os.close(reader), os.close(writer)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def layers(rows: dict[str, Row]) -> dict[str, str]:
    """For each, the layers that must be off before it succeeds again: the first alone, or more that stand behind it."""
    found = {}
    for name, row in rows.items():
        for count in range(len(LAYERS) + 1):
            clean_up()
            outcome = run(row, lock=True, off=tuple(LAYERS)[:count])
            if not re.match(r"\w+Error|SIG", str(outcome)):
                break
        found[name] = " ".join(tuple(LAYERS)[:count])
    return found


def main(rows: str) -> object:
    lockdown.prepare()
    if rows == "sweep":
        return sweep()
    if rows == "situations":
        return {name: run(row, lock=False) for name, row in SITUATIONS.items()}
    if rows == "attacks":
        return attack(ATTACKS), attack(KERNEL)
    if rows == "layers":
        with another_worker():
            found = layers(ATTACKS)
        return found, {name: str(run(row, lock=True, off=("seccomp",))) for name, row in KERNEL.items()}
    return {name: run(row, lock=True) for name, row in (torch_rows() if rows == "torch" else BENIGN).items()}


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1])))
    finally:
        shutil.rmtree(FOLDER)
