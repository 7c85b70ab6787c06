"""What a locked worker can and can't do, tried in child processes by lockdown_probe.py."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from autograder.isolation import lockdown

HERE = Path(__file__).parent
LINUX = sys.platform == "linux" and os.uname().machine in lockdown.MACHINES
needs_linux = pytest.mark.skipif(not LINUX, reason="there is a lock on Linux alone, on x86_64 and aarch64")
needs_root = pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="only root has rights to drop")
HEADERS = (
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
)
TABLES = [lockdown.PLAIN, *lockdown.RULED, lockdown.KILLED, lockdown.ABSENT, lockdown.OUR]


@functools.cache
def outcomes(rows: str) -> Any:
    command = [sys.executable, str(HERE / "lockdown_probe.py"), rows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def situation(name: str) -> Any:
    return outcomes("situations")[0][name]


def has_landlock() -> bool:
    return situation("landlock alone") != "no Landlock here"


@needs_linux
def test_each_attack_succeeds_without_the_lock() -> None:
    (errors, kills), _ = outcomes("attacks")
    stopped = {name: free for name, (free, _) in errors.items() if re.match(r"\w+Error|SIG", str(free))}
    stopped |= {name: free for name, (free, _) in kills.items() if free == "SIGSYS"}
    if stopped and "Seccomp:\t0" not in Path("/proc/self/status").read_text("utf-8"):
        pytest.skip(f"this container stops some of them itself: {stopped}")
    assert stopped == {}


@needs_linux
def test_each_attack_is_refused_or_killed_with_the_lock() -> None:
    (errors, kills), _ = outcomes("attacks")
    otherwise = {"thread": "RuntimeError: can't", "import from disk": "ModuleNotFoundError"}
    passed = {
        name: locked
        for name, (_, locked) in errors.items()
        if not str(locked).startswith(otherwise.get(name, "PermissionError: [Errno 13]"))
    }
    assert passed == {}
    assert {name: locked for name, (_, locked) in kills.items() if locked != "SIGSYS"} == {}


# Beside the filter, what else stops an attack: with the filter alone off it goes on being refused, and with these off
# too it succeeds. The others have the filter alone, which is why there is no worker without it.
BEHIND = {
    "landlock": """read a file, list a folder, import from disk, write a file, create a file, unlink, rename, link, symlink,
        mkdir, mkfifo, truncate, temporary file""",
    "landlock limits": """read by numpy, fork, vfork and exec, posix_spawn, exec, thread, socketpair, own limits,
        own limits, from afar, pipe, lock pages""",
    "landlock limits rights": """read own memory, read the environment, chmod, chown, kill the judge,
        tgkill the judge, sigqueue the judge, priority of the judge, affinity of the judge, scheduler of the judge,
        limits of the judge""",
}


@needs_linux
def test_with_its_layers_off_and_no_others_each_attack_succeeds_again() -> None:
    """What is found depends on the kernel alone, not on what else the machine does: see `another_worker` of the probe."""
    (errors, kills), _ = outcomes("layers")
    assert {name for name, layers in errors.items() if not layers.startswith("seccomp")} == set()
    assert {name for name, outcome in kills.items() if outcome == "SIGSYS"} == set()
    if os.geteuid() != 0 or not has_landlock():
        return  # fewer layers, and another user's attempts
    found = {name: layers.removeprefix("seccomp").strip() for name, layers in errors.items()}
    expected = dict.fromkeys(found, "")
    for layers, names in BEHIND.items():
        rest = " ".join(names.split())
        for name in sorted(found, key=len, reverse=True):  # some names have a comma in them
            if re.search(rf"(^|, ){re.escape(name)}($|, )", rest):
                rest = re.sub(rf"(^|, ){re.escape(name)}($|, )", ", ", rest, count=1)
                expected[name] = layers
    if situation("landlock's version")[0] < 3:
        expected["truncate"] = ""  # a right that older ones do not know
    assert found == expected


# What is permitted next to each attack: rows of lockdown_probe's BENIGN, and the first words of the attacks beside them.
BESIDE = {
    "pipes": "read, list, tcp, udp, unix, netlink, socketpair, signals by, nonblocking, size of, dup, pipe, eventfd, epoll, "
    "splice, inotify",
    "stat of a descriptor": "stat, lstat, statvfs, readlink, getxattr, chdir, getcwd",
    "print": "write, create, unlink, rename, link, symlink, mkdir, mkfifo, chmod, chown, utime, setxattr, truncate",
    "traceback": "import",
    "much memory": "temporary, memfd, shared, lock pages, mergeable",
    "too much memory": "own limits",
    "locks": "fork, vfork, posix_spawn, exec, thread, futex",
    "signals of its own": "kill, tgkill, sigqueue, pidfd",
    "own limits, read": "limits of, priority, scheduler, own priority",
    "platform": "affinity",
    "matmul": "executable, make a page, the same",
    "who": "be dumpable, outlive, a filter, become, leave",
}


@needs_linux
def test_next_to_each_attack_something_is_permitted() -> None:
    (errors, _), _ = outcomes("attacks")
    benign, _ = outcomes("benign")
    starts = {start: row for row, names in BESIDE.items() for start in names.split(", ")}
    alone = [name for name in errors if not any(name.startswith(start) for start in starts)]
    assert alone == []
    assert {row: benign[row] for row in BESIDE if benign[row] is not True} == {}


@needs_linux
def test_what_honest_numpy_code_does_still_works() -> None:
    assert situation("pages") is True
    results, _ = outcomes("benign")
    assert {name: result for name, result in results.items() if result is not True} == {}


@needs_linux
@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_what_honest_torch_code_does_still_works_and_is_silent() -> None:
    results, stderr = outcomes("torch")
    assert {name: result for name, result in results.items() if result is not True} == {}
    assert stderr == ""


@needs_linux
def test_no_number_outside_the_list_gets_through() -> None:
    column = lockdown.MACHINES[os.uname().machine][0]
    killed = set(lockdown.numbers(lockdown.KILLED, column).values())
    absent = set(lockdown.numbers(lockdown.ABSENT, column).values())
    # Known gap: newer kernels let uretprobe and uprobe past every filter on x86_64. They serve no one but the
    # kernel's own trampoline: others get SIGILL and ENXIO.
    exempt = {335, 336} if column == 0 else set()
    wrong = {}
    for text, outcome in outcomes("sweep")[0].items():
        number = int(text)
        expected = "SIGSYS" if number in killed else "PermissionError: [Errno 13]"
        if number in absent or number > lockdown.LAST_KNOWN:
            expected = "OSError: [Errno 38]"
        if not (outcome.startswith(expected) or (number in exempt and re.match(r"SIGILL|OSError: ", outcome))):
            wrong[number] = outcome
    assert wrong == {}
    assert outcomes("sweep")[0]["600"].startswith("OSError: [Errno 38]")


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_the_tables_hold_the_numbers_of_the_kernel_headers(column: int) -> None:
    kept = (HERE / "syscalls.txt").read_text("utf-8").splitlines()
    rows = (line.split() for line in kept if not line.startswith("#"))
    known = {row[0]: int(row[1 + column]) for row in rows if row[1 + column] != "-"}
    assert len(known) > 300
    if HEADERS[column].exists():  # what was kept of them is what they say, as far as this kernel's headers go
        text = HEADERS[column].read_text("utf-8")
        headers = {m[1]: int(m[2]) for m in re.finditer(r"define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
        assert {name: number for name, number in known.items() if headers.get(name, number) != number} == {}
        assert len(set(known) & set(headers)) > 300
    for table in TABLES:
        ours = lockdown.numbers(table, column)
        assert ours == {name: known.get(name, 0) for name in ours}
        absent = set(lockdown.numbers(table, 0)) - set(ours)
        assert not absent & set(known), "a dash for a call that there is"


def test_no_call_is_in_two_tables_and_each_program_fits() -> None:
    for column, architecture in lockdown.MACHINES.values():
        together = [n for table in TABLES[:-1] for n in lockdown.numbers(table, column).values()]
        assert len(together) == len(set(together))
        code = lockdown._compile(column, architecture)
        for at, (opcode, yes, no, _) in enumerate(code):
            assert max(yes, no) < 256
            if opcode in (lockdown.EQUAL, lockdown.AT_LEAST):
                assert at + 1 + max(yes, no) < len(code)


@pytest.mark.parametrize(
    ("abi", "words"),
    [(1, (13, 0, 0)), (2, (14, 0, 0)), (3, (15, 0, 0)), (4, (15, 3, 0)),
     (5, (16, 3, 0)), (6, (16, 3, 3)), (9, (16, 3, 3))],
)  # fmt: skip
def test_landlock_denies_what_each_version_knows(abi: int, words: tuple[int, int, int]) -> None:
    asked: list[Any] = []

    def call(name: str, *arguments: Any) -> int:
        asked.append((name, *arguments))
        return abi if arguments == (0, 0, 1) else os.open(os.devnull, os.O_RDONLY)

    assert lockdown._landlock(call)
    rights, net, scopes = (int.from_bytes(asked[1][1][i : i + 8], "little") for i in (0, 8, 16))
    assert (rights, net, scopes) == (2 ** words[0] - 1, words[1], words[2])
    assert [name for name, *_ in asked[1:]] == ["landlock_create_ruleset", "landlock_restrict_self"]


@needs_linux
def test_this_kernel_takes_the_rules_of_every_version_up_to_its_own() -> None:
    assert situation("each landlock") in ("taken", "no Landlock here")


@needs_linux
def test_landlock_alone_refuses_files() -> None:
    if not has_landlock():
        pytest.skip("this kernel has no Landlock")
    assert situation("landlock alone") == [True, True]


@needs_linux
def test_the_level_says_what_holds() -> None:
    assert situation("no landlock") == ["no-landlock", True]
    assert situation("as root")[0] == ("full" if has_landlock() else "no-landlock")


@needs_root
def test_root_with_many_or_few_rights_and_an_ordinary_user() -> None:
    level = situation("as root")[0]
    assert situation("staying root") == [level, True]
    assert situation("docker's capabilities") == [level, None]
    assert situation("no capabilities, staying root") == [level, None]
    assert situation("ordinary user") == [level, 1000]
    assert situation("no capabilities") == (
        "CannotLock: root can't become user 65534 ([Errno 1] Operation not permitted); "
        "allow CAP_SETUID and CAP_SETGID, as Docker does"
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("looked at", marks=needs_linux),
        pytest.param("looked at as root", marks=needs_root),
        pytest.param("looked at as a user", marks=needs_root),
    ],
)
def test_the_judge_reads_the_status_of_a_worker_and_its_user_nothing_else(name: str) -> None:
    status, limits, readable, refused = situation(name)
    assert {status[name] for name in ("CapEff", "CapPrm", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    for line in ("Max processes +0 +0", "Max file size +0 +0", "Max core file size +0 +0", "Max cpu time +10 +11",
                 "Max locked memory +0 +0", "Max open files +6 +6", r"Max address space +(\d+) +\1 "):  # fmt: skip
        assert re.search(line, limits), line
    assert readable
    if name == "looked at" and os.geteuid() == 0:
        assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
        assert (status["Groups"], status["CapBnd"]) == ("", "0" * 16)
    if name != "looked at as root":  # root sees all
        assert refused == [True, True, True]


@needs_linux
def test_a_worker_ends_with_its_parent_its_processor_time_and_a_foreign_entry() -> None:
    assert situation("orphan") == ["locked", "", True]
    assert situation("too much processor") == "SIGXCPU"
    assert situation("surplus descriptor")[1] is True
    if os.uname().machine == "x86_64" and situation("32-bit entry, free") is True:
        assert situation("32-bit entry") == "SIGSYS"


@needs_linux
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no seccomp", "no seccomp filter here ([Errno 22] seccomp: Invalid argument); use Linux 3.17 or later"),
        ("a thread", "other threads run here; lock before any is started, BLAS's too"),
        ("twice", "the worker can't be locked ([Errno 13] Permission denied: '/proc/self/fd'); see that /proc"),
        ("probe, no seccomp", "no seccomp filter here ([Errno 22] seccomp: Invalid argument); use Linux 3.17"),
        ("probe, a kernel that pretends", "mmap is not refused; use Docker or a real Linux kernel"),
        ("too late", "the parent has ended; so must its worker"),
    ],
)
def test_a_lock_that_does_not_hold_is_an_error_that_says_what_to_do(name: str, message: str) -> None:
    assert situation(name).startswith(f"CannotLock: {message}")


@needs_linux
def test_probe_tells_the_level_of_this_machine() -> None:
    assert lockdown.probe().value == situation("as root")[0]
    assert situation("probe as root") == situation("as root")[0]


@needs_linux
def test_probe_without_a_python_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(lockdown.CannotLock, match=r"the lock can't be tried \(.*\); see that /nowhere/python runs"):
        lockdown.probe()


@needs_linux
def test_probe_believes_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(lockdown.CannotLock, match="chroot does not kill: status 0"):
        lockdown.probe()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_the_module_is_imported_and_refuses(platform: str) -> None:
    program = f"""
import contextlib, ctypes, enum, errno, functools, mmap, os, signal, socket, struct, subprocess, sys
import dataclasses, typing
sys.platform, sys.modules["resource"], ctypes.CDLL = {platform!r}, None, None
sys.path.insert(0, {str(HERE.parent)!r})
from autograder.isolation import lockdown
for attempt in (lockdown.prepare, lockdown.probe, lambda: lockdown.lock(lockdown.Limits(1, 1))):
    try:
        attempt()
    except lockdown.CannotLock as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    line = f"no lock for this Python on {platform}; use Linux (x86_64, aarch64), WSL2 or Docker"
    assert done.stdout.splitlines() == [line] * 3


@needs_linux
def test_an_unknown_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*known[:4], "riscv64")))
    with pytest.raises(lockdown.CannotLock, match="no lock for this Python on riscv64"):
        lockdown.prepare.__wrapped__()
