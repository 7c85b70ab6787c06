"""Part G and the schedules, judged as in a grading run: memory measured from outside, tasks resampled, plans carried out.

The calls run in confined workers, as students' code does.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from memnet.optional import checkpoint_schedule

from autograder.bundle import BakedQuestion, Bundle
from autograder.judge import Outcome, QuestionRun
from autograder.question import Mistake
from autograder.sandbox import SandboxRunner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="submissions can be confined on Linux only")

LARGEST = "budget at T = 4096"
KIB, MB = 2**10, 2**20


@pytest.fixture(scope="module")
def runner() -> Iterator[SandboxRunner]:
    found = SandboxRunner("memnet", ())
    yield found
    found.shut_down()


@pytest.fixture(scope="module")
def questions(baked: Bundle) -> dict[str, BakedQuestion]:
    return {question.name: question for question in baked.questions}


@pytest.fixture
def judged(assignment, questions, runner):
    """Run sources through some cases of a question."""

    def run(question: str, sources: dict[str, str], *cases: str) -> dict[str, Outcome]:
        asked = questions[question]
        if cases:
            asked = replace(asked, cases=tuple(case for case in asked.cases if case.name in cases))
            assert len(asked.cases) == len(cases)
        runner.open({name: text.encode() for name, text in sources.items()})
        under_way = QuestionRun(asked, runner, assignment.properties)
        return {case.name: under_way.run(case) for case in asked.cases}

    return run


@pytest.fixture
def measured(judged, solution):
    """The outcome of one measured case."""

    def run(source: str, case: str = LARGEST) -> Outcome:
        modules = {name: text.decode() for name, text in solution.items()} | {"memory_budget": source}
        return judged("rnn_backward_checkpointed", modules, case)[case]

    return run


# ---------------------------------------------------------------- G1: right answers


LIST_AND_STEPS = """
import numpy as np
from .bptt import rnn_step_backward
from .rnn import rnn_step

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    T, kept, h = x.shape[1], [], h0
    for t in range(T):
        if t % k == 0:
            kept.append(h)
        h = rnn_step(x[:, t], h, W_xh, W_hh, b)
    dx, sums = np.zeros(x.shape), [np.zeros(W.shape) for W in (W_xh, W_hh, b)]
    while kept:
        states = [kept.pop()]
        start = len(kept) * k
        for t in range(start, min(start + k, T)):
            states.append(rnn_step(x[:, t], states[-1], W_xh, W_hh, b))
        for i in reversed(range(len(states) - 1)):
            dx[:, start + i], dh_last, *own = rnn_step_backward(
                dh_last, x[:, start + i], states[i], states[i + 1], W_xh, W_hh)
            sums = [total + share for total, share in zip(sums, own)]
    return dx, dh_last, *sums
"""

WHOLE_SEGMENTS = """
import numpy as np
from .bptt import rnn_backward
from .rnn import rnn_forward

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    T = x.shape[1]
    cuts = [slice(lo, min(lo + k, T)) for lo in range(0, T, k)]
    kept = [h0]
    for cut in cuts[:-1]:
        kept.append(rnn_forward(x[:, cut], kept[-1], W_xh, W_hh, b)[:, -1].copy())
    dx, dW_xh, dW_hh, db = np.zeros(x.shape), 0, 0, 0
    for cut in cuts[::-1]:
        first = kept.pop()
        h = rnn_forward(x[:, cut], first, W_xh, W_hh, b)
        dh = np.zeros(h.shape)
        dh[:, -1] = dh_last
        dx[:, cut], dh_last, a, c, d = rnn_backward(dh, x[:, cut], first, h, W_xh, W_hh)
        dW_xh, dW_hh, db = dW_xh + a, dW_hh + c, db + d
    return dx, dh_last, dW_xh, dW_hh, db
"""

ONE_ARRAY = """
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    (N, T, D), H = x.shape, len(b)
    kept, segment = np.empty((-(-T // k), N, H)), np.empty((min(k, T) + 1, N, H))
    h = h0
    for t in range(T):
        if t % k == 0:
            kept[t // k] = h
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    dx, dW_xh, dW_hh, db = np.empty(x.shape), np.zeros((H, D)), np.zeros((H, H)), np.zeros(H)
    dh = dh_last.copy()
    for s in range(len(kept) - 1, -1, -1):
        lo, hi = s * k, min(s * k + k, T)
        segment[0] = kept[s]
        for t in range(lo, hi):
            segment[t - lo + 1] = np.tanh(x[:, t] @ W_xh.T + segment[t - lo] @ W_hh.T + b)
        for t in range(hi - 1, lo - 1, -1):
            da = dh * (1 - segment[t - lo + 1] ** 2)
            dx[:, t], dh = da @ W_xh, da @ W_hh
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ segment[t - lo]
            db += da.sum(0)
    return dx, dh, dW_xh, dW_hh, db
"""

HALVES = """
import numpy as np

def run(x, h, W_xh, W_hh, b):
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    return h

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    '''Halving, which needs log2(T) states alone.'''
    if x.shape[1] == 1:
        h = run(x, h0, W_xh, W_hh, b)
        da = dh_last * (1 - h * h)
        return (da @ W_xh)[:, None], da @ W_hh, da.T @ x[:, 0], da.T @ h0, da.sum(0)
    half = x.shape[1] // 2
    middle = run(x[:, :half], h0, W_xh, W_hh, b)
    right, dh, *sums = rnn_backward_checkpointed(dh_last, x[:, half:], middle, W_xh, W_hh, b, k)
    left, dh, *others = rnn_backward_checkpointed(dh, x[:, :half], h0, W_xh, W_hh, b, k)
    for total, share in zip(sums, others):
        total += share
    return np.concatenate([left, right], axis=1), dh, *sums
"""

RIGHT = {"list of states": LIST_AND_STEPS, "whole segments": WHOLE_SEGMENTS, "one array": ONE_ARRAY, "halves": HALVES}


@pytest.mark.slow
@pytest.mark.parametrize("style", RIGHT)
def test_right_styles_are_within_budget(judged, solution, style):
    modules = {name: text.decode() for name, text in solution.items()} | {"memory_budget": RIGHT[style]}
    found = judged("rnn_backward_checkpointed", modules)
    assert {name: (o.verdict, o.text) for name, o in found.items() if o.verdict != "passed"} == {}
    assert [o.comparisons[name].warning for o in found.values() for name in o.comparisons if o.comparisons[name].warning] == []
    assert all(o.answer.peak < o.case.budget for o in found.values() if o.case.budget)


@pytest.mark.slow
def test_reference_takes_three_fifths_of_the_budget_and_repeats(measured, solution):
    source, peaks = solution["memory_budget"].decode(), []
    for _ in range(20):
        outcome = measured(source)
        assert outcome.verdict == "passed"
        peaks.append(outcome.answer.peak)
    assert max(peaks) - min(peaks) <= 128 * KIB
    assert max(peaks) <= 0.6 * outcome.case.budget


@pytest.mark.slow
def test_reference_is_fast_enough(measured, solution):
    begun = time.monotonic()
    assert measured(solution["memory_budget"].decode()).verdict == "passed"
    assert time.monotonic() - begun < 5


# ---------------------------------------------------------------- G1: wrong ones and cheats

# What is the same in all of them: exact gradients from states that `keep` puts away and `take` gives back.
CHEAT = """
import numpy as np
{top}

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    (N, T, D), H = x.shape, len(b)
    {start}
    h = h0
    for t in range(T):
        {keep}
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    dx, dW_xh, dW_hh, db = np.zeros(x.shape), np.zeros((H, D)), np.zeros((H, H)), np.zeros(H)
    dh = dh_last
    for t in reversed(range(T)):
        {take}
        da = dh * (1 - h * h)
        dx[:, t], dh = da @ W_xh, da @ W_hh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ before
        db += da.sum(0)
        h = before
    return dx, dh, dW_xh, dW_hh, db
"""


def cheat(top: str = "", start: str = "kept = []", keep: str = "kept.append(h)", take: str = "before = kept.pop()") -> str:
    return CHEAT.format(
        top=top, start=textwrap.indent(start, "    ").strip(), keep=textwrap.indent(keep, " " * 8).strip(),
        take=textwrap.indent(take, " " * 8).strip(),
    )  # fmt: skip


CHEATS = {
    "full storage": cheat(),
    "float32": cheat(keep="kept.append(h.astype(np.float32))", take="before = kept.pop().astype(float)"),
    "a global": cheat(top="KEPT = []", start="kept = KEPT"),
    "an array at import": cheat(
        top="STORE = np.ones((4096, 4, 256))", start="", keep="STORE[t] = h", take="before = STORE[t].copy()"),
    "an empty array at import": cheat(
        top="STORE = np.empty((4096, 4, 256))", start="", keep="STORE[t] = h", take="before = STORE[t].copy()"),
    "a default argument": cheat(
        top="def box(h=None, kept=[]):\n    return kept.append(h) if h is not None else kept.pop()", start="",
        keep="box(h)", take="before = box()"),
    "a closure": cheat(
        start="take = None", keep="take = (lambda h, rest: lambda: (h, rest))(h, take)", take="before, take = take()"),
    "generators": cheat(
        top="def hold(h, rest):\n    yield h\n    yield rest",
        start="top = None", keep="top = hold(h, top)\nnext_h = next(top)",
        take="gen = top\ntop = next(gen)\nbefore = None",
    ).replace("before = None", "before = gen.gi_frame.f_locals['h']"),
    "one generator": cheat(
        top="def down(x, h, W_xh, W_hh, b):\n    if x.shape[1] > 1:\n"
            "        later = np.tanh(x[:, 0] @ W_xh.T + h @ W_hh.T + b)\n"
            "        stack = [h]\n"
            "        for t in range(1, x.shape[1]):\n            stack.append(later)\n"
            "            later = np.tanh(x[:, t] @ W_xh.T + later @ W_hh.T + b)\n"
            "        while stack:\n            yield stack.pop()\n    else:\n        yield h",
        start="states = down(x, h0, W_xh, W_hh, b)", keep="pass", take="before = next(states)"),
    "bytes": cheat(keep="kept.append(h.tobytes())", take="before = np.frombuffer(kept.pop()).reshape(N, H)"),
    "Python numbers": cheat(keep="kept.append(h.tolist())", take="before = np.array(kept.pop())"),
    "freed at the end": cheat(take="before = kept.pop()\nimport gc; gc.collect()" ),
    "an attribute of the function": cheat(start="kept = rnn_backward_checkpointed.kept = []"),
    "a tracer stopped": cheat(
        start="import sys, tracemalloc\ntracemalloc.stop()\nsys.settrace(None)\nkept = []"),
    "a thread": cheat(
        top="import threading", start="kept = threading.local()\nkept.all = []", keep="kept.all.append(h)",
        take="before = kept.all.pop()"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("how", CHEATS)
def test_storing_every_state_somewhere_is_over_budget(measured, how):
    outcome = measured(CHEATS[how])
    assert outcome.answer.verdict == "", outcome.text
    assert all(outcome.comparisons[name].right for name in outcome.comparisons)
    assert outcome.verdict == "over_memory"
    assert f"the budget is {outcome.case.budget / MB:.1f} MB" in outcome.text
