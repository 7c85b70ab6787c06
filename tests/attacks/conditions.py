"""Runs a command as if elsewhere: `python tests/attacks/conditions.py docker autograder doctor`. Linux, as root.

A condition is what a process inherits: user, capabilities, and a filter of system calls that answers as that place
would. It stands below the grader, its zygotes and its workers alike.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from autograder.isolation import lockdown

COLUMN, ARCHITECTURE = lockdown.MACHINES.get(os.uname().machine, (0, 0))
DOCKER_CAPABILITIES = 0xA80425FB
# What the default profile of Docker refuses to root with those capabilities, with EPERM.
DOCKER_REFUSES = """acct 163 89, clock_adjtime 305 266, clock_settime 227 112, get_mempolicy 239 236, ioperm 173 -,
    iopl 172 -, lookup_dcookie 212 18, mbind 237 235, move_pages 279 239, nfsservctl 180 42, personality 135 92,
    quotactl 179 60, set_mempolicy 238 237, settimeofday 164 170, swapon 167 224, swapoff 168 225, sysfs 139 -,
    uselib 134 -, ustat 136 -, vhangup 153 58, bpf 321 280, perf_event_open 298 241, userfaultfd 323 282,
    io_uring_setup 425, io_uring_enter 426, io_uring_register 427, add_key 248 217, request_key 249 218,
    keyctl 250 219, mount 165 40, umount2 166 39, open_tree 428, move_mount 429, fsopen 430, fsconfig 431,
    fsmount 432, fspick 433, mount_setattr 442, pivot_root 155 41, unshare 272 97, setns 308 268,
    open_by_handle_at 304 265, init_module 175 105, finit_module 313 273, delete_module 176 106,
    kexec_load 246 104, kexec_file_load 320 294, reboot 169 142, kcmp 312 272"""
LANDLOCK = "landlock_create_ruleset 444, landlock_add_rule 445, landlock_restrict_self 446"
SECCOMP, PR_SET_SECCOMP = "seccomp 317 277", 22
NEW_NAMESPACES = 0x7E020000  # flags of clone


def answers(table: str, error: int) -> list[lockdown.Instruction]:
    """The calls of a table end with an error."""
    numbers = lockdown.numbers(table, COLUMN).values()
    return [op for n in numbers for op in ((lockdown.EQUAL, 0, 1, n), (lockdown.RETURN, 0, 0, 0x50000 | error))]


def install(code: list[lockdown.Instruction]) -> None:
    """Put a filter on this process that lets all else pass."""
    call, _ = lockdown.prepare()
    head = [(lockdown.LOAD, 0, 0, 4), (lockdown.EQUAL, 1, 0, ARCHITECTURE), (lockdown.RETURN, 0, 0, lockdown.ALLOW)]
    lockdown._filter(call, [*head, (lockdown.LOAD, 0, 0, 0), *code, (lockdown.RETURN, 0, 0, lockdown.ALLOW)])


def keep_capabilities(mask: int) -> None:
    """Drop all other capabilities for good."""
    call, _ = lockdown.prepare()
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text("utf-8"))
    for capability in range(last + 1):
        if not mask >> capability & 1:
            call("prctl", lockdown.PR_CAPBSET_DROP, capability)
    low, high = mask & 0xFFFF_FFFF, mask >> 32
    call("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", low, low, 0, high, high, 0))


def as_user() -> None:
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)


def docker(landlock: bool = True) -> None:
    clone = lockdown.numbers("clone 56 220", COLUMN)["clone"]
    prctl = [(lockdown.EQUAL, 0, 4, clone), (lockdown.LOAD, 0, 0, 16), (lockdown.AND, 0, 0, NEW_NAMESPACES),
             (lockdown.EQUAL, 1, 0, 0), (lockdown.RETURN, 0, 0, 0x50000 | errno.EPERM)]  # fmt: skip
    code = answers(DOCKER_REFUSES, errno.EPERM) + answers(lockdown.ABSENT, errno.ENOSYS)
    code += [] if landlock else answers(LANDLOCK, errno.ENOSYS)
    install([*code, *prctl])
    keep_capabilities(DOCKER_CAPABILITIES)


def no_seccomp() -> None:
    prctl = lockdown.numbers("prctl 157 167", COLUMN)["prctl"]
    old_way = [(lockdown.EQUAL, 0, 3, prctl), (lockdown.LOAD, 0, 0, 16), (lockdown.EQUAL, 0, 1, PR_SET_SECCOMP),
               (lockdown.RETURN, 0, 0, 0x50000 | errno.EINVAL)]  # fmt: skip
    install([*answers(SECCOMP, errno.ENOSYS), *old_way])


def no_landlock() -> None:
    install(answers(LANDLOCK, errno.EOPNOTSUPP))


def no_rights() -> None:
    keep_capabilities(0)


CONDITIONS: dict[str, Callable[[], None]] = {
    "here": lambda: None,
    "uid-1000": as_user,
    "docker": docker,
    "docker-without-landlock": lambda: docker(landlock=False),
    "docker-as-user": lambda: (docker(), as_user())[1],
    "no-landlock": no_landlock,
    "no-seccomp": no_seccomp,
    "root-without-rights": no_rights,
}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in CONDITIONS:
        sys.exit(f"usage: conditions.py {'|'.join(CONDITIONS)} COMMAND...")
    CONDITIONS[sys.argv[1]]()
    os.execvp(sys.argv[2], sys.argv[2:])
