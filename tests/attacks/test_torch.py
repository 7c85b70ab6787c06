"""The torch worker is locked as the other is, and its zygote starts only when a torch question is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec

import pytest

from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property
from autograder.isolation.sandbox import ConfinedProcess, SandboxRunner

from ..conftest import ALL_ATTACKS
from . import harness

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")

HEAD = "import torch, io, os, sys\nfrom importlib import import_module as get\ndef f(x):\n"
# In a worker with torch: what must be refused, and the words that must come of it.
REFUSED = {
    "read a file": "io.open('/etc/passwd').read()",
    "read the reference": "io.open('$ROOT/reference/memnet/simple_rnn.py').read()",
    "load a file by torch": "torch.load('/etc/passwd')",
    "load a library by torch": "torch.ops.load_library('/usr/lib/x86_64-linux-gnu/libgmp.so.10')",
    "save a file by torch": "torch.save({}, '$WATCH/left.pt')",
    "map a file by torch": "torch.from_file('$WATCH/canary', size=1, dtype=torch.uint8)",
    "write a file": "io.open('$WATCH/left', 'w')",
    "fork": "os.fork()",
    "a process by torch": "get('torch.multiprocessing').Process(target=int).start()",
    "shared memory by torch": "torch.ones(3).share_memory_()",
    "a socket": "get('_socket').socket()",
    "a store by torch": "get('torch.distributed').TCPStore('127.0.0.1', $PORT, is_master=True)",
    "signal the judge": "os.kill(os.getppid(), 10)",
    "slow the judge down": "os.setpriority(0, os.getppid(), 5)",
    "an executable page": "get('mmap').mmap(-1, 4096, prot=5)",
    "a thread": "get('_thread').start_new_thread(int, ())",
    "compile": "get('torch.utils.cpp_extension').load_inline('x', 'int f() { return 1; }')",
    "too much memory": "torch.ones(1 << 31)",
}
WORKS = {
    "learn": "net = torch.nn.RNN(3, 4)\n    o = torch.optim.Adam(net.parameters())\n"
    "    net(torch.ones(2, 5, 3))[0].sum().backward()\n    o.step()",
    "one thread": "torch.set_num_threads(1)\n    torch.ones(300, 300) @ torch.ones(300, 300)",
    "bytes": "b = io.BytesIO()\n    torch.save({'a': torch.ones(2)}, b)\n    b.seek(0)\n    torch.load(b)",
}


@pytest.fixture(scope="module")
def runner() -> Iterator[SandboxRunner]:
    found = SandboxRunner("memnet", ("simple_rnn",))
    yield found
    found.shut_down()


def ask(runner: SandboxRunner, line: str, where: harness.Outside) -> tuple[str, str]:
    for key, value in {"ROOT": harness.ROOT, "WATCH": where.folder, "PORT": where.port}.items():
        line = line.replace(f"${key}", str(value))
    runner.open({"simple_rnn": f"{HEAD}    {line}\n    return x\n".encode()})
    answer, _ = runner.ask("simple_rnn", ("y = f(x)",), {"x": 1.0}, ("y",), layouts={}, torch=True,
                           deadline=time.monotonic() + 10)  # fmt: skip
    return answer.verdict, answer.text


@pytest.mark.attack
@pytest.mark.parametrize("attempt", REFUSED)
def test_refused(attempt: str, runner: SandboxRunner) -> None:
    with harness.outside() as where:
        verdict, text = ask(runner, REFUSED[attempt], where)
        assert verdict in ("forbidden", "crashed", "over_memory"), (verdict, text)
        assert where.touched() == []


@pytest.mark.attack
@pytest.mark.parametrize("attempt", WORKS)
def test_works(attempt: str, runner: SandboxRunner) -> None:
    with harness.outside() as where:
        assert ask(runner, WORKS[attempt], where) == ("", "")
        process = runner._processes[True]
        assert isinstance(process, ConfinedProcess)
        assert process.level.value in ("full", "no-landlock")


@pytest.mark.attack
def test_gap_more_threads_end_the_worker(runner: SandboxRunner) -> None:
    """Known gap: code that asks torch for several threads is ended by OpenMP, which cannot start them."""
    with harness.outside() as where:
        line = "torch.set_num_threads(4)\n    torch.ones(300, 300) @ torch.ones(300, 300)"
        assert ask(runner, line, where)[0] == "crashed"


def test_its_zygote_starts_only_when_it_is_asked(
    baked: Bundle, properties: Mapping[str, Property], solution: Mapping[str, bytes]
) -> None:
    own = SandboxRunner(baked.package, baked.torch_modules)
    try:
        numpy_only = {name: source for name, source in solution.items() if name != "simple_rnn"}
        record = harness.run_ours(numpy_only, own, baked, properties).record
        assert {q["verdict"] for q in record["questions"] if q["module"] == "simple_rnn"} == {"missing"}
        stub = b"class SimpleRNN:\n    def __init__(self):\n        raise NotImplementedError\n"
        stub += b"def rnn_to_torch(*a):\n    raise NotImplementedError\n"
        torch_questions = replace(baked, questions=tuple(q for q in baked.questions if q.torch))
        harness.run_ours({"simple_rnn": stub}, own, torch_questions, properties)
        assert set(own._zygotes) == {False}
        if ALL_ATTACKS:
            record = harness.run_ours({"simple_rnn": solution["simple_rnn"]}, own, torch_questions, properties).record
            assert {q["verdict"] for q in record["questions"]} == {"passed"}
            assert set(own._zygotes) == {False, True}
    finally:
        own.shut_down()
