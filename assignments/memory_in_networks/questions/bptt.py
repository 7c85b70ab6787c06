"""Part C: backpropagation through one step, through time, through the head and the table, and truncated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles

Array = np.ndarray[Any, Any]
WEIGHTS = {"W_xh": "H D", "W_hh": "H H"}
STEP = {"dh_t": "N H", "x_t": "N D", "h_prev": "N H", "h_t": "N H", **WEIGHTS}
SEQUENCE = {"dh": "N T H", "x": "N T D", "h0": "N H", "h": "N T H", **WEIGHTS}
GRADIENTS = {"dW_xh": "H D", "dW_hh": "H H", "db": "H"}

# ---------------------------------------------------------------- oracles


def _through_time(dh: Any, x: Any, h0: Any, h: Any, W_xh: Any, W_hh: Any, k: int | None = None) -> Any:
    """dx, dh0, dW_xh, dW_hh, db by autograd, at the states given; the state is detached every k steps."""
    import torch

    x, h0, W_xh, W_hh, b = oracles.leaf(x, h0, W_xh, W_hh, torch.zeros_like(W_hh[0]))
    states = oracles.rnn_at(h, h0, W_hh, torch.nn.functional.linear(x, W_xh, b), k)
    return tuple(oracles.gradients(states, dh, {"x": x, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b": b}).values())


_backward = oracles.with_torch(_through_time)
_forward = oracles.with_torch(oracles.rnn)


@oracles.with_torch
def _truncated(dh: Any, x: Any, h0: Any, h: Any, W_xh: Any, W_hh: Any, k: int) -> Any:
    return _through_time(dh, x, h0, h, W_xh, W_hh, k)[2:]


@oracles.with_torch
def _step(dh_t: Any, x_t: Any, h_prev: Any, h_t: Any, W_xh: Any, W_hh: Any) -> Any:
    """A sequence of one step."""
    dx, *others = _through_time(dh_t[:, None], x_t[:, None], h_prev, h_t[:, None], W_xh, W_hh)
    return dx[:, 0], *others


@oracles.with_torch
def _head(dy: Any, h: Any, W_hy: Any) -> Any:
    import torch

    h, W_hy, b_y = oracles.leaf(h, W_hy, torch.zeros_like(W_hy[:, 0]))
    y = torch.nn.functional.linear(h, W_hy, b_y)
    return tuple(oracles.gradients(y, dy, {"h": h, "W_hy": W_hy, "b_y": b_y}).values())


@oracles.with_torch
def _embedding(dx: Any, tokens: Any, V: int) -> Any:
    import torch

    (E,) = oracles.leaf(torch.zeros(V, dx.shape[2], dtype=dx.dtype))
    return oracles.gradients(torch.nn.functional.embedding(tokens, E), dx, {"E": E})["E"]


# ---------------------------------------------------------------- mistakes

STEP_LINES = {
    "da": lambda s: s.dh_t * (1 - s.h_t**2),
    "dx_t": lambda s: s.da @ s.W_xh,
    "dh_prev": lambda s: s.da @ s.W_hh,
    "dW_xh": lambda s: s.da.T @ s.x_t,
    "dW_hh": lambda s: s.da.T @ s.h_prev,
    "db": lambda s: s.da.sum(0),
    "end": lambda s: (s.dx_t, s.dh_prev, s.dW_xh, s.dW_hh, s.db),
}


def _wrong_step(**wrong: Any) -> Any:
    """A step backward, line by line, with other lines in the place of right ones; `s` holds what is known so far."""

    def backward(dh_t: Array, x_t: Array, h_prev: Array, h_t: Array, W_xh: Array, W_hh: Array) -> Any:
        s = SimpleNamespace(dh_t=dh_t, x_t=x_t, h_prev=h_prev, h_t=h_t, W_xh=W_xh, W_hh=W_hh)
        for name, line in {**STEP_LINES, **wrong}.items():
            setattr(s, name, line(s))
        return s.end

    return backward


def _averaged(s: Any) -> Any:
    return s.dx_t, s.dh_prev, *(grad / len(s.x_t) for grad in (s.dW_xh, s.dW_hh, s.db))


LOOP_LINES = {
    "start": lambda s: np.zeros_like(s.h0),  # the carry: what the step after t sends back to h[:, t]
    "steps": lambda s: range(s.T - 1, -1, -1),
    "cut": lambda s: s.k > 0 and (s.t + 1) % s.k == 0,  # nothing comes back to t from the chunk after it
    "h_prev": lambda s: s.h[:, s.t - 1] if s.t else s.h0,
    "g": lambda s: s.dh[:, s.t] + s.carry,
    "da": lambda s: s.g * (1 - s.h[:, s.t] ** 2),
    "carry": lambda s: s.da @ s.W_hh,
    "slot": lambda s: s.t,
    "dx": lambda s: s.da @ s.W_xh,
    "dW_xh": lambda s: s.dW_xh + s.da.T @ s.x[:, s.t],
    "dW_hh": lambda s: s.dW_hh + s.da.T @ s.h_prev,
    "db": lambda s: s.db + s.da.sum(0),
    "dh0": lambda s: s.carry,
    "share": lambda s: 1.0,  # what the weight gradients are multiplied by in the end
    "end": lambda s: (s.dx, s.first, s.dW_xh, s.dW_hh, s.db),  # without dx and dh0 in the truncated loop
}


def _wrong_loop(**wrong: Any) -> Any:
    """The loop back through time with other lines in the place of right ones; given k, it is the truncated one."""
    do = SimpleNamespace(**{**LOOP_LINES, **wrong})

    def backward(dh: Array, x: Array, h0: Array, h: Array, W_xh: Array, W_hh: Array, k: int = 0) -> Any:
        s = SimpleNamespace(dh=dh, x=x, h0=h0, h=h, W_xh=W_xh, W_hh=W_hh, k=k, T=x.shape[1])
        s.dW_xh, s.dW_hh, s.db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
        s.carry, s.sent, dx = do.start(s), [], np.zeros_like(x)
        for t in do.steps(s):
            s.t = t
            s.carry = np.zeros_like(h0) if do.cut(s) else s.carry
            for name in ("h_prev", "g", "da", "carry", "dW_xh", "dW_hh", "db"):
                setattr(s, name, getattr(do, name)(s))
            dx[:, do.slot(s)] = do.dx(s)
            s.sent.append(s.carry)
        s.dW_xh, s.dW_hh, s.db = (grad * do.share(s) for grad in (s.dW_xh, s.dW_hh, s.db))
        s.dx, s.first = dx, do.dh0(s)
        return do.end(s)[2:] if k else do.end(s)

    return backward


def _running_dx(s: Any) -> Any:
    s.sum = getattr(s, "sum", 0) + s.da @ s.W_xh
    return s.sum


def _starts_chunk(s: Any) -> bool:
    return s.t > 0 and s.t % s.k == 0


def _ends_chunk(s: Any) -> bool:
    return (s.t + 1) % s.k == 0 or s.t == s.T - 1


def _one_chunk_kept(name: str) -> Any:
    """The running sum of the name, begun anew in every chunk."""
    line = LOOP_LINES[name]
    return lambda s: line(s) - getattr(s, name) if _ends_chunk(s) else line(s)


def _sliding(dh: Array, x: Array, h0: Array, h: Array, W_xh: Array, W_hh: Array, k: int) -> Any:
    """The loss of each step looks k steps back, over every boundary."""
    total = [0.0, 0.0, 0.0]
    for end in range(x.shape[1]):
        only = np.zeros_like(dh)
        only[:, end] = dh[:, end]
        window = _wrong_loop(cut=lambda s: False, steps=lambda s, end=end: range(end, max(end - s.k, -1), -1))
        total = [a + b for a, b in zip(total, window(only, x, h0, h, W_xh, W_hh, k), strict=True)]
    return tuple(total)


def _wrong_head(dh: Any = None, dW_hy: Any = None, db_y: Any = None) -> Any:
    """The head backward with another formula in the place of a right one: each of (dy, h, W_hy)."""
    return lambda dy, h, W_hy: (
        dh(dy, h, W_hy) if dh else dy @ W_hy,
        dW_hy(dy, h, W_hy) if dW_hy else np.einsum("ntv,nth->vh", dy, h),
        db_y(dy, h, W_hy) if db_y else dy.sum((0, 1)),
    )


def _wrong_table(add: Any = np.add.at, rows: Any = None, end: Any = None) -> Any:
    """The table's gradient gone wrong: rows(tokens, V) says how many there are, add(dE, tokens, dx) fills them."""

    def backward(dx: Array, tokens: Array, V: int) -> Array:
        dE = np.zeros((rows(tokens, V) if rows else V, dx.shape[2]))
        add(dE, tokens, dx)
        return end(dE, tokens) if end else dE

    return backward


def _fancy(dE: Array, tokens: Array, dx: Array) -> None:
    dE[tokens] += dx


def _whole_numbers(dE: Array, tokens: Array, dx: Array) -> None:
    for n, t in np.ndindex(*tokens.shape):
        dE[tokens[n, t]] = np.trunc(dE[tokens[n, t]] + dx[n, t])


def _first_of_each(dE: Array, tokens: Array, dx: Array) -> None:
    ids, first = np.unique(tokens, return_index=True)
    dE[ids] = dx.reshape(-1, dx.shape[2])[first]


def _other_order(dE: Array, tokens: Array, dx: Array) -> None:
    np.add.at(dE, tokens.T.ravel(), dx.reshape(-1, dx.shape[2]))


def _each(axis: int) -> Any:
    """Fancy indexing in a loop over one axis: repeats along the other are lost."""

    def add(dE: Array, tokens: Array, dx: Array) -> None:
        for ids, rows in zip(np.moveaxis(tokens, axis, 0), np.moveaxis(dx, axis, 0), strict=True):
            dE[ids] += rows

    return add


# ---------------------------------------------------------------- draws


def _states(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A forward pass by torch, and a gradient that comes in at every step."""
    N, T, D, H = (sizes[axis] for axis in "NTDH")
    x, h0 = normal(rng, (N, T, D)), normal(rng, (N, H))
    W_xh, W_hh, b = normal(rng, (H, D)), normal(rng, (H, H)), normal(rng, (H,))
    h = _forward(x, h0, W_xh, W_hh, b)
    return {"dh": normal(rng, (N, T, H)), "x": x, "h0": h0, "h": h, "W_xh": W_xh, "W_hh": W_hh}


def _large(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A loss whose gradients are in the hundreds."""
    drawn = _states(rng, sizes)
    return {**drawn, "dh": 300 * drawn["dh"]}


def _one_step(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    drawn = _states(rng, {**sizes, "T": 1})
    return {
        "dh_t": drawn["dh"][:, 0], "x_t": drawn["x"][:, 0], "h_prev": drawn["h0"], "h_t": drawn["h"][:, 0],
        "W_xh": drawn["W_xh"], "W_hh": drawn["W_hh"],
    }  # fmt: skip


def _tokens(kind: str = "half") -> Any:
    """Tokens that repeat in samples and across them. kind: "half" of the table and never its last row, "all", "one"."""

    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        N, T, V = sizes["N"], sizes["T"], sizes["V"]
        used = {"half": rng.permutation(V - 1)[: V // 2], "all": np.arange(V), "one": np.array([V // 2])}[kind]
        return {"tokens": rng.permutation(np.resize(used, N * T)).reshape(N, T)}

    return draw


# ---------------------------------------------------------------- questions

MEAN = "Your db is 1/N of the right one: an average. How do the samples of a batch come together in it?"
ONCE = "Every step uses the same parameters. Is your {} a sum over the steps, or what the last turn of the loop left?"
SQUARE = "W_hh is square, so shapes cannot tell. Try W_hh = [[0, 1], [0, 0]]: "
BACKWARD = "dx, dh0, dW_xh, dW_hh, db = rnn_backward(dh, x, h0, h, W_xh, W_hh)"
TRUNCATED = "dW_xh, dW_hh, db = rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k)"

QUESTIONS = (
    Question(
        "rnn_step_backward", number="C1", module="bptt", points=6, minutes=20,
        calls=("dx_t, dh_prev, dW_xh, dW_hh, db = rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh)",),
        inputs=STEP, outputs={"dx_t": "N D", "dh_prev": "N H", **GRADIENTS}, oracle=_step, draw=_one_step,
        cases=(
            Case("small", N=3, D=4, H=5),
            Case("wide", N=7, D=2, H=11, hidden=True),
            Case("one sample", N=1, D=4, H=5, waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=3, D=2, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for a state of one unit."),
            Case("strided", N=3, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("B02", "Where h_t is near 1 the tanh is flat, and hardly any gradient gets through. Does "
                    "your code know?", _wrong_step(da=lambda s: s.dh_t)),
            Mistake("B03", "h_t has been through the tanh already. How often does it go through in your code?",
                    _wrong_step(da=lambda s: s.dh_t * (1 - np.tanh(s.h_t) ** 2))),
            Mistake("B06", "The slope of tanh is never above 1. What is yours where h_t = -0.5?",
                    _wrong_step(da=lambda s: s.dh_t * (1 - s.h_t))),
            Mistake("B40", "Where h_t = 0 the tanh is steepest. What is your slope there?",
                    _wrong_step(da=lambda s: s.dh_t * s.h_t**2)),
            Mistake("B41", "The slope of tanh is never above 1. Is yours ever below?",
                    _wrong_step(da=lambda s: s.dh_t * (1 + s.h_t**2))),
            Mistake("B07", "You work out again what went into the tanh, but b is not given. Which array "
                    "holds what came out?", _wrong_step(
                        da=lambda s: s.dh_t * (1 - np.tanh(s.x_t @ s.W_xh.T + s.h_prev @ s.W_hh.T) ** 2))),
            Mistake("B08", SQUARE + "the gradient of which unit goes back to which unit of h_prev?",
                    _wrong_step(dh_prev=lambda s: s.da @ s.W_hh.T)),
            Mistake("B10", "Your dx_t has not been through the tanh. Does x_t act before it or after it?",
                    _wrong_step(dx_t=lambda s: s.dh_t @ s.W_xh)),
            Mistake("B12", "dW_hh[i, j] pairs unit i after the step with unit j before it. Which is the row in yours?",
                    _wrong_step(dW_hh=lambda s: s.h_prev.T @ s.da)),
            Mistake("B13", "It is 1/N of the right gradient: where does the average over the batch belong, here or "
                    "in the loss?", _wrong_step(end=_averaged)),
            Mistake("B14", MEAN,
                    _wrong_step(db=lambda s: s.da.mean(0))),
            Mistake("B15", "Your db is one number, repeated. Which axis of dL/da is the batch?",
                    _wrong_step(db=lambda s: np.full(len(s.W_hh), s.da.sum()))),
            Mistake("B16", "Only the first sample reaches db. Who else uses b?", _wrong_step(db=lambda s: s.da[0])),
            Mistake("B17", "Your db has an axis of length 1 too many. What is the shape of b?",
                    _wrong_step(db=lambda s: s.da.sum(0, keepdims=True))),
            Mistake("B18", "Your db still has a batch axis. All samples share one b: what happens to their gradients?",
                    _wrong_step(db=lambda s: s.da)),
            Mistake("B01", "Your slope is that of the sigmoid. What is the derivative of tanh, in terms of h_t?",
                    _wrong_step(da=lambda s: s.dh_t * s.h_t * (1 - s.h_t))),
            Mistake("B04", "You take the slope of the tanh of the step before. Which state came out of this one?",
                    _wrong_step(da=lambda s: s.dh_t * (1 - s.h_prev**2))),
            Mistake("B05", "Which state did W_hh act on in this step: h_prev or h_t?",
                    _wrong_step(dW_hh=lambda s: s.da.T @ s.h_t)),
            Mistake("B09", "dW_xh must have the shape of W_xh. Which of its axes is H?",
                    _wrong_step(dW_xh=lambda s: s.x_t.T @ s.da)),
            Mistake("B11", "Your dh_prev has not been through the tanh. Does h_prev act before it or after it?",
                    _wrong_step(dh_prev=lambda s: s.dh_t @ s.W_hh)),
            Mistake("B19", "What you make the weight gradients of has not been through the tanh. On which side of it "
                    "do the weights act?",
                    _wrong_step(dW_xh=lambda s: s.dh_t.T @ s.x_t, dW_hh=lambda s: s.dh_t.T @ s.h_prev,
                                db=lambda s: s.dh_t.sum(0))),
            Mistake("B20", "The slope of the tanh comes in twice. How many tanh lie between h_t and what went into it?",
                    _wrong_step(da=lambda s: s.dh_t * (1 - s.h_t**2) ** 2)),
            Mistake("B21", "b acts after the products but before the tanh. Has your db been through the tanh?",
                    _wrong_step(db=lambda s: s.dh_t.sum(0))),
            Mistake("B23", "Python squares first, then multiplies, then subtracts. What is taken away from what in "
                    "your dL/da?", _wrong_step(da=lambda s: s.dh_t * 1 - s.h_t**2)),
            Mistake("B24", "The slope of tanh is never negative. What sign has yours?",
                    _wrong_step(da=lambda s: s.dh_t * (s.h_t**2 - 1))),
            Mistake("B25", "The gradients are right, their order is not. Which comes first, dx_t or dh_prev?",
                    _wrong_step(end=lambda s: (s.dh_prev, s.dx_t, s.dW_xh, s.dW_hh, s.db))),
            Mistake("B22", "In which order are dW_xh and dW_hh to be returned?",
                    _wrong_step(end=lambda s: (s.dx_t, s.dh_prev, s.dW_hh, s.dW_xh, s.db))),
            Mistake("B26", "What the last sample gives is all that is left of this gradient. What becomes of the "
                    "others in your loop?",
                    _wrong_step(dW_xh=lambda s: np.outer(s.da[-1], s.x_t[-1]),
                                dW_hh=lambda s: np.outer(s.da[-1], s.h_prev[-1]), db=lambda s: s.da[-1])),
            Mistake("B27", "You add over the batch before you multiply, so that the gradient of one sample meets the "
                    "input of another. Which belong together?",
                    _wrong_step(dW_xh=lambda s: np.outer(s.da.sum(0), s.x_t.sum(0)),
                                dW_hh=lambda s: np.outer(s.da.sum(0), s.h_prev.sum(0)))),
            Mistake("B28", "Is 1 - h^2 the same as (1 - h)^2? Try h = -0.5.",
                    _wrong_step(da=lambda s: s.dh_t * (1 - s.h_t) ** 2)),
            Mistake("B29", "Does a gradient of h_t reach h_prev without passing through the tanh?",
                    _wrong_step(dh_prev=lambda s: s.da @ s.W_hh + s.dh_t)),
            Mistake("B30", "Your db has one entry a sample. Which axis do all samples share?",
                    _wrong_step(db=lambda s: s.da.sum(1))),
            Mistake("B31", "Your slope is 1 where h_t is positive and 0 elsewhere, which is that of another function. "
                    "What is the slope of tanh?", _wrong_step(da=lambda s: s.dh_t * (s.h_t > 0))),
            Mistake("B32", "The slope of tanh is never negative; yours is where h_t = 0.9. Do you take a square, or "
                    "twice the state?", _wrong_step(da=lambda s: s.dh_t * (1 - 2 * s.h_t))),
        ),
    ),
    Question(
        "rnn_backward", number="C2", module="bptt", points=8, minutes=30,
        calls=(BACKWARD,),
        inputs=SEQUENCE, outputs={"dx": "N T D", "dh0": "N H", **GRADIENTS}, oracle=_backward, draw=_states,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=2, T=9, D=7, H=11, hidden=True),
            Case("called twice", N=3, T=8, D=4, H=5, costs=0.25,
                 calls=(BACKWARD, "dx_again, dh0_again, dW_xh_again, dW_hh_again, db_again = "
                        "rnn_backward(dh, x, h0, h, W_xh, W_hh)"),
                 hint="A second call with the same arrays gives another answer: what is kept between calls?"),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token: "
                 "what comes before step 0, and what after the last?"),
            Case("large gradients", N=3, T=6, D=4, H=5, draw=_large, costs=0.25,
                 hint="It fails where gradients are in the hundreds. Do you change them on the way?"),
            Case("large and wide", N=2, T=7, D=6, H=9, draw=_large, costs=0.25, hidden=True,
                 hint="It fails where gradients are in the hundreds. Do you change them on the way?"),
            Case("two steps", N=3, T=2, D=4, H=5, costs=0.25, hidden=True,
                 hint="It fails for a sequence of two tokens."),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.125, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one feature", N=3, T=6, D=1, H=5, waive=("D = 1",), costs=0.125, hidden=True,
                 hint="It fails for tokens of one feature: is an axis squeezed away?"),
            Case("one unit", N=3, T=6, D=4, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for a state of one unit: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("T01", "A gradient comes in at every t. What becomes of dh[:, 2] in your code?",
                    _wrong_loop(g=lambda s: s.dh[:, s.t] * (s.t == s.T - 1) + s.carry)),
            Mistake("T02", "No step hears of the losses of later steps: this is not yet through time. Who else uses "
                    "h[:, t], besides the loss of step t?", _wrong_loop(g=lambda s: s.dh[:, s.t])),
            Mistake("T03", "Every step uses the same weights. What is left of step T-1 in dW_xh when your loop ends?",
                    _wrong_loop(dW_xh=lambda s: s.da.T @ s.x[:, s.t], dW_hh=lambda s: s.da.T @ s.h_prev,
                                db=lambda s: s.da.sum(0))),
            Mistake("T05", ONCE.format("db"), _wrong_loop(db=lambda s: s.da.sum(0))),
            Mistake("T06", "Which step knows the whole gradient of its state before any other does, the "
                    "first or the last?", _wrong_loop(steps=lambda s: range(s.T))),
            Mistake("T07", "Each step has its own tanh, with its own slope. Which state do you take it from at t = 0?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h[:, -1] ** 2))),
            Mistake("T08", "Which state entered step t: h[:, t], or one that is older? Only dW_hh depends on it.",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t])),
            Mistake("T13", "Your dh0 is the gradient at h[:, 0]. What lies between h0 and h[:, 0]?",
                    _wrong_loop(dh0=lambda s: s.g)),
            Mistake("T14", "Your dx[:, 0] is all zeros: step 0 never runs. Where does your range end?",
                    _wrong_loop(steps=lambda s: range(s.T - 1, 0, -1))),
            Mistake("T14b", "The last step never runs. Where does your range begin?",
                    _wrong_loop(steps=lambda s: range(s.T - 2, -1, -1))),
            Mistake("T17", "It is 1/N of the right gradient: where does the average over the batch belong, here or "
                    "in the loss?", _wrong_loop(share=lambda s: 1 / len(s.h0))),
            Mistake("T18", "Follow dh[:, T-1] through your code: how often is it added?",
                    _wrong_loop(start=lambda s: s.dh[:, -1])),
            Mistake("T19", "What step t+1 passes back holds all that comes from later. What do you still add to it?",
                    _wrong_loop(carry=lambda s: s.carry + s.da @ s.W_hh)),
            Mistake("T20", "From h[:, t] to h[:, t-1] the gradient goes through two things, W_hh and one more. Which?",
                    _wrong_loop(carry=lambda s: s.g @ s.W_hh)),
            Mistake("T23", "At step t the loss of step t alone comes in. On which way do the other steps' losses come?",
                    _wrong_loop(g=lambda s: s.dh.sum(1) + s.carry)),
            Mistake("T25", "Your dx is reversed in time. To which token does each entry belong?",
                    _wrong_loop(slot=lambda s: s.T - 1 - s.t)),
            Mistake("T26", "All your dx[:, t] but one are zeros. Where does each step put its own?",
                    _wrong_loop(slot=lambda s: 0)),
            Mistake("T27", "You square what went into the tanh. In tanh' = 1 - tanh(a)^2, which array is tanh(a)?",
                    _wrong_loop(da=lambda s: s.g * (1 - (s.x[:, s.t] @ s.W_xh.T + s.h_prev @ s.W_hh.T) ** 2))),
            Mistake("T28", "Where h is near 1 the tanh is flat, and hardly any gradient gets through. Does "
                    "your code know?", _wrong_loop(da=lambda s: s.g)),
            Mistake("T29", "Large gradients are cut off on their way back. Is that still the gradient of the loss?",
                    _wrong_loop(carry=lambda s: np.clip(s.da @ s.W_hh, -1, 1))),
            Mistake("T57", "No entry of your gradients is beyond 5. Is this the function that is to hold them back?",
                    _wrong_loop(end=lambda s: tuple(np.clip(grad, -5, 5) for grad in LOOP_LINES["end"](s)))),
            Mistake("T30", "Is dL/dW_hh made of the gradient before it goes back through W_hh, or after?",
                    _wrong_loop(dW_hh=lambda s: s.dW_hh + s.carry.T @ s.h_prev)),
            Mistake("T09", SQUARE + "the gradient of which unit goes back to which unit of the state before?",
                    _wrong_loop(carry=lambda s: s.da @ s.W_hh.T)),
            Mistake("T10", "Is the slope at step t that of the state that entered, or of the one that came out?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h_prev**2))),
            Mistake("T11", "What is h[:, t-1] at t = 0? Python wraps round to the last state.",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t - 1])),
            Mistake("T12", "Your dh0 is all zeros. What does step 0 pass back, and to whom?",
                    _wrong_loop(dh0=lambda s: np.zeros_like(s.h0))),
            Mistake("T15", "With h0 = 0 your dW_hh would be right. What did W_hh act on at t = 0?",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t - 1] if s.t else np.zeros_like(s.h0))),
            Mistake("T16", "dW_xh comes from a gradient that went through the tanh. Does dx?",
                    _wrong_loop(dx=lambda s: s.g @ s.W_xh)),
            Mistake("T21", "h has been through the tanh already. How often does it go through in your code?",
                    _wrong_loop(da=lambda s: s.g * (1 - np.tanh(s.h[:, s.t]) ** 2))),
            Mistake("T22", "Your dh0 went through the tanh of step 0. What else lies between h0 and h[:, 0]?",
                    _wrong_loop(dh0=lambda s: s.da)),
            Mistake("T24", "dW_hh[i, j] pairs unit i after a step with unit j before it. Which is the row in yours?",
                    _wrong_loop(dW_hh=lambda s: s.dW_hh + s.h_prev.T @ s.da)),
            Mistake("T32", "The slope of tanh is never above 1. What is yours where h = -0.5?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h[:, s.t]))),
            Mistake("T33", "Your slope is that of the sigmoid. What is the derivative of tanh, in terms of h?",
                    _wrong_loop(da=lambda s: s.g * s.h[:, s.t] * (1 - s.h[:, s.t]))),
            Mistake("T34", "How many tanh lie between h[:, t] and what went into it? How often is the slope taken?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h[:, s.t] ** 2) ** 2)),
            Mistake("T35", "Python squares first, then multiplies, then subtracts. What is taken away from what in "
                    "your dL/da?", _wrong_loop(da=lambda s: s.g * 1 - s.h[:, s.t] ** 2)),
            Mistake("T36", "What comes back from t+1 is a part of the gradient of h[:, t]. Does that part go through "
                    "the tanh of step t in yours?",
                    _wrong_loop(da=lambda s: s.dh[:, s.t] * (1 - s.h[:, s.t] ** 2) + (s.g - s.dh[:, s.t]))),
            Mistake("T37", "In which order are dW_xh and dW_hh to be returned?",
                    _wrong_loop(end=lambda s: (s.dx, s.first, s.dW_hh, s.dW_xh, s.db))),
            Mistake("T38", "dW_xh must have the shape of W_xh. Which of its axes is H?",
                    _wrong_loop(end=lambda s: (s.dx, s.first, s.dW_xh.T, s.dW_hh, s.db))),
            Mistake("T39", MEAN,
                    _wrong_loop(db=lambda s: s.db + s.da.mean(0))),
            Mistake("T40", "Your db has an axis too many. What is the shape of b?",
                    _wrong_loop(end=lambda s: (s.dx, s.first, s.dW_xh, s.dW_hh, s.db[None]))),
            Mistake("T41", ONCE.format("dW_xh"),
                    _wrong_loop(dW_xh=lambda s: s.da.T @ s.x[:, s.t])),
            Mistake("T42", ONCE.format("dW_hh"),
                    _wrong_loop(dW_hh=lambda s: s.da.T @ s.h_prev)),
            Mistake("T43", "Which state entered step 0: h[:, 0], or one that is older?",
                    _wrong_loop(h_prev=lambda s: s.h[:, max(s.t - 1, 0)])),
            Mistake("T44", "Your dh0 went back through W_hh once too often. How many steps lie between h0 and h[:, 0]?",
                    _wrong_loop(dh0=lambda s: s.carry @ s.W_hh)),
            Mistake("T45", "dx[:, t] is made of the same gradient as dW_xh at t. Does yours go through W_hh first?",
                    _wrong_loop(dx=lambda s: s.carry @ s.W_xh)),
            Mistake("T31", "It is 1/T of the right gradient. Is a weight that is used T times moved by the sum of "
                    "its uses, or by their mean?", _wrong_loop(share=lambda s: 1 / s.T)),
            Mistake("T46", "Step 0 gives nothing to this gradient in yours. What did it use the parameter on?",
                    _wrong_loop(dW_xh=lambda s: s.dW_xh + (s.t > 0) * s.da.T @ s.x[:, s.t],
                                dW_hh=lambda s: s.dW_hh + (s.t > 0) * s.da.T @ s.h_prev,
                                db=lambda s: s.db + (s.t > 0) * s.da.sum(0))),
            Mistake("T47", "Is 1 - h^2 the same as (1 - h)^2? Try h = -0.5.",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h[:, s.t]) ** 2)),
            Mistake("T48", "What you hand to step t-1 still holds the gradient of h[:, t] itself. Which part of it "
                    "reaches h[:, t-1]?", _wrong_loop(carry=lambda s: s.g + s.da @ s.W_hh)),
            Mistake("T49", "From h[:, t] to h[:, t-1] the gradient goes through two things, the tanh and one more. "
                    "Which?", _wrong_loop(carry=lambda s: s.da)),
            Mistake("T50", "Which token did step t read: x[:, t], or the one before it?",
                    _wrong_loop(dW_xh=lambda s: s.dW_xh + s.da.T @ s.x[:, s.t - 1])),
            Mistake("T51", "Each token is read at one step. Is your dx[:, t] of that step alone, or a running sum?",
                    _wrong_loop(dx=_running_dx)),
            Mistake("T52", "dh0 is what step 0 passes back. After which turn of the loop do you take it?",
                    _wrong_loop(dh0=lambda s: s.sent[0])),
            Mistake("T53", "Every dx[:, t] holds the sum over all steps. Which step read the token x[:, t]?",
                    _wrong_loop(end=lambda s: (np.repeat(s.dx.sum(1, keepdims=True), s.T, 1), s.first, s.dW_xh,
                                               s.dW_hh, s.db))),
            Mistake("T54", "Change dh: nothing moves, as if the gradient of the last state were 1. Where does what "
                    "the losses send in come into your loop?",
                    _wrong_loop(start=lambda s: np.ones_like(s.h0), g=lambda s: s.carry)),
            Mistake("T55", "The slope of tanh is never negative; yours is where h = 0.9. Do you take a square, or "
                    "twice the state?", _wrong_loop(da=lambda s: s.g * (1 - 2 * s.h[:, s.t]))),
            Mistake("T56", "What comes back from t+1 is taken away from dh[:, t] in yours. How do the gradients of two "
                    "uses of one state come together?", _wrong_loop(g=lambda s: s.dh[:, s.t] - s.carry)),
        ),
    ),
    Question(
        "output_head_backward", number="C3", module="bptt", points=2, minutes=8,
        calls=("dh, dW_hy, db_y = output_head_backward(dy, h, W_hy)",),
        inputs={"dy": "N T V", "h": "N T H", "W_hy": "V H"}, outputs={"dh": "N T H", "dW_hy": "V H", "db_y": "V"},
        oracle=_head,
        cases=(
            Case("small", N=3, T=8, H=5, V=6),
            Case("wide", N=2, T=5, H=9, V=13, hidden=True),
            Case("one step", N=3, T=1, H=5, V=6, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token."),
            Case("one sample", N=1, T=7, H=5, V=6, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, T=8, H=5, V=6, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("HB1", "b_y is added at every (n, t). Which of them reach your db_y?",
                    _wrong_head(db_y=lambda dy, h, W_hy: dy[:, -1].sum(0))),
            Mistake("HB2", "W_hy is used at every t. Which steps reach your dW_hy?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: dy[:, -1].T @ h[:, -1])),
            Mistake("HB3", "It is an average over all (n, t). Which division is in dy already?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: np.einsum("ntv,nth->vh", dy, h) / (dy.shape[0] * dy.shape[1]),
                                db_y=lambda dy, h, W_hy: dy.mean((0, 1)))),
            Mistake("HB4", "Your db_y still has a time axis. What is the shape of b_y?",
                    _wrong_head(db_y=lambda dy, h, W_hy: dy.sum(0))),
            Mistake("HB5", "Is there a tanh between h and y?",
                    _wrong_head(dh=lambda dy, h, W_hy: (dy @ W_hy) * (1 - h**2))),
            Mistake("HB6", "dW_hy must have the shape of W_hy. Which of its axes is V?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: np.einsum("nth,ntv->hv", h, dy))),
            Mistake("HB7", "You add over time before you multiply, so that the scores of one step meet the "
                    "states of another. Which h belongs to dy[:, t]?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: dy.sum(1).T @ h.sum(1))),
            Mistake("HB8", "Your rows of dy and of h are in different orders. Is a reshape a swap of axes?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: (
                        dy.swapaxes(0, 1).reshape(-1, dy.shape[2]).T @ h.reshape(-1, h.shape[2])))),
            Mistake("HB9", "Your db_y still has a batch axis. What is the shape of b_y?",
                    _wrong_head(db_y=lambda dy, h, W_hy: dy.sum(1))),
            Mistake("HB10", "Every h[:, t] made scores, not the last one alone. Which t have a gradient in your dh?",
                    _wrong_head(dh=lambda dy, h, W_hy: np.concatenate([0 * h[:, :-1], dy[:, -1:] @ W_hy], 1))),
            Mistake("HB12", "Your db_y is an average over all (n, t). Which division is in dy already?",
                    _wrong_head(db_y=lambda dy, h, W_hy: dy.mean((0, 1)))),
            Mistake("HB13", "Your db_y is one number, repeated. Which axes of dy does b_y not have?",
                    _wrong_head(db_y=lambda dy, h, W_hy: np.full(len(W_hy), dy.sum()))),
            Mistake("HB14", "It is 1/N of the right gradient. Which division is in dy already?",
                    _wrong_head(dW_hy=lambda dy, h, W_hy: np.einsum("ntv,nth->vh", dy, h) / len(dy),
                                db_y=lambda dy, h, W_hy: dy.sum((0, 1)) / len(dy))),
            Mistake("HB11", "Your db_y has axes of length 1 too many: keepdims?",
                    _wrong_head(db_y=lambda dy, h, W_hy: dy.sum((0, 1), keepdims=True))),
        ),
    ),
    Question(
        "embedding_backward", number="C4", module="bptt", points=2, minutes=8,
        calls=("dE = embedding_backward(dx, tokens, V)",),
        inputs={"dx": "N T D", "tokens": "int N T", "V": "size"}, outputs={"dE": "V D"},
        oracle=_embedding, draw=_tokens(),
        cases=(
            Case("small", N=3, T=8, D=4, V=6),
            Case("wide", N=5, T=7, D=3, V=11, hidden=True),
            Case("every token", N=2, T=9, D=4, V=7, draw=_tokens("all"), costs=0.25,
                 hint="Here every token of the vocabulary occurs, the first and the last too."),
            Case("one token", N=3, T=5, D=4, V=7, draw=_tokens("one"), waive=("tokens is constant",), costs=0.25,
                 hidden=True,
                 hint="Here one token stands everywhere: all gradients go to its row, and the others stay zero."),
            Case("one step", N=6, T=1, D=4, V=5, waive=("T = 1",), costs=0.25, hidden=True,
                 hint="It fails for sequences of one token."),
            Case("one sample", N=1, T=7, D=4, V=6, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, V=6, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("E01", "A token that occurs twice gets the last of its gradients only. Do they add up in "
                    "yours? (With repeated indices numpy adds the last one only.)", _wrong_table(_fancy)),
            Mistake("E02", "You subtract where gradients add up. Is this the gradient, or already an update?",
                    _wrong_table(end=lambda dE, tokens: -dE)),
            Mistake("E03", "A token that occurs often gets the mean of its gradients. What does its row need?",
                    _wrong_table(end=lambda dE, tokens: dE / np.maximum(
                        np.bincount(tokens.ravel(), minlength=len(dE)), 1)[:, None])),
            Mistake("E04", "Only the last token of each sample reaches the table. Which of the others used a row?",
                    _wrong_table(lambda dE, tokens, dx: np.add.at(dE, tokens[:, -1], dx[:, -1]))),
            Mistake("E05", "Your dE ends with the largest token that occurs. How many rows has the table?",
                    _wrong_table(rows=lambda tokens, V: int(tokens.max()) + 1)),
            Mistake("E06", "In your loop over t, what happens to two samples that read the same token at the same t?",
                    _wrong_table(_each(1))),
            Mistake("E07", "In your loop over samples, what happens to a token that stands twice in one sample?",
                    _wrong_table(_each(0))),
            Mistake("E08", "Your dE is 1/N of the right one: where does the average over the batch belong?",
                    _wrong_table(end=lambda dE, tokens: dE / len(tokens))),
            Mistake("E09", "dE must have the shape of the table. Which of its axes is V?",
                    _wrong_table(end=lambda dE, tokens: dE.T)),
            Mistake("E10", "Every row of your dE is one that a token with the id before or after should "
                    "have. Where do the ids begin?",
                    _wrong_table(lambda dE, tokens, dx: np.add.at(dE, tokens - 1, dx))),
            Mistake("E11", "A token that occurs twice gets the first of its gradients only. Do they add up in yours?",
                    _wrong_table(_first_of_each)),
            Mistake("E12b", "Your row of token 0 is all zeros. Is 0 a token like any other here, or padding?",
                    _wrong_table(end=lambda dE, tokens: np.where(np.arange(len(dE))[:, None] > 0, dE, 0.0))),
            Mistake("E12", "The last token of each sample is left out. Where does your range, or your slice, end?",
                    _wrong_table(lambda dE, tokens, dx: np.add.at(dE, tokens[:, :-1], dx[:, :-1]))),
            Mistake("E13", "Your tokens and your gradients are in different orders. Is a reshape a swap of axes?",
                    _wrong_table(_other_order)),
            Mistake("DT2", "Your dE holds whole numbers: everything after the point is cut off. Which dtype did its zeros "
                    "take over?", _wrong_table(_whole_numbers)),
        ),
    ),
    Question(
        "rnn_backward_truncated", number="C5", module="bptt", points=5, minutes=20,
        calls=(TRUNCATED,),
        inputs={**SEQUENCE, "k": "size"}, outputs=GRADIENTS, oracle=_truncated, draw=_states,
        cases=(
            Case("small", N=2, T=8, D=4, H=5, k=3),
            Case("wide", N=2, T=11, D=7, H=9, k=4, hidden=True),
            Case("ragged end", N=3, T=7, D=4, H=6, k=5, costs=0.5,
                 hint="The last chunk is shorter than k here. Does it count, and where do chunks begin?"),
            Case("chunks of one", N=3, T=6, D=4, H=5, k=1, waive=("k = 1", "T mod k = 0"), costs=0.25,
                 hint="With k = 1 no step sends anything back to the one before."),
            Case("one chunk", N=3, T=6, D=4, H=5, k=6, waive=("T = k", "T mod k = 0"), costs=0.25, hidden=True,
                 hint="With k = T nothing is cut: the answer is that of rnn_backward."),
            Case("longer than the sequence", N=3, T=6, D=4, H=5, k=20, waive=("k > T",), costs=0.25, hidden=True,
                 hint="With k > T nothing is cut: the answer is that of rnn_backward."),
            Case("even chunks", N=3, T=8, D=4, H=5, k=2, waive=("T mod k = 0",), costs=0.25, hidden=True,
                 hint="Here T is a multiple of k: where is the last boundary?"),
            Case("one step", N=3, T=1, D=4, H=5, k=2, waive=("T = 1", "k > T"), costs=0.25, hidden=True,
                 hint="It fails for a sequence of one token."),
            Case("one sample", N=1, T=8, D=4, H=5, k=3, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("called twice", N=2, T=8, D=4, H=5, k=3, costs=0.25, hidden=True,
                 calls=(TRUNCATED, "dW_xh_again, dW_hh_again, db_again = "
                        "rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k)"),
                 hint="A second call with the same arrays gives another answer: what is kept between calls?"),
            Case("strided", N=2, T=8, D=4, H=5, k=3, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("K03", "You count chunks from the end of the sequence. Where does the first one begin?",
                    _wrong_loop(cut=lambda s: (s.T - 1 - s.t) % s.k == 0)),
            Mistake("K04", "Your chunks are one step too short. For k = 3, which t are in the first?",
                    _wrong_loop(cut=lambda s: (s.t + 1) % max(s.k - 1, 1) == 0)),
            Mistake("K06", "The gradient is cut at a boundary; is the state? What did W_hh act on there?",
                    _wrong_loop(h_prev=lambda s: np.zeros_like(s.h0) if _starts_chunk(s) else s.h[:, s.t - 1] if s.t
                                else s.h0)),
            Mistake("K09", "At the end of a chunk nothing comes back from the next one. Does the loss of "
                    "that step itself still come in?",
                    _wrong_loop(g=lambda s: s.dh[:, s.t] * (s.t == s.T - 1 or (s.t + 1) % s.k != 0) + s.carry)),
            Mistake("K10", "In yours the loss of each step looks k steps back, over every boundary. Are "
                    "chunks that do not overlap the same?", _sliding),
            Mistake("K11", "The first step of a chunk had a state before it. What does that give to dW_hh?",
                    _wrong_loop(dW_hh=lambda s: s.dW_hh + (s.da.T @ s.h_prev) * (s.t % s.k != 0))),
            Mistake("K12", "The last chunk is missing where it is shorter. How many chunks has T = 8 with k = 3?",
                    _wrong_loop(steps=lambda s: range(s.T // s.k * s.k - 1, -1, -1))),
            Mistake("K01", "This is the gradient through all of time. Where in your code does k count?",
                    _wrong_loop(cut=lambda s: False)),
            Mistake("K02", "Your boundaries are one step early or late. For k = 3, is the cut between t = 2 "
                    "and 3, or 0 and 1?", _wrong_loop(cut=lambda s: s.t % s.k == 0)),
            Mistake("K05", "Nothing goes back even within a chunk. Once a chunk or once a step: how often do you cut?",
                    _wrong_loop(cut=lambda s: True)),
            Mistake("K07", "Only the last k steps of the sequence reach your gradients. What about the chunks before?",
                    _wrong_loop(cut=lambda s: False, steps=lambda s: range(s.T - 1, max(s.T - 1 - s.k, -1), -1))),
            Mistake("K07b", "What the last chunk gives is all that is left. What becomes of the other chunks in your loop?",
                    _wrong_loop(steps=lambda s: range(s.T - 1, (s.T - 1) // s.k * s.k - 1, -1))),
            Mistake("K08", "You begin every chunk with h0. Which state did the forward pass carry into it?",
                    _wrong_loop(h_prev=lambda s: s.h0 if s.t % s.k == 0 else s.h[:, s.t - 1])),
            Mistake("K40", "Before the first step of a chunk stands the state of one step earlier. Which t is that, where the "
                    "chunk begins at t = 3?",
                    _wrong_loop(h_prev=lambda s: s.h0 if s.t == 0 else s.h[:, s.t - (s.t % s.k != 0)])),
            Mistake("K13", "Your gradients are divided by the number of chunks. All chunks use the same "
                    "weights: sum or mean?", _wrong_loop(share=lambda s: 1 / -(-s.T // s.k))),
            Mistake("K14", "All chunks use the same weights. What becomes of the last chunk's dW_xh in your code?",
                    _wrong_loop(dW_xh=_one_chunk_kept("dW_xh"), dW_hh=_one_chunk_kept("dW_hh"),
                                db=_one_chunk_kept("db"))),
            Mistake("K15", "Your chunks are one step too long. For k = 3, which t are in the first?",
                    _wrong_loop(cut=lambda s: (s.t + 1) % (s.k + 1) == 0)),
            Mistake("K16", "It is 1/N of the right gradient: where does the average over the batch belong, here or "
                    "in the loss?", _wrong_loop(share=lambda s: 1 / len(s.h0))),
            Mistake("K17", SQUARE + "the gradient of which unit goes back to which unit of the state before?",
                    _wrong_loop(carry=lambda s: s.da @ s.W_hh.T)),
            Mistake("K18", "You cut the sequence into k chunks. Is k the number of chunks, or of steps in each?",
                    _wrong_loop(cut=lambda s: (s.t + 1) % max(s.T // s.k, 1) == 0)),
            Mistake("K19", "A gradient comes in at every step of a chunk. Which of them do you use?",
                    _wrong_loop(g=lambda s: s.dh[:, s.t] * _ends_chunk(s) + s.carry)),
            Mistake("K21", "Where h is near 1 the tanh is flat, and hardly any gradient gets through. Does your code "
                    "know?", _wrong_loop(da=lambda s: s.g)),
            Mistake("K22", "h has been through the tanh already. How often does it go through in your code?",
                    _wrong_loop(da=lambda s: s.g * (1 - np.tanh(s.h[:, s.t]) ** 2))),
            Mistake("K23", "The slope of tanh is never above 1. What is yours where h = -0.5?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h[:, s.t]))),
            Mistake("K24", "Every step uses the same weights. What is left of step T-1 in dW_xh when your loop ends?",
                    _wrong_loop(dW_xh=lambda s: s.da.T @ s.x[:, s.t], dW_hh=lambda s: s.da.T @ s.h_prev,
                                db=lambda s: s.da.sum(0))),
            Mistake("K25", ONCE.format("db"), _wrong_loop(db=lambda s: s.da.sum(0))),
            Mistake("K26", "dW_hh[i, j] pairs unit i after a step with unit j before it. Which is the row in yours?",
                    _wrong_loop(dW_hh=lambda s: s.dW_hh + s.h_prev.T @ s.da)),
            Mistake("K27", "From h[:, t] to h[:, t-1] the gradient goes through two things, W_hh and one more. Which?",
                    _wrong_loop(carry=lambda s: s.g @ s.W_hh)),
            Mistake("K28", "What is h[:, t-1] at t = 0? Python wraps round to the last state.",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t - 1])),
            Mistake("K29", "With h0 = 0 your dW_hh would be right. What did W_hh act on at t = 0?",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t - 1] if s.t else np.zeros_like(s.h0))),
            Mistake("K30", "Is the slope at step t that of the state that entered, or of the one that came out?",
                    _wrong_loop(da=lambda s: s.g * (1 - s.h_prev**2))),
            Mistake("K31", "In which order are dW_xh and dW_hh to be returned?",
                    _wrong_loop(end=lambda s: (s.dx, s.first, s.dW_hh, s.dW_xh, s.db))),
            Mistake("K32", "What step t+1 passes back holds all that comes from later. What do you still add to it?",
                    _wrong_loop(carry=lambda s: s.carry + s.da @ s.W_hh)),
            Mistake("K33", "Is dL/dW_hh made of the gradient before it goes back through W_hh, or after?",
                    _wrong_loop(dW_hh=lambda s: s.dW_hh + s.carry.T @ s.h_prev)),
            Mistake("K20", "Which state entered step t: h[:, t], or one that is older? Only dW_hh depends on it.",
                    _wrong_loop(h_prev=lambda s: s.h[:, s.t])),
        ),
    ),
)  # fmt: skip
