"""Confined workers: a zygote started by exec, one locked-down fork a submission. Staff only; Linux.

The judge (this side) knows the answers and never forks. The zygote (the other side) was started with a fixed
environment, has imported numpy and knows nothing; each worker forked from it locks itself down (`lockdown`)
before it is sent a line of student code. Imports the stand-alone modules and lockdown.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ..checks.runner import LOAD_SECONDS, OUTPUT_CAP, DeadlinePassed, Died, Memory, Process, Runner
from ..checks.worker import Server, preload
from . import lockdown

LIMITS = lockdown.Limits(memory=1 << 30, cpu_seconds=180)
MANY = 32  # requests, half of them for workers, after which a zygote with torch takes the time to make forks cheaper
START_SECONDS = 60.0  # in which a zygote must have started
LEVEL_SIZE = 16  # bytes in which a worker says, before any student code, how it is locked
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "USER": "nobody", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
    # One thread: workers must not start others, and answers should not depend on the machine.
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    # Memory that is measured should be memory that was asked for.
    "NUMPY_MADVISE_HUGEPAGE": "0", "MALLOC_ARENA_MAX": "1",
    # np.empty that is read before it is written gives the same numbers on every run: 1.2e103, not some pointer.
    "MALLOC_PERTURB_": "170",
}  # fmt: skip


class SandboxError(Exception):
    """Workers cannot be confined or started here; the message says what to do."""


# ---------------------------------------------------------------- the zygote's side


def zygote_main(torch: bool) -> None:
    """Serve judges on the listening socket that is descriptor 3: fork workers, tell how one ended.

    It ends with its last judge, or with the one that started it if that is killed before anybody calls; the workers of a
    judge end with that judge.
    """
    if not torch:
        _small_pages()
    preload(torch)
    lockdown.prepare()
    gc.collect()
    gc.freeze()  # a worker need not look through all that was loaded here, nor copy its pages, to collect its own garbage
    listener = socket.socket(fileno=3)
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    waiting.register(2, 0)  # a pipe whose other end the judge holds that started it: an error says that it is gone
    judges: dict[int, tuple[socket.socket, set[int]]] = {}  # each with the workers that it has
    asked = 0
    while True:
        for fd, _ in waiting.poll():
            if fd == 2:
                waiting.unregister(2)
            elif fd == listener.fileno():
                judge = _greet(listener)
                if judge is not None:
                    judges[judge.fileno()] = judge, set()
                    waiting.register(judge, select.POLLIN)
            elif not _serve(*judges[fd], [listener, *(judge for judge, _ in judges.values())]):
                waiting.unregister(fd)
                _part_with(*judges.pop(fd))
            asked += 1
            if torch and asked == MANY:
                _large_pages()
        if not judges and not waiting.poll(0):
            os._exit(0)


def _part_with(judge: socket.socket, workers: set[int]) -> None:
    """End the workers of a judge that is gone."""
    judge.close()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _greet(listener: socket.socket) -> socket.socket | None:
    """A judge that calls, if it is of the same user: the address is open to all."""
    judge, _ = listener.accept()
    with contextlib.suppress(OSError):
        if _is_ours(judge):
            judge.send(b"ready")
            return judge
    judge.close()
    return None


def _is_ours(peer: socket.socket) -> bool:
    """Whether the other end of a connection, or who listened there, is of the same user, by the kernel's word."""
    _, user, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(user == os.getuid())


def _serve(judge: socket.socket, workers: set[int], sockets: Sequence[socket.socket]) -> bool:
    """Do what a judge asks. False when it is gone. sockets: all of them, which a worker must not have."""
    try:
        message, descriptors, _, _ = socket.recv_fds(judge, 16, 3)
        if message == b"fork":
            try:
                pid = os.fork()
                if pid == 0:
                    _worker_main(sockets, descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            workers.add(pid)
            judge.send(struct.pack("<i", pid))
        elif message:
            (pid,) = struct.unpack("<i", message)
            workers.remove(pid)
            os.kill(pid, signal.SIGKILL)  # by its parent, for whom nobody else has its number until it is waited for
            judge.send(struct.pack("<i", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    except OSError:
        return False
    return bool(message)


def _small_pages() -> None:
    """No huge pages, here and in all workers: the memory of a call is to be what it wrote to, not two megabytes around it."""
    disable_huge_pages = 41
    ctypes.CDLL(None, use_errno=True).prctl(disable_huge_pages, 1, 0, 0, 0)


def _large_pages() -> None:
    """Huge pages for what is loaded here, since a fork copies a line for each: a quarter off what a worker with torch costs.

    Kernels before 6.1 do not know of it, and nothing is lost.
    """
    collapse, size = 25, 2 << 20
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text("ascii", "replace").splitlines():
        place, rights, *_, name = [*line.split(), ""][:6]
        if rights.startswith("rw") and name in ("", "[heap]"):
            begins, ends = (int(number, 16) // size * size for number in place.split("-"))
            for address in range(begins + size, ends, size):
                madvise(address, size, collapse)


def _worker_main(sockets: Sequence[socket.socket], descriptors: Sequence[int]) -> None:
    """In the fork: keep descriptors 0 to 4, lock down, say so, and serve. Never returns."""
    code = 70
    try:
        for one in sockets:  # with them gone the lowest numbers are free, however many judges there are
            one.close()
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDONLY)
        requests, replies, output = descriptors
        high = [os.dup(fd) for fd in (quiet, output, output, requests, replies)]
        high = [os.dup2(fd, 64 + index) for index, fd in enumerate(high)]
        for index, fd in enumerate(high):
            os.dup2(fd, index)
        _go_first()
        os.closerange(5, 256)  # the lock closes what is above
        level = lockdown.lock(LIMITS)
        os.write(4, level.value.encode().ljust(LEVEL_SIZE))
        Server(3, 4).run()
        code = 0
    except lockdown.CannotLock as error:
        os.write(2, str(error).encode())
    finally:
        os._exit(code)


def _go_first() -> None:
    """Where a container's memory runs out, the kernel is to end this worker, not the largest: that may be a zygote."""
    with contextlib.suppress(OSError):
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)


# ---------------------------------------------------------------- the judge's side


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, so that a killed run leaves nobody behind.

    parent: its process id, as the parent said it: one that is dead already will not die once more.
    """
    set_parent_death_signal = 1
    ctypes.CDLL(None, use_errno=True).prctl(set_parent_death_signal, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


class Zygote:
    """A process that has loaded what workers need and forks them, for all judges that know its address.

    The judge that comes first starts it.
    """

    def __init__(self, torch: bool, meeting: str) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        address = _address(torch, meeting)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            judge = _greeting(address)
            if judge is not None:
                self._socket = judge
                return
            if self._child is not None:
                break
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                try:
                    listener.bind(address)
                except OSError:  # another judge is just starting it, and will listen
                    time.sleep(0.02)
                    continue
                listener.listen()
                self._child = _start(torch, listener)
        text = ""
        if self._child is not None:
            self._child.kill()
            text = self._child.communicate()[1].decode("utf-8", "replace").strip()
        raise SandboxError(f"the process that makes workers did not start: {text.splitlines()[-1] if text else 'no message'}")

    def fork(self) -> ConfinedProcess:
        """A new worker, locked down and waiting. Raises SandboxError if it cannot be locked."""
        requests_out, requests_in = os.pipe()
        replies_out, replies_in = os.pipe()
        output_out, output_in = os.pipe()
        theirs = [requests_out, replies_in, output_in]
        try:
            socket.send_fds(self._socket, [b"fork"], theirs)
            (pid,) = struct.unpack("<i", self._socket.recv(16))
        except (OSError, struct.error):
            for fd in (requests_in, replies_out, output_out):
                os.close(fd)
            raise SandboxError("the process that makes workers has died; start again") from None
        finally:
            for fd in theirs:
                os.close(fd)
        process = ConfinedProcess(self, pid, requests_in, replies_out, output_out)
        try:
            level = process.read(LEVEL_SIZE, time.monotonic() + LOAD_SECONDS)
            process.level = lockdown.Level(level.decode("ascii", "replace").strip())
        except (Died, DeadlinePassed, ValueError):
            process.close()
            raise SandboxError(f"a worker cannot be confined here: {process.output()}") from None
        return process

    def end(self, pid: int) -> int:
        """Have a worker killed if it still runs, and waited for; its exit code, negative for a signal."""
        try:
            self._socket.send(struct.pack("<i", pid))
            (code,) = struct.unpack("<i", self._socket.recv(16))
        except (OSError, struct.error):
            raise SandboxError("the process that makes workers has died; start again") from None
        return int(code)

    def close(self) -> None:
        """Leave the zygote, which ends with its last judge, and with this one whatever workers it has here."""
        self._socket.close()
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # others may need it for longer
                self._child.wait(timeout=5)
            if self._child.stderr is not None:
                self._child.stderr.close()


def _address(torch: bool, meeting: str) -> str:
    """Where a zygote listens: of no file, so that it is gone when nobody does.

    Everybody on the machine is shown the addresses in use. One does not tell what the other will be, or somebody else
    could be there first.
    """
    secret = hashlib.sha256(f"{meeting} {'torch' if torch else 'numpy'}".encode()).hexdigest()
    return f"\0autograder-{secret[:32]}"


def _greeting(address: str) -> socket.socket | None:
    """A connection to the zygote of that address, when it is ready; None if there is none, or it is somebody else's.

    Who is taken for a zygote is sent submissions and hidden inputs, and says which process a worker is, to be killed.
    """
    judge = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    judge.settimeout(START_SECONDS)
    try:
        judge.connect(address)
        if _is_ours(judge) and judge.recv(16) == b"ready":
            return judge
    except OSError:
        pass
    judge.close()
    return None


def _start(torch: bool, listener: socket.socket) -> subprocess.Popen[bytes]:
    """A zygote that serves whoever calls the listening socket."""
    root, package = Path(__file__).resolve().parents[2], __package__
    program = (
        f"import sys; sys.path[0] = {str(root)!r}; "
        f"from {package}.sandbox import zygote_main; del sys.path[0]; zygote_main({torch})"
    )
    # Descriptor 3 in the child, whatever number it has here: a shell-free way without a forking hook.
    return subprocess.Popen(
        [sys.executable, "-s", "-c", f"import os; os.dup2({listener.fileno()}, 3); {program}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        pass_fds=[listener.fileno()], env=ENVIRONMENT, cwd="/", start_new_session=True,
    )  # fmt: skip


class ConfinedProcess:
    """A worker behind three pipes. What it says is read with a deadline and a cap."""

    level: lockdown.Level

    def __init__(self, zygote: Zygote, pid: int, requests: int, replies: int, output: int) -> None:
        self._zygote, self._pid = zygote, pid
        self._requests, self._replies, self._output_fd = requests, replies, output
        self._buffer, self._output = bytearray(), bytearray()
        self._ended: int | None = None
        self._waits, self._queued = _open_waits(pid), 0.0
        for fd in (requests, replies, output):
            os.set_blocking(fd, False)
        self._reading = select.poll()
        self._reading.register(replies, select.POLLIN)
        self._reading.register(output, select.POLLIN)
        self._writing = select.poll()
        self._writing.register(requests, select.POLLOUT)
        self._output_open = True

    def write(self, data: bytes, deadline: float) -> None:
        """Send a request. A worker that has spoken without being asked is not asked again."""
        if self._buffer or self._pending():
            raise Died("the code answered before it was asked")
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._requests, view) :]
            except BlockingIOError:
                if not self._writing.poll(_milliseconds(deadline)):
                    raise DeadlinePassed from None
            except OSError:
                raise self._death() from None

    def _pending(self) -> bool:
        """Whether there is a reply to take before it was asked for; what was printed is taken anyway."""
        for fd, event in self._reading.poll(0):
            if fd == self._output_fd:
                self._drain()
            elif event & select.POLLIN and self._take():
                return True
        return False

    def read(self, count: int, deadline: float) -> bytes:
        """Exactly `count` bytes of the reply."""
        while len(self._buffer) < count:
            ready = self._reading.poll(_milliseconds(deadline))
            if not ready:
                raise DeadlinePassed
            for fd, _ in ready:
                if fd == self._output_fd:
                    self._drain()
                elif not self._take():
                    raise self._death()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def gone(self) -> bool:
        """Whether it has ended, and said nothing before."""
        return any(fd == self._replies and event == select.POLLHUP for fd, event in self._reading.poll(0))

    def _take(self) -> bool:
        """Read from the replies; False at their end. What is read too early is found before the next request."""
        try:
            chunk = os.read(self._replies, 1 << 16)
        except BlockingIOError:
            return True
        self._buffer += chunk
        return bool(chunk)

    def _drain(self) -> None:
        """Take what the code has printed; too much of it ends the worker."""
        while self._output_open:
            try:
                chunk = os.read(self._output_fd, 1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                self._reading.unregister(self._output_fd)
                self._output_open = False
                return
            self._output += chunk
            if len(self._output) > OUTPUT_CAP:
                del self._output[OUTPUT_CAP:]
                raise Died(f"the code printed more than {OUTPUT_CAP >> 20} MB and was stopped")

    def _end(self) -> int:
        """Kill what is left and learn how it ended."""
        if self._ended is None:
            try:
                self._ended = self._zygote.end(self._pid)
            except SandboxError:  # workers die with their zygote; the next fork says that it is gone
                self._ended = -int(signal.SIGKILL)
        return self._ended

    def _death(self) -> Died:
        with contextlib.suppress(Died):
            self._drain()
        gone = self.memory() is None  # else it has closed its pipes, and is killed now
        code = self._end()
        if code in (-signal.SIGSYS,):
            return Died("the code asked the operating system for something that is not allowed here", "forbidden")
        if code == -signal.SIGXCPU:
            return Died("the code used up its processor time", "timed_out")
        if code == -signal.SIGSEGV:
            return Died("the code crashed the Python interpreter (segmentation fault)")
        if code == -signal.SIGKILL and gone:
            return Died("the code's process was killed, as the system does when memory runs out", "over_memory")
        if code < 0:
            return Died(f"the code's process was ended by signal {-code}")
        return Died(f"the code ended its own process (exit status {code})")

    def close(self) -> None:
        """Kill the worker, reap it, let go of its pipes. Again: nothing."""
        if self._requests < 0:
            return
        self._end()
        with contextlib.suppress(Died):
            self._drain()
        for fd in (self._requests, self._replies, self._output_fd, self._waits):
            if fd >= 0:
                os.close(fd)
        self._requests, self._waits, self._output_open = -1, -1, False

    def memory(self) -> Memory | None:
        """What the kernel says of the worker's memory; None when the worker is gone."""
        try:
            text = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        fields = dict(line.split(":", 1) for line in text.splitlines() if line.startswith("Vm"))
        if not fields:  # a dead worker has no memory
            return None
        return Memory(*(1024 * int(fields[name].split()[0]) for name in ("VmSize", "VmPeak", "VmRSS", "VmHWM")))

    def queued(self) -> float:
        """Seconds in which the worker was ready to run and every processor was busy with others, as the kernel has it."""
        if self._waits >= 0:
            with contextlib.suppress(OSError, IndexError):  # a dead worker waits no longer
                self._queued = int(os.pread(self._waits, 100, 0).split()[1]) / 1e9
        return self._queued

    def output(self) -> str:
        """What the code has printed."""
        if self._requests >= 0:
            with contextlib.suppress(Died):
                self._drain()
        return self._output.decode("utf-8", "replace")


def _open_waits(pid: int) -> int:
    """What tells how long a process has waited for a processor; -1 where the kernel does not count it."""
    try:
        return os.open(f"/proc/{pid}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def _milliseconds(deadline: float) -> int:
    return max(0, int(1000 * (deadline - time.monotonic())) + 1)


class SandboxRunner(Runner):
    """Runs submissions in confined workers. The torch zygote starts when a torch question is first asked.

    meeting: a name that no one else has, by which runners share their zygotes; without one it has its own.
    """

    def __init__(self, package: str, torch_modules: Sequence[str], meeting: str = "") -> None:
        super().__init__(package, torch_modules)
        self._meeting = meeting or meeting_name()
        self._zygotes: dict[bool, Zygote] = {}
        self.level = ""

    def start(self, torch: bool) -> Process:
        """Fork a worker. Raises SandboxError."""
        if torch not in self._zygotes:
            self._zygotes[torch] = Zygote(torch, self._meeting)
        process = self._zygotes[torch].fork()
        self.level = process.level.value
        return process

    def _ready(self, torch: bool, *, fresh: bool) -> float:
        """As ever, and another one for a worker that was ended while it had nothing to do, as for the memory of the other."""
        process = self._processes.get(torch)
        return super()._ready(torch, fresh=fresh or (isinstance(process, ConfinedProcess) and process.gone()))

    def shut_down(self) -> None:
        """End the workers, and the zygotes unless others use them."""
        self.close()
        for zygote in self._zygotes.values():
            zygote.close()
        self._zygotes.clear()


def meeting_name() -> str:
    """A name under which runners of one run may share zygotes."""
    return f"autograder-{secrets.token_hex(16)}"
