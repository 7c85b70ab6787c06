"""Fuzzes what the judge makes of a reply: JSON of a worker's, checked, compared with what is expected, and reported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import atheris

with atheris.instrument_imports(include=["autograder"]):
    from autograder.checks import judge, runner, wire
    from autograder.checks.bundle import BakedCase, BakedQuestion
    from autograder.grading.grade import judge_submission  # noqa: F401 - the whole engine is instrumented

import numpy as np

from tests.fuzz.common import any_json, any_table, fuzz

EXPECTED = {"h": np.linspace(-1, 1, 12).reshape(3, 4), "loss": np.float64(0.5)}
BODY = np.linspace(-1, 1, 32).tobytes()


def case() -> BakedCase:
    fields = {"name": "small", "hidden": False, "costs": 1.0, "inputs": {"x": np.ones((3, 4))}, "expected": EXPECTED,
              "returns": ("h", "loss"), "tolerances": {"h": (1e-7, 1e-4), "loss": (1e-7, 1e-4)}, "sizes": {"N": 3, "H": 4},
              "calls": (), "layouts": {}, "verdict": "", "evidence": {}, "mistakes": {}, "hint": ""}  # fmt: skip
    known = BakedCase.__dataclass_fields__
    return BakedCase(**{name: value for name, value in fields.items() if name in known})


def question(one: BakedCase) -> BakedQuestion:
    fields = {"name": "q", "number": "B1", "part": "B", "module": "rnn", "points": 2.0, "seconds": 1.0, "torch": False,
              "calls": ("h, loss = q(x)",), "inputs": {"x": "N H"}, "outputs": {"h": "N H", "loss": "number"}, "gates": "",
              "cases": (one,), "hints": {"m": "a hint"}, "minutes": 1}  # fmt: skip
    known = BakedQuestion.__dataclass_fields__
    return BakedQuestion(**{name: value for name, value in fields.items() if name in known})


CASE = case()
QUESTION = question(CASE)


def table_size(data: bytes) -> int:
    """The bytes that a reply's table of arrays speaks of, so that one in many fits."""
    try:
        table = json.loads(data)["arrays"]
        return sum(int(np.prod(shape)) * np.dtype(kind).itemsize for kind, shape, _ in table) % 1024
    except Exception:
        return 0


class OneReply(runner.Runner):
    """A runner whose worker says what the fuzzer says."""

    data, size = b"", 0

    def ask(self, *args: object, **keywords: object) -> tuple[runner.Answer, float]:
        try:
            message = wire.parse_message(self.data, (BODY * 4)[: self.size or table_size(self.data)], wire.Caps(json=1 << 16))
            return runner._answer(message, CASE.returns, CASE.inputs), 0.0
        except wire.WireError as error:
            return runner.Answer("crashed", str(error), ended=True), 0.0


ASKED = OneReply("memnet", ())


def made_up(data: bytes) -> bytes:
    """A reply of the right outline, filled in by the fuzzer."""
    provider = atheris.FuzzedDataProvider(data)
    content = {"arrays": any_table(provider), "ok": True, "changed": any_json(provider, 2)}
    content["values"] = {"h": any_json(provider), "loss": any_json(provider, 3)}
    if provider.ConsumeBool():
        content |= {"ok": any_json(provider, 1), "kind": any_json(provider, 2), "text": any_json(provider, 2)}
    return json.dumps(content).encode("utf-8", "surrogatepass")


def judge_reply(data: bytes) -> None:
    """Whatever a worker says: a report that is plain, small, and no error of ours."""
    ASKED.data = data[1:] if data[:1] < b"\x40" else made_up(data[1:])
    ASKED.size = 8 * (data[1] % 33) if data[1:] else 0
    report = judge.judge_question(QUESTION, ASKED, {})
    text = json.dumps(report, ensure_ascii=False)
    assert report["verdict"] != "grader_error", text
    assert len(text) < 20_000
    assert all(c.isprintable() or c in "\n\t" for value in report["cases"] for c in value["text"] + value["trace"])
    assert report["earned"] in (0.0, 1.0, 2.0)


def seeds() -> list[bytes]:
    table = [["<f8", [3, 4], "C"], ["<f8", [], "C"]]
    good = {"ok": True, "changed": ["x"], "values": {"h": {"a": 0}, "loss": {"a": 1}}, "arrays": table}
    lists = {**good, "values": {"h": {"l": [{"l": [1.0, 2, None]}]}, "loss": {"x": "a tensor"}}, "arrays": []}
    bad = {"ok": False, "kind": "raised", "text": "ValueError: x", "trace": "  File", "arrays": []}
    return [b"\0" + json.dumps(value).encode() for value in (good, lists, bad)] + [bytes([200]) * 60]


if __name__ == "__main__":
    fuzz(judge_reply, *seeds(), longest=2048)
