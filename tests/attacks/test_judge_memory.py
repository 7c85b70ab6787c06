"""Memory, by somebody who knows how it is measured: a call's, which costs points, and the judge's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from autograder.checks import judge, runner
from autograder.checks.bundle import Bundle
from autograder.checks.judge import Property, QuestionRun

from ..test_memory import cheat
from . import harness

# Room that address space does not show: libraries that nothing needs any more are unmapped, found by the loader's list.
UNMAP = '''
import importlib, struct
def unmap(*names):
    c = importlib.import_module("ctypes")
    libc = c.CDLL(None)
    at = c.cast(libc._handle, c.c_void_p).value
    while at:
        base, name, _, after, _ = struct.unpack("5Q", c.string_at(at, 40))
        if name and any(n in c.string_at(name) for n in names):
            head = c.string_at(base, 64)
            first, (size, count) = struct.unpack_from("Q", head, 32)[0], struct.unpack_from("HH", head, 54)
            for i in range(count):
                kind, _, _, place, _, _, length, _ = struct.unpack("IIQQQQQQ", c.string_at(base + first + i * size, 56))
                if kind == 1 and place:
                    low, high = (base + place) & ~4095, (base + place + length + 4095) & ~4095
                    libc.munmap(c.c_void_p(low), c.c_size_t(high - low))
        at = after
'''
LIBRARIES = "b'libcrypto', b'libgfortran', b'libstdc', b'_umath_linalg', b'libquadmath', b'libssl', b'unicodedata'"
UNMAPPED = cheat(top=UNMAP, start=f"unmap({LIBRARIES})\nkept = np.empty((T, N, H), np.float16)", keep="kept[t] = h",
                 take="before = kept[t].astype(float)")  # fmt: skip


def test_unmapped_libraries_make_no_room(
    runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], solution: Mapping[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (question,) = (q for q in baked.questions if q.name == "rnn_backward_checkpointed")
    largest = max(question.cases, key=lambda case: case.budget)

    def outcome() -> judge.Outcome:
        runners.confined.open({**solution, "memory_budget": UNMAPPED.encode()})
        return QuestionRun(replace(question, cases=(largest,)), runners.confined, properties).run(largest)

    assert outcome().verdict == "over_memory"
    monkeypatch.setattr(runner, "FIRST_TOUCHED", 1 << 40)  # the address space alone
    assert outcome().verdict == "passed"


def test_a_judge_keeps_no_giant_answers(
    runners: harness.Runners, baked: Bundle, properties: Mapping[str, Property], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty megabytes a case are compared, told about in words, and let go."""
    (question,) = (q for q in baked.questions if q.name == "rnn_step")
    source = b"import numpy as np\ndef rnn_step(*a):\n    return np.ones((1 << 20, 4))\n"

    def kept() -> tuple[int, str]:
        runners.confined.open({"rnn": source})
        run = QuestionRun(replace(question, seconds=60.0), runners.confined, properties)
        for case in question.cases[:2]:
            run.run(case)
        values = [outcome.answer.values["h_t"] for outcome in run.outcomes]
        return sum(v.nbytes for v in values if isinstance(v, np.ndarray)), json.dumps(run.report())

    size, told = kept()
    assert size == 0
    assert "h_t has shape (1048576, 4); expected (N, H) = " in told
    monkeypatch.setattr(judge, "_light", lambda answer, case: answer)
    assert kept()[0] == 2 * (32 << 20)
