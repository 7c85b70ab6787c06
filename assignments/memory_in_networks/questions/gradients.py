"""Part D: one step's Jacobian, how norms shrink or grow on the way back, and clipping."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles

Array = np.ndarray[Any, Any]
NUDGE = 1e-4  # small enough for a central difference, good to its square

# ---------------------------------------------------------------- oracles

_forward = oracles.with_torch(oracles.rnn)


@oracles.with_torch
def _jacobian(h_t: Any, W_hh: Any) -> Any:
    """Sample by sample. What else went into the step is a constant, so h_prev may as well be zero."""
    import torch

    def step(h_prev: Any, n: int) -> Any:
        return oracles.rnn_at(h_t[n, None, None], h_prev[None], W_hh, torch.zeros_like(h_t[n, None, None]))[0, 0]

    zero = torch.zeros_like(h_t[0])
    return torch.stack([
        torch.autograd.functional.jacobian(lambda h_prev, n=n: step(h_prev, n), zero) for n in range(len(h_t))
    ])  # fmt: skip


@oracles.with_torch
def _norms(dh_last: Any, h: Any, W_hh: Any) -> Any:
    """For each t: the states from h[:, t] on, and the gradient of the last one's loss in h[:, t]."""
    import torch

    norms = []
    for t in range(h.shape[1]):
        (start,) = oracles.leaf(h[:, t])
        later = h[:, t + 1 :]
        last = oracles.rnn_at(later, start, W_hh, torch.zeros_like(later))[:, -1] if later.shape[1] else start
        norms.append(torch.linalg.vector_norm(oracles.gradients(last, dh_last, {"h": start})["h"]))
    return torch.stack(norms)


def _clip(grads: list[Array], max_norm: float) -> Any:
    import torch

    tensors = [oracles.to_tensor(grad) for grad in grads]
    norm = torch.linalg.vector_norm(torch.cat([tensor.flatten() for tensor in tensors]))
    scale = max_norm / norm if norm > max_norm else 1.0
    return [oracles.to_array(tensor * scale) for tensor in tensors], norm.item()


# ---------------------------------------------------------------- mistakes


def _wrong_jacobian(slope: Any = None, join: Any = None, end: Any = None) -> Any:
    """A Jacobian that goes wrong where an argument says so: slope(h_t), join(slope, W_hh), end(J)."""

    def jacobian(h_t: Array, W_hh: Array) -> Array:
        d = slope(h_t) if slope else 1 - h_t**2
        J = join(d, W_hh) if join else d[:, :, None] * W_hh
        return end(J) if end else J

    return jacobian


NORM_LINES = {
    "steps": lambda s: range(s.T - 1, -1, -1),
    "before": lambda s: s.g,  # the gradient that is measured
    "size": lambda g: np.sqrt((g**2).sum()),
    "back": lambda s: (s.g * (1 - s.h[:, s.t] ** 2)) @ s.W_hh,
    "end": lambda s: s.norms,
}


def _wrong_norms(**wrong: Any) -> Any:
    """Norms over time with other lines in the place of right ones; `s` holds what is known so far."""
    do = SimpleNamespace(**{**NORM_LINES, **wrong})

    def norms(dh_last: Array, h: Array, W_hh: Array) -> Array:
        s = SimpleNamespace(g=dh_last, dh_last=dh_last, h=h, W_hh=W_hh, T=h.shape[1])
        found: dict[int, Any] = dict.fromkeys(range(s.T), 0.0)
        for t in do.steps(s):
            s.t = t
            found[s.t] = do.size(do.before(s))
            s.g = do.back(s)
        shape = np.shape(found[s.T - 1])
        s.norms = np.array([np.broadcast_to(found[t], shape) for t in range(s.T)])
        return do.end(s)

    return norms


def _length(grads: list[Array]) -> Any:
    return np.sqrt(sum((grad**2).sum() for grad in grads))


def _wrong_clip(norm: Any = _length, factor: Any = None, each: Any = None, told: Any = None) -> Any:
    """Clipping gone wrong: norm(grads), factor(norm, max_norm), each(grad, norm, max_norm), told(norm, clipped)."""

    def clip(grads: list[Array], max_norm: float) -> Any:
        total = norm(grads)
        scale = factor(total, max_norm) if factor else (max_norm / total if total > max_norm else 1.0)
        clipped = [each(grad, total, max_norm) if each else grad * scale for grad in grads]
        return clipped, float(told(total, clipped) if told else total)

    return clip


# ---------------------------------------------------------------- draws


def _state(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A state that torch's step made; a small change of the state before it, and how it moved."""
    N, H = sizes["N"], sizes["H"]
    x_t, h_prev, nudge = (normal(rng, (N, H)) for _ in range(3))
    W_xh, W_hh, b = normal(rng, (H, H)), normal(rng, (H, H)), normal(rng, (H,))
    h_t, above, below = (
        _forward(x_t[:, None], h_prev + step * nudge, W_xh, W_hh, b)[:, 0] for step in (0.0, NUDGE, -NUDGE)
    )
    return {"h_t": h_t, "W_hh": W_hh, "nudge": nudge, "moved": (above - below) / (2 * NUDGE)}


def _made_state(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    drawn = _state(rng, sizes)
    return {name: drawn[name] for name in ("h_t", "W_hh")}


def _states(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    N, T, H = (sizes[axis] for axis in "NTH")
    x, h0 = normal(rng, (N, T, H)), normal(rng, (N, H))
    W_xh, W_hh, b = normal(rng, (H, H)), normal(rng, (H, H)), normal(rng, (H,))
    return {"h": _forward(x, h0, W_xh, W_hh, b), "W_hh": W_hh}


def _grads(share: float, scale: float = 1.0, arrays: int = 3) -> Any:
    """Gradients of a cell, `scale` times as large, and max_norm as a share of their norm; 1.0 where that is zero."""

    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        D, H = sizes["D"], sizes["H"]
        grads = [scale * normal(rng, shape) for shape in ((H, D), (H, H), (H,))[:arrays]]
        return {"grads": grads, "max_norm": float(f"{share * _length(grads):.4g}") or 1.0}

    return draw


# ---------------------------------------------------------------- questions

CLIP = "clipped, norm = clip_by_global_norm(grads, max_norm)"
BELOW = "The norm is below max_norm here. What should become of the gradients?"
TINY = "These gradients are tiny, and so is max_norm. Is something added to the norm before it divides?"
ZERO = "All gradients are zero here: nothing is to be clipped, and nothing to be divided by."

QUESTIONS = (
    Question(
        "step_jacobian", number="D1", module="gradients", points=2, minutes=10,
        calls=("J = step_jacobian(h_t, W_hh)",),
        inputs={"h_t": "N H", "W_hh": "H H"}, outputs={"J": "N H H"}, oracle=_jacobian, draw=_made_state,
        cases=(
            Case("small", N=3, H=5),
            Case("wide", N=4, H=7, hidden=True),
            Case("moves states", N=3, H=5, draw=_state, verdict="jacobian_moves_states", costs=0.5,
                 hint="Move one unit of h_prev a little: which states move? That is one column of J[n]."),
            Case("moves more states", N=2, H=6, draw=_state, verdict="jacobian_moves_states", costs=0.5, hidden=True,
                 hint="Move one unit of h_prev a little: which states move? That is one column of J[n]."),
            Case("one sample", N=1, H=5, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("strided", N=3, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("J01", "Move h_prev[:, 0] alone. Which weights decide how much h_t[:, 1] moves: W_hh[1, "
                    "0] or W_hh[0, 1]?", _wrong_jacobian(join=lambda d, W: d[:, :, None] * W.T)),
            Mistake("J02", "The slope of which unit scales J[n, i, j]: that of i, which comes out, or of j, "
                    "which goes in?", _wrong_jacobian(join=lambda d, W: d[:, None, :] * W)),
            Mistake("J03", "Your Jacobian is transposed: J[n, i, j] is about h_t[i] and h_prev[j]. Which is the row?",
                    _wrong_jacobian(end=lambda J: J.swapaxes(1, 2))),
            Mistake("J04", "Each sample has its own Jacobian. What became of the batch axis?",
                    _wrong_jacobian(end=lambda J: J.mean(0))),
            Mistake("J05", "Where h_t is near 1 it hardly moves, whatever h_prev does. Does your J know?",
                    _wrong_jacobian(slope=np.ones_like)),
            Mistake("J06", "h_t has been through the tanh already. How often does it go through in your code?",
                    _wrong_jacobian(slope=lambda h: 1 - np.tanh(h) ** 2)),
            Mistake("J07", "The slope of tanh is never above 1. What is yours where h_t = -0.5?",
                    _wrong_jacobian(slope=lambda h: 1 - h)),
            Mistake("J08", "All your J[n] are the same. Is the slope the same in every sample?",
                    _wrong_jacobian(slope=lambda h: np.broadcast_to((1 - h**2).mean(0), h.shape))),
            Mistake("J09", "Your slope is that of the sigmoid. What is the derivative of tanh, in terms of h_t?",
                    _wrong_jacobian(slope=lambda h: h * (1 - h))),
            Mistake("J11", "Your J[n] has entries on its diagonal only. By which weights does h_prev[j] reach unit i?",
                    _wrong_jacobian(join=lambda d, W: d[:, :, None] * np.eye(len(W)))),
            Mistake("J12", "The slope comes in twice. How many tanh lie between h_prev and h_t?",
                    _wrong_jacobian(slope=lambda h: (1 - h**2) ** 2)),
            Mistake("J10", "J has three axes. Where you multiply a slope and a matrix, is something summed "
                    "that should stay?", _wrong_jacobian(join=lambda d, W: d @ W)),
        ),
    ),
    Question(
        "gradient_norms", number="D2", module="gradients", points=4, minutes=15,
        calls=("norms = gradient_norms(dh_last, h, W_hh)",),
        inputs={"dh_last": "N H", "h": "N T H", "W_hh": "H H"}, outputs={"norms": "T"}, oracle=_norms, draw=_states,
        cases=(
            Case("small", N=3, T=8, H=5),
            Case("wide", N=2, T=9, H=11, hidden=True),
            Case("one step", N=3, T=1, H=5, waive=("T = 1",), costs=0.25,
                 hint="With one step there is one norm, that of dh_last itself."),
            Case("one sample", N=1, T=6, H=5, waive=("N = 1",), costs=0.25, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("called twice", N=3, T=7, H=5, costs=0.25, hidden=True,
                 calls=("norms = gradient_norms(dh_last, h, W_hh)", "norms_again = gradient_norms(dh_last, h, W_hh)"),
                 hint="A second call with the same arrays gives another answer: what is kept between calls?"),
            Case("strided", N=3, T=8, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("N02", "W_hh is square, so shapes cannot tell. Try W_hh = [[0, 1], [0, 0]]: the gradient "
                    "of which unit goes back to which?",
                    _wrong_norms(back=lambda s: (s.g * (1 - s.h[:, s.t] ** 2)) @ s.W_hh.T)),
            Mistake("N04", "For dh_last = 2 in one unit and one sample the norm is 2. Is yours 4?",
                    _wrong_norms(size=lambda g: (g**2).sum())),
            Mistake("N05", "Yours is the mean of each sample's norm. Over which axes does the one norm run?",
                    _wrong_norms(size=lambda g: np.sqrt((g**2).sum(1)).mean())),
            Mistake("N06", "Your norms are reversed in time. Which entry belongs to dh_last?",
                    _wrong_norms(end=lambda s: s.norms[::-1].copy())),
            Mistake("N07", "Yours is a root of a mean, too small by the square root of N H. What does a norm sum?",
                    _wrong_norms(size=lambda g: np.sqrt((g**2).mean()))),
            Mistake("N08", "Yours is the largest entry. For a gradient of 3 and 4, what is the norm?",
                    _wrong_norms(size=lambda g: np.abs(g).max())),
            Mistake("N09", "Between h[:, t] and h[:, t-1] lies W_hh and one more thing. Where is its slope in yours?",
                    _wrong_norms(back=lambda s: s.g @ s.W_hh)),
            Mistake("N10", "The Jacobian of step t has the slope of the state that step t made. Which one do you use?",
                    _wrong_norms(back=lambda s: (s.g * (1 - s.h[:, s.t - 1] ** 2)) @ s.W_hh)),
            Mistake("N11", "norms[T-1] should be the norm of dh_last itself. What do you do before you measure?",
                    _wrong_norms(before=lambda s: NORM_LINES["back"](s))),
            Mistake("N12", "Your norms[0] is 0, and no gradient vanishes completely. Where does your range end?",
                    _wrong_norms(steps=lambda s: range(s.T - 1, 0, -1), end=lambda s: np.where(
                        np.arange(s.T) > 0, s.norms, 0.0))),
            Mistake("N13", "You give one norm a sample. How many numbers are wanted for each t?",
                    _wrong_norms(size=lambda g: np.sqrt((g**2).sum(1)))),
            Mistake("N14", "On the way back, what comes first: the tanh of step t or W_hh?",
                    _wrong_norms(back=lambda s: (s.g @ s.W_hh) * (1 - s.h[:, s.t] ** 2))),
            Mistake("N15", "You measure the gradient as it is before the tanh, not at the state. Of what is "
                    "dL/dh[:, t] the gradient?", _wrong_norms(before=lambda s: s.g * (1 - s.h[:, s.t] ** 2))),
            Mistake("N16", "You add up each sample's norm. Is the norm of a whole the sum of its parts' norms?",
                    _wrong_norms(size=lambda g: np.sqrt((g**2).sum(1)).sum())),
            Mistake("N17", "All your norms are the same. What changes from one turn of your loop to the next?",
                    _wrong_norms(back=lambda s: s.g)),
            Mistake("N19", "For a gradient of 3 and 4 the norm is 5. Is yours 7?",
                    _wrong_norms(size=lambda g: np.abs(g).sum())),
            Mistake("N20", "h has been through the tanh already. How often does it go through in your code?",
                    _wrong_norms(back=lambda s: (s.g * (1 - np.tanh(s.h[:, s.t]) ** 2)) @ s.W_hh)),
            Mistake("N21", "The slope of tanh is never above 1. What is yours where h = -0.5?",
                    _wrong_norms(back=lambda s: (s.g * (1 - s.h[:, s.t])) @ s.W_hh)),
            Mistake("N18", "Your last norm is 1: these are ratios. What is the norm of dh_last?",
                    _wrong_norms(end=lambda s: s.norms / s.norms[-1])),
            Mistake("N22", "Of an array with two axes, numpy's norm(g, 2) is the largest singular value. Which norm "
                    "counts every entry?", _wrong_norms(size=lambda g: np.linalg.norm(g, 2))),
            Mistake("N23", "You add up the samples before you measure. What becomes of two gradients that point apart?",
                    _wrong_norms(size=lambda g: np.linalg.norm(g.sum(0)))),
            Mistake("N24", "dh_last comes in at every step in yours. At which one does the loss look?",
                    _wrong_norms(back=lambda s: NORM_LINES["back"](s) + s.dh_last)),
        ),
    ),
    Question(
        "clip_by_global_norm", number="D3", module="gradients", points=3, minutes=10,
        calls=(CLIP,),
        inputs={"grads": "H D; H H; H", "max_norm": "number"}, outputs={"clipped": "H D; H H; H", "norm": "number"},
        oracle=_clip, draw=_grads(0.35),
        cases=(
            Case("small", D=4, H=5),
            Case("wide", D=7, H=3, hidden=True),
            Case("below the limit", D=4, H=5, draw=_grads(1.7), costs=0.5, hint=BELOW),
            Case("far below the limit", D=2, H=6, draw=_grads(20.0), costs=0.5, hidden=True, hint=BELOW),
            Case("all zero", D=4, H=5, draw=_grads(0.35, scale=0.0), waive=("grads = 0",), costs=0.25, hint=ZERO),
            Case("all zero again", D=3, H=4, draw=_grads(0.35, scale=0.0), waive=("grads = 0",), costs=0.25,
                 hidden=True, hint=ZERO),
            Case("tiny gradients", D=4, H=5, draw=_grads(0.35, scale=2.0**-14), costs=0.25, hint=TINY),
            Case("tinier gradients", D=3, H=4, draw=_grads(0.6, scale=2.0**-17), costs=0.25, hidden=True, hint=TINY),
            Case("one array", D=4, H=5, draw=_grads(0.5, arrays=1), costs=0.25, hidden=True,
                 hint="The list may hold any number of arrays."),
            Case("strided", D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("G01", "Clipping every entry by itself turns the gradient. What leaves its direction as it is?",
                    _wrong_clip(each=lambda grad, norm, most: np.clip(grad, -most, most))),
            Mistake("G05", "Do norms add up? What is the norm of one array with entry 3 and another with entry 4?",
                    _wrong_clip(lambda grads: sum(np.sqrt((grad**2).sum()) for grad in grads))),
            Mistake("G07", "The norm of what you return is 1. Which norm should it have?",
                    _wrong_clip(factor=lambda norm, most: 1.0 / (norm + 1e-12) if norm > most else 1.0)),
            Mistake("G02", "Gradients below the limit are made longer. When is anything to be changed at all?",
                    _wrong_clip(factor=lambda norm, most: most / max(norm, 1e-300))),
            Mistake("G03", "Each array is clipped by its own norm. Which norm do they have together?",
                    _wrong_clip(each=lambda grad, norm, most: grad * min(1.0, most / max(_length([grad]), 1e-300)))),
            Mistake("G04", "You return the norm after clipping. Which of the two tells whether training is stable?",
                    _wrong_clip(told=lambda norm, clipped: _length(clipped))),
            Mistake("G06", "For gradients 3 and 4 the norm is 5. Is yours 25?",
                    _wrong_clip(lambda grads: sum((grad**2).sum() for grad in grads))),
            Mistake("G08", "Something small is added to the norm before it divides. How long are tiny gradients then?",
                    _wrong_clip(factor=lambda norm, most: min(1.0, most / (norm + 1e-6)))),
            Mistake("G09", "Your norm is the largest entry. For gradients 3 and 4, what is the norm?",
                    _wrong_clip(lambda grads: max(np.abs(grad).max() for grad in grads))),
            Mistake("G10", "Your norm is that of the first array alone. What about the others?",
                    _wrong_clip(lambda grads: _length(grads[:1]))),
            Mistake("G11", "Your clipped gradients are longer than before. Which way round is the fraction?",
                    _wrong_clip(factor=lambda norm, most: norm / most if norm > most else 1.0)),
            Mistake("G12", "Your norm is the root of a mean. Does a norm divide by the number of entries?",
                    _wrong_clip(lambda grads: np.sqrt(sum((grad**2).sum() for grad in grads)
                                                      / sum(grad.size for grad in grads)))),
            Mistake("G14", "For gradients 3 and 4 the norm is 5. Is yours 7?",
                    _wrong_clip(lambda grads: sum(np.abs(grad).sum() for grad in grads))),
            Mistake("G13", "The gradients that are too long stay, the short ones are changed. Which should be?",
                    _wrong_clip(factor=lambda norm, most: most / norm if 0 < norm < most else 1.0)),
            Mistake("NU7", "What is the direction of gradients that are all zero? Yours gives 0/0.",
                    _wrong_clip(each=lambda grad, norm, most: grad / norm * min(norm, most))),
            Mistake("G15", "Your norm is that of the longest array. What about the others?",
                    _wrong_clip(lambda grads: max(_length([grad]) for grad in grads))),
        ),
    ),
)  # fmt: skip
