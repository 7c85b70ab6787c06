"""Optional: the whole GRU forward and back, two directions, two layers, a linear recurrence, optimal checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles
from .gates import SWAPPED_RZ, _side_by_side, _work_out, _wrong_gru

Array = np.ndarray[Any, Any]
GRU_WEIGHTS = {"W_xh": "3H D", "W_hh": "3H H", "b_x": "3H", "b_h": "3H"}
GRU_CALL = "h, gates = gru_forward(x, h0, W_xh, W_hh, b_x, b_h)"
CELL = {"W_xh": "H D", "W_hh": "H H", "b": "H"}
SCANS = ("h = linear_scan(a, b, h0)", "p = linear_scan_parallel(a, b, h0)")

# ---------------------------------------------------------------- oracles


def _gru_states(x: Any, h0: Any, W_xh: Any, W_hh: Any, b_x: Any, b_h: Any) -> Any:
    import torch

    return torch.gru(x, h0[None], [W_xh, W_hh, b_x, b_h], True, 1, 0.0, False, False, True)[0]


@oracles.with_torch
def _gru(x: Any, h0: Any, W_xh: Any, W_hh: Any, b_x: Any, b_h: Any) -> Any:
    import torch

    h = _gru_states(x, h0, W_xh, W_hh, b_x, b_h)
    before = torch.cat([h0[:, None], h[:, :-1]], dim=1)
    cells = [oracles.gru_cell(x[:, t], before[:, t], W_xh, W_hh, b_x, b_h) for t in range(x.shape[1])]
    return h, torch.stack([gates for _, gates in cells], dim=1)


@oracles.with_torch
def _gru_back(dh: Any, x: Any, h0: Any, h: Any, gates: Any, W_xh: Any, W_hh: Any, b_h: Any) -> Any:
    """Run forward again and ask autograd. b_x is what the gates leave over, the same for every sample and step."""
    import torch

    r, z, n = gates.chunk(3, dim=-1)
    from_x = torch.nn.functional.linear(x, W_xh)
    from_h = torch.nn.functional.linear(torch.cat([h0[:, None], h[:, :-1]], dim=1), W_hh, b_h)
    at_r, at_z, at_n = from_h.chunk(3, dim=-1)
    over = torch.cat([r.logit() - at_r, z.logit() - at_z, n.atanh() - r * at_n], dim=-1) - from_x
    leaves = oracles.leaf(x, h0, W_xh, W_hh, over.mean(dim=(0, 1)), b_h)
    names = ("dx", "dh0", "dW_xh", "dW_hh", "db_x", "db_h")
    return tuple(oracles.gradients(_gru_states(*leaves), dh, dict(zip(names, leaves, strict=True))).values())


@oracles.with_torch
def _two_directions(x: Any, lengths: Any, h0: Any, h0_back: Any, W_xh: Any, W_hh: Any, b: Any, W_xh_back: Any,
                    W_hh_back: Any, b_back: Any) -> Any:  # fmt: skip
    """Each sample by itself, over its own length; what both directions carry on the padding is added to it."""
    import torch

    none = torch.zeros_like(b)
    weights = [W_xh, W_hh, b, none, W_xh_back, W_hh_back, b_back, none]
    h = []
    for n, length in enumerate(lengths.tolist()):
        states, first = torch.zeros(0, 2 * len(b), dtype=x.dtype), h0[n]
        if length:
            start = torch.stack([h0[n : n + 1], h0_back[n : n + 1]])
            found, _ = torch.rnn_tanh(x[n : n + 1, :length], start, weights, True, 1, 0.0, False, True, True)
            states, first = found[0], found[0, -1, : len(b)]
        h.append(torch.cat([states, torch.cat([first, h0_back[n]]).expand(x.shape[1] - length, -1)]))
    return torch.stack(h)


@oracles.with_torch
def _two_layers(x: Any, h0: Any, W_xh_1: Any, W_hh_1: Any, b_1: Any, W_xh_2: Any, W_hh_2: Any, b_2: Any) -> Any:
    import torch

    none = torch.zeros_like(b_1)
    weights = [W_xh_1, W_hh_1, b_1, none, W_xh_2, W_hh_2, b_2, none]
    return torch.rnn_tanh(x, h0, weights, True, 2, 0.0, False, False, True)


@oracles.with_torch
def _recurrence(a: Any, b: Any, h0: Any) -> Any:
    import torch

    states = [h0]
    for keep, add in zip(a.unbind(1), b.unbind(1), strict=True):
        states.append(torch.addcmul(add, keep, states[-1]))
    return torch.stack(states[1:], 1)


@cache
def _fewest(steps: int, slots: int) -> tuple[int, int]:
    """The fewest steps to run, by trying every place for the next stored state; and that place."""
    if steps < 2 or slots == 1:
        return steps * (steps - 1) // 2, steps - 1
    return min((y + _fewest(steps - y, slots - 1)[0] + _fewest(y, slots)[0], y) for y in range(1, steps))


# ---------------------------------------------------------------- mistakes: GRU


def _wrong_gru_forward(token: Any = None, steps: Any = range, h_prev: Any = None, start: Any = None, store: Any = None,
                       **changed: Any) -> Any:  # fmt: skip
    """A loop over time that goes wrong where an argument says so; `changed` is for its step.

    token(x, t): the input that is read. steps(T): which steps run. h_prev(v): the previous state, with v.t, v.h,
    v.h0, v.h_t. start(h0): the first state. store(v): the state that is kept of a step.
    """
    step = _wrong_gru(**changed)

    def forward(x: Array, h0: Array, W_xh: Array, W_hh: Array, b_x: Array, b_h: Array) -> Any:
        (N, T, _), H = x.shape, h0.shape[1]
        v = SimpleNamespace(h=np.zeros((N, T, H)), h0=h0, h_t=start(h0) if start else h0)
        gates = np.zeros((N, T, 3 * H))
        for t in steps(T):
            v.t = t
            v.before = h_prev(v) if h_prev else v.h_t
            v.h_t, gates[:, t] = step(token(x, t) if token else x[:, t], v.before, W_xh, W_hh, b_x, b_h)
            v.h[:, t] = store(v) if store else v.h_t
        return v.h, gates

    return forward


GRU_BACK = {
    "h_n": lambda v: v.h_prev @ v.W_hn.T + v.b_hn,
    "dn": lambda v: v.dh_t * (1 - v.z),
    "dz": lambda v: v.dh_t * (v.h_prev - v.n),
    "da_n": lambda v: v.dn * (1 - v.n**2),
    "dr": lambda v: v.da_n * v.h_n,
    "da_r": lambda v: v.dr * v.r * (1 - v.r),
    "da_z": lambda v: v.dz * v.z * (1 - v.z),
    "da_x": lambda v: _side_by_side(v.da_r, v.da_z, v.da_n),
    "da_h": lambda v: _side_by_side(v.da_r, v.da_z, v.da_n * v.r),
    "straight": lambda v: v.dh_t * v.z,
    "dx_t": lambda v: v.da_x @ v.W_xh,
    "dh_prev": lambda v: v.straight + v.da_h @ v.W_hh,
    "dW_xh": lambda v: v.da_x.T @ v.x_t,
    "dW_hh": lambda v: v.da_h.T @ v.h_prev,
    "db_x": lambda v: v.da_x.sum(0),
    "db_h": lambda v: v.da_h.sum(0),
}
GRU_SUMS = ("dW_xh", "dW_hh", "db_x", "db_h")


def _wrong_gru_back(steps: Any = None, dh_t: Any = None, h_prev: Any = None, start: Any = None, scale: Any = None,
                    overwritten: bool = False, dh0: Any = None, **changed: Any) -> Any:  # fmt: skip
    """The way back gone wrong where an argument says so; `changed` is for a step.

    steps(T): which steps run. dh_t(v), h_prev(v): what arrives at a step, and the state before it. start(v): the
    first carry. scale(N, T): of the weights' gradients. overwritten: those of the last step stand alone.
    """
    rules = {**GRU_BACK, **changed}

    def backward(dh: Array, x: Array, h0: Array, h: Array, gates: Array, W_xh: Array, W_hh: Array, b_h: Array) -> Any:
        (N, T, _), H = x.shape, h0.shape[1]
        dx, sums = np.zeros(x.shape), dict.fromkeys(GRU_SUMS, 0.0)
        v = SimpleNamespace(dh=dh, h=h, h0=h0, T=T)
        v.carry = start(v) if start else np.zeros(h0.shape)
        for t in steps(T) if steps else range(T)[::-1]:
            v.t = t
            arrives = dh_t(v) if dh_t else dh[:, t] + v.carry
            before = h_prev(v) if h_prev else (h[:, t - 1] if t else h0)
            r, z, n = np.split(gates[:, t], 3, axis=1)
            given = {"dh_t": arrives, "x_t": x[:, t], "h_prev": before, "r": r, "z": z, "n": n, "W_xh": W_xh}
            given |= {"W_hh": W_hh, "W_hn": W_hh[2 * H :], "b_hn": b_h[2 * H :]}
            found = _work_out({**rules, "result": lambda v: v}, given)
            dx[:, t], v.carry = found.dx_t, found.dh_prev
            sums = {name: getattr(found, name) + (0 if overwritten else sums[name]) for name in GRU_SUMS}
        factor = scale(N, T) if scale else 1.0
        return dx, dh0(v) if dh0 else v.carry, *(factor * value for value in sums.values())

    return backward


# ---------------------------------------------------------------- mistakes: two directions, two layers


def _run(x: Array, h0: Array, cell: tuple[Array, Array, Array], live: Array, order: Any = range) -> Array:
    """The states of one cell, in place; where a step is not live the state is carried on."""
    W_xh, W_hh, b = cell
    h, state = np.zeros((*x.shape[:2], len(b))), h0
    for t in order(x.shape[1]):
        state = np.where(live[:, t, None], np.tanh(x[:, t] @ W_xh.T + state @ W_hh.T + b), state)
        h[:, t] = state
    return h


def _downwards(T: int) -> range:
    return range(T)[::-1]


def _turned(h: Array, lengths: Array) -> Array:
    """Each sample turned round within its own length."""
    turned = h.copy()
    for n, length in enumerate(lengths):
        turned[n, :length] = h[n, :length][::-1]
    return turned


def _wrong_directions(order: Any = _downwards, live: Any = None, live_back: Any = None, cells: str = "fb",
                      starts: str = "fb", reads: str = "x", turned: bool = False, pad: Any = None,
                      join: Any = None) -> Any:  # fmt: skip
    """Two directions gone wrong where an argument says so.

    order: of the backward cell. live(t, lengths), live_back: which steps count. cells, starts: whose weights and
    first states are used, f or b. reads: x or h, what the backward cell reads. turned: its states stay in the order
    in which they were made. pad(states, h0_back, lengths): what the backward half has. join: of both halves.
    """

    def forward(x: Array, lengths: Array, h0: Array, h0_back: Array, W_xh: Array, W_hh: Array, b: Array,
                W_xh_back: Array, W_hh_back: Array, b_back: Array) -> Any:  # fmt: skip
        t = np.arange(x.shape[1])[None]
        real = t < lengths[:, None]
        weights = {"f": (W_xh, W_hh, b), "b": (W_xh_back, W_hh_back, b_back)}
        first = {"f": h0, "b": h0_back}
        f = _run(x, first[starts[0]], weights[cells[0]], live(t, lengths[:, None]) if live else real)
        own = live_back(t, lengths[:, None]) if live_back else real
        g = _run(f if reads == "h" else x, first[starts[1]], weights[cells[1]], own, order)
        g = _turned(g, lengths) if turned else g
        g = pad(g, h0_back, lengths) if pad else g
        return join(f, g) if join else np.concatenate([f, g], axis=2)

    return forward


def _all_live(t: Array, lengths: Array) -> Array:
    return t + 0 * lengths >= 0


def _zero_padding(g: Array, h0_back: Array, lengths: Array) -> Array:
    return np.where((np.arange(g.shape[1]) < lengths[:, None])[..., None], g, 0)


def _first_on_padding(g: Array, h0_back: Array, lengths: Array) -> Array:
    return np.where((np.arange(g.shape[1]) < lengths[:, None])[..., None], g, g[:, :1])


def _before_the_token(g: Array, h0_back: Array, lengths: Array) -> Array:
    return np.concatenate([g[:, 1:], h0_back[:, None]], axis=1)


def _zeros_on_padding(x: Array, lengths: Array, *states_and_weights: Array) -> Any:
    h = _wrong_directions()(x, lengths, *states_and_weights)
    return np.where((np.arange(x.shape[1]) < lengths[:, None])[..., None], h, 0)


def _last_on_padding(g: Array, h0_back: Array, lengths: Array) -> Array:
    """The states in the order in which they were made, the last of them carried on over padding."""
    g = g.copy()
    for n, length in enumerate(lengths):
        g[n, length:] = g[n, length - 1] if length else h0_back[n]
    return g


def _wrong_layers(reads: Any = None, starts: Any = None, cells: str = "12", last: Any = None, result: Any = None,
                  biases: str = "12") -> Any:  # fmt: skip
    """Two layers gone wrong where an argument says so.

    reads(x, f): what the second layer reads. starts(h0, f): both first states. cells, biases: whose W_hh and b each
    layer has. last(f, h), result(f, h): what is given back.
    """

    def forward(x: Array, h0: Array, W_xh_1: Array, W_hh_1: Array, b_1: Array, W_xh_2: Array, W_hh_2: Array,
                b_2: Array) -> Any:  # fmt: skip
        live, W_hh, b = np.ones(x.shape[:2], bool), {"1": W_hh_1, "2": W_hh_2}, {"1": b_1, "2": b_2}
        f = _run(x, h0[0], (W_xh_1, W_hh[cells[0]], b[biases[0]]), live)
        first = starts(h0, f) if starts else h0[1]
        h = _run(reads(x, f, h0) if reads else f, first, (W_xh_2, W_hh[cells[1]], b[biases[1]]), live)
        ends = last(f, h) if last else np.stack([f[:, -1], h[:, -1]])
        return result(f, h) if result else h, ends

    return forward


# ---------------------------------------------------------------- mistakes: linear recurrences


def _scan(a: Array, b: Array, h0: Array) -> Array:
    h, state = np.zeros(a.shape), h0
    for t in range(a.shape[1]):
        state = a[:, t] * state + b[:, t]
        h[:, t] = state
    return h


def _wrong_scan(formula: Any, start: Any = None) -> Any:
    """A loop over formula(a, b, state, t); start(h0) is the first state."""

    def scan(a: Array, b: Array, h0: Array) -> Array:
        h, state = np.zeros(a.shape), start(h0) if start else h0
        for t in range(a.shape[1]):
            state = formula(a, b, state, t)
            h[:, t] = state
        return h

    return scan


def _rounds(T: int) -> list[int]:
    return [2**j for j in range(T.bit_length()) if 2**j < T]


def _wrong_prefix(rounds: Any = _rounds, first: Any = None, compose: Any = None) -> Any:
    """Doubling gone wrong: which w there are, how h0 comes in, and how a round makes B and A."""

    def scan(a: Array, b: Array, h0: Array) -> Array:
        A, B = a.copy(), b.copy()
        B[:, 0] = first(a, b, h0) if first else a[:, 0] * h0 + b[:, 0]
        for w in rounds(a.shape[1]):
            A, B = compose(A, B, w) if compose else _composed(A, B, w)
        return B

    return scan


def _composed(A: Array, B: Array, w: int) -> tuple[Array, Array]:
    earlier_A = np.concatenate([np.ones_like(A[:, :w]), A[:, :-w]], axis=1)
    earlier_B = np.concatenate([np.zeros_like(B[:, :w]), B[:, :-w]], axis=1)
    return A * earlier_A, A * earlier_B + B


def _own_round(A: Array, B: Array, w: int) -> tuple[Array, Array]:
    """In place, step by step: what lies w back has already been through this round."""
    A, B = A.copy(), B.copy()
    for t in range(w, A.shape[1]):
        B[:, t] += A[:, t] * B[:, t - w]
        A[:, t] *= A[:, t - w]
    return A, B


def _new_a(A: Array, B: Array, w: int) -> tuple[Array, Array]:
    A, _ = _composed(A, B, w)
    return A, np.concatenate([B[:, :w], A[:, w:] * B[:, :-w] + B[:, w:]], axis=1)


def _other_way(A: Array, B: Array, w: int) -> tuple[Array, Array]:
    new, _ = _composed(A, B, w)
    return new, np.concatenate([B[:, :w], A[:, :-w] * B[:, w:] + B[:, :-w]], axis=1)


def _divided(a: Array, b: Array, h0: Array) -> Array:
    product = a.cumprod(1)
    return product * (h0[:, None] + (b / product).cumsum(1))


def _scans(sequential: Any, parallel: Any = None) -> dict[str, Any]:
    return {"linear_scan": sequential, "linear_scan_parallel": parallel or sequential}


# ---------------------------------------------------------------- schedules


def _plan(stop: Callable[[int, int], int], first: bool = True, release: bool = True, restore: bool = True,
          extra: int = 0, forwards: bool = False, until: int = 0, name: int = 0) -> Any:  # fmt: skip
    """A schedule that stores the next state stop(steps, slots) steps on, gone wrong where an argument says so.

    first: whether s[0] is stored. release: whether slots are given up; restore: whether states are taken up again.
    extra: slots on top. forwards: the way back runs forwards. until: the step where it ends. name: added to t of a
    step that goes back.
    """

    def schedule(T: int, slots: int) -> Array:
        actions = [(0, 0)] if first else []

        def back(lo: int, hi: int, free: int) -> None:
            """Steps lo..hi-1; s[lo] is the current state, and stored."""
            while hi - lo > 1:
                middle = lo + max(1, min(stop(hi - lo, free + 1), hi - lo - 1)) if free > 0 else hi - 1
                actions.extend([(1, middle), (0, middle)] if free > 0 else [(1, middle)])
                back(middle, hi, free - 1)
                actions.extend([(4, middle)] if free > 0 and release else [])
                actions.extend([(3, lo)] if restore else [])
                hi = middle
            actions.extend([(2, lo + name)] if lo >= until else [])

        back(0, T, slots + extra - 1)
        if forwards:
            actions = [(0, 0), *(row for step in range(T) for row in ((2, step), (1, step + 1)))][:-1]
        return np.array(actions)

    return schedule


def _kept_all(T: int, slots: int) -> Array:
    """Full storage."""
    forward = [row for t in range(T) for row in ((0, t), (1, t + 1))][:-1]
    return np.array(forward + [row for t in range(T)[::-1] for row in ((3, t), (2, t))])


def _equally_spaced(T: int, slots: int) -> Array:
    """States at equal distances, and every step back run from the nearest one before it."""
    every = -(-T // slots)
    actions, kept = [], list(range(0, T, every))
    for t in kept:
        actions += [(0, t)] if t == 0 else [(1, t), (0, t)]
    for t in range(T)[::-1]:
        near = t // every * every
        actions += [(3, near), *([(1, t)] if t > near else []), (2, t)]
    return np.array(actions)


def _pairs(*pairs: tuple[int, int]) -> dict[str, Any]:
    """The calls and the draw of a case: T and slots of several schedules."""
    named = {f"{name}_{i}": v for i, pair in enumerate(pairs) for name, v in zip(("T", "slots"), pair, strict=True)}
    calls = tuple(f"actions_{i} = checkpoint_schedule(T_{i}, slots_{i})" for i in range(len(pairs)))
    return {"calls": calls, "draw": lambda rng, sizes: named}


# ---------------------------------------------------------------- draws


def _gru_inputs(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    N, T, D, H = (sizes[axis] for axis in "NTDH")
    shapes = {"x": (N, T, D), "h0": (N, H), "W_xh": (3 * H, D), "W_hh": (3 * H, H), "b_x": (3 * H,), "b_h": (3 * H,)}
    return {name: normal(rng, shape) for name, shape in shapes.items()}


def _gru_variants(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A sequence and its two halves, one with later tokens changed."""
    given, cut = _gru_inputs(rng, sizes), sizes["T"] // 2
    x = given["x"]
    h, _ = _gru(*({**given, "x": x[:, :cut]}.values()))
    later = np.concatenate([x[:, :cut], normal(rng, x[:, cut:].shape)], axis=1)
    return {**given, "x_start": x[:, :cut], "x_rest": x[:, cut:], "h_middle": h[:, -1], "x_later": later}


def _gru_back_inputs(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    given = _gru_inputs(rng, sizes)
    h, gates = _gru(*given.values())
    return {**given, "dh": normal(rng, h.shape), "h": h, "gates": gates}


def _lengths(*lengths: int) -> Any:
    return lambda rng, sizes: {"lengths": np.array(lengths)}


def _layers(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    return {"h0": normal(rng, (2, sizes["N"], sizes["H"]))}


def _zeros_in_a(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    a = normal(rng, (sizes["N"], sizes["T"], sizes["H"]))
    a[0, 2, 1], a[1, 4], a[-1, 5, 0] = 0, 0, 0
    return {"a": a}


# ---------------------------------------------------------------- questions

RZ = "r and z have changed places. Which of them stands in the first H rows?"
OVER = "Your weight gradients are averages. Over the batch and the timesteps, are they averaged or added up?"

# Zeros for h0, and h[:, -1] of an array that is still empty, are the same numbers.
GRU_H0 = "Give h0 = ones: does your h[:, 0] change? What does step 0 take for the state before it: zeros, or h[:, -1]?"

QUESTIONS = (
    Question(
        "gru_forward", number="O1", module="optional", points=1, minutes=15, gates="rzn", optional=True,
        calls=(GRU_CALL,), inputs={"x": "N T D", "h0": "N H", **GRU_WEIGHTS},
        outputs={"h": "N T H", "gates": "N T 3H"}, oracle=_gru,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=6, D=2, H=7, hidden=True),
            Case("in two chunks", N=3, T=11, D=2, H=7, costs=0.25, draw=_gru_variants, hidden=True,
                 calls=("h_start, gates_start = gru_forward(x_start, h0, W_xh, W_hh, b_x, b_h)",
                        "h_rest, gates_rest = gru_forward(x_rest, h_middle, W_xh, W_hh, b_x, b_h)",
                        "h_later, gates_later = gru_forward(x_later, h0, W_xh, W_hh, b_x, b_h)"),
                 hint="Two chunks, the state handed over, must give what one pass gives."),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("U01", "There are two GRUs. In torch's, does r act on h_prev before the product with W_hn, or on "
                    "what the product gives?",
                    _wrong_gru_forward(n=lambda v: np.tanh(v.from_x[2] + (v.r * v.h_prev) @ v.W_hn.T + v.b_hn))),
            Mistake("U02", "Set h0 = 0 and r = 0: the bias of the state's side should be gone from n. Is it?",
                    _wrong_gru_forward(n=lambda v: np.tanh(v.from_x[2] + v.r * (v.from_h[2] - v.b_hn) + v.b_hn))),
            Mistake("U03", "An update gate of 1 keeps the old state. What does z = 1 do in yours?",
                    _wrong_gru_forward(h_t=lambda v: v.z * v.n + (1 - v.z) * v.h_prev)),
            Mistake("U04", RZ, _wrong_gru_forward(**SWAPPED_RZ)),
            Mistake("U04b", RZ, _wrong_gru_forward(**SWAPPED_RZ, gates=lambda v: _side_by_side(v.z, v.r, v.n))),
            Mistake("U05", "With r = 0 the candidate n must not depend on the state. Does yours?",
                    _wrong_gru_forward(n=lambda v: np.tanh(v.from_x[2] + v.from_h[2]))),
            Mistake("U07", "Change b_h alone: nothing moves. Where does it belong?",
                    _wrong_gru_forward(from_h=lambda v: np.split(v.h_prev @ v.W_hh.T, 3, axis=1))),
            Mistake("GF1", GRU_H0, _wrong_gru_forward(start=np.zeros_like)),
            Mistake("GF2", GRU_H0,
                    _wrong_gru_forward(h_prev=lambda v: v.h[:, v.t - 1])),
            Mistake("GF3", "Every step starts from h0 in yours. Which state enters step t?",
                    _wrong_gru_forward(h_prev=lambda v: v.h0)),
            Mistake("GF4", "You read the same timestep again and again.",
                    _wrong_gru_forward(token=lambda x, t: x[:, 0])),
            Mistake("GF5", "The last timestep never runs. Where does your range end?",
                    _wrong_gru_forward(steps=lambda T: range(T - 1))),
            Mistake("GF6", "h[:, t] is the state after x[:, t] was read. Which one do you store?",
                    _wrong_gru_forward(store=lambda v: v.before)),
            Mistake("GF7", "In which direction does time run?", _wrong_gru_forward(steps=_downwards)),
        ),
    ),
    Question(
        "gru_backward", number="O2", module="optional", points=3, minutes=50, gates="rzn", optional=True,
        calls=("dx, dh0, dW_xh, dW_hh, db_x, db_h = gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h)",),
        inputs={"dh": "N T H", "x": "N T D", "h0": "N H", "h": "N T H", "gates": "N T 3H", "W_xh": "3H D",
                "W_hh": "3H H", "b_h": "3H"},
        outputs={"dx": "N T D", "dh0": "N H", "dW_xh": "3H D", "dW_hh": "3H H", "db_x": "3H", "db_h": "3H"},
        oracle=_gru_back, draw=_gru_back_inputs,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=6, D=2, H=7, hidden=True),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token."),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("Z01", "With z = 1 the state passes straight on. By which way does its gradient come back?",
                    _wrong_gru_back(straight=lambda v: 0 * v.dh_t)),
            Mistake("Z03", "z stands twice in (1 - z) * n + z * h_prev. How often does it in your derivative?",
                    _wrong_gru_back(dz=lambda v: v.dh_t * v.h_prev)),
            Mistake("Z03b", "Raise z: does h_t move towards h_prev or towards n? The block of z says the opposite.",
                    _wrong_gru_back(dz=lambda v: v.dh_t * (v.n - v.h_prev))),
            Mistake("Z07b", "dW_hh pairs h_prev with what stands right after its product. In the rows of n, is r in "
                    "between?", _wrong_gru_back(dW_hh=lambda v: v.da_x.T @ v.h_prev)),
            Mistake("Z04", "By what is the candidate multiplied in the new state?",
                    _wrong_gru_back(dn=lambda v: v.dh_t * v.z)),
            Mistake("Z05", "The rows of r alone are wrong: what was r multiplied by, and with which bias?",
                    _wrong_gru_back(h_n=lambda v: v.h_prev @ v.W_hn.T)),
            Mistake("Z06", "On the state's side of the candidate, what stands between the sum and the bias?",
                    _wrong_gru_back(da_h=lambda v: v.da_x)),
            Mistake("Z07", "db_x and db_h are the same in yours. Which gate stands between b_hn and the candidate?",
                    _wrong_gru_back(db_h=lambda v: v.db_x)),
            Mistake("Z08", "With z = 1 the state passes straight on, whole. How much of the gradient does in yours?",
                    _wrong_gru_back(straight=lambda v: v.dh_t * (1 - v.z))),
            Mistake("Z09", "Which slope has the candidate's tanh at the value n?",
                    _wrong_gru_back(da_n=lambda v: v.dn)),
            Mistake("Z10", "The slope of the sigmoid is missing at r and z.",
                    _wrong_gru_back(da_r=lambda v: v.dr, da_z=lambda v: v.dz)),
            Mistake("Z11", "Does the reset gate act on what comes from x?",
                    _wrong_gru_back(da_x=lambda v: _side_by_side(v.da_r, v.da_z, v.da_n * v.r))),
            Mistake("Z12", "r multiplied one thing inside the candidate. Is that h_prev, or a product with it?",
                    _wrong_gru_back(dr=lambda v: v.da_n * v.h_prev)),
            Mistake("Z13", "In which order do the blocks r, z, n stand?",
                    _wrong_gru_back(da_x=lambda v: _side_by_side(v.da_z, v.da_r, v.da_n),
                                    da_h=lambda v: _side_by_side(v.da_z, v.da_r, v.da_n * v.r))),
            Mistake("ZT1", "Nothing flows from t + 1 into h[:, t] in yours. What is added to dh[:, t]?",
                    _wrong_gru_back(dh_t=lambda v: v.dh[:, v.t])),
            Mistake("ZT2", "Every h[:, t] has a loss of its own. At which t do you use dh[:, t]?",
                    _wrong_gru_back(dh_t=lambda v: v.carry + (v.dh[:, v.t] if v.t == v.T - 1 else 0))),
            Mistake("ZT3", "dW_hh pairs each step with a state. Which one entered step t?",
                    _wrong_gru_back(h_prev=lambda v: v.h[:, v.t])),
            Mistake("ZT4", "What is h[:, t-1] at t = 0? Python wraps round to the last state.",
                    _wrong_gru_back(h_prev=lambda v: v.h[:, v.t - 1])),
            Mistake("ZT5", "The weights are shared by all timesteps. What happens to the share of the step before?",
                    _wrong_gru_back(overwritten=True)),
            Mistake("ZT6", "What flows out of step 0 into h0?", _wrong_gru_back(dh0=lambda v: 0 * v.carry)),
            Mistake("ZT7", "dx[:, 0] is all zeros: step 0 never runs. Where does your range end?",
                    _wrong_gru_back(steps=lambda T: range(T - 1, 0, -1))),
            Mistake("ZT8", "The way back begins at the last step. In which direction does your loop run?",
                    _wrong_gru_back(steps=range)),
            Mistake("ZT9", "The gradient at the last state is counted twice. With what does your carry start?",
                    _wrong_gru_back(start=lambda v: v.dh[:, -1])),
            Mistake("ZN1", OVER, _wrong_gru_back(scale=lambda N, T: 1 / N)),
            Mistake("ZN2", OVER, _wrong_gru_back(scale=lambda N, T: 1 / T)),
        ),
    ),
    Question(
        "bidirectional_forward", number="O3", module="optional", points=2, minutes=25, optional=True,
        calls=("h = bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back)",),
        inputs={"x": "N T D", "lengths": "int N", "h0": "N H", "h0_back": "N H", **CELL,
                **{f"{name}_back": axes for name, axes in CELL.items()}},
        outputs={"h": "N T 2H"}, oracle=_two_directions,
        cases=(
            Case("small", N=3, T=8, D=4, H=5, draw=_lengths(8, 5, 2)),
            Case("wide", N=4, T=6, D=2, H=7, draw=_lengths(2, 5, 6, 3), hidden=True),
            Case("nothing to read", N=3, T=6, D=4, H=5, draw=_lengths(0, 6, 3), costs=0.25, hidden=True,
                 hint="It fails for a sample of length 0."),
            Case("shorter than the array", N=3, T=7, D=4, H=5, draw=_lengths(3, 5, 1), costs=0.25,
                 hint="It fails when every sample is shorter than the array."),
            Case("one sample", N=1, T=6, D=4, H=5, draw=_lengths(4), waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=3, T=6, D=4, H=1, draw=_lengths(6, 4, 2), waive=("H = 1",), costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("D01", "Column t must describe token t in both halves. Are your backward states still in the order "
                    "in which they were made?", _wrong_directions(turned=True)),
            Mistake("D02", "Where does the backward cell begin: at the array's end, or at the sample's last token?",
                    _wrong_directions(live_back=_all_live)),
            Mistake("D03", "The backward cell has an initial state of its own.", _wrong_directions(starts="ff")),
            Mistake("D04", "The backward cell has weights of its own.", _wrong_directions(cells="ff")),
            Mistake("D05", "Which half comes first?",
                    _wrong_directions(join=lambda f, g: np.concatenate([g, f], axis=2))),
            Mistake("D06", "On padding the backward half holds the state with which it begins. What does yours hold?",
                    _wrong_directions(pad=_zero_padding)),
            Mistake("D07", "On padding the backward cell has not begun yet. Which state does it hold there?",
                    _wrong_directions(pad=_first_on_padding)),
            Mistake("D08", "The second cell reads the inputs, not the states of the first.",
                    lambda x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back: _wrong_directions(
                        reads="h")(x, lengths, h0, h0_back, W_xh, W_hh, b, W_hh_back, W_hh_back, b_back)),
            Mistake("D09", "The second cell reads forwards too. Where must it start?", _wrong_directions(order=range)),
            Mistake("D10", "Padding moves your forward half. What should it carry on?",
                    _wrong_directions(live=_all_live)),
            Mistake("D10b", "Padding moves both of your halves. Where do the lengths count?",
                    _wrong_directions(live=_all_live, live_back=_all_live)),
            Mistake("D17", "You turned the array round. Where do the real tokens of a short sample stand then, at its "
                    "start or at its end?",
                    lambda x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back: _wrong_directions(
                        live_back=lambda t, n: t >= x.shape[1] - n)(
                        x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back)),
            Mistake("D11", "The two halves are to stand side by side. What does yours do with them?",
                    _wrong_directions(join=lambda f, g: f + g)),
            Mistake("D12", "Are the last tokens of your samples read? t < lengths[n] holds up to which t?",
                    _wrong_directions(live=lambda t, n: t < n - 1, live_back=lambda t, n: t < n - 1)),
            Mistake("D13", "Column t must describe token t in both halves. Are your backward states still in the order "
                    "in which they were made?", _wrong_directions(turned=True, pad=_last_on_padding)),
            Mistake("D14", "Column t must describe token t in both halves. Are your backward states still in the order "
                    "in which they were made?", _wrong_directions(pad=lambda g, h0_back, lengths: g[:, ::-1])),
            Mistake("D15", "On padding both halves hold a state that was carried there. What does yours hold?",
                    _zeros_on_padding),
            Mistake("D16", "Your backward half holds the state before token t was read. Which one is asked for?",
                    _wrong_directions(pad=_before_the_token)),
        ),
    ),
    Question(
        "two_layer_forward", number="O4", module="optional", points=1, minutes=15, optional=True,
        calls=("h, h_last = two_layer_forward(x, h0, W_xh_1, W_hh_1, b_1, W_xh_2, W_hh_2, b_2)",),
        inputs={"x": "N T D", "h0": "2 N H", "W_xh_1": "H D", "W_hh_1": "H H", "b_1": "H", "W_xh_2": "H H",
                "W_hh_2": "H H", "b_2": "H"},
        outputs={"h": "N T H", "h_last": "2 N H"}, oracle=_two_layers, draw=_layers,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=6, D=3, H=7, hidden=True),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("Q01", "What does the second layer read: x, or the states of the first?", _wrong_layers(
                reads=lambda x, f, h0: np.concatenate([x, f[..., x.shape[2] :]], axis=2))),
            Mistake("Q02", "Each layer has an initial state of its own. Which one has your second layer?",
                    _wrong_layers(starts=lambda h0, f: h0[0])),
            Mistake("Q03", "The second layer's state before the first step is given. Where does yours come from?",
                    _wrong_layers(starts=lambda h0, f: f[:, -1])),
            Mistake("Q04", "h is the states of which layer?", _wrong_layers(result=lambda f, h: f)),
            Mistake("Q05", "h_last is layers first. Which axis of yours is the layers'?",
                    _wrong_layers(last=lambda f, h: np.stack([f[:, -1], h[:, -1]], axis=1))),
            Mistake("Q06", "Which bias belongs to the second layer?", _wrong_layers(biases="11")),
            Mistake("Q07", "Which W_hh belongs to which layer?", _wrong_layers(cells="21")),
            Mistake("Q08", "At step t the second layer reads the first layer's state of which step?", _wrong_layers(
                reads=lambda x, f, h0: np.concatenate([h0[0][:, None], f[:, :-1]], axis=1))),
            Mistake("Q09", "h_last is of both layers, the first one first.",
                    _wrong_layers(last=lambda f, h: np.stack([h[:, -1], f[:, -1]]))),
            Mistake("Q10", "The second layer starts from zeros in yours.",
                    _wrong_layers(starts=lambda h0, f: 0 * h0[1])),
        ),
    ),
    Question(
        "linear_scan", number="O5", module="optional", points=3, minutes=40, optional=True, calls=SCANS,
        inputs={"a": "N T H", "b": "N T H", "h0": "N H"}, outputs={"h": "N T H", "p": "N T H"},
        oracle=_scans(_recurrence),
        cases=(
            Case("small", N=3, T=11, H=5),
            Case("wide", N=4, T=13, H=6, hidden=True),
            Case("zeros in a", N=2, T=7, H=3, draw=_zeros_in_a, costs=0.5,
                 hint="It fails where a is 0. Do you divide by a product of a?"),
            Case("long", N=2, T=700, H=3, costs=0.5, hidden=True,
                 hint="It fails for long sequences: how small is the product of hundreds of numbers below 1?"),
            Case("a power of two", N=3, T=8, H=5, costs=0.25, hidden=True,
                 hint="It fails when T is a power of two: how many rounds are needed?"),
            Case("one step", N=3, T=1, H=5, waive=("T = 1",), costs=0.25, hint="It fails for a sequence of one step."),
            Case("two steps", N=3, T=2, H=5, costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("A02", "a[:, t] acts on the state that enters step t. Which a do you take?", _scans(
                _wrong_scan(lambda a, b, h, t: (a[:, t - 1] if t else 1) * h + b[:, t]),
                lambda a, b, h0: _wrong_prefix(first=lambda a, b, h0: h0 + b[:, 0])(
                    np.concatenate([np.ones_like(a[:, :1]), a[:, :-1]], axis=1), b, h0))),
            Mistake("A02b", "a[:, t] acts on the state that enters step t. Which a do you take, and which at t = 0?",
                    _scans(_wrong_scan(lambda a, b, h, t: a[:, t - 1] * h + b[:, t]))),
            Mistake("A03", "Set b = 0: the state should be h0 times the product of a. What do you get?", _scans(
                _wrong_scan(lambda a, b, h, t: a[:, t] * h + b[:, t], np.zeros_like),
                _wrong_prefix(first=lambda a, b, h0: b[:, 0]))),
            Mistake("A03b", "Set b = 0: is h0 in what the parallel one returns?",
                    _scans(_scan, _wrong_prefix(first=lambda a, b, h0: b[:, 0]))),
            Mistake("A04", "The first step multiplies h0 by a[:, 0] as well.",
                    _scans(_scan, _wrong_prefix(first=lambda a, b, h0: h0 + b[:, 0]))),
            Mistake("A05", "A round must read what the round before it left. Does yours read its own results?",
                    _scans(_scan, _wrong_prefix(compose=_own_round))),
            Mistake("A06", "Is B made from the A of the round before, or from the new one?",
                    _scans(_scan, _wrong_prefix(compose=_new_a))),
            Mistake("A07", "How many rounds until w reaches T, when T is no power of two?",
                    _scans(_scan, _wrong_prefix(rounds=lambda T: _rounds(T)[:-1]))),
            Mistake("A08", "First (a1, b1), then (a2, b2): which of the two a multiplies which b?",
                    _scans(_scan, _wrong_prefix(compose=_other_way))),
            Mistake("A09", "After a round A is the product over twice as many timesteps. Is yours?",
                    _scans(_scan, _wrong_prefix(compose=lambda A, B, w: (A, _composed(A, B, w)[1])))),
            Mistake("A10", "Dividing by the product of all a fails where that is 0.", _scans(_scan, _divided)),
            Mistake("A11", "There is no nonlinearity in this recurrence.",
                    _scans(_wrong_scan(lambda a, b, h, t: np.tanh(a[:, t] * h + b[:, t])))),
            Mistake("A12", "a says how much is kept. Where does your 1 - a come from?",
                    _scans(_wrong_scan(lambda a, b, h, t: a[:, t] * h + (1 - a[:, t]) * b[:, t]))),
            Mistake("A13", "The state is multiplied first; b is added to that.",
                    _scans(_wrong_scan(lambda a, b, h, t: a[:, t] * (h + b[:, t])))),
        ),
    ),
    Question(
        "checkpoint_schedule", number="O6", module="optional", points=4, minutes=60, optional=True, seconds=20,
        calls=("actions_0 = checkpoint_schedule(T_0, slots_0)",), inputs={},
        outputs={"valid": "any", "optimal": "any"}, verdict="checkpoint_schedule",
        oracle=_plan(lambda steps, slots: _fewest(steps, slots)[1]),
        cases=(
            Case("schedules", **_pairs((2, 1), (3, 1), (3, 2), (5, 3), (6, 2), (10, 3), (13, 4), (20, 5), (30, 2),
                                       (50, 3), (79, 5), (150, 9))),
            Case("other schedules", hidden=True,
                 **_pairs((4, 2), (7, 3), (8, 2), (9, 1), (17, 4), (23, 6), (40, 3), (64, 8), (90, 2), (121, 7),
                          (180, 4), (200, 12))),
            Case("one step", costs=0.1, **_pairs((1, 1), (1, 5))),
            Case("one slot", costs=0.1, hidden=True, **_pairs((2, 1), (11, 1), (40, 1))),
            Case("slots to spare", costs=0.1, hidden=True, **_pairs((5, 5), (9, 12), (12, 11), (2, 40))),
        ),
        mistakes=(
            Mistake("SC1", "You store every state. How many slots are there?", _kept_all),
            Mistake("SC2", "You run every step from s[0] anew. What are the other slots for?",
                    lambda T, slots: _plan(lambda steps, free: steps - 1)(T, 1)),
            Mistake("SC3", "Equal distances are not best: which part of the steps has more slots to work with?",
                    _equally_spaced),
            Mistake("SC4", "The way back begins with the last step.", _plan(lambda n, s: n // 2, forwards=True)),
            Mistake("SC5", "A slot that is not needed any more must be given up.",
                    _plan(lambda n, s: _fewest(n, s)[1], release=False)),
            Mistake("SC6", "s[0] is lost if it is not stored before the first advance.",
                    _plan(lambda n, s: _fewest(n, s)[1], first=False)),
            Mistake("SC7", "Halving is simple. Is the middle the best place when few slots are left?",
                    _plan(lambda n, s: n // 2)),
            Mistake("SC8", "Which part has one slot less: what lies before the new state, or what lies beyond?",
                    _plan(lambda n, s: n - _fewest(n, s)[1])),
            Mistake("SC9", "From where does an advance start, if nothing was restored?",
                    _plan(lambda n, s: _fewest(n, s)[1], restore=False)),
            Mistake("SC10", "s[0] takes a slot like every other.", _plan(lambda n, s: _fewest(n, s)[1], extra=1)),
            Mistake("SC11", "Step 0 must go back too.", _plan(lambda n, s: _fewest(n, s)[1], until=1)),
            Mistake("SC12", "To take the gradient back through step t, which state is needed: the one before it, or "
                    "the one after?", _plan(lambda n, s: _fewest(n, s)[1], name=1)),
        ),
    ),
)  # fmt: skip
