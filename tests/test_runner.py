"""The judge's end: deadlines, deaths, floods and forgeries of a plain worker, and the cleaning of what it says."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.checks.runner import OUTPUT_CAP, Answer, Process, ProcessRunner, clean

LONG = 60.0  # seconds that no honest call takes


class CountingRunner(ProcessRunner):
    """A plain runner that knows how many workers it has started."""

    started = 0

    def start(self, torch: bool) -> Process:
        self.started += 1
        return super().start(torch)


@pytest.fixture
def runner() -> Iterator[CountingRunner]:
    found = CountingRunner("memnet", ())
    yield found
    found.close()


def ask(runner: ProcessRunner, function: str = "f", module: str = "m", seconds: float = LONG, x: Any = 1.0) -> Answer:
    answer, _ = runner.ask(
        module, (f"y = {function}(x)",), {"x": x}, ("y",), layouts={}, deadline=time.monotonic() + seconds
    )
    return answer


def take_up(runner: ProcessRunner, **sources: str) -> None:
    runner.open({name: text.encode() for name, text in sources.items()})


HONEST = "def g(x): return x + 1\n"


# ---------------------------------------------------------------- deadlines and deaths


@pytest.mark.parametrize("line", ["while True: pass", "import time; time.sleep(1e4)"])
def test_deadline_and_a_fresh_worker_afterwards(runner: CountingRunner, line: str) -> None:
    take_up(runner, m=f"{HONEST}def f(x):\n    {line}\n")
    assert ask(runner, seconds=0.3) == Answer("timed_out", "not finished in time", ended=True)
    assert ask(runner, "g").values == {"y": 2.0}
    assert runner.started == 2


@pytest.mark.parametrize(
    ("line", "status"),
    [("os._exit(7)", 7), ("os._exit(0)", 0), ("os.kill(os.getpid(), 9)", -9), ("os.abort()", -6)],
)
def test_death_in_a_call(runner: CountingRunner, line: str, status: int) -> None:
    take_up(runner, m=f"import os\n{HONEST}def f(x):\n    {line}\n")
    died = ask(runner)
    assert died == Answer("crashed", f"the code ended its own process (exit status {status})", ended=True)
    assert ask(runner, "g").values == {"y": 2.0}
    assert runner.started == 2


@pytest.mark.parametrize(
    ("line", "verdict", "text"),
    [
        ("import os; os._exit(7)", "crashed",
         "the code ended its own process (exit status 7), while m.py was being imported"),
        ("while True: pass", "timed_out", "not finished in time, while m.py was being imported"),
    ],
)  # fmt: skip
def test_module_that_is_lost_while_it_is_imported_is_not_tried_again(
    runner: CountingRunner, line: str, verdict: str, text: str
) -> None:
    take_up(runner, m=line, other=HONEST)
    assert [ask(runner, name, seconds=0.5) for name in "fgh"] == [Answer(verdict, text, ended=True)] * 3
    assert runner.started == 1
    assert ask(runner, "g", "other").values == {"y": 2.0}
    assert runner.started == 2
    take_up(runner, m=HONEST)  # another submission is not blamed for it
    assert ask(runner, "g").values == {"y": 2.0}


def test_nobody_types(runner: CountingRunner) -> None:
    take_up(runner, m="import sys\ndef f(x): return sys.stdin.read()")
    assert ask(runner).values == {"y": ""}


def test_start_of_a_worker_is_not_counted(runner: CountingRunner) -> None:
    take_up(runner, m=HONEST)
    call = ("m", ("y = g(x)",), {"x": 1.0}, ("y",))
    _, first = runner.ask(*call, layouts={}, deadline=time.monotonic() + LONG)
    _, second = runner.ask(*call, layouts={}, deadline=time.monotonic() + LONG)
    assert first > 0
    assert second == 0
    assert runner.started == 1


class SlowRunner(CountingRunner):
    """A plain runner whose workers take longer to start than a call may take."""

    def start(self, torch: bool) -> Process:
        time.sleep(1.1)
        return super().start(torch)


def test_slow_start_does_not_move_the_deadline_nearer() -> None:
    runner = SlowRunner("memnet", ())
    take_up(runner, m=HONEST)
    try:
        assert ask(runner, "g", seconds=1.0).values == {"y": 2.0}
    finally:
        runner.close()


def test_code_that_hangs_up_is_ended(runner: CountingRunner) -> None:
    take_up(runner, m="import os, time\ndef f(x):\n    os.closerange(0, 50)\n    time.sleep(5)\n    os._exit(77)\n")
    answer = ask(runner, seconds=1.0)
    assert answer.ended
    assert answer.verdict in ("crashed", "timed_out")
    assert "77" not in answer.text  # nobody has waited for it to end by itself


# ---------------------------------------------------------------- output


def test_what_is_printed_is_kept_apart(runner: CountingRunner) -> None:
    source = (
        "import sys, os\nprint('loading')\ndef f(x):\n    print('called', x)\n    print('bad', file=sys.stderr)\n"
        "    os.write(1, b' raw \\xff ')\n    return x\n"
    )
    take_up(runner, m=source)
    assert ask(runner).values == {"y": 1.0}
    runner.close()
    assert sorted(runner.printed().split()) == ["1.0", "bad", "called", "loading", "raw", "\ufffd"]
    take_up(runner, m=HONEST)
    assert runner.printed() == ""


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for Python")
def test_what_is_printed_may_be_any_text_whatever_the_system_prints_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_fashioned = tmp_path / "python"  # as on Windows, where a pipe takes the letters of one code page
    old_fashioned.write_text(f'#!/bin/sh\nPYTHONCOERCECLOCALE=0 LC_ALL=C exec "{sys.executable}" -X utf8=0 "$@"\n')
    old_fashioned.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(old_fashioned))
    runner = ProcessRunner("p", [])
    try:
        take_up(runner, m="def f(x):\n    print('höhö 佐藤 😀')\n    return x\n")
        assert ask(runner).values == {"y": 1.0}
    finally:
        runner.close()
    assert runner.printed() == "höhö 佐藤 😀\n"


def test_flood_of_output_ends_the_worker(runner: CountingRunner) -> None:
    take_up(runner, m=f"{HONEST}def f(x):\n    while True: print('x' * 1000)\n")
    assert ask(runner) == Answer("crashed", "the code printed more than 1 MB and was stopped", ended=True)
    assert len(runner.printed()) == OUTPUT_CAP
    assert ask(runner, "g").values == {"y": 2.0}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain text\n\tindented é 佐藤 ✓", "plain text\n\tindented é 佐藤 ✓"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31mred\x07\0", "\ufffd[31mred\ufffd\ufffd"),
        ("abc\u202edcb\u2066\u200f", "abc\ufffddcb\ufffd\ufffd"),
        ("\u2028\ud800", "\ufffd\ufffd"),
        ("<f at 0x7f3a00aaBBcc> and 0x10", "<f at 0x…> and 0x10"),
        ("x" * 1000, "x" * 1000),
        ("x" * 1001, "x" * 1000 + "…"),
        ("\0" * 5000, "\ufffd" * 1000 + "…"),
        (None, ""),
        (b"bytes", ""),
        (3, ""),
        (["list"], ""),
    ],
)
def test_clean(text: object, kept: str) -> None:
    assert clean(text) == kept


def test_clean_caps_where_it_is_told() -> None:
    assert clean("abcdef", 3) == "abc…"
    assert clean("abc", 3) == "abc"


# ---------------------------------------------------------------- forgeries

# A submission that knows the wire, and writes to whatever its process has open.
FORGER = """
import json, os, struct
def send(data):
    for number in range(3, 11):
        try: os.write(number, data)
        except OSError: pass
def forge(sequence, arrays=(), body=b"", **message):
    text = json.dumps({**message, "arrays": arrays}).encode()
    send(struct.pack("<4sIII", b"mint", sequence, len(text), len(body)) + text + body)
"""


def test_forged_value_is_a_value_and_spoils_what_follows(runner: CountingRunner) -> None:
    line = "forge(2, ok=True, values=dict(y=42.0), changed=[], verdict='passed')"
    take_up(runner, m=f"{FORGER}def f(x):\n    {line}\n    return x\n{HONEST}")
    assert ask(runner) == Answer(values={"y": 42.0})  # load, import and this call: number 2
    late = ask(runner, "g")
    assert late == Answer("crashed", "the code interfered with the grader's connection: a reply out of turn",
                          ended=True)  # fmt: skip
    assert ask(runner, "g").values == {"y": 2.0}


@pytest.mark.parametrize(
    "line",
    [
        "send(b'garbage that is long enough for a header')",
        "send(struct.pack('<4sIII', b'mint', 2, 1 << 31, 1 << 31))",
        "send(struct.pack('<4sIII', b'mint', 2, 2, 0) + b'[]')",
        "send(struct.pack('<4sIII', b'mint', 2, 4, 0) + b'\\xff\\xfe\\x00\\xd8')",
        "forge(3, ok=True, values=dict(y=42.0), changed=[])",
        "forge(2, ok=True, values=dict(y=42.0))",
        "forge(2, ok=True, values=dict(z=42.0), changed=[])",
        "forge(2, ok=True, values=dict(y=42.0, z=1), changed=[])",
        "forge(2, ok=True, values=[42.0], changed=[])",
        "forge(2, ok=True, values=dict(y=[42.0]), changed=[])",
        "forge(2, ok=True, values=dict(y=dict(a=0)), changed=[])",
        "forge(2, [['<f8', [1 << 40], 'C']], ok=True, values=dict(y=dict(a=0)), changed=[])",
        "forge(2, [['<f8', [-1], 'C']], bytes(8), ok=True, values=dict(y=dict(a=0)), changed=[])",
        "forge(2, [['|O', [1], 'C']], bytes(8), ok=True, values=dict(y=dict(a=0)), changed=[])",
        "forge(2, [['<f8', [1 << 20] * 15 + [0], 'C']], ok=True, values=dict(y=dict(a=0)), changed=[])",
        "forge(2, ok='yes', values=dict(y=42.0), changed=[])",
        "forge(2, ok=1, values=dict(y=42.0), changed=[])",
        "forge(2, ok=False, kind='passed', text='full marks')",
        "forge(2, ok=False, kind='grader_error')",
        "forge(2, ok=False, kind=dict(a=['b']))",
        "forge(2, ok=False)",
    ],
)
def test_forged_replies_are_refused(runner: CountingRunner, line: str) -> None:
    take_up(runner, m=f"{FORGER}def f(x):\n    {line}\n    while True: pass\n")
    answer = ask(runner)
    assert (answer.verdict, answer.values, answer.ended) == ("crashed", {}, True)
    assert answer.text.startswith("the code interfered with the grader's connection: a")


def test_forged_failure_is_cleaned(runner: CountingRunner) -> None:
    line = "forge(2, ok=False, kind='raised', text='\\x1b' + 'x' * 5000, trace=['no text'])"
    take_up(runner, m=f"{FORGER}def f(x):\n    {line}\n    while True: pass\n")
    assert ask(runner) == Answer("crashed", "\ufffd" + "x" * 999 + "…")


def test_forged_names_of_changed_inputs_are_names(runner: CountingRunner) -> None:
    line = "forge(2, ok=True, values=dict(y=1), changed=['x', 3, ['z'], None, dict(a=0)])"
    take_up(runner, m=f"{FORGER}def f(x):\n    {line}\n    while True: pass\n")
    assert ask(runner).changed == ("x",)


# ---------------------------------------------------------------- stubs


def test_stubs_are_known_without_running_them(runner: CountingRunner) -> None:
    source = "import os\nos._exit(1)\ndef f(x): raise NotImplementedError\ndef g(x): return x\n"
    take_up(runner, m=source, bad="def f(:")
    assert runner.is_stub("m", "f")
    assert not runner.is_stub("m", "g")
    assert not runner.is_stub("m", "h")
    assert not runner.is_stub("bad", "f")
    assert not runner.is_stub("nothing", "f")
    assert runner.started == 1


@pytest.mark.parametrize("stubs", ["5", "None", "[['f']]", "dict(f=1)", "'f'", "True"])
def test_forged_stubs_are_no_list_of_names(runner: CountingRunner, stubs: str) -> None:
    lines = f"forge(2, ok=True, values=dict(y=1), changed=[]); forge(3, ok=True, stubs={stubs})"
    take_up(runner, m=f"{FORGER}def f(x):\n    {lines}\n    while True: pass\n")
    assert ask(runner).values == {"y": 1}
    assert runner.is_stub("m", "f") is False


# ---------------------------------------------------------------- values there and back


def test_all_kinds_of_inputs_arrive(runner: CountingRunner) -> None:
    take_up(runner, m="def f(x): return x\n")
    for x in (3, 2.5, True, None, "text", [1, (2.0, None)], {"a": np.arange(3)}, np.zeros((0, 2)), np.array(1j)):
        got = ask(runner, x=x).values["y"]
        assert type(got) is type(x)
        np.testing.assert_equal(got, x)
    large = np.random.default_rng(0).standard_normal((500, 1000))  # more than a pipe holds
    np.testing.assert_array_equal(ask(runner, x=large).values["y"], large)
