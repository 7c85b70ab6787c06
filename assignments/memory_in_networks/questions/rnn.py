"""Part B: one step, the loop, the scores, the loss, and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles

Array = np.ndarray[Any, Any]
WEIGHTS = {"W_xh": "H D", "W_hh": "H H", "b": "H"}
STEP = {"x_t": "N D", "h_prev": "N H", **WEIGHTS}
SEQUENCE = {"x": "N T D", "h0": "N H", **WEIGHTS}
# Zeros for h0, and h[:, -1] of an array that is still empty, are the same numbers.
H0_HINT = (
    "At t = 0 the previous state is the h0 that was passed in: give h0 = ones, does your h[:, 0] change? "
    "And what does h[:, t-1] mean at t = 0?"
)

CALLED_TWICE = (
    "h_t = rnn_step(x_t, h_prev, W_xh, W_hh, b)", "h_t_again = rnn_step(x_t, h_prev, W_xh, W_hh, b)",
)  # fmt: skip
KEPT = "A second call with the same arrays gives another answer: what is kept between calls?"
LARGE = (
    "Here scores are a thousand and more: exp of the largest is infinite and exp of the others 0. What do your "
    "logarithm and your quotient make of them?"
)
SATURATED = "Here most states are 1 or -1. What does your tanh make of a sum of 800, and of one of -800?"
NOTHING_KEPT = "No position is kept: the loss is 0.0 and the gradient zeros, not 0/0."
KEPT_FROM_0 = "p is kept away from 0 before the logarithm. What is the largest loss that one position can have then?"

# ---------------------------------------------------------------- oracles


@oracles.with_torch
def _step(x_t: Any, h_prev: Any, W_xh: Any, W_hh: Any, b: Any) -> Any:
    import torch

    return torch.rnn_tanh_cell(x_t, h_prev, W_xh, W_hh, b, torch.zeros_like(b))


_forward = oracles.with_torch(oracles.rnn)


@oracles.with_torch
def _head(h: Any, W_hy: Any, b_y: Any) -> Any:
    import torch

    return torch.nn.functional.linear(h, W_hy, b_y)


@oracles.with_torch
def _loss(y: Any, targets: Any, mask: Any) -> Any:
    import torch

    if not mask.any():
        return 0.0, torch.zeros_like(y)
    (y,) = oracles.leaf(y)
    loss = torch.nn.functional.cross_entropy(y[mask], targets[mask])
    return loss, oracles.gradients(loss, torch.ones_like(loss), {"y": y})["y"]


@oracles.with_torch
def _masked(x: Any, lengths: Any, h0: Any, W_xh: Any, W_hh: Any, b: Any) -> Any:
    """Each sample by itself, over its own length; from there on its state stands still."""
    import torch

    h = []
    for n, length in enumerate(lengths.tolist()):
        own = oracles.rnn(x[n : n + 1, :length], h0[n : n + 1], W_xh, W_hh, b)[0] if length else h0[:0]
        last = own[-1] if length else h0[n]
        h.append(torch.cat([own, last.expand(x.shape[1] - length, -1)]))
    return torch.stack(h), torch.stack([states[-1] for states in h])


# ---------------------------------------------------------------- mistakes


def _wrong_step(formula: Any) -> Any:
    """A step that is `formula(from_x, from_h, b)` of the two products and the bias."""
    return lambda x_t, h_prev, W_xh, W_hh, b: formula(x_t @ W_xh.T, h_prev @ W_hh.T, b)


def _tanh_of_exponentials(u: Array, v: Array, b: Array) -> Array:
    up, down = np.exp(u + v + b), np.exp(-(u + v + b))
    return (up - down) / (up + down)


def _tanh_of_one_exponential(sign: float) -> Any:
    """tanh by one exponential, of `sign` times twice the sum: it overflows on one side only."""

    def tanh(u: Array, v: Array, b: Array) -> Array:
        e = np.exp(sign * 2 * (u + v + b))
        return sign * (e - 1) / (e + 1)

    return tanh


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _softmax(a: Array, axis: int = -1) -> Array:
    e = np.exp(a - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _loop(before: Any = None, token: Any = None, steps: Any = range, new: Any = None, store: str = "new",
          step: Any = None) -> Any:  # fmt: skip
    """A loop over time that goes wrong where an argument says so.

    before(prev, h, h0, t): the previous state that is used. token(x, t): the input that is read. steps(T): which
    steps run. new(a, prev, t, b): the new state from both products, bias not yet in. store: "new" or "prev".
    step: a wrong step to run in the loop.
    """

    def forward(x: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array) -> Array:
        h, prev = np.zeros((*x.shape[:2], len(b))), h0
        for t in steps(x.shape[1]):
            used = before(prev, h, h0, t) if before else prev
            read = token(x, t) if token else x[:, t]
            a = read @ W_xh.T + used @ W_hh.T
            state = new(a, used, t, b) if new else np.tanh(a + b)
            state = step(read, used, W_xh, W_hh, b) if step else state
            h[:, t] = state if store == "new" else used
            prev = state
        return h

    return forward


def _recut(x: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array) -> Array:
    N, T, D = x.shape
    return _loop()(x.reshape(T, N, D).transpose(1, 0, 2), h0, W_xh, W_hh, b)


def _h0_first(x: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array) -> Array:
    h = _loop(before=lambda prev, h, h0, t: prev if t > 1 else h0, steps=lambda T: range(1, T))(x, h0, W_xh, W_hh, b)
    h[:, 0] = h0
    return h


def _one_after_another(x: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array) -> Array:
    """A sample begins with the state that the one before it ended with."""
    h, state = np.zeros((*x.shape[:2], len(b))), h0[0]
    for n, t in np.ndindex(*x.shape[:2]):
        state = h[n, t] = np.tanh(x[n, t] @ W_xh.T + state @ W_hh.T + b)
    return h


def _with_h0(x: Array, h0: Array, *weights: Array) -> Array:
    return np.concatenate([h0[:, None], _loop()(x, h0, *weights)], axis=1)


def _wrong_loss(count: Any = None, weights: Any = None, target: float = 1.0, sign: float = 1.0, unit: float = 1.0,
                axis: int = -1, loss_mask: bool = True, shift: Any = None, log: Any = None,
                dy: Any = None) -> Any:  # fmt: skip
    """A loss that goes wrong where an argument says so: what it divides by, what it counts, its softmax.

    log(p): where it is not taken as a difference. dy(dy, mask, n): what becomes of the gradient.
    """

    def loss(y: Array, targets: Array, mask: Array) -> Any:
        N, T, _ = y.shape
        m = weights(mask) if weights else mask.astype(float)
        n = count(mask, N, T) if count else max(m.sum(), 1e-300)
        moved = shift(y) if shift else y - y.max(-1, keepdims=True)
        p = np.exp(moved) / np.exp(moved).sum(axis, keepdims=True)
        log_p = log(p) if log else moved - np.log(np.exp(moved).sum(axis, keepdims=True))
        safe = np.where(mask, targets, 0)[..., None]
        picked = np.take_along_axis(log_p, safe, -1)[..., 0]
        d = p.copy()
        np.put_along_axis(d, safe, np.take_along_axis(d, safe, -1) - target, -1)
        total = (picked * m).sum() if loss_mask else picked.sum()
        grad = sign * d * m[..., None] / n
        return float(-sign * unit * total / n), dy(grad, mask, n) if dy else grad

    return loss


def _per_sequence(mask: Array) -> Array:
    return mask / np.maximum(mask.sum(1, keepdims=True), 1) / len(mask)


def _zeros_on_padding(dy: Array, mask: Array, n: Any) -> Array:
    """Written, not multiplied: nan times zero is nan."""
    return np.where(mask[..., None], dy, 0.0)


def _gradient_everywhere(y: Array, targets: Array, mask: Array) -> Any:
    """The mask counts in the loss, and in what both are divided by."""
    loss, _ = _wrong_loss()(y, targets, mask)
    _, dy = _wrong_loss(count=lambda m, N, T: max(mask.sum(), 1))(y, targets, np.ones(mask.shape, bool))
    return loss, dy


def _probabilities_on_padding(y: Array, targets: Array, mask: Array) -> Any:
    """The target is taken off at kept positions alone, and what is left at the others stays there."""
    loss, dy = _wrong_loss()(y, targets, mask)
    e = np.exp(y - y.max(axis=-1, keepdims=True))
    return loss, np.where(mask[..., None], dy, e / e.sum(axis=-1, keepdims=True) / max(mask.sum(), 1))


def _wrong_masked(live: Any = None, pad: str = "carry", last: str = "length", step: Any = None,
                  start: Any = None) -> Any:  # fmt: skip
    """Padding gone wrong: which steps count as live, what stands on padding, which state is the last.

    step: a wrong step to run. start(h0): the state that it begins with.
    """
    step = step or (lambda x_t, h_prev, W_xh, W_hh, b: np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b))

    def forward(x: Array, lengths: Array, h0: Array, W_xh: Array, W_hh: Array, b: Array) -> Any:
        h, prev = np.zeros((*x.shape[:2], len(b))), start(h0) if start else h0
        for t in range(x.shape[1]):
            alive = (live(t, lengths) if live else t < lengths)[:, None]
            state = step(x[:, t], prev, W_xh, W_hh, b)
            carried = np.where(alive, state, prev)
            h[:, t] = {"zero": np.where(alive, state, 0.0), "moving output": state}.get(pad, carried)
            prev = {"frozen output": state, "moving output": carried}.get(pad, h[:, t])
        if last == "one late":
            return h, h[np.arange(len(h)), np.minimum(lengths, h.shape[1] - 1)]
        if last == "every length":
            return h, h[:, lengths - 1]
        if pad == "moving output":
            return h, prev
        if last == "length":
            return h, np.where((lengths > 0)[:, None], h[np.arange(len(h)), lengths - 1], h0)
        return h, h[:, -1]

    return forward


def _back_to_h0(x: Array, lengths: Array, h0: Array, *weights: Array) -> Any:
    h = np.where((np.arange(x.shape[1]) < lengths[:, None])[..., None], _loop()(x, h0, *weights), h0[:, None])
    return h, h[:, -1]


def _no_tokens(x: Array, lengths: Array, h0: Array, *weights: Array) -> Any:
    """Zeros for tokens on padding, where the state moves all the same."""
    h = _loop()(x * (np.arange(x.shape[1]) < lengths[:, None])[..., None], h0, *weights)
    return h, h[:, -1]


def _longest_first(t: int, lengths: Array) -> Array:
    """As many samples as are still running, from the first on."""
    live: Array = np.arange(len(lengths)) < (t < lengths).sum()
    return live


# ---------------------------------------------------------------- draws


def _loss_inputs(scale: float = 0.6, kept: str = "some") -> Any:
    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        N, T, V = sizes["N"], sizes["T"], sizes["V"]
        lengths = np.linspace(T, max(T // 4, 1), N).astype(int)
        mask = {"some": np.arange(T) < lengths[:, None], "none": np.zeros((N, T), bool),
                "all": np.ones((N, T), bool)}[kept]  # fmt: skip
        if kept == "some":
            mask[0, T // 2] = False
        return {"y": normal(rng, (N, T, V), scale), "targets": rng.integers(0, V, (N, T)), "mask": mask}

    return draw


def _large(scale: float) -> Any:
    """Tokens so large that nearly every unit is at 1 or -1."""
    return lambda rng, sizes: {"x_t": normal(rng, (sizes["N"], sizes["D"]), scale)}


def _masked_scores(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    inputs = _loss_inputs()(rng, sizes)
    other = np.where(inputs["mask"][..., None], inputs["y"], 9.0)
    return {**inputs, "y_other": other, "targets_other": np.where(inputs["mask"], inputs["targets"], 0)}


def _lengths(*lengths: int) -> Any:
    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        x = normal(rng, (sizes["N"], sizes["T"], sizes["D"]))
        other = np.where(np.arange(sizes["T"])[None, :, None] < np.array(lengths)[:, None, None], x, 5.0)
        return {"x": x, "x_other": other, "lengths": np.array(lengths)}

    return draw


def _sequence_variants(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A sequence, its two halves, one with later tokens changed, and the batch turned round."""
    N, T, D, H = (sizes[axis] for axis in "NTDH")
    x, h0 = normal(rng, (N, T, D)), normal(rng, (N, H))
    W_xh, W_hh, b = normal(rng, (H, D)), normal(rng, (H, H)), normal(rng, (H,))
    cut = T // 2
    later = np.concatenate([x[:, :cut], normal(rng, (N, T - cut, D))], axis=1)
    return {
        "x": x, "h0": h0, "W_xh": W_xh, "W_hh": W_hh, "b": b, "x_start": x[:, :cut], "x_rest": x[:, cut:],
        "h_middle": _forward(x[:, :cut], h0, W_xh, W_hh, b)[:, -1], "x_later": later,
        "x_turned": x[::-1].copy(), "h0_turned": h0[::-1].copy(),
    }  # fmt: skip


# ---------------------------------------------------------------- questions

QUESTIONS = (
    Question(
        "rnn_step", number="B1", module="rnn", points=4, minutes=10,
        calls=("h_t = rnn_step(x_t, h_prev, W_xh, W_hh, b)",),
        inputs=STEP, outputs={"h_t": "N H"}, oracle=_step,
        cases=(
            Case("small", N=3, D=4, H=5),
            Case("wide", N=7, D=11, H=6, hidden=True),  # more features than units, which no other case has
            Case("one sample", N=1, D=4, H=5, waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=3, D=2, H=1, waive=("H = 1",), costs=0.125, hidden=True),
            Case("called twice", N=3, D=4, H=5, costs=0.25, hidden=True, calls=CALLED_TWICE, hint=KEPT),
            Case("strided", N=3, D=4, H=5, layout="strided", costs=0.25, hidden=True),
            Case("large inputs", N=3, D=4, H=5, draw=_large(800.0), costs=0.125, hint=SATURATED),
            Case("larger inputs", N=4, D=3, H=6, draw=_large(2000.0), costs=0.125, hidden=True, hint=SATURATED),
        ),
        mistakes=(
            Mistake("R02", "All your states are positive. Which squashing function gives values in (-1, 1)?",
                    _wrong_step(lambda u, v, b: _sigmoid(u + v + b))),
            Mistake("R03", "Half your states are exactly 0. Which squashing function does the equation have?",
                    _wrong_step(lambda u, v, b: np.maximum(u + v + b, 0))),
            Mistake("R04", "Set x_t = 0 and h_prev = 0: the state should be tanh(b). What do you get?",
                    _wrong_step(lambda u, v, b: np.tanh(u + v))),
            Mistake("R05", "Set x_t = 0 and h_prev = 0: the state should be tanh(b), not tanh(2b). This cell has one "
                    "bias.", _wrong_step(lambda u, v, b: np.tanh(u + v + 2 * b))),
            Mistake("R06", "Try W_hh = [[0, 1], [0, 0]]: which unit feeds which in the equation, and which in yours?",
                    lambda x_t, h_prev, W_xh, W_hh, b: np.tanh(x_t @ W_xh.T + h_prev @ W_hh + b)),
            Mistake("R07", "Is tanh(a + b) the same as tanh(a) + tanh(b)? How many times does the equation squash?",
                    _wrong_step(lambda u, v, b: np.tanh(u) + np.tanh(v) + np.tanh(b))),
            Mistake("R08", "Where does b sit in the equation: inside or outside the tanh?",
                    _wrong_step(lambda u, v, b: np.tanh(u + v) + b)),
            Mistake("R11", "The state is replaced, not added to. Where does your extra h_prev come from?",
                    lambda x_t, h_prev, W_xh, W_hh, b: h_prev + np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)),
            Mistake("R12", "Each row of your state sums to 1: that is a softmax. Where does one belong?",
                    _wrong_step(lambda u, v, b: _softmax(u + v + b))),
            Mistake("R13", "How many times does your state go through a tanh?",
                    _wrong_step(lambda u, v, b: np.tanh(np.tanh(u + v + b)))),
            Mistake("R14", "Change h_prev alone: does your state move?", _wrong_step(lambda u, v, b: np.tanh(u + b))),
            Mistake("R15", "Change x_t alone: does your state move?", _wrong_step(lambda u, v, b: np.tanh(v + b))),
            Mistake("R16", "Your state is not bounded. What squashes it in the equation?",
                    _wrong_step(lambda u, v, b: u + v + b)),
            Mistake("R17", "Set x_t = 0 and make h_prev large: is your state still inside (-1, 1)? What does the tanh "
                    "hold in the equation?", _wrong_step(lambda u, v, b: np.tanh(u) + v + b)),
            Mistake("R18", "tanh(1) is 0.76. Is yours 0.46? Look at what your exponentials are taken of.",
                    _wrong_step(lambda u, v, b: np.tanh((u + v + b) / 2))),
            Mistake("R19", "Some of your states are exactly 1 or -1. Which function bends smoothly towards them?",
                    _wrong_step(lambda u, v, b: np.clip(u + v + b, -1, 1))),
            Mistake("NU3", "For a sum of 800 exp overflows, and infinity over infinity is nan. Has numpy a tanh that "
                    "does not?", _wrong_step(_tanh_of_exponentials)),
            Mistake("NU3b", "For a sum of -800 your exponential overflows, and infinity over infinity is nan. Has numpy "
                    "a tanh that does not?", _wrong_step(_tanh_of_one_exponential(-1.0))),
            Mistake("NU3c", "For a sum of 800 your exponential overflows, and infinity over infinity is nan. Has numpy "
                    "a tanh that does not?", _wrong_step(_tanh_of_one_exponential(1.0))),
        ),
    ),
    Question(
        "rnn_forward", number="B2", module="rnn", points=5, minutes=15,
        calls=("h = rnn_forward(x, h0, W_xh, W_hh, b)",),
        inputs=SEQUENCE, outputs={"h": "N T H"}, oracle=_forward,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=2, T=23, D=11, H=7, hidden=True),
            Case("in two chunks", N=3, T=12, D=4, H=5, draw=_sequence_variants, costs=0.5,
                 calls=("h = rnn_forward(x_start, h0, W_xh, W_hh, b)",
                        "h_rest = rnn_forward(x_rest, h_middle, W_xh, W_hh, b)"),
                 hint="Feeding the sequence in two chunks, with the state handed over as h0, should change nothing. "
                      "Is some state kept outside the function, or h0 not used?"),
            Case("causal", N=3, T=8, D=4, H=5, draw=_sequence_variants, costs=0.5, hidden=True,
                 calls=("h = rnn_forward(x, h0, W_xh, W_hh, b)", "h_later = rnn_forward(x_later, h0, W_xh, W_hh, b)"),
                 hint="Later tokens were changed, and earlier states should not have moved."),
            Case("batch turned round", N=3, T=8, D=4, H=5, draw=_sequence_variants, costs=0.25, hidden=True,
                 calls=("h = rnn_forward(x, h0, W_xh, W_hh, b)",
                        "h_turned = rnn_forward(x_turned, h0_turned, W_xh, W_hh, b)"),
                 hint="Samples of a batch should not mix: turning the batch round should turn the states round."),
            Case("called twice", N=3, T=8, D=4, H=5, costs=0.25,
                 calls=("h = rnn_forward(x, h0, W_xh, W_hh, b)", "h_again = rnn_forward(x, h0, W_xh, W_hh, b)"),
                 hint="A second call with the same arrays gives another answer: what is kept between calls?"),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token."),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.125, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one feature", N=3, T=6, D=1, H=5, waive=("D = 1",), costs=0.125, hidden=True,
                 hint="It fails for tokens of one feature: is an axis squeezed away?"),
            Case("one unit", N=3, T=6, D=4, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for a state of one unit: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("F01", H0_HINT, _loop(before=lambda prev, h, h0, t: prev if t else np.zeros_like(h0))),
            Mistake("F02", H0_HINT, _loop(before=lambda prev, h, h0, t: h[:, t - 1])),
            Mistake("F03", "h[:, 0] is right, later ones are not: what do you pass as previous state at t = 1?",
                    _loop(before=lambda prev, h, h0, t: h0)),
            Mistake("F04", "Your h[:, t] is the state before token t. What comes first, computing or storing?",
                    _loop(store="prev")),
            Mistake("F05", "Only the last step is missing. Where does your range end?",
                    _loop(steps=lambda T: range(T - 1))),
            Mistake("F06", "The first step never runs. Where does your range begin?",
                    _loop(steps=lambda T: range(1, T))),
            Mistake("F08", "Every step reads the same token. Where is t used?", _loop(token=lambda x, t: x[:, 0])),
            Mistake("F09", "reshape does not swap axes; it cuts the same memory anew and mixes samples. What swaps "
                    "axes?", _recut),
            Mistake("F13", "Which token do you read at t, and which at t = 0?", _loop(token=lambda x, t: x[:, t - 1])),
            Mistake("F14", "The bias is part of every step. At which t do you add it?",
                    _loop(new=lambda a, prev, t, b: np.tanh(a + (b if t == 0 else 0)))),
            Mistake("F15", "As in the step: which unit feeds which? Try W_hh = [[0, 1], [0, 0]].",
                    lambda x, h0, W_xh, W_hh, b: _loop()(x, h0, W_xh, W_hh.T, b)),
            Mistake("F16", "Your h[:, 0] is h0 itself. Which state comes out of step 0?", _h0_first),
            Mistake("F17", "At t you read the token after it. May a state know of what comes later?",
                    _loop(token=lambda x, t: x[:, min(t + 1, x.shape[1] - 1)])),
            Mistake("F18", "The state of the first token should depend on that token and h0 alone. In which direction "
                    "does your loop run?", _loop(steps=lambda T: range(T)[::-1])),
            Mistake("F19", "Only the first sample is right. With which state does the second one begin?",
                    _one_after_another),
            Mistake("F20", "You give one state more than there are tokens. Is h0 the state after a token?", _with_h0),
            Mistake("F21", "Your first axis is time. Which comes first in (N, T, H)?",
                    lambda x, h0, W_xh, W_hh, b: _loop()(x, h0, W_xh, W_hh, b).swapaxes(0, 1)),
            Mistake("F22", "You give the last state alone. For which t are states asked?",
                    lambda x, h0, W_xh, W_hh, b: _loop()(x, h0, W_xh, W_hh, b)[:, -1]),
            Mistake("F23", "reshape does not swap axes; it cuts the same memory anew and mixes samples. What swaps "
                    "axes?", lambda x, h0, W_xh, W_hh, b: (h := _loop()(x, h0, W_xh, W_hh, b)).swapaxes(0, 1)
                    .reshape(h.shape)),
            Mistake("MU6", "Every h[:, t] holds the last state. If one array is kept T times and written to T times, "
                    "what does each of them hold?",
                    lambda x, h0, W_xh, W_hh, b: 0 * (h := _loop()(x, h0, W_xh, W_hh, b)) + h[:, -1:]),
        ),
    ),
    Question(
        "output_head", number="B3", module="rnn", points=1, minutes=3,
        calls=("y = output_head(h, W_hy, b_y)",),
        inputs={"h": "N T H", "W_hy": "V H", "b_y": "V"}, outputs={"y": "N T V"}, oracle=_head,
        cases=(
            Case("small", N=3, T=8, H=5, V=6),
            Case("wide", N=2, T=5, H=9, V=13, hidden=True),
            Case("one step", N=3, T=1, H=5, V=6, waive=("T = 1",), costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("H01", "With h = 0 the scores should equal b_y. What do you get?", lambda h, W_hy, b_y: h @ W_hy.T),
            Mistake("H02", "Scores are unbounded; yours all lie inside (-1, 1). Is there a tanh in the equation of y?",
                    lambda h, W_hy, b_y: np.tanh(h @ W_hy.T + b_y)),
            Mistake("H03", "Each row sums to 1. The loss applies the softmax; what should come in there?",
                    lambda h, W_hy, b_y: _softmax(h @ W_hy.T + b_y)),
            Mistake("H05", "You give scores of one step. For how many t are they asked?",
                    lambda h, W_hy, b_y: h[:, -1] @ W_hy.T + b_y),
            Mistake("H06", "Half of your scores are exactly 0. Is there a nonlinearity in the equation of y?",
                    lambda h, W_hy, b_y: np.maximum(h @ W_hy.T + b_y, 0)),
            Mistake("H04", "The scores are the same at every t. Which h[:, t] do you use?",
                    lambda h, W_hy, b_y: np.repeat(h[:, -1:] @ W_hy.T + b_y, h.shape[1], 1)),
            Mistake("H07", "exp of each row sums to 1: that is a log-softmax. The loss applies the softmax; what "
                    "should come in there?", lambda h, W_hy, b_y: np.log(_softmax(h @ W_hy.T + b_y))),
            Mistake("H08", "All your scores lie in (0, 1). Is there a sigmoid in the equation of y?",
                    lambda h, W_hy, b_y: _sigmoid(h @ W_hy.T + b_y)),
            Mistake("H09", "The scores are the same at every t. Which h[:, t] do you use?",
                    lambda h, W_hy, b_y: np.repeat(h[:, :1] @ W_hy.T + b_y, h.shape[1], 1)),
        ),
    ),
    Question(
        "sequence_loss", number="B4", module="rnn", points=4, minutes=20,
        calls=("loss, dy = sequence_loss(y, targets, mask)",),
        inputs={"y": "N T V", "targets": "int N T", "mask": "bool N T"},
        outputs={"loss": "number", "dy": "N T V"}, oracle=_loss, draw=_loss_inputs(),
        cases=(
            Case("small", N=3, T=8, V=6),
            Case("wide", N=5, T=7, V=11, hidden=True),
            Case("scores of a thousand", N=3, T=4, V=6, draw=_loss_inputs(1000.0), costs=0.5,
                 hint=LARGE),
            Case("scores of two thousand", N=4, T=3, V=7, draw=_loss_inputs(2000.0), costs=0.5, hidden=True,
                 hint=LARGE),
            Case("nothing kept", N=3, T=4, V=6, draw=_loss_inputs(kept="none"), waive=("mask is constant",), costs=0.125,
                 hint=NOTHING_KEPT),
            Case("nothing kept again", N=4, T=3, V=5, draw=_loss_inputs(kept="none"), waive=("mask is constant",),
                 costs=0.125, hint=NOTHING_KEPT, hidden=True),
            Case("masked scores changed", N=3, T=8, V=6, draw=_masked_scores, costs=0.5, hidden=True,
                 calls=("loss, dy = sequence_loss(y, targets, mask)",
                        "loss_other, dy_other = sequence_loss(y_other, targets_other, mask)"),
                 hint="Only scores at masked positions were changed; nothing should have moved."),
        ),
        mistakes=(
            Mistake("L01", "Your loss grows with the number of tokens. By what should it be divided?",
                    _wrong_loss(count=lambda mask, N, T: 1.0)),
            Mistake("L02", "You divide by the number of sequences. How many positions does the mask keep?",
                    _wrong_loss(count=lambda mask, N, T: N)),
            Mistake("L03", "Padding counts in your average. How many positions does the mask keep?",
                    _wrong_loss(count=lambda mask, N, T: N * T)),
            Mistake("L04", "Change a score at a masked position: the loss must not move. Does yours?",
                    _wrong_loss(weights=lambda mask: np.ones(mask.shape))),
            Mistake("L06", "Your gradient honours the mask; does your loss?", _wrong_loss(loss_mask=False)),
            Mistake("L08", "Over which axis must the probabilities sum to 1?", _wrong_loss(axis=1)),
            Mistake("L08b", "Over which axis must the probabilities sum to 1?",
                    _wrong_loss(axis=1, shift=lambda y: y - y.max(1, keepdims=True))),
            Mistake("L09", "The loss is negative. Is cross-entropy log p, or minus log p?", _wrong_loss(sign=-1.0)),
            Mistake("L10", "The gradient of the loss in the scores is p minus something at the target. Is it there?",
                    _wrong_loss(target=0.0)),
            Mistake("L11", "You average each sequence first, so tokens of short sequences weigh more. What does one "
                    "mean over all kept positions give?",
                    _wrong_loss(weights=_per_sequence, count=lambda m, N, T: 1.0)),
            Mistake("L12", "Your loss is 1.4427 times too large, which is 1/ln 2. Which logarithm is meant?",
                    _wrong_loss(unit=1 / np.log(2))),
            Mistake("L13", "Try scores of a thousand: exp overflows. What may be subtracted first?",
                    _wrong_loss(shift=lambda y: y, log=np.log)),
            Mistake("L05", "Your loss is a mean, your gradient is that of a sum. By what is the loss divided?",
                    _wrong_loss(dy=lambda dy, mask, n: dy * n)),
            Mistake("L07", "Your gradient is that of a mean, your loss is a sum. How many positions are kept?",
                    _wrong_loss(unit=1, count=lambda mask, N, T: 1.0,
                                dy=lambda dy, mask, n: dy / max(mask.sum(), 1))),
            Mistake("L13b", "Try scores of a thousand: exp overflows. What may be subtracted first?",
                    _wrong_loss(shift=lambda y: y, log=np.log, dy=_zeros_on_padding)),
            Mistake("L14", "Raise the target's score: the loss should fall. Which sign has its gradient in yours?",
                    _wrong_loss(dy=lambda dy, mask, n: -dy)),
            Mistake("NU5", "Where a score is a thousand below the largest, its p is 0 and log p is minus infinity. "
                    "Does log p need p?", _wrong_loss(log=np.log)),
            Mistake("L18", "Something small is added to p before the logarithm. What is the largest loss that one "
                    "position can have then?", _wrong_loss(log=lambda p: np.log(p + 1e-8))),
            Mistake("NU4", "One maximum for all positions makes the others underflow. Over which axis is the maximum?",
                    _wrong_loss(shift=lambda y: y - y.max())),
            Mistake("NU4b", "One maximum for all positions makes the others underflow. Over which axis is the maximum?",
                    _wrong_loss(shift=lambda y: y - y.max(), dy=_zeros_on_padding)),
            Mistake("L18b", KEPT_FROM_0, _wrong_loss(log=lambda p: np.log(np.maximum(p, 1e-12)))),
            Mistake("L18c", KEPT_FROM_0, _wrong_loss(log=lambda p: np.log(np.maximum(p, 1e-10)))),
            Mistake("L20", "You count the positions that the mask leaves out. What does True mean in it?",
                    lambda y, targets, mask: _wrong_loss()(y, targets, ~mask)),
            Mistake("L21", "Which target belongs to the scores at t: targets[:, t], or the one after it?",
                    lambda y, targets, mask: _wrong_loss()(y, np.roll(targets, -1, axis=1), mask)),
            Mistake("L22", "Only the target's score has a gradient in yours. Does p of the target not fall when the "
                    "score of another class rises?", _wrong_loss(dy=lambda dy, mask, n: np.minimum(dy, 0.0))),
            Mistake("L23", "Your loss honours the mask; does your gradient?", _gradient_everywhere),
            Mistake("L24", "On padding p stands in your gradient, with nothing taken off. What should stand there?",
                    _probabilities_on_padding),
            Mistake("L23b", "Your loss honours the mask; does your gradient?",
                    lambda y, targets, mask: _gradient_everywhere(y, targets * mask, mask)),
            Mistake("NU6", NOTHING_KEPT, _wrong_loss(count=lambda mask, N, T: mask.sum())),
        ),
    ),
    Question(
        "rnn_forward_masked", number="B5", module="rnn", points=3, minutes=15,
        calls=("h, h_last = rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b)",),
        inputs={**SEQUENCE, "lengths": "int N"}, outputs={"h": "N T H", "h_last": "N H"}, oracle=_masked,
        draw=_lengths(8, 5, 2),
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=7, D=3, H=9, draw=_lengths(3, 7, 1, 6), hidden=True),
            Case("all short", N=3, T=8, D=4, H=5, draw=_lengths(6, 5, 2), hidden=True),
            Case("padding changed", N=3, T=8, D=4, H=5, draw=_lengths(4, 7, 2), costs=0.5,
                 calls=("h, h_last = rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b)",
                        "h_other, h_last_other = rnn_forward_masked(x_other, lengths, h0, W_xh, W_hh, b)"),
                 hint="Between h and h_other only padding was changed. Do they differ? And which states does h hold "
                      "where no sample is running any more?"),
            Case("nothing to read", N=3, T=6, D=4, H=5, draw=_lengths(0, 6, 3), costs=0.25,
                 hint="It fails for a sample of length 0."),
        ),
        mistakes=(
            Mistake("V02", "You take one padded step too many. Which is the last t of a sample of length L?",
                    _wrong_masked(live=lambda t, lengths: t <= lengths)),
            Mistake("V02b", "You take one padded step too many. Which is the last t of a sample of length L?",
                    _wrong_masked(live=lambda t, lengths: t <= lengths, last="column")),
            Mistake("V03", "On padding the state is carried on, not zeroed. What does a short sample end with?",
                    _wrong_masked(pad="zero", last="column")),
            Mistake("V03b", "On padding h keeps the last real state; yours holds zeros there.",
                    _wrong_masked(pad="zero")),
            Mistake("V04", "Your output stands still on padding. Does the state that feeds the next step?",
                    _wrong_masked(pad="frozen output", last="column")),
            Mistake("V07", "The last real token is dropped. Which is the last t of a sample of length L?",
                    _wrong_masked(live=lambda t, lengths: t < lengths - 1)),
            Mistake("V09", "Give h0 = ones: does your h[:, 0] change?", _wrong_masked(start=np.zeros_like)),
            Mistake("V10", "Your state moves on padding and stands still on real tokens. Which is which in your "
                    "mask?", _wrong_masked(live=lambda t, lengths: t >= lengths)),
            Mistake("V11", "For a batch whose first sample is the longest: do the others stop at their own length?",
                    _wrong_masked(live=lambda t, lengths: t < lengths[0] + 0 * lengths, last="column")),
            Mistake("V12", "All samples stop when the shortest does. Whose length counts for which sample?",
                    _wrong_masked(live=lambda t, lengths: t < lengths.min() + 0 * lengths, last="column")),
            Mistake("V08", "Where in your code does the length of a sample count?",
                    _wrong_masked(live=lambda t, lengths: t < lengths + 99, last="column")),
            Mistake("V13", "On padding your state goes back to h0. What does a short sample end with?", _back_to_h0),
            Mistake("V14", "On padding you read zeros, and the state moves all the same. What should it do there?",
                    _no_tokens),
            Mistake("V16", "Your h_last is right, and on padding your h moves on. Which of your two states is put into "
                    "h?", _wrong_masked(pad="moving output")),
            Mistake("V17", "You take h at all lengths for every sample. What does an index with a slice pick, and what "
                    "one with two integer arrays?", _wrong_masked(last="every length")),
            Mistake("V15", "You take it that the first sample is the longest and the last the shortest. What if not?",
                    _wrong_masked(live=_longest_first, last="column")),
        ),
    ),
)  # fmt: skip
# A wrong step spoils every loop over it, in the same way and with the same hint.
QUESTIONS = oracles.inherit(
    QUESTIONS, "rnn_forward", "rnn_step", lambda step: _loop(step=step), leave="R06 R14 R15 NU3 NU3b NU3c"
)
QUESTIONS = oracles.inherit(
    QUESTIONS, "rnn_forward_masked", "rnn_step", lambda step: _wrong_masked(step=step), leave="NU3 NU3b NU3c"
)
