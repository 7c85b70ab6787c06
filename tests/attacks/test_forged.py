"""Forged replies, odd values and floods: no points, no error of the grader's, an end in time, a small record."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograder.checks import runner, wire
from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property
from autograder.grading import reports

from . import harness
from .catalogue import HEAD

# The worker's code takes the place of the server that runs it: it reads requests and writes replies itself.
FORGER = HEAD + '''
import os, struct, json, time

def read(n):
    data = b""
    while len(data) < n:
        chunk = os.read(3, n - len(data))
        if not chunk:
            os._exit(0)
        data += chunk
    return data

def send(number, text, body=b"", magic=b"mint", sizes=None):
    a, b = sizes or (len(text), len(body))
    put(struct.pack("<4sIII", magic, number, a, b) + text + body)

def put(data):
    view = memoryview(data)
    while view:
        view = view[os.write(4, view):]

def say(number, arrays=(), body=b"", **content):
    send(number, json.dumps({"arrays": list(arrays), **content}).encode("utf-8", "surrogatepass"), body)

def give(number, content, skeleton, **more):
    say(number, ok=True, changed=[], values={name: skeleton for name in content["returns"]}, **more)

def takeover(answer):
    frame = sys._getframe()
    while "sequence" not in frame.f_locals:
        frame = frame.f_back
    number, content = frame.f_locals["sequence"], frame.f_locals["message"].content
    while True:
        answer(number, content)
        magic, number, a, b = struct.unpack("<4sIII", read(16))
        content = json.loads(read(a))
        read(b)
'''
ZERO = '[["<f8", [3, 5], "C"]], bytes(120)'
FORGERIES = {
    "a verdict": f'say(n, {ZERO}, ok=True, changed=[], values={{"h_t": {{"a": 0}}}}, verdict="passed", earned=99, '
    'right=True, points=99, status="graded", total=99)',
    "a verdict without values": 'say(n, ok=True, verdict="passed", right=True)',
    "ok that is not true": 'say(n, ok=1, values={"h_t": None}, changed=[])',
    "ok that is text": 'say(n, ok="true", values={"h_t": None}, changed=[])',
    "values in a list": 'say(n, ok=True, values=[1], changed=[])',
    "more values than asked": f'say(n, {ZERO}, ok=True, values={{"h_t": {{"a": 0}}, "h": None}}, changed=[])',
    "no list of changed inputs": f'say(n, {ZERO}, ok=True, values={{"h_t": {{"a": 0}}}}, changed="x_t")',
    "a million changed inputs": f'say(n, {ZERO}, ok=True, values={{"h_t": {{"a": 0}}}}, changed=["x"] * 99_000)',
    "changed inputs that are no names": f'say(n, {ZERO}, ok=True, values={{"h_t": {{"a": 0}}}}, changed=[[], {{}}, 5])',
    "changed inputs with markup": f'say(n, {ZERO}, ok=True, values={{"h_t": {{"a": 0}}}}, '
    'changed=["<script>alert(1)</script>", "\\x1b[31m", "\\u202e"])',
    "one array ten thousand times": f'say(n, {ZERO}, ok=True, changed=[], values={{"h_t": {{"l": [{{"a": 0}}] * 9999}}}})',
    "a deep value": 'give(n, c, eval("{\'l\': [" * 60 + "]}" * 60))',
    "deep JSON": 'send(n, b\'{"arrays": \' + b"[" * 300_000)',
    "deep closed JSON": 'send(n, b\'{"arrays": [], "ok": true, "kind": \' + b"[" * 900 + b"]" * 900 + b"}")',
    "a list of a hundred thousand": 'give(n, c, {"l": [0.0] * 100_000})',
    "a number of thirty digits": "give(n, c, 10 ** 30)",
    "a number of 4000 digits": "give(n, c, 10 ** 4000)",
    "a number of a million digits": 'send(n, b\'{"arrays": [], "ok": \' + b"9" * 900_000 + b"}")',
    "infinity": 'give(n, c, float("inf"))',
    "nan": 'give(n, c, float("nan"))',
    "text for an array": 'give(n, c, "0.5" * 99_000)',
    "a description of a million letters": 'give(n, c, {"x": "<b>\\x1b[31m\\u202e" * 60_000})',
    "a mapping for an array": 'give(n, c, {"d": [["__array__", 1.0], ["shape", None]]})',
    "a key twice": 'send(n, b\'{"arrays": [], "ok": false, "ok": true, "changed": [], "values": {"h_t": 1}, '
    '"values": {"h_t": 2}}\')',
    "bytes that are no text": 'send(n, b"\\xff\\xfe\\x00" * 9)',
    "lone surrogates": 'say(n, ok=False, kind="raised", text="\\udcff\\ud800", trace="")',
    "a pickle": 'send(n, b"\\x80\\x04\\x8c\\x02os\\x8c\\x06system\\x93\\x8c\\x04true\\x85R.")',
    "a pickle for a body": 'say(n, [["|O", [1], "C"]], b"\\x80\\x04K*.", ok=True, changed=[], values={"h_t": {"a": 0}})',
    "a header of four gigabytes": 'send(n, b"{}", sizes=(0xFFFFFFFF, 0xFFFFFFFF))',
    "a body that never comes": 'send(n, b\'{"arrays": []}\', sizes=(14, 60 << 20)); time.sleep(9)',
    "half a header": 'put(b"mint"); time.sleep(9)',
    "half a header and an end": 'put(b"mint\\0"); os._exit(0)',
    "another magic": 'send(n, b\'{"arrays": []}\', magic=b"MINT")',
    "an earlier number": f'say(n - 1, {ZERO}, ok=True, changed=[], values={{"h_t": {{"a": 0}}}})',
    "a later number": f'say(n + 1, {ZERO}, ok=True, changed=[], values={{"h_t": {{"a": 0}}}})',
    "two replies at once": "give(n, c, None); give(n + 1, c, None)",
    "a dribble": 'd = struct.pack("<4sIII", b"mint", n, 9000, 0) + b" " * 9000\n    for i in d: os.write(4, bytes([i])); '
    "time.sleep(0.01)",
    "silence": "time.sleep(60)",
    "a flood": 'os.set_blocking\n    while True: os.write(4, bytes(65536))',
    "a flood of output": 'while True: os.write(1, b"x" * 65536)',
    "a flood of errors": 'while True: os.write(2, b"x" * 65536)',
    "a stopped process": "get('signal').raise_signal(19); time.sleep(60)",
    "a closed connection": "os.close(4); time.sleep(60)",
    "a closed question": "os.close(3); give(n, c, None); time.sleep(60)",
    "everything closed": "os.closerange(0, 9); time.sleep(60)",
    "a crash of the interpreter": "get('ctypes').string_at(0)",
    "an abort": "os.abort()",
    "an end": "os._exit(0)",
    "a request that nobody sent": 'os.write(3, b"x") if False else os._exit(77)',
    "a dtype that is no text": 'say(n, [[["<f8"], [1], "C"]], bytes(8), ok=True, changed=[], values={"h_t": {"a": 0}})',
    "a dtype of objects": 'say(n, [["|O", [1], "C"]], bytes(8), ok=True, changed=[], values={"h_t": {"a": 0}})',
    "a dtype of records": 'say(n, [["<f8,O", [1], "C"]], bytes(16), ok=True, changed=[], values={"h_t": {"a": 0}})',
    "a negative shape": 'say(n, [["<f8", [-1, -15], "C"]], bytes(120), ok=True, changed=[], values={"h_t": {"a": 0}})',
    "a shape of booleans": 'say(n, [["<f8", [True], "C"]], bytes(8), ok=True, changed=[], values={"h_t": {"a": 0}})',
    "an empty array of enormous shape": 'say(n, [["<f8", [0] + [1 << 20] * 15, "C"]], ok=True, changed=[], '
    'values={"h_t": {"a": 0}})',
    "an array larger than its bytes": 'say(n, [["<f8", [1 << 39], "C"]], bytes(8), ok=True, changed=[], '
    'values={"h_t": {"a": 0}})',
    "booleans that are neither": 'say(n, [["|b1", [3, 5], "C"]], b"\\x07" * 15, ok=True, changed=[], '
    'values={"h_t": {"a": 0}})',
    "an array that is not there": 'give(n, c, {"a": 0})',
    "a kind that is a list": 'say(n, ok=False, kind=["raised"], text="", trace="")',
    "a kind that is a mapping": 'say(n, ok=False, kind={"passed": 1}, text="", trace="")',
    "a kind called passed": 'say(n, ok=False, kind="passed", text="", trace="")',
    "text that is no text": 'say(n, ok=False, kind="raised", text=[1] * 999, trace={"a": 1})',
    "text of a million letters": 'say(n, ok=False, kind="raised", text="x" * 500_000, trace="y" * 500_000)',
    "text with markup": 'say(n, ok=False, kind="raised", text="<script>alert(1)</script>\\x1b]0;t\\x07\\u202e\\r", '
    'trace="</pre><script>alert(2)</script>")',
    "a change of this server": 'import autograder.checks.worker as w\n    w.Server._ask = lambda s, *a: {"ok": True, '
    '"values": {"h_t": None}, "changed": []}\n    raise ValueError',
    "a change of the wire": 'import autograder.checks.wire as w\n    w.pack = lambda *a: b"mint"\n    '
    'sys.modules["autograder.checks.worker"].pack = w.pack\n    raise ValueError',
    "no answers from json": 'json.dumps = lambda *a, **k: "{}"\n    raise ValueError',
    "no answers from struct": "sys.modules['autograder.checks.worker'].os.write = lambda *a: 0\n    raise ValueError",
}  # fmt: skip


def forger(line: str) -> str:
    line = line.replace("import autograder.checks.worker as w", "w = get('autograder.checks.worker')")
    line = line.replace("import autograder.checks.wire as w", "w = get('autograder.checks.wire')")
    return f"{FORGER}\ndef answer(n, c):\n    {line}\ndef cheat(name, args):\n    takeover(answer)\n"


@pytest.fixture(scope="session")
def step(baked: Bundle) -> Bundle:
    """One question with a short deadline."""
    (question,) = (question for question in baked.questions if question.name == "rnn_step")
    return replace(baked, questions=(replace(question, seconds=0.6),))


def outputs(bundle: Bundle) -> str:
    return repr({question.name: 1 for question in bundle.questions})


def grade(source: str, runners: harness.Runners, bundle: Bundle, properties: Mapping[str, Property]) -> Any:
    sources = {"rnn": source.replace("$OUTPUTS", outputs(bundle)).encode()}
    return harness.run_ours(sources, runners.confined, bundle, properties)


@pytest.mark.parametrize("forgery", harness.sample(list(FORGERIES), 5))
def test_a_forged_reply_gains_nothing(
    forgery: str, runners: harness.Runners, step: Bundle, properties: Mapping[str, Property]
) -> None:
    tracemalloc.start()
    try:
        result = grade(forger(FORGERIES[forgery]), runners, step, properties)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    record = result.record
    assert (record["total"], record["status"]) == (0, "graded")
    assert result.seconds < 4
    assert len(json.dumps(record)) < 60_000
    assert peak < 200 << 20
    page = reports.feedback_page(record, title="t", parts={"B": "b"})
    assert len(page) < 40_000
    shown = json.dumps(record, ensure_ascii=False) + page
    assert not set("\x1b\u202e\r\x07") & set(shown)
    assert "<script" not in page
    again = grade(FORGER + "def cheat(name, args):\n    return 3.0\n", runners, step, properties)
    assert again.record["questions"][0]["verdict"] == "wrong", "the next submission is graded as ever"


def test_forging_works_or_this_proves_nothing(
    runners: harness.Runners, step: Bundle, properties: Mapping[str, Property]
) -> None:
    """The same code with the right values is believed: what is judged is the value, wherever it comes from."""
    question = step.questions[0]
    one = replace(step, questions=(replace(question, cases=question.cases[:1]),))
    expected = question.cases[0].expected["h_t"]
    line = (f"say(n, [['<f8', {list(expected.shape)}, 'C']], bytes.fromhex('{expected.tobytes().hex()}'), ok=True, "
            "changed=[], values={'h_t': {'a': 0}})")  # fmt: skip
    assert grade(forger(line), runners, one, properties).points == question.points


def test_without_its_check_a_stack_of_copies_takes_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """One megabyte that is named two hundred times: refused, or two hundred megabytes."""
    table = [["<f8", [1 << 17], "C"]]
    value = {"l": [{"a": 0}] * 200}

    def peak() -> int:
        tracemalloc.start()
        try:
            message = wire.parse_message(json.dumps({"arrays": table}).encode(), bytes(1 << 20), wire.Caps())
            np.stack(message.value(value))
        except wire.WireError:
            pass
        finally:
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return most

    assert peak() < 8 << 20
    monkeypatch.setattr(wire._Reader, "_array", lambda self, index: self.message.arrays[index])
    assert peak() > 180 << 20


def test_without_their_number_stale_replies_are_taken(
    runners: harness.Runners, step: Bundle, properties: Mapping[str, Property], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f'say(n + 7, {ZERO}, ok=True, changed=[], values={{"h_t": {{"a": 0}}}})'
    assert "interfered" in grade(forger(line), runners, step, properties).record["questions"][0]["cases"][0]["text"]
    real = wire.read_message

    def credulous(read: Any, sequence: int, caps: wire.Caps) -> wire.Message:
        head = read(wire.HEADER.size)
        number = wire.HEADER.unpack(head)[1]
        parts = [head]
        return real(lambda count: parts.pop() if parts else read(count), number, caps)

    monkeypatch.setattr(runner, "read_message", credulous)
    cases = grade(forger(line), runners, step, properties).record["questions"][0]["cases"]
    assert (cases[0]["verdict"], cases[0]["text"]) == ("wrong", ""), "taken for an answer"


def test_without_a_deadline_silence_lasts(
    runners: harness.Runners, step: Bundle, properties: Mapping[str, Property]
) -> None:
    longer = replace(step, questions=(replace(step.questions[0], seconds=3.0),))
    source = forger("time.sleep(1.5)\n    os._exit(0)")
    assert grade(source, runners, step, properties).record["questions"][0]["verdict"] == "timed_out"
    begun = time.monotonic()
    assert grade(source, runners, longer, properties).record["questions"][0]["verdict"] == "crashed"
    assert time.monotonic() - begun > 1.5


def test_without_cleaning_steering_characters_arrive(
    runners: harness.Runners, step: Bundle, properties: Mapping[str, Property], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = FORGERIES["text with markup"]
    assert "\x1b" not in json.dumps(grade(forger(line), runners, step, properties).record, ensure_ascii=False)
    from autograder.checks import judge
    from autograder.grading import grade as grading

    for module in (runner, judge, grading):
        monkeypatch.setattr(module, "clean", lambda text, most=0: text)
    assert grade(forger(line), runners, step, properties).record["questions"][0]["cases"][0]["text"].count("\x1b") == 1


# ---------------------------------------------------------------- odd values: never the grader's error

ODD = {
    "None": "None", "text": "'text'", "empty text": "''", "bytes": "b'x'", "a class": "np.ndarray", "a function": "len",
    "an integer of 100 digits": "10 ** 100", "infinity": "np.inf", "nan": "np.nan", "minus zero": "-0.0",
    "true": "True", "numpy's true": "np.True_", "complex": "1j", "an array of complex": "np.ones((3, 5)) * 1j",
    "an array of objects": "np.array([None, 1], dtype=object)", "right shape, objects": "np.full((3, 5), None)",
    "dates": "np.zeros((3, 5), 'M8[s]')", "texts": "np.full((3, 5), 'x')", "records": "np.zeros(3, [('a' * 5000, 'f8')])",
    "empty": "np.zeros(0)", "empty of shape": "np.zeros((3, 0, 5))", "thirty axes": "np.zeros((1,) * 30)",
    "a scalar array": "np.zeros(())", "a large array": "np.zeros(1 << 21)", "a larger one": "np.zeros(1 << 24)",
    "a broadcast giant": "np.broadcast_to(0.0, (1 << 20, 1 << 20))", "int8": "np.ones((3, 5), np.int8) * 127",
    "the least integer": "np.full((3, 5), -2 ** 63)", "the largest": "np.full((3, 5), 2 ** 64 - 1, np.uint64)",
    "denormal numbers": "np.full((3, 5), 5e-324)", "huge": "np.full((3, 5), 1.7e308)", "long doubles":
    "np.ones((3, 5), np.longdouble)", "a list of nothing": "[]", "a list in itself": "loop()", "a dict": "{'h_t': 1.0}",
    "a dict with odd keys": "{1: 2, None: 3}", "a set": "{1, 2}", "a generator": "(i for i in range(3))",
    "ragged": "[[1.0], [1.0, 2.0]]", "mixed": "[np.zeros(3), None, 'x', {}]", "lists": "[[0.0] * 5] * 3",
    "deep": "deep(60)", "deeper": "deep(3000)", "many": "[0.0] * 30_000", "a memoryview": "memoryview(bytes(120))",
    "a matrix": "np.matrix(np.zeros((3, 5)))", "masked": "np.ma.masked_all((3, 5))", "the inputs": "args",
    "an input": "args[0] if args else None", "the module": "sys", "the frame": "sys._getframe()", "itself": "cheat",
    "a name of a million letters": "type('x' * 1_000_000, (), {})()", "a name with markup":
    "type('<script>\\x1b[31m\\u202e', (), {})()", "a failing len": "Bad()", "a failing array": "BadArray()",
    "a failing mapping": "BadMapping()", "an endless list": "Endless()", "an endless mapping": "EndlessMapping()",
    "a list that shrinks": "Shrinking([np.zeros(3)] * 5)", "NotImplemented": "NotImplemented", "Ellipsis": "...",
    "an exception": "ValueError('x')", "numpy's nan in a list": "[np.nan] * 5", "a surrogate": "'\\ud800'",
}  # fmt: skip
ODD_CODE = HEAD + '''
from collections.abc import Mapping
def loop():
    a = []
    a.append(a)
    return a
def deep(n):
    a = 0.0
    for _ in range(n):
        a = [a]
    return a
class Bad(tuple):
    def __len__(self): raise SystemExit
class BadArray(np.ndarray):
    def __new__(cls): return np.zeros((3, 5)).view(cls)
    dtype = property(lambda self: 1 / 0)
class BadMapping(Mapping):
    def __getitem__(self, key): raise KeyError
    def __iter__(self): return iter(["a"])
    def __len__(self): return 1
class Endless(list):
    def __iter__(self):
        while True: yield 0.0
class EndlessMapping(BadMapping):
    def __iter__(self):
        while True: yield "a"
    def __getitem__(self, key): return 0.0
    def items(self):
        while True: yield "a", 0.0
class Shrinking(list):
    def __len__(self):
        return self.pop() is None or 2
'''


@pytest.mark.parametrize("odd", harness.sample(list(ODD), 6))
def test_an_odd_value_is_wrong_and_no_more(
    odd: str, runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], solution: Mapping[str, bytes]
) -> None:
    short = harness.of_every_kind(baked, seconds=0.6)
    with harness.outside() as where:
        source = harness.fill(f"{ODD_CODE}\ndef cheat(name, args):\n    return fit(name, {ODD[odd]})\n", where,
                              Path("none"), baked)  # fmt: skip
    result = harness.run_ours(harness.package(source, solution), runners.confined, short, properties)
    record = result.record
    failed = [(q["name"], c["name"], c["text"]) for q in record["questions"] for c in q["cases"]
              if c["verdict"] == "grader_error"]  # fmt: skip
    assert (record["total"], record["status"], failed) == (0, "graded", [])
    assert len(json.dumps(record)) < 500_000
    page = reports.feedback_page(record, title="t", parts=baked.parts)
    assert not set("\x1b\u202e") & set(json.dumps(record, ensure_ascii=False) + page)
    assert "<script" not in page
