"""Part G and the schedules, judged as in a grading run: memory is measured, tasks resampled, plans carried out.

The calls run in confined workers, as students' code does.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from memnet.optional import checkpoint_schedule

from autograder.checks.bundle import BakedQuestion, Bundle
from autograder.checks.judge import Outcome, QuestionRun
from autograder.checks.runner import Answer
from autograder.checks.wire import Opaque
from autograder.isolation.sandbox import SandboxRunner

from .budget_programs import BARRED, CHEATS, FROM_ZERO, RIGHT, cheat

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="submissions can be confined on Linux only")

LARGEST = "budget at H = 256"
PUBLIC = ("budget at T = 1024", "budget at T = 4096")
KIB, MB = 2**10, 2**20
GRADIENTS = ("dx", "dh0", "dW_xh", "dW_hh", "db")
# What stands for the others in the short run; the rest is marked `long`.
SOME = ("list of states", "columns", "full storage", "an array at import", "one generator", "a tracer stopped", "pipes")


def each(programs: dict[str, str]) -> list[Any]:
    """The names of programs, most of them for the long run alone."""
    return [name if name in SOME else pytest.param(name, marks=pytest.mark.long) for name in programs]


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


@pytest.mark.slow
@pytest.mark.parametrize("style", each(RIGHT))
def test_right_styles_are_within_budget(judged, solution, style):
    modules = {name: text.decode() for name, text in solution.items()} | {"memory_budget": RIGHT[style]}
    found = judged("rnn_backward_checkpointed", modules)
    assert {name: (o.verdict, o.text) for name, o in found.items() if o.verdict != "passed"} == {}
    assert [c.warning for o in found.values() for c in o.comparisons.values() if c.warning] == []
    assert all(o.answer.peak < o.case.budget for o in found.values() if o.case.budget)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [5, pytest.param(50, marks=pytest.mark.long)])
def test_reference_takes_three_fifths_of_the_budget_and_repeats(measured, solution, runs):
    source, peaks = solution["memory_budget"].decode(), []
    for _ in range(runs):
        outcome = measured(source)
        assert outcome.verdict == "passed"
        peaks.append(outcome.answer.peak)
    print(f"{runs} peaks: {min(peaks) / MB:.3f} to {max(peaks) / MB:.3f} MB, budget {outcome.case.budget / MB:.3f} MB")
    assert max(peaks) - min(peaks) <= 128 * KIB
    assert max(peaks) <= 0.6 * outcome.case.budget


@pytest.mark.slow
def test_reference_is_fast_enough(measured, solution):
    begun = time.monotonic()
    assert measured(solution["memory_budget"].decode()).verdict == "passed"
    assert time.monotonic() - begun < 5


# ---------------------------------------------------------------- G1: wrong ones and cheats

@pytest.mark.slow
@pytest.mark.parametrize("how", each(CHEATS))
def test_storing_every_state_somewhere_is_over_budget(measured, how):
    outcome = measured(CHEATS[how])
    assert outcome.answer.verdict == "", outcome.text
    assert all(outcome.comparisons[name].right for name in outcome.comparisons)
    assert outcome.verdict == "over_memory"
    assert f"the budget is {outcome.case.budget / MB:.1f} MB" in outcome.text


@pytest.mark.slow
@pytest.mark.parametrize("case", [LARGEST, PUBLIC[1]])
def test_full_storage_is_four_times_over_and_float16_still_over(measured, case):
    assert (full := measured(CHEATS["full storage"], case)).answer.peak > 4 * full.case.budget
    half = cheat(
        start="kept = np.empty((T, N, H), np.float16)", keep="kept[t] = h", take="before = kept[t].astype(float)"
    )
    outcome = measured(half, case)
    assert outcome.verdict == "over_memory"
    assert outcome.answer.peak > 1.15 * outcome.case.budget


@pytest.mark.slow
def test_what_is_small_enough_to_store_is_not_precise_enough(measured):
    eighth = cheat(
        start="kept, size = np.empty((T, N, H), np.int8), np.empty(T)",
        keep="size[t] = abs(h).max()\nkept[t] = np.round(127 * h / size[t])",
        take="before = kept[t] * size[t] / 127",
    )
    assert measured(eighth).verdict == "wrong"


@pytest.mark.slow
@pytest.mark.parametrize("how", each(BARRED))
def test_no_hiding_place_outside_of_the_process_is_open(measured, how):
    outcome = measured(BARRED[how])
    assert outcome.verdict == "forbidden", (outcome.verdict, outcome.text)
    assert outcome.wrong_outputs(GRADIENTS) == set(GRADIENTS)


def test_going_back_by_inverting_steps_is_not_right(judged):
    """Where two units read the same, a state does not tell the one before it."""
    inverted = cheat(
        keep="if t % k == 0:\n    kept.append(h)",
        take="before = kept.pop() if t % k == 0 else (np.arctanh(h) - b - x[:, t] @ W_xh.T) @ np.linalg.pinv(W_hh).T",
    )
    assert judged("rnn_backward_checkpointed", {"memory_budget": inverted}, "small")["small"].verdict == "wrong"


@pytest.fixture
def recomputed(questions, runner, assignment):
    """What a program that recomputes every state from h0 comes to: the verdict of each case, and the points."""

    def run(*without: str) -> tuple[dict[str, str], float]:
        asked = questions["rnn_backward_checkpointed"]
        asked = replace(asked, cases=tuple(case for case in asked.cases if case.name not in without))
        runner.open({"memory_budget": FROM_ZERO.encode()})
        under_way = QuestionRun(asked, runner, assignment.properties)
        return {case.name: under_way.run(case).verdict for case in asked.cases}, under_way.report()["earned"]

    return run


def test_recomputing_from_zero_is_right(recomputed):
    verdicts, earned = recomputed(*PUBLIC, LARGEST)
    assert set(verdicts.values()) == {"passed"}
    assert earned == 5


@pytest.mark.slow
@pytest.mark.long
def test_recomputing_from_zero_keeps_the_points_of_what_comes_in_time(recomputed):
    verdicts, earned = recomputed()
    assert {name for name, verdict in verdicts.items() if verdict == "timed_out"} == {PUBLIC[1], LARGEST}
    assert set(verdicts.values()) == {"timed_out", "passed"}
    assert earned == 2  # the measured cases of thousands of steps cost 0.25 and 0.35


@pytest.mark.slow
def test_feedback_says_how_the_peak_grew_and_where(judged):
    found = judged("rnn_backward_checkpointed", {"memory_budget": CHEATS["a global"]}, *PUBLIC)
    text = found[PUBLIC[1]].text
    assert re.fullmatch(
        r"the call took 2[01]\.\d MB of memory at its peak, and the budget is 4\.8 MB; "
        r"with T = 1024 it took 5\.\d MB\. "
        r"Most of it is held by memnet/memory_budget\.py, line 1[01]: 20\.\d MB",
        text,
    )


def test_a_peak_that_is_over_by_little_says_by_how_much(questions):
    asked = questions["rnn_backward_checkpointed"]
    (case,) = (case for case in asked.cases if case.name == LARGEST)
    passed = Outcome(case, "passed", answer=Answer(peak=case.budget + 1500))
    outcome = QuestionRun(asked, None, {})._within_budget(passed)
    assert outcome.verdict == "over_memory"
    assert outcome.text.endswith("at its peak, and the budget is 7.8 MB: it is 2 KB over")


# ---------------------------------------------------------------- G3: tasks

TASK = """
import numpy as np

def memory_task_tokens(n, T, V, seed):
    {tokens}

def memory_task_label(tokens, V):
    n, T = tokens.shape
    a, m, z = tokens[:, 0], tokens[:, T // 2], tokens[:, -1]
    {label}
"""
TOKENS = "return np.random.default_rng(seed).integers(0, V, (n, T))"
MOD_SUM = "return (a + m + z) % V"

GOOD_TASKS = {
    "mod-sum": MOD_SUM,
    "majority": "return ((2 * a >= V).astype(int) + (2 * m >= V) + (2 * z >= V) >= 2).astype(int)",
    "select by middle": "return np.where(m % 2 == 0, a, z)",
    "select by first": "return np.where(a % 2 == 0, m, z)",
    "triple": "return a * V * V + m * V + z",
    "comparison chain": "return 2 * (a < m) + (m < z)",
    "a list": "return [int(total) for total in (a + m + z) % V]",
}


def task(label: str = MOD_SUM, tokens: str = TOKENS) -> dict[str, str]:
    return {"memory_task": TASK.format(label=label, tokens=tokens)}


@pytest.mark.parametrize("design", GOOD_TASKS)
def test_legitimate_designs_are_accepted(judged, design):
    for outcome in judged("memory_task", task(GOOD_TASKS[design])).values():
        assert {name: c.findings for name, c in outcome.comparisons.items() if not c.right} == {}
        assert outcome.verdict == "passed"


UNIFORM = "np.random.default_rng(seed).integers(0, V, (n, T))"
BAD_TASKS = {
    "sum of all": (task("return tokens.sum(1) % V"), "position 1 changes 100% of the labels"),
    "maximum of all": (task("return tokens.max(1)"), r"position 1 changes \d+% of the labels"),
    "how many zeros": (task("return (tokens == 0).sum(1)"), r"position 1 changes \d\d% of the labels"),
    "no middle": (task("return (a + z) % V"), "anywhere from 3 to 9 changes 0% of the labels"),
    "no first": (task("return (m + z) % V"), "at position 0 changes 0% of the labels; at least 25%"),
    "no last": (task("return (a + m) % V"), "at position 11 changes 0% of the labels; at least 25%"),
    "only the first": (task("return a"), "at position 11 changes 0% of the labels"),
    "middle decides rarely": (
        task("return np.where((a == 0) & (z == 0), m, (a + z) % V)"),
        r"position 6 changes \d% of the labels; at least 25%"),
    "all three are equal": (task("return ((a == m) & (m == z)).astype(int)"), r"position 0 changes \d+% of the labels"),
    "nearly constant": (
        task("return (a + m + z == 0).astype(int)"), r"one label stands in 9\d% of the sequences; at most 75%"),
    "a constant": (task("return 0 * a"), "at position 0 changes 0% of the labels"),
    "middle beside the first": (
        task("return (a + tokens[:, 1] + z) % V"),
        "position 1 changes 100% of the labels; only the first, the last and one position from 3 to 9 may matter"),
    "two middles": (
        task("return (a + m + tokens[:, T // 2 - 1] + z) % V"), "position 6 changes 100% of the labels; only"),
    "a neighbour of the last": (
        task("return (a + m + z + tokens[:, -2]) % V"), "position 10 changes 100% of the labels; only"),
    "middle that depends on the tokens": (
        task("return (a + tokens[np.arange(n), T // 2 - tokens[:, 1] % 2] + z) % V"), r"position 1 changes \d\d% of"),
    "other sequences": (
        task("return (a + m + z + a.mean() * 9).astype(int) % V"), "a part of the batch has other labels"),
    "rank in the batch": (
        task("return np.argsort(a + m + z)"), "not turn the labels round: a label must come from its own sequence"),
    "another place, in few sequences": (
        task("return (a + m + z + (tokens[:, 1:6] == 0).all(1)) % V"), r"position 1 changes 0\.\d+% of the labels; only"),
    "by chance": (
        task("return np.random.default_rng().integers(0, V, n)"),
        r"labels are drawn by chance: of two equal sequences in one batch, \d\d% got different labels"),
    "by numpy's chance": (task("return (a + m + z + np.random.randint(0, 2, n)) % V"), "labels are drawn by chance"),
    "kept from call to call": (
        task("memory_task_label.n = 1 + getattr(memory_task_label, 'n', 0)\n"
             "    return (a + m + z + memory_task_label.n) % V"),
        "something is kept from call to call: 100% of the labels changed when the same tokens came again"),
    "labels below 0": (task("return (a + m + z) % V - 1"), "labels go down to -1; classes are 0 or above"),
    "float labels": (
        task("return ((a + m + z) % V) / V"), r"label returned an array of float64 of shape \(3000,\); expected an int array"),
    "labels in a column": (
        task("return ((a + m + z) % V)[:, None]"),
        r"label returned an array of int64 of shape \(3000, 1\); expected an int array of shape \(n,\) = \(3000,\)"),
    "no labels": (task("label = a"), "memory_task_label returned a value of type NoneType; expected an int array"),
    "uneven list": (task(tokens="return [[0] * T] * (n - 1) + [[0]]"), "tokens returned an overlong list of 3000 values"),
    "tokens by chance": (
        task(tokens="return np.random.default_rng().integers(0, V, (n, T))"), "same seed gave different tokens"),
    "one seed for all": (
        task(tokens="return np.random.default_rng(0).integers(0, V, (n, T))"), "two seeds gave the same"),
    "a token of its own": (
        task(tokens=f"t = {UNIFORM}\n    t[:, 0] = 0\n    return t"), "token 1 never stands at position 0"),
    "one row repeated": (task(tokens=f"return np.tile({UNIFORM}[:1], (n, 1))"), "never stands at position 0"),
    "tokens from 1 on": (task(tokens=f"return {UNIFORM} + 1"), "tokens go from 1 to 4; expected 0 to V-1 = 3"),
    "turned array": (task(tokens=f"return {UNIFORM}.T"), r"int array of shape \(n, T\) = \(3000, 12\)"),
    "float tokens": (task(tokens=f"return {UNIFORM} + 0.0"), "tokens returned an array of float64 of shape"),
}  # fmt: skip


@pytest.mark.parametrize("design", BAD_TASKS)
def test_bad_designs_are_refused_and_told_why(judged, design):
    sources, says = BAD_TASKS[design]
    outcome = judged("memory_task", sources)["twelve tokens"]
    assert outcome.verdict == "wrong", outcome.text
    findings = [text for comparison in outcome.comparisons.values() for text in comparison.findings]
    assert any(re.search(says, text) for text in findings), findings


def test_tokens_earn_their_share_without_labels_and_labels_without_tokens(judged):
    stub = "raise NotImplementedError"
    found = judged("memory_task", task(label=stub))["twelve tokens"].comparisons
    assert {name for name, comparison in found.items() if comparison.right} == {"tokens"}
    assert found["first"].findings == ("memory_task_label is not written yet",)
    found = judged("memory_task", task(tokens=stub))["twelve tokens"].comparisons
    assert {name for name, comparison in found.items() if not comparison.right} == {"tokens"}
    assert found["tokens"].findings == ("memory_task_tokens is not written yet",)


@pytest.mark.parametrize(
    ("share", "limit", "says"), [(0.7503, 0.75, "75.03%"), (0.249, 0.25, "24.9%"), (0.0003, 0.0, "0.03%"), (0.13, 0.25, "13%")]
)
def test_a_share_is_told_from_the_limit_that_it_misses(assignment, share, limit, says):
    assert assignment.properties["memory_task"].__globals__["_share"](share, limit) == says


def test_labels_are_not_blamed_for_tokens(judged):
    found = judged("memory_task", task(tokens=f"return {UNIFORM} + 0.0"))["twelve tokens"].comparisons
    assert {name for name, comparison in found.items() if not comparison.right} == {"tokens"}


def test_long_lists_of_tokens_are_taken(judged):
    (outcome, *_) = judged("memory_task", task(tokens=f"return {UNIFORM}.tolist()")).values()
    assert outcome.verdict == "passed", outcome.text


def test_one_count_earns_its_half_without_the_other(judged, solution):
    whole = solution["memory_budget"].decode()
    sources = {"memory_budget": whole + "\n\ndef best_interval(T):\n    raise NotImplementedError\n"}
    sources |= {"shared": solution["shared"].decode()}
    for outcome in judged("stored_states", sources).values():
        assert outcome.verdict == "wrong"
        assert outcome.wrong_outputs(["stored", "best"]) == {"best"}
        told = [text for comparison in outcome.comparisons.values() for text in comparison.findings]
        assert told == ["best_interval is not written yet"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sources", "slow"),
    [
        (task("import time\n    time.sleep(99)\n    return a"), "memory_task_label"),
        pytest.param(
            task("while n > 9999:\n        pass\n    return (a + m + z) % V"), "memory_task_label", marks=pytest.mark.long),
        pytest.param(task(tokens="while True:\n        pass"), "memory_task_tokens", marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_slow_functions_are_named_as_such(judged, sources, slow):
    (outcome, *_) = judged("memory_task", sources).values()
    assert outcome.verdict == "timed_out"
    assert outcome.text == f"not finished in time (10 seconds for all cases of the question): {slow} is slow"


# ---------------------------------------------------------------- G4: weights

LATCH = """
import numpy as np

def latch_weights():
    return {weights}
"""
GOOD_LATCHES = {
    "one unit": "np.array([[3., -3, 0]]), np.array([[6.]]), np.zeros(1), np.array([[1.], [-1]]), np.zeros(2)",
    "integers": "np.array([[3, -3, 0]]), np.array([[6]]), np.zeros(1, int), np.array([[1], [-1]]), np.zeros(2, int)",
    "two units": "np.array([[2., -2, 0], [-2, 2, 0]]), 5 * np.eye(2), np.zeros(2), np.eye(2), np.zeros(2)",
    "three that share": "np.array([[1., -1, 0]] * 3), np.full((3, 3), 2.), np.zeros(3), "
    "np.array([[1.] * 3, [-1] * 3]), np.ones(2)",
    "lists": "[[3., -3, 0]], [[6.]], [0.], [[1.], [-1]], [0., 0]",
    "a small bias": "np.array([[3., -3, 0]]), np.array([[6.]]), np.array([.1]), np.array([[1.], [-1]]), np.zeros(2)",
}
BAD_LATCHES = {
    "pushed over": ("np.array([[3., -3, 0]]), np.array([[2.]]), np.zeros(1), np.array([[1.], [-1]]), np.zeros(2)",
                    "after 2 tokens the scores name the first token in"),
    "fades": ("np.array([[.01, -.01, 0]]), np.array([[.9]]), np.zeros(1), np.array([[1.], [-1]]), np.zeros(2)",
              "after 50 tokens the scores name the first token in"),
    "one class": ("np.array([[3., -3, 0]]), np.array([[6.]]), np.zeros(1), np.array([[0.], [0]]), np.ones(2)",
                  "in 0.0% of 2000 strings (0.0% where it is 0, 0.0% where it is 1)"),
    "other class": ("np.array([[3., -3, 0]]), np.array([[6.]]), np.zeros(1), np.array([[-1.], [1]]), np.zeros(2)",
                    "in 0.0% of 2000 strings: always the other one. Which token is row 0 of W_hy for?"),
    "nan": ("np.full((1, 3), np.nan), np.array([[6.]]), np.zeros(1), np.array([[1.], [-1]]), np.zeros(2)",
            "W_xh is not an array of finite numbers"),
    "turned round": ("np.array([[3.], [-3], [0]]), np.array([[6.]]), np.zeros(1), np.array([[1.], [-1]]), np.zeros(2)",
                     "W_xh has shape (3, 1)"),
    "b in a column": ("np.array([[3., -3, 0]]), np.array([[6.]]), np.zeros((1, 1)), np.array([[1.], [-1]]), np.zeros(2)",
                      "b has shape (1, 1); expected (H,)"),
    "a number": ("np.array([[3., -3, 0]]), np.array([[6.]]), 0.0, np.array([[1.], [-1]]), np.zeros(2)",
                 "b is a value of type float; expected an array of floats"),
    "too wide": ("np.ones((600, 3)), np.eye(600), np.zeros(600), np.ones((2, 600)), np.zeros(2)",
                 "one H from 1 to 512"),
}  # fmt: skip


@pytest.mark.parametrize("weights", GOOD_LATCHES)
def test_good_latches_hold(judged, weights):
    found = judged("latch_weights", {"memory_task": LATCH.format(weights=GOOD_LATCHES[weights])})
    assert {o.verdict for o in found.values()} == {"passed"}, [o.comparisons for o in found.values()]


@pytest.mark.parametrize("weights", BAD_LATCHES)
def test_bad_latches_are_refused(judged, weights):
    source, says = BAD_LATCHES[weights]
    for outcome in judged("latch_weights", {"memory_task": LATCH.format(weights=source)}).values():
        assert outcome.verdict == "wrong"
        assert any(says in text for c in outcome.comparisons.values() for text in c.findings)


# ---------------------------------------------------------------- schedules

T, SLOTS, FEWEST = 50, 3, 180
STORE, ADVANCE, BACK, RESTORE, FREE = range(5)


@pytest.fixture
def carried_out(assignment):
    """What is said of one schedule for T = 50 and three slots."""

    def run(actions: Any) -> tuple[str, str]:
        found = assignment.properties["checkpoint_schedule"]({"actions_0": actions}, {"T_0": T, "slots_0": SLOTS})
        assert set(found) == {"valid", "optimal"}
        return found["valid"], found["optimal"]

    return run


def spaced(*kept: int, steps: int = T) -> np.ndarray:
    """Every step back from the nearest of some stored states."""
    actions = [row for t in kept for row in (([(ADVANCE, t)] if t else []) + [(STORE, t)])]
    for t in reversed(range(steps)):
        near = max(s for s in kept if s <= t)
        actions += [(RESTORE, near), *([(ADVANCE, t)] if t > near else []), (BACK, t)]
    return np.array(actions)


def test_the_fewest_steps_are_counted_as_all_schedules_say(assignment):
    for steps in range(1, 201):
        for slots in range(1, 13):
            found = assignment.properties["checkpoint_schedule"](
                {"actions_0": checkpoint_schedule(steps, slots)}, {"T_0": steps, "slots_0": slots}
            )
            assert found == {"valid": "", "optimal": ""}


def test_equal_distances_are_partly_right(assignment):
    """One schedule that is right, and one that takes more steps, within twice the fewest."""
    answers = {"actions_0": checkpoint_schedule(T, SLOTS), "actions_1": spaced(0, 4, 7, steps=10)}
    found = assignment.properties["checkpoint_schedule"](
        answers, {"T_0": T, "slots_0": SLOTS, "T_1": 10, "slots_1": SLOTS}
    )
    assert found == {"valid": "", "optimal": "checkpoint_schedule(10, 3) runs 19 steps; 15 are enough"}


def test_more_than_twice_the_fewest_steps_is_not_right(carried_out):
    for found in carried_out(spaced(0)):
        assert found == (
            f"checkpoint_schedule(50, 3) runs 1225 steps, more than twice as many as needed, which is {FEWEST}"
        )


BEST = checkpoint_schedule(T, SLOTS)
BAD_SCHEDULES = {
    "too many slots": (
        spaced(0, 10, 20, 30), "action 6, store s[30]: s[0], s[10], s[20] are stored, and with slots = 3"),
    "forwards": (
        [(STORE, 0), (BACK, 0), (ADVANCE, 1), (BACK, 1)],
        "action 1, go back through step 0: step 49 is the next to go back"),
    "state not at hand": ([(STORE, 0), (BACK, 49)], "action 1, go back through step 49: the current state is s[0]"),
    "restored without being stored": (
        [(ADVANCE, 3), (RESTORE, 0)], "action 1, restore s[0]: it is not stored; none is"),
    "stores another state": ([(STORE, 4)], "action 0, store s[4]: the current state is s[0]"),
    "runs backwards": ([(ADVANCE, 5), (ADVANCE, 4)], "action 1, advance to s[4]: the current state is s[5]"),
    "runs beyond the end": ([(ADVANCE, 51)], "there are steps up to 49"),
    "frees what is not there": ([(STORE, 0), (FREE, 3)], "action 1, free s[3]: it is not stored; s[0] is"),
    "unknown code": ([(5, 0)], "action 0 is (5, 0); the codes are 0 to 4"),
    "negative code": ([(-1, 0)], "action 0 is (-1, 0); the codes are 0 to 4"),
    "stops early": (BEST[:-2], "have not gone back"),
    "back twice": ([*BEST.tolist(), (BACK, 0)], "all steps have gone back"),
    "floats": (BEST.astype(float), "an array of float64; expected an int array of shape (K, 2)"),
    "bools": (BEST > 0, "an array of bool"),
    "columns": (BEST.T, "expected (K, 2)"),
    "three columns": (np.zeros((9, 3), int), "shape (9, 3); expected (K, 2)"),
    "nothing": (np.zeros((0, 2), int), "after the last action the steps 49 to 0 have not gone back"),
    "empty list": ([], "returned an array of float64"),
    "ragged": ([(0, 0), (1,)], "no array"),
    "None": (None, "returned a value of type NoneType"),
    "text": ("store", "returned a value of type str"),
    "millions": (np.zeros((3_000_000, 2), np.int8), "3000000 actions; "),
    "a long list": ([(0, 0)] * 300_000, "300000 actions"),
    "objects": (Opaque("an array of dtype object and shape (5, 2)"), "returned an array of dtype object and shape (5, 2);"),
    "huge numbers": ([(2**70, 0)], "expected an int array"),
    "largest integer": (np.array([(ADVANCE, 2**63 - 1)]), "advance to"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SCHEDULES)
def test_bad_schedules_are_told_where_they_go_wrong(carried_out, name):
    actions, says = BAD_SCHEDULES[name]
    valid, optimal = carried_out(actions)
    assert says in valid
    assert valid.startswith("checkpoint_schedule(50, 3)")
    assert optimal == valid


PAIRS = st.lists(st.tuples(st.integers(-2, 6), st.integers(-3, 53)), max_size=60)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(), lambda inner: st.lists(inner, max_size=4)
)
ARRAYS = arrays.arrays(
    arrays.integer_dtypes() | arrays.unsigned_integer_dtypes() | arrays.floating_dtypes(),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(PAIRS, PAIRS.map(lambda rows: [*BEST.tolist()[:-1], *rows]), ANYTHING, ARRAYS))
def test_whatever_comes_is_judged(assignment, actions):
    found = assignment.properties["checkpoint_schedule"]({"actions_0": actions}, {"T_0": T, "slots_0": SLOTS})
    assert all(text == "" or text.startswith("checkpoint_schedule(50, 3)") for text in found.values())
    if not isinstance(actions, list) or len(actions) < T:  # every step goes back by an action of its own
        assert found["valid"]


def test_lists_of_pairs_do_too(carried_out):
    assert carried_out(BEST.tolist()) == ("", "")
    assert carried_out(list(map(tuple, BEST.tolist()))) == ("", "")
    assert carried_out(BEST.astype(np.uint8)) == ("", "")


@pytest.mark.slow
def test_searching_for_the_best_place_is_fast_enough(judged):
    """A search for the best place at every step, as students write it, is in time."""
    searching = """
import numpy as np
from functools import lru_cache

@lru_cache(None)
def cost(n, slots):
    if n <= 1:
        return 0, 0
    if slots == 1:
        return n * (n - 1) // 2, 0
    return min((y + cost(n - y, slots - 1)[0] + cost(y, slots)[0], y) for y in range(1, n))

def checkpoint_schedule(T, slots):
    rows = [(0, 0)]
    def back(lo, n, slots):
        while n > 1:
            y = cost(n, slots)[1] or n - 1
            rows.append((1, lo + y))
            if slots > 1:
                rows.append((0, lo + y))
                back(lo + y, n - y, slots - 1)
                rows.append((4, lo + y))
            else:
                rows.append((2, lo + y))
            rows.append((3, lo))
            n = y
        rows.append((2, lo))
    back(0, T, slots)
    return np.array(rows)
"""
    found = judged("checkpoint_schedule", {"optional": searching})
    assert {name: o.verdict for name, o in found.items() if o.verdict != "passed"} == {}
