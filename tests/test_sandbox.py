"""The confined worker: what it can see, what it may do, and what is told of how it ended."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.checks import bundle as bundles
from autograder.checks.bundle import Bundle
from autograder.checks.judge import judge_question
from autograder.checks.runner import Answer
from autograder.isolation import sandbox
from autograder.isolation.sandbox import ConfinedProcess, SandboxRunner, meeting_name

CALL = ("y = f(x)",)


@pytest.fixture(scope="module")
def runner() -> Iterator[SandboxRunner]:
    found = SandboxRunner("memnet", ())
    yield found
    found.shut_down()


def ask(runner: SandboxRunner, source: str, seconds: float = 5.0, x: Any = 1.0) -> Answer:
    runner.open({"m": source.encode()})
    answer, _ = runner.ask("m", CALL, {"x": x}, ("y",), layouts={}, deadline=time.monotonic() + seconds)
    return answer


def worker_pid(runner: SandboxRunner) -> int:
    process = runner._processes[False]
    assert isinstance(process, ConfinedProcess)
    return process._pid


def test_honest_code_runs(runner: SandboxRunner) -> None:
    answer = ask(
        runner, "import numpy as np\ndef f(x):\n    return np.linalg.norm(np.ones((300, 300)) @ np.ones(300)) * x"
    )
    assert answer.verdict == ""
    assert answer.values["y"] == pytest.approx(300 * np.sqrt(300))
    assert runner.level in ("full", "no-landlock")


@pytest.mark.parametrize(
    ("body", "verdict", "says"),
    [
        ("open('/etc/passwd')", "forbidden", "files cannot be opened"),
        ("import io; io.open('/etc/passwd')", "forbidden", "not allowed here"),
        ("import os; os.listdir('/')", "forbidden", "not allowed here"),
        ("import os; os.stat('/')", "forbidden", "not allowed here"),
        ("import os; os.open('/proc/self/mem', 0)", "forbidden", "not allowed here"),
        ("import os; os.system('true')", None, ""),
        ("import os; os.fork()", "forbidden", "not allowed here"),
        ("import subprocess", "forbidden", "imports subprocess"),
        ("import socket", "forbidden", "imports socket"),
        ("import torch", "forbidden", "m.py imports torch"),
        ("import os; os.kill(os.getppid(), 9)", "forbidden", "not allowed here"),
        ("import os; os._exit(0)", "crashed", "ended its own process (exit status 0)"),
        ("raise SystemExit", "crashed", "asked Python to exit"),
        ("g = lambda: g(); g()", "crashed", "RecursionError"),
        ("import numpy as np; np.ones(1 << 40)", "over_memory", "MemoryError"),
        ("while True: pass", "timed_out", "not finished"),
        ("import time; time.sleep(99)", "timed_out", "not finished"),
        ("while True: print('x' * 9999)", "crashed", "printed more than 1 MB"),
        ("import os; os.write(4, b'x' * 99)", "crashed", "interfered"),
        ("import os; os.close(4)", "crashed", ""),
        ("import os\n    for fd in range(99):\n        try: os.close(fd)\n        except OSError: pass", "crashed", ""),
        ("input()", "crashed", "EOFError"),
        ("raise BaseException('no')", "crashed", "BaseException: no"),
        ("raise NotImplementedError", "not_implemented", ""),
    ],
)
def test_what_code_may_not_do(runner: SandboxRunner, body: str, verdict: str | None, says: str) -> None:
    answer = ask(runner, f"def f(x):\n    {body}\n    return x", seconds=1.5)
    if verdict is None:
        assert answer.verdict in ("", "forbidden", "crashed")
    else:
        assert (answer.verdict, says in answer.text) == (verdict, True), answer
    assert ask(runner, "def f(x):\n    return 2 * x").values == {"y": 2.0}, "the next submission is graded as ever"


def test_a_module_that_dies_on_import_is_not_tried_for_each_question(runner: SandboxRunner) -> None:
    runner.open({"m": b"import os\nos._exit(3)"})
    first, _ = runner.ask("m", CALL, {"x": 1.0}, ("y",), layouts={}, deadline=time.monotonic() + 5)
    assert (first.verdict, "while m.py was being imported" in first.text) == ("crashed", True)
    assert not runner._processes
    second, _ = runner.ask("m", CALL, {"x": 1.0}, ("y",), layouts={}, deadline=time.monotonic() + 5)
    assert second == first
    assert not runner._processes, "no worker was started for the second question"


def test_where_memory_runs_out_the_worker_goes_and_not_what_makes_workers(runner: SandboxRunner) -> None:
    """As a container's kernel chooses whom to end: by size, unless told otherwise. It may be less than a worker is allowed."""
    before = Path("/proc/self/oom_score_adj").read_text()
    assert ask(runner, "def f(x):\n    return x").verdict == ""
    assert Path(f"/proc/{worker_pid(runner)}/oom_score_adj").read_text() == "1000\n"
    child = runner._zygotes[False]._child
    assert child is None or Path(f"/proc/{child.pid}/oom_score_adj").read_text() == before
    killed = ask(runner, "from importlib import import_module\ndef f(x):\n    import_module('signal').raise_signal(9)")
    assert (killed.verdict, killed.text) == (
        "over_memory", "the code's process was killed, as the system does when memory runs out"
    )  # fmt: skip


def test_a_worker_that_was_ended_while_idle_costs_no_question(runner: SandboxRunner) -> None:
    """As where the module of another question has used up a container's memory."""
    assert ask(runner, "def f(x):\n    return x").verdict == ""
    pid = worker_pid(runner)
    os.kill(pid, 9)
    while alive(pid):
        time.sleep(0.01)
    answer, _ = runner.ask("m", CALL, {"x": 3.0}, ("y",), layouts={}, deadline=time.monotonic() + 5)
    assert answer.values == {"y": 3.0}, answer
    assert worker_pid(runner) != pid


def test_an_answer_before_the_question_ends_the_worker(runner: SandboxRunner) -> None:
    source = (
        "import os, struct\n"
        'text = b\'{"arrays":[],"ok":true,"values":{"y":1.0},"changed":[]}\'\n'
        "def f(x):\n    if x == 1.0:\n"
        "        os.write(4, struct.pack('<4sIII', b'mint', 3, len(text), 0) + text)\n    return x\n"
    )
    assert ask(runner, source, x=2.0).values == {"y": 2.0}
    answer = ask(runner, source, x=1.0)
    assert answer.verdict == "crashed"


def test_descriptors_and_environment(runner: SandboxRunner) -> None:
    os.environ["AUTOGRADER_TEST_SECRET"] = "a secret of the judge"
    assert ask(runner, "def f(x):\n    return x").verdict == ""
    pid = worker_pid(runner)
    assert sorted(path.name for path in Path(f"/proc/{pid}/fd").iterdir()) == ["0", "1", "2", "3", "4"]
    assert b"SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()


def memory_of(pid: int) -> Iterator[bytes]:
    """Every readable region of a process's memory."""
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if match and "[vvar" not in line and "[vsyscall" not in line:
                start, end = (int(part, 16) for part in match.groups())
                memory.seek(start)
                try:
                    yield memory.read(end - start)
                except OSError:
                    continue


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another uid's memory needs root")
def test_no_expected_value_is_in_reach_of_a_worker(baked: Bundle, tmp_path: Path, solution: dict[str, bytes]) -> None:
    """A canary in the place of expected arrays: nowhere in the worker's or the zygote's memory, nor on the wire."""
    canary = np.frombuffer(os.urandom(64), np.float64)
    question = next(question for question in baked.questions if question.name == "rnn_forward")
    cases = tuple(
        replace(case, expected={name: np.resize(canary, value.shape) for name, value in case.expected.items()})
        for case in question.cases
    )
    planted = replace(baked, questions=(replace(question, cases=cases),))
    path = tmp_path / "bundle.npz"
    bundles.write_file(path, bundles.to_bytes(planted))
    path.chmod(0o644)
    read = bundles.read(path)
    mark = canary.tobytes()[:24]
    assert mark in bundles.encode(read)[1], "the canary is in the bundle, or this test shows nothing"
    runner = SandboxRunner("memnet", ())
    try:
        runner.open(solution)
        judge_question(read.questions[0], runner, {})
        pid = worker_pid(runner)
        zygote = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        for process in (pid, zygote):
            assert not any(mark in region for region in memory_of(process))
        control = b"import numpy as np"
        assert any(control in region for region in memory_of(pid)), "the search finds what is there"
        spy = f"def f(x):\n    import io\n    return io.open({str(path)!r}, 'rb').read()"
        assert ask(runner, spy).verdict == "forbidden"
    finally:
        runner.shut_down()


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has asked after yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_dies_with_its_zygote(runner: SandboxRunner) -> None:
    own = SandboxRunner("memnet", ())
    assert ask(own, "def f(x):\n    return x").verdict == ""
    pid = worker_pid(own)
    own._zygotes[False]._child.kill()
    own._zygotes[False]._child.wait()
    deadline = time.monotonic() + 5
    while (left := alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)  # the kernel kills it in its own time
    own.shut_down()
    assert not left


def test_a_judge_kills_nobody_who_has_the_number_of_a_dead_worker() -> None:
    own = SandboxRunner("memnet", ())
    assert ask(own, "def f(x):\n    return x").verdict == ""
    own._zygotes[False]._child.kill()
    own._zygotes[False]._child.wait()
    with subprocess.Popen(["sleep", "60"]) as other:
        own._processes[False]._pid = other.pid
        own.shut_down()
        time.sleep(0.1)
        assert other.poll() is None
        other.kill()


# ---------------------------------------------------------------- zygotes that are shared


def zygote_pid(runner: SandboxRunner) -> int:
    return int(Path(f"/proc/{worker_pid(runner)}/stat").read_text().rpartition(")")[2].split()[1])


def test_runners_that_meet_share_a_zygote_until_the_last_has_gone() -> None:
    name = meeting_name()
    first, second, other = SandboxRunner("memnet", (), name), SandboxRunner("memnet", (), name), SandboxRunner("memnet", ())
    same = "def f(x):\n    return x"
    try:
        for one in (first, second, other):
            assert ask(one, same).verdict == ""
        shared, workers = zygote_pid(first), [worker_pid(first), worker_pid(second)]
        assert zygote_pid(second) == shared != zygote_pid(other)
        first._zygotes[False]._socket.close()  # as when the judge that started it is gone
        deadline = time.monotonic() + 5
        while alive(workers[0]) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [alive(pid) for pid in (*workers, shared)] == [False, True, True]
        assert ask(second, same).verdict == ""
        second.shut_down()
        first.shut_down()
        assert not alive(shared)
    finally:
        for one in (first, second, other):
            one.shut_down()


@pytest.mark.parametrize("judges", [50, 51, 52, 53, 54, 300])
def test_a_zygote_serves_more_judges_than_it_has_low_numbers_for(judges: int) -> None:
    """A worker's pipes are put in place under numbers that judges' sockets have too."""
    runner = SandboxRunner("memnet", ())
    same = "def f(x):\n    print('said')\n    return x"
    with contextlib.ExitStack() as stack:
        stack.callback(runner.shut_down)
        assert ask(runner, same).verdict == ""
        for _ in range(judges):
            other = sandbox._greeting(sandbox._address(False, runner._meeting))
            assert other is not None
            stack.enter_context(other)
        assert (ask(runner, same, x=2.0).values, runner.printed()) == ({"y": 2.0}, "said\n")


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can be someone else")
def test_a_zygote_serves_nobody_else() -> None:
    runner = SandboxRunner("memnet", ())
    program = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
        "s.connect('\\0' + sys.argv[1]); print(s.recv(16))"
    )
    try:
        assert ask(runner, "def f(x):\n    return x").verdict == ""
        address = sandbox._address(False, runner._meeting)[1:]
        done = subprocess.run([sys.executable, "-c", program, address], capture_output=True, text=True, check=True, timeout=30)
        assert done.stdout.strip() == "b''"
        assert ask(runner, "def f(x):\n    return x").verdict == ""
    finally:
        runner.shut_down()


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="only root can be someone else")
def test_a_judge_takes_nobody_else_for_its_zygote(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else on the machine who listens first would be sent a submission, and say which process is to be killed."""
    monkeypatch.setattr(sandbox, "START_SECONDS", 0.5)
    runner = SandboxRunner("memnet", ())
    program = (
        "import os, socket, struct, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "s.bind('\\0' + sys.argv[1]); s.listen(); print('listens', flush=True); judge, _ = s.accept()\n"
        "try: judge.send(b'ready'); message, pipes, _, _ = socket.recv_fds(judge, 16, 3)\n"
        "except OSError: message = b''\n"
        "if message: judge.send(struct.pack('<i', os.getpid())); os.write(pipes[1], b'full'.ljust(16))\n"
        "print(message, os.read(pipes[0], 999) if message else ''); sys.stdin.read()"
    )
    address = sandbox._address(False, runner._meeting)[1:]
    command = [sys.executable, "-c", program, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == "listens\n"
            with pytest.raises(sandbox.SandboxError, match="did not start"):
                runner.start(False)
            assert stranger.communicate(timeout=10)[0].strip() == "b''"
        finally:
            stranger.kill()
            runner.shut_down()


def test_the_address_of_one_zygote_does_not_tell_that_of_another() -> None:
    meeting = meeting_name()
    one, other = (sandbox._address(torch, meeting)[1:] for torch in (False, True))
    assert len({one.rpartition("-")[2], other.rpartition("-")[2], meeting.rpartition("-")[2]}) == 3
    assert one.rpartition("-")[0] == other.rpartition("-")[0] == "autograder"


# ---------------------------------------------------------------- a machine that is busy with others

BUSY = "import time\ndef f(x):\n    end = time.process_time() + 0.8\n    while time.process_time() < end: pass\n    return x"
ASLEEP = "import time\ndef f(x):\n    time.sleep(9)\n    return x"


@pytest.fixture
def one_processor(runner: SandboxRunner) -> Iterator[int]:
    """The worker shares one processor with six others that never rest."""
    here = min(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, {{{here}}}); print(flush=True)\nwhile True: pass"
    others = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True) for _ in range(6)
    ]
    for other in others:
        assert other.stdout is not None
        other.stdout.readline()
    yield here
    for other in others:
        other.kill()
        other.communicate()


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count how long a process waits")
@pytest.mark.parametrize(("source", "verdict"), [(BUSY, ""), (ASLEEP, "timed_out")])
def test_a_busy_machine_costs_nobody_a_question(
    runner: SandboxRunner, one_processor: int, source: str, verdict: str
) -> None:
    """0.8 seconds of work, for which the worker has a seventh of a processor, within 1.5: its waiting is not counted."""
    runner.open({"m": source.encode()})
    runner._ready(False, fresh=True)
    os.sched_setaffinity(worker_pid(runner), {one_processor})
    begun = time.monotonic()
    answer, waited = runner.ask("m", CALL, {"x": 1.0}, ("y",), layouts={}, deadline=begun + 1.5)
    assert answer.verdict == verdict
    if not verdict:
        assert waited > 0.8  # it had the processor for 0.8 seconds of at least 1.6


def test_a_zygote_whose_starter_is_killed_before_it_calls_does_not_stay() -> None:
    program = (
        "import os, signal, socket; from autograder.isolation import sandbox; "
        "listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
        "listener.bind(f'\\0nobody-calls-{os.getpid()}'); listener.listen(); "
        "print(sandbox._start(False, listener).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=False)
    stat = Path(f"/proc/{int(done.stdout)}/stat")
    deadline = time.monotonic() + 60

    def alive() -> bool:
        try:
            return stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
        except OSError:
            return False

    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive()
