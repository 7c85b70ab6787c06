"""Part G: the memory budget, what it trades, a task that needs memory, and weights that never forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles

Array = np.ndarray[Any, Any]
WEIGHTS = {"W_xh": "H D", "W_hh": "H H", "b": "H"}
INPUTS = {"dh_last": "N H", "x": "N T D", "h0": "N H", **WEIGHTS, "k": "size"}
GRADIENTS = {"dx": "N T D", "dh0": "N H", "dW_xh": "H D", "dW_hh": "H H", "db": "H"}
CALL = "dx, dh0, dW_xh, dW_hh, db = rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k)"


def budget(sizes: Any) -> int:
    """Bytes that the call may take; the formula stands in the stub."""
    N, T, D, H, k = (sizes[letter] for letter in ("N", "T", "D", "H", "k"))
    S = -(-T // k) + min(k, T)
    return 8 * (4 * S * N * H + 2 * N * T * D + 4 * H * (H + D + 1)) + 2**20


# ---------------------------------------------------------------- oracles


@oracles.with_torch
def _full(dh_last: Any, x: Any, h0: Any, W_xh: Any, W_hh: Any, b: Any, k: int) -> Any:
    x, h0, W_xh, W_hh, b = oracles.leaf(x, h0, W_xh, W_hh, b)
    h = oracles.rnn(x, h0, W_xh, W_hh, b)
    named = {"x": x, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b": b}
    return tuple(oracles.gradients(h[:, -1], dh_last, named).values())


def _count(T: int, k: int) -> int:
    """By listing them: the starts of segments, and the steps of a segment that is not the last."""
    return len(range(0, T, k)) + len(range(T)[:k])


def _best(T: int) -> int:
    return min(range(1, T + 1), key=lambda k: _count(T, k))


# ---------------------------------------------------------------- mistakes of G1


def _wrong(
    cut: bool = False, late: bool = False, order: Callable[[list[int]], Any] = reversed,
    state: str = "after", bias: bool = True, start: str = "h0", last: bool = True, upstream: str = "last",
    overwrite: bool = False, mean: bool = False, short: bool = False, first_grad: str = "carry",
    off: int = 0,
) -> Any:  # fmt: skip
    """Checkpointing gone wrong where an argument says so.

    cut: the carry starts anew in each segment. late: the state of the next segment is taken. off: how many
    steps too late a state is kept. order: of segments.
    state: h of which step the slope is taken of. bias: whether recomputation has it. start: state of the first
    segment. upstream: where dh_last comes in: at the last step, in each segment, at all steps. last: whether the ragged
    segment runs. short: whether recomputing stops one step early.
    """

    def backward(dh_last: Array, x: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array, k: int) -> Any:
        N, T, _ = x.shape
        full = np.empty((N, T + 1, len(b)))
        full[:, 0] = h0 if start == "h0" else 0.0
        for t in range(T):
            full[:, t + 1] = np.tanh(x[:, t] @ W_xh.T + full[:, t] @ W_hh.T + b)
        starts = list(range(0, T if last else T // k * k, k))
        dx, carry = np.zeros(x.shape), dh_last
        dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(b.shape)
        for lo in order(starts):
            if cut and lo != starts[-1]:
                carry = np.zeros_like(carry)
            if upstream == "each" and lo != starts[-1]:
                carry = carry + dh_last
            seg = full[:, min(lo + k, T) if late else lo + off]
            states = [seg]
            for t in range(lo, min(lo + k, T)):
                states.append(np.tanh(x[:, t] @ W_xh.T + states[-1] @ W_hh.T + (b if bias else 0)))
            for t in reversed(range(lo, min(lo + k, T))):
                if short and t == lo:
                    continue
                before, after = states[t - lo], states[t - lo + 1]
                da = carry * (1 - (after if state == "after" else before) ** 2)
                dx[:, t] = da @ W_xh
                carry = da @ W_hh + (dh_last if upstream == "steps" and t else 0.0)
                kept = 0.0 if overwrite else 1.0
                dW_xh, dW_hh, db = kept * dW_xh + da.T @ x[:, t], kept * dW_hh + da.T @ before, kept * db + da.sum(0)
        if mean:
            dW_xh, dW_hh, db = dW_xh / N, dW_hh / N, db / N
        return dx, carry if first_grad == "carry" else np.zeros_like(carry), dW_xh, dW_hh, db

    return backward


# ---------------------------------------------------------------- draws


def _long(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """Thousands of steps over which the gradient neither fades nor grows: small states, W_hh a signed permutation.

    If it faded, going back over the last hundred steps alone would give the right numbers. Inputs of -1 and 1, and a
    permutation, pack to nearly nothing in the file that students are given.
    """
    H = sizes["H"]
    W_hh = np.zeros((H, H))
    W_hh[np.arange(H), rng.permutation(H)] = rng.choice([-1.0, 1.0], H)
    small = {name: normal(rng, shape, 3e-4) for name, shape in (("W_xh", (H, sizes["D"])), ("b", (H,)))}
    x = rng.choice([-1.0, 1.0], tuple(sizes[axis] for axis in "NTD"))
    return {"x": x, "W_hh": W_hh, "h0": normal(rng, (sizes["N"], H), 0.02), **small}


def _no_way_back(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """Two units that read the same: a state does not tell the one before it, so none can be had by inverting a step."""
    W_hh = normal(rng, (sizes["H"], sizes["H"]))
    W_hh[1] = W_hh[0]
    return {"W_hh": W_hh}


def _counts(*pairs: tuple[int, int]) -> Any:
    """Sizes for G2: T and k of several calls."""
    named = {f"{letter}_{i}": v for i, pair in enumerate(pairs) for letter, v in zip("Tk", pair, strict=True)}
    return lambda rng, sizes: named


def _stored_calls(count: int) -> tuple[str, ...]:
    stored = tuple(f"stored_{i} = stored_states(T_{i}, k_{i})" for i in range(count))
    return stored + tuple(f"best_{i} = best_interval(T_{i})" for i in range(count))


def _task(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """Sequences of the judge's own, and for each position the same with another token there."""
    n, T, V = sizes["n"], sizes["T"], sizes["V"]
    base = rng.integers(0, V, (n, T))
    moved = np.repeat(base[None], T, axis=0)
    for t in range(T):
        moved[t, :, t] = (base[:, t] + rng.integers(1, V, n)) % V
    return {
        "base": base, "moved": moved.reshape(T * n, T), "turned": base[::-1].copy(), "part": base[base[:, 0] == 0],
        "twins": np.concatenate([base[:200], base[:200]]),
        "n": n, "T": T, "V": V, "seed": 11, "other_seed": 12,
    }  # fmt: skip


def _label(rule: Callable[[Array, Array, Array, int], Array], middle: Callable[[int], int] = lambda T: T // 2) -> Any:
    """A task of uniform tokens whose label is a rule of the first, the middle and the last."""

    def label(tokens: Array, V: int) -> Array:
        T = tokens.shape[1]
        return np.asarray(rule(tokens[:, 0], tokens[:, middle(T)], tokens[:, -1], V)).astype(int)

    return {"memory_task_tokens": _uniform, "memory_task_label": label}


def _uniform(n: int, T: int, V: int, seed: int) -> Array:
    return np.random.default_rng(seed).integers(0, V, (n, T))


def _same_rows(n: int, T: int, V: int, seed: int) -> Array:
    return np.tile(_uniform(1, T, V, seed), (n, 1))


_CHANCE = np.random.default_rng(1)


def _mod_sum(tokens: Array, V: int) -> Array:
    return (tokens[:, 0] + tokens[:, tokens.shape[1] // 2] + tokens[:, -1]) % V


def _latch(self_weight: float, push: float, b: float = 0.0, turned: bool = False, cancel: float = 0.0) -> Any:
    def weights() -> Any:
        y = np.array([[1.0], [-1.0]])
        return (np.array([[push, -push, cancel]]), np.array([[self_weight]]), np.array([b]), -y if turned else y,
                np.zeros(2))  # fmt: skip

    return weights


TASK_CALLS = (
    "tokens = memory_task_tokens(n, T, V, seed)",
    "tokens_again = memory_task_tokens(n, T, V, seed)",
    "tokens_other = memory_task_tokens(n, T, V, other_seed)",
    "label = memory_task_label(base, V)",
    "label_again = memory_task_label(base, V)",
    "label_turned = memory_task_label(turned, V)",
    "label_part = memory_task_label(part, V)",
    "label_moved = memory_task_label(moved, V)",
    "label_own = memory_task_label(tokens, V)",
    "label_twins = memory_task_label(twins, V)",
)

# ---------------------------------------------------------------- questions

QUESTIONS = (
    Question(
        "rnn_backward_checkpointed", number="G1", module="memory_budget", points=5, minutes=40, seconds=20,
        calls=(CALL,), inputs=INPUTS, outputs=GRADIENTS, oracle=_full,
        cases=(
            Case("small", N=4, T=8, D=6, H=5, k=3, draw=_no_way_back),
            Case("wide", N=2, T=14, D=4, H=7, k=5, hidden=True),
            Case("ragged end", N=3, T=11, D=2, H=5, k=4, hidden=True),
            Case("every step kept", N=2, T=7, D=3, H=5, k=1, costs=0.25, waive=("k = 1", "T mod k = 0")),
            Case("one segment", N=2, T=7, D=3, H=5, k=7, costs=0.25, hidden=True, waive=("T = k", "T mod k = 0")),
            Case("k above T", N=3, T=5, D=2, H=4, k=9, costs=0.25, hidden=True, waive=("k > T",)),
            Case("one step", N=3, T=1, D=4, H=5, k=2, costs=0.1, waive=("T = 1", "k > T")),
            # Large enough that all states in float16 are over budget too. The public ones are narrower, so that the
            # file which students are given stays small.
            Case("budget at T = 1024", N=4, T=1024, D=2, H=160, k=34, costs=0.1, budget=budget, draw=_long),
            Case("budget at T = 4096", N=4, T=4096, D=2, H=160, k=66, costs=0.25, budget=budget, draw=_long),
            Case("budget at H = 256", N=4, T=4096, D=3, H=256, k=66, costs=0.35, budget=budget, draw=_long,
                 hidden=True),
        ),
        mistakes=(
            Mistake("C01", "The state that was kept for a segment is the one before its first step. Which do you take?",
                    _wrong(late=True)),
            Mistake("C16", "You keep a state when its step has run. Which state does step 0 of the first segment start from "
                    "in yours?", _wrong(off=1)),
            Mistake("C02", "Your result is that of truncated backpropagation. What does a segment need from the one "
                    "after it?", _wrong(cut=True)),
            Mistake("C03", "Do the states that you recompute equal the ones that you kept? What stands in the step "
                    "besides the two products?", _wrong(bias=False)),
            Mistake("C06", "In which order do the segments go back?", _wrong(order=lambda starts: starts)),
            Mistake("C07", "The slope of a step is taken of the state after it. Which state do you take?",
                    _wrong(state="before")),
            Mistake("C08", "Where does the last, shorter segment go?", _wrong(last=False)),
            Mistake("C09", "dh_last comes in once, at the very end. How often do you add it?", _wrong(upstream="each")),
            Mistake("C10", "The weights are shared by all steps. What happens to the share of the step before?",
                    _wrong(overwrite=True)),
            Mistake("C11", "Your weight gradients are averages over the batch. Where does the average belong?",
                    _wrong(mean=True)),
            Mistake("C12", "The first step of every segment goes missing on the way back.", _wrong(short=True)),
            Mistake("C13", "What flows out of step 0 into h0?", _wrong(first_grad="zero")),
            Mistake("C15", "dh_last comes in at every step in yours. At which one does the loss look?",
                    _wrong(upstream="steps")),
            Mistake("C14", "The first segment begins at h0. Where does yours?", _wrong(start="zero")),
        ),
    ),
    Question(
        "stored_states", number="G2", module="memory_budget", points=1, minutes=10,
        calls=_stored_calls(4), inputs={}, outputs={"stored": "number", "best": "number"},
        oracle={"stored_states": _count, "best_interval": _best}, draw=_counts((10, 4), (100, 10), (37, 9), (5, 9)),
        cases=(
            Case("small"),
            Case("large", hidden=True, calls=_stored_calls(5),
                 draw=_counts((1000, 32), (1500, 39), (17, 40), (50, 7), (101, 12))),
            Case("one", costs=0.5, calls=_stored_calls(2), draw=_counts((1, 1), (2, 5)), hidden=True),
        ),
        mistakes=tuple(
            Mistake(name, hint, {"stored_states": stored, "best_interval": best})
            for name, hint, stored, best in (
                ("M01", "The last segment may be shorter, and it is kept too: which way does your division round?",
                 lambda T, k: T // k + min(k, T), _best),
                ("M13", "The last segment may be shorter, and it is kept too: which way does your division round?",
                 lambda T, k: round(T / k) + min(k, T), _best),
                ("M12", "A state that is stored twice counts twice. Which one do you leave out?",
                 lambda T, k: -(-T // k) + min(k, T) - 1, _best),
                ("M10", "Which way does your division round, and how long is a segment when k is above T?",
                 lambda T, k: T // k + k, _best),
                ("M11", "A number of states is whole. Where the last segment is shorter, is it kept too?",
                 lambda T, k: T / k + k, _best),
                ("M02", "Besides the states that are kept, what exists while a segment goes back?",
                 lambda T, k: -(-T // k), _best),
                ("M03", "Full storage keeps T states. What do you keep?", lambda T, k: T, _best),
                ("M04", "How long is a segment when k is above T?", lambda T, k: -(-T // k) + k, _best),
                ("M05", "Is the state of every segment's start kept only once?",
                 lambda T, k: -(-T // k) + min(k, T) + 1, _best),
                ("M06", "The square root is near; which whole number beside it stores fewer, and which is the smaller?",
                 _count, lambda T: int(np.ceil(np.sqrt(T)))),
                ("M07", "The largest interval is full storage, the smallest is too: both ends are dear.",
                 _count, lambda T: T),
                ("M08", "If several intervals store equally few states, which one is asked for?",
                 _count, lambda T: max(range(1, T + 1), key=lambda k: (-_count(T, k), k))),
                ("M09", "You return how many states are stored. Which interval gives that number?",
                 _count, lambda T: _count(T, _best(T))),
            )
        ),
    ),
    Question(
        "memory_task", number="G3", module="memory_task", points=6, minutes=40, seconds=10,
        calls=TASK_CALLS, inputs={},
        outputs={"tokens": "any", "first": "any", "middle": "any", "last": "any", "balance": "any"},
        verdict="memory_task", draw=_task,
        oracle={"memory_task_tokens": _uniform, "memory_task_label": _mod_sum},
        cases=(Case("twelve tokens", n=3000, T=12, V=4), Case("fourteen tokens", n=3000, T=14, V=6, hidden=True)),
        mistakes=(
            Mistake("MT1", "Every token moves your label. Which three may?",
                    {"memory_task_tokens": _uniform, "memory_task_label": lambda tokens, V: tokens.sum(1) % V}),
            Mistake("MT2", "Change the middle token alone: must the answer change?",
                    _label(lambda a, m, z, V: (a + z) % V)),
            Mistake("MT3", "The middle matters too rarely: in how many sequences does it decide?",
                    _label(lambda a, m, z, V: np.where((m == 0) & (a == 0), z, (a + z) % V))),
            Mistake("MT4", "Your label is nearly always the same.", _label(lambda a, m, z, V: (a == m) & (m == z))),
            Mistake("MT5", "The same seed gives other tokens.",
                    {"memory_task_tokens": lambda n, T, V, seed: _CHANCE.integers(0, V, (n, T)),
                     "memory_task_label": _mod_sum}),
            Mistake("MT6", "Another seed gives the same tokens.",
                    {"memory_task_tokens": lambda n, T, V, seed: _uniform(n, T, V, 0), "memory_task_label": _mod_sum}),
            Mistake("MT9", "All your sequences are the same one.",
                    {"memory_task_tokens": _same_rows, "memory_task_label": _mod_sum}),
            Mistake("MT10", "Only the middle and the last matter.", _label(lambda a, m, z, V: (m + z) % V)),
            Mistake("MT11", "Only the first matters.", _label(lambda a, m, z, V: a)),
            Mistake("MT12", "Your middle is too near to the beginning.",
                    _label(lambda a, m, z, V: (a + m + z) % V, middle=lambda T: 1)),
            Mistake("MT13", "The label is drawn by chance.",
                    {"memory_task_tokens": _uniform,
                     "memory_task_label": lambda tokens, V: _CHANCE.integers(0, V, len(tokens))}),
            Mistake("MT14", "The label of a sequence depends on its neighbours in the batch.",
                    {"memory_task_tokens": _uniform,
                     "memory_task_label": lambda tokens, V: (_mod_sum(tokens, V) + np.arange(len(tokens))) % V}),
            Mistake("MT15", "A vocabulary of its own gives the three places away.",
                    {"memory_task_tokens": lambda n, T, V, seed: np.where(
                        np.isin(np.arange(T), (0, T // 2, T - 1)), _uniform(n, T, V, seed) // 2, V - 1),
                     "memory_task_label": _mod_sum}),
            Mistake("MT17", "Your label looks at the maximum of the whole sequence.",
                    {"memory_task_tokens": _uniform, "memory_task_label": lambda tokens, V: tokens.max(1)}),
            Mistake("MT18", "Two middle tokens matter.",
                    {"memory_task_tokens": _uniform,
                     "memory_task_label": lambda tokens, V: (
                         _mod_sum(tokens, V) + tokens[:, tokens.shape[1] // 2 - 1]) % V}),
        ),
    ),
    Question(
        "latch_weights", number="G4", module="memory_task", points=3, minutes=20,
        calls=("W_xh, W_hh, b, W_hy, b_y = latch_weights()",), inputs={},
        outputs={"T2": "any", "T10": "any", "T50": "any", "T200": "any"},
        verdict="latch_weights", draw=lambda rng, sizes: {"seed": sizes["seed"]}, oracle=_latch(6.0, 3.0),
        cases=(Case("strings", seed=1), Case("other strings", seed=2, hidden=True)),
        mistakes=(
            Mistake("MT19", "Later tokens overwrite the memory: which must win, the state or the input?",
                    _latch(2.0, 3.0)),
            Mistake("MT20", "A self-weight below 1 fades. How many stable states has tanh(w h)?", _latch(0.9, 0.2)),
            Mistake("MT21", "Your scores name the other class.", _latch(6.0, 3.0, turned=True)),
            Mistake("MT22", "The state never leaves 0: what does the first token do?", _latch(6.0, 0.0)),
            Mistake("MT23", "A bias pulls the memory to one side.", _latch(6.0, 1.0, b=7.0)),
            Mistake("MT24", "The filler pushes too.", _latch(6.0, 3.0, cancel=9.0)),
            Mistake("MT25", "Without W_hh nothing is kept.", _latch(0.0, 3.0)),
        ),
    ),
)  # fmt: skip
