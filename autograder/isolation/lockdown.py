"""Lock the process that is about to run a student's code; imports the standard library only.

The process has loaded all it needs: source text comes through a pipe, answers leave through another, nothing
is opened any more. So `lock` refuses each system call that names a path, makes a process, thread, socket or
executable page, or touches another process: there is no list of readable paths to get wrong. The filter of
seccomp must be had; limits of resources, dropped rights and Landlock stand behind it.

    zygote:  prepare()    compiles the filter, so that only system calls are left after the fork
    worker:  lock(Limits(memory=1 << 30, cpu_seconds=60))    can't be undone; end the process if it raises
    judge:   probe()      tries it in a process to throw away, and looks at the outcome
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import errno
import functools
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

if sys.platform == "linux":
    import resource  # Windows has none


class CannotLock(RuntimeError):
    """The process can't be locked as asked. It may be half locked: run no student code in it, end it."""


class Level(enum.Enum):
    """What holds after `lock`: everything, or everything but Landlock, which the kernel does not have."""

    FULL = "full"
    NO_LANDLOCK = "no-landlock"


@dataclass(frozen=True)
class Limits:
    """What a worker may use."""

    memory: int  # bytes of address space beyond what the process has when it is locked
    cpu_seconds: int  # of processor time: SIGXCPU then, SIGKILL one second later
    descriptors: int = 5  # 0 to 2, requests on 3, replies on 4; those from here upwards are closed


class Rule(NamedTuple):
    """A condition on an argument: `argument & mask` is one of `allowed`. Its lower 32 bits, or its upper."""

    argument: int
    allowed: tuple[int, ...]
    mask: int = 0xFFFF_FFFF
    upper: bool = False


# A table is text: name, number on x86_64, on aarch64. A single number serves both; a dash is "no such call".
OWN_PID = -1  # in a rule: replaced by the process's own number when it is locked
NO_EXEC = Rule(2, (0,), mask=4)  # PROT_EXEC

# Allowed whatever the arguments, the most frequent first: they act on the process or on descriptors it has.
# Left out: dup, pipe, readv, splice and their like (no use); vmsplice (lends pages that change while the
# judge reads); kill (tgkill serves); prctl (undoes what is set below); newfstatat (os.fstat of some glibc:
# the path is empty then, but a filter can't see that).
PLAIN = """read 0 63, write 1 64, clock_gettime 228 113, munmap 11 215, brk 12 214, mremap 25 216,
    getrandom 318 278, writev 20 66, close 3 57, fstat 5 80, lseek 8 62, poll 7 -, ppoll 271 73, select 23 -,
    pselect6 270 72, rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132,
    setitimer 38 103, clock_nanosleep 230 115, nanosleep 35 101, clock_getres 229 114, gettimeofday 96 169,
    time 201 -, times 100 153, getrusage 98 165, sched_yield 24 124, getpid 39 172, gettid 186 178,
    getppid 110 173, getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177, sysinfo 99 179,
    uname 63 160, restart_syscall 219 128, exit 60 93, exit_group 231 94"""

RULED: dict[str, tuple[Rule, ...]] = {  # allowed when every rule of the call holds
    # No new executable page: what runs is what was loaded before.
    "mmap 9 222": (NO_EXEC,),
    "mprotect 10 226": (NO_EXEC,),
    # NORMAL to DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE. Not MERGEABLE: it tells what others have in memory.
    "madvise 28 233": (Rule(2, (0, 1, 2, 3, 4, 8, 14, 15)),),
    # WAIT WAKE REQUEUE CMP_REQUEUE WAKE_OP WAIT_BITSET WAKE_BITSET, less flags PRIVATE and CLOCK_REALTIME.
    # Not those that inherit priorities: nothing here needs them, and kernels have been broken through them.
    "futex 202 98": (Rule(1, (0, 1, 3, 4, 5, 9, 10), mask=0xFFFF_FFFF ^ 0x180),),
    # GETFD SETFD GETFL. Not SETOWN, SETSIG, SETFL with O_ASYNC: they have the kernel send the judge a signal.
    "fcntl 72 25": (Rule(1, (1, 2, 3)),),
    # TCGETS (isatty), TIOCGWINSZ, FIONREAD. Not FIOASYNC, for that reason; nor TIOCSTI: types on a terminal.
    "ioctl 16 29": (Rule(1, (0x5401, 0x5413, 0x541B)),),
    "tgkill 234 131": (Rule(0, (OWN_PID,)),),  # abort() and signal.raise_signal(), to itself alone
    # Reading one's own. With another process, or a new limit, prlimit64 would act on the judge.
    "sched_getaffinity 204 123": (Rule(0, (0,)),),
    "prlimit64 302 261": (Rule(0, (0,)), Rule(2, (0,)), Rule(2, (0,), upper=True)),
}

# Killed at once: no honest program comes here by mistake, and most are where kernels have been broken.
KILLED = """ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440,
    process_mrelease 448, pidfd_getfd 438, kcmp 312 272, bpf 321 280, perf_event_open 298 241,
    userfaultfd 323 282, io_uring_setup 425, io_uring_enter 426, io_uring_register 427, add_key 248 217,
    request_key 249 218, keyctl 250 219, mount 165 40, umount2 166 39, open_tree 428, move_mount 429,
    fsopen 430, fsconfig 431, fsmount 432, fspick 433, mount_setattr 442, pivot_root 155 41, chroot 161 51,
    unshare 272 97, setns 308 268, open_by_handle_at 304 265, init_module 175 105, finit_module 313 273,
    delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294, reboot 169 142"""

# "No such call", so that libc takes its older way: clone3, and all after file_setattr. The rest: EACCES.
ABSENT, LAST_KNOWN = "clone3 435", 469
# Made by `lock`, and by no one after it.
OUR = "prctl 157 167, capset 126 91, seccomp 317 277, landlock_create_ruleset 444, landlock_restrict_self 446"
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the tables, AUDIT_ARCH word

Instruction = tuple[int, int, int, int]  # opcode, jump if true, jump if false, constant
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, KILL, REFUSE, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x50000 | errno.EACCES, 0x50000 | errno.ENOSYS
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38


@contextlib.contextmanager
def _advice(problem: str, remedy: str) -> Iterator[None]:
    """Turn what the system refuses into CannotLock."""
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotLock(f"{problem} ({error}); {remedy}") from error


def numbers(table: str, column: int) -> dict[str, int]:
    """Read one column of a table: the number of each call that there is."""
    rows = (row.split() for row in table.split(","))
    return {name: int(n) for name, *both in rows if (n := both[min(column, len(both) - 1)]) != "-"}


def _switch(calls: Iterable[int], action: int) -> list[Instruction]:
    """End with `action` if the accumulator is one of `calls` (250 at most: a jump has 8 bits), else go on."""
    todo = list(calls)
    last = len(todo) - 1
    return [*((EQUAL, last - i, int(i == last), n) for i, n in enumerate(todo)), (RETURN, 0, 0, action)]


def _guarded(call: int, rules: Iterable[Rule]) -> list[Instruction]:
    """Decide about one call by its arguments; if it is another, go on with the accumulator unchanged."""
    body: list[Instruction] = []
    for rule in rules:
        body += [(LOAD, 0, 0, 16 + 8 * rule.argument + 4 * rule.upper), (AND, 0, 0, rule.mask)]
        body += [(EQUAL, len(rule.allowed) - i, 0, value) for i, value in enumerate(rule.allowed)]
        body += [(RETURN, 0, 0, REFUSE)]
    return [(EQUAL, 0, len(body) + 1, call), *body, (RETURN, 0, 0, ALLOW)]


def _compile(column: int, architecture: int) -> list[Instruction]:
    """Translate the tables. What the kernel shows: number, architecture, address (8 bytes), six arguments."""
    # A number means nothing before its architecture is known: int 0x80 enters with another table.
    code = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, architecture), (RETURN, 0, 0, KILL)]
    # x32 numbers have bit 30 set, come with x86_64's word, and would slip past the comparisons below.
    code += [(LOAD, 0, 0, 0), (AT_LEAST, 0, 1, 0x4000_0000), (RETURN, 0, 0, KILL)]
    code += _switch(numbers(PLAIN, column).values(), ALLOW)
    for row, rules in RULED.items():
        for call in numbers(row, column).values():
            code += _guarded(call, rules)
    code += _switch(numbers(ABSENT, column).values(), NO_SUCH_CALL)
    code += [(AT_LEAST, 0, 1, LAST_KNOWN + 1), (RETURN, 0, 0, NO_SUCH_CALL)]
    return [*code, *_switch(numbers(KILLED, column).values(), KILL), (RETURN, 0, 0, REFUSE)]


@functools.cache
def prepare() -> tuple[Callable[..., int], list[Instruction]]:
    """Compile the filter and load what `lock` needs, once; raises CannotLock where there can be no lock."""
    machine = os.uname().machine if sys.platform == "linux" else sys.platform
    if machine not in MACHINES or sys.maxsize < 2**32 or sys.byteorder != "little":
        raise CannotLock(f"no lock for this Python on {machine}; use Linux (x86_64, aarch64), WSL2 or Docker")
    column, architecture = MACHINES[machine]
    known, syscall = numbers(OUR, column), ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long

    def call(name: str, *arguments: int | bytes) -> int:
        """Make a system call of `OUR`, with zeros up to five arguments, as prctl wants. Raises OSError."""
        words = (known[name], *arguments, 0, 0, 0, 0)
        if (result := int(syscall(*(w if isinstance(w, bytes) else ctypes.c_long(w) for w in words)))) == -1:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
        return result

    return call, _compile(column, architecture)


def _limit(limits: Limits) -> None:
    """Close surplus descriptors and set the limits of resources, never above those that hold already."""
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(fd) >= limits.descriptors:
            os.closerange(int(fd), int(fd) + 1)  # no error if it is closed by now
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - pathlib takes 0.3 ms here
        fields = file.read().rpartition(b")")[2].split()
    if fields[17] != b"1":  # rights and Landlock are a thread's own
        raise CannotLock("other threads run here; lock before any is started, BLAS's too")
    for name, soft, spare in (
        ("AS", int(fields[20]) + limits.memory, 0),  # not DATA, which misses shared anonymous pages
        ("CPU", limits.cpu_seconds, 1),
        ("NOFILE", limits.descriptors + 1, 0),  # one for Landlock's rules
        *((name, 0, 0) for name in ("NPROC", "FSIZE", "CORE", "MEMLOCK")),  # NPROC does not bind uid 0
    ):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = min(soft + spare, resource.getrlimit(kind)[1] % 2**64)  # infinity is -1
        resource.setrlimit(kind, (min(soft, hard), hard))


def _drop_rights(call: Callable[..., int], uid: int | None) -> None:
    """Give up groups, user and capabilities for good."""
    if os.geteuid() == 0:
        # To the last (EINVAL), or none without CAP_SETPCAP: this set matters to exec alone, refused anyway.
        with contextlib.suppress(OSError):
            for capability in range(64):
                call("prctl", PR_CAPBSET_DROP, capability)
        if uid is not None:
            with _advice(f"root can't become user {uid}", "allow CAP_SETUID and CAP_SETGID, as Docker does"):
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)  # last: the others need its rights
    # Version 3, this process; effective, permitted and inheritable, 64 bits each. The ambient ones follow.
    call("capset", struct.pack("=Ii", 0x20080522, 0), bytes(24))


def _landlock(call: Callable[..., int]) -> bool:
    """Deny all that this kernel's Landlock knows: files, TCP, scopes. Returns False where there is none."""
    try:
        abi = call("landlock_create_ruleset", 0, 0, 1)  # LANDLOCK_CREATE_RULESET_VERSION
    except OSError:  # not compiled in, not started, or refused by a container's profile
        return False
    # 13 rights on files, then REFER, TRUNCATE and IOCTL_DEV; TCP bind and connect; abstract sockets, signals.
    files = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1
    rules = struct.pack("=3Q", files, 3 * (abi >= 4), 3 * (abi >= 6))  # an older kernel wants zeros there
    fd = call("landlock_create_ruleset", rules, len(rules))
    call("landlock_restrict_self", fd, 0)
    os.close(fd)
    return True


def _filter(call: Callable[..., int], code: list[Instruction]) -> None:
    """Install the seccomp program, our own number filled in; raises CannotLock where that can't be had."""
    packed = b"".join(struct.pack("=HBBI", *op, os.getpid() if k == OWN_PID else k) for *op, k in code)
    program = ctypes.create_string_buffer(packed)
    with _advice("no seccomp filter here", "use Linux 3.17 or later, WSL2 or Docker; no emulation"):
        # SECCOMP_SET_MODE_FILTER, FLAG_TSYNC: all threads, or the number of one that would not follow.
        if call("seccomp", 1, 1, struct.pack("HP", len(code), ctypes.addressof(program))):
            raise CannotLock("another thread can't be filtered; lock before any is started")


def lock(limits: Limits, *, uid: int | None = 65534) -> Level:
    """Lock this process for good and return what holds; root becomes user `uid` (None: stays root)."""
    parent = os.getppid()
    call, code = prepare()
    with _advice("the worker can't be locked", "see that /proc is mounted, or use Docker"):
        _limit(limits)
        _drop_rights(call, uid)
        # After the user, whose change resets both. Not dumpable: others of the same user can't look inside,
        # nor does a core collector get the memory, in spite of RLIMIT_CORE. /proc/PID/status stays readable.
        call("prctl", PR_SET_DUMPABLE, 0)
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)  # when the thread that forked us ends
        if os.getppid() != parent:
            raise CannotLock("the parent has ended; so must its worker")
        call("prctl", PR_SET_NO_NEW_PRIVS, 1)  # the condition for the two that follow
        landlocked = _landlock(call)
        _filter(call, code)
    return Level.FULL if landlocked else Level.NO_LANDLOCK


def _probe_child(uid: int | None) -> None:
    """Lock, try what must be refused and what must not, print the level, and be killed by the last call."""
    refused: dict[str, Callable[[], object]] = {
        "open": lambda: os.open("/", os.O_RDONLY),
        "socket": socket.socket,
        "fork": lambda: os.fork() or os._exit(0),
        "kill": lambda: os.kill(os.getppid(), 0),
        "mmap": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
        "memory": lambda: bytearray(1 << 29),
    }
    level = lock(Limits(memory=1 << 28, cpu_seconds=10), uid=uid)
    for name, attempt in refused.items():
        with contextlib.suppress(OSError, MemoryError):
            attempt()
            print(f"{name} is not refused; use Docker or a real Linux kernel", file=sys.stderr)
    print(level.value if sum(bytes(1 << 20)) == 0 else "", flush=True)
    with contextlib.suppress(OSError):
        os.chroot("/")


def probe(*, uid: int | None = 65534) -> Level:
    """Lock a process to throw away and judge by the outcome: returns the level, raises CannotLock (0.1 s)."""
    prepare()
    command = [sys.executable, "-I", "-S", __file__, *([] if uid is None else [str(uid)])]
    with _advice("the lock can't be tried", f"see that {sys.executable} runs"):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    if done.stderr or done.returncode != -signal.SIGSYS:
        reason = (done.stderr.strip() or f"chroot does not kill: status {done.returncode}").splitlines()[-1]
        raise CannotLock(reason.removeprefix("CannotLock: "))
    return Level(done.stdout.strip())


if __name__ == "__main__":
    _probe_child(int(sys.argv[1]) if sys.argv[1:] else None)
