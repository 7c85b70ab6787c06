"""Right answers, by torch in float64: what the questions' oracles are made of. Torch is imported inside functions.

Every function takes and returns numpy arrays, batch first, in torch's own storage (`curriculum` conventions):
W_xh (G*H, D), W_hh (G*H, H), b (G*H,). Gradients are torch's autograd, never a formula of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autograder.checks.question import Question

Array = np.ndarray[Any, Any]


def with_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of tensors one of arrays: float arrays go in as float64 tensors, tensors come out as arrays."""

    def wrapped(*values: Any) -> Any:
        result = function(*(to_tensor(value) for value in values))
        return tuple(map(to_array, result)) if isinstance(result, tuple) else to_array(result)

    wrapped.__name__ = function.__name__
    wrapped.__doc__ = function.__doc__
    return wrapped


def to_tensor(value: Any) -> Any:
    """An array as a tensor; anything else as it is."""
    import torch

    torch.set_num_threads(1)
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def to_array(value: Any) -> Any:
    """A tensor as an array, a tensor of no axes as a number."""
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    return value.detach().numpy() if value.ndim else value.item()


def gradients(outputs: Any, upstream: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """d sum(outputs * upstream) / d each input, by autograd; zeros for what the outputs do not depend on.

    `outputs` and `upstream` may be tuples of the same length.
    """
    import torch

    found = torch.autograd.grad(outputs, list(inputs.values()), upstream, allow_unused=True)
    pairs = zip(inputs.items(), found, strict=True)
    return {name: torch.zeros_like(value) if grad is None else grad for (name, value), grad in pairs}


def leaf(*tensors: Any) -> list[Any]:
    """Copies that gradients can be asked for."""
    return [tensor.detach().clone().requires_grad_(True) for tensor in tensors]


# ---------------------------------------------------------------- cells, as torch has them (tensors in and out)


def rnn(x: Any, h0: Any, W_xh: Any, W_hh: Any, b: Any) -> Any:
    """All states (N, T, H) of torch's tanh RNN; the one bias goes in as b_ih, with b_hh zero."""
    import torch

    weights = [W_xh, W_hh, b, torch.zeros_like(b)]
    states, _ = torch.rnn_tanh(x, h0[None], weights, True, 1, 0.0, False, False, True)
    return states


def lstm(x: Any, h0: Any, c0: Any, W_xh: Any, W_hh: Any, b: Any) -> tuple[Any, Any, Any]:
    """States h (N, T, H), cells c (N, T, H) and gates (N, T, 4H) in the order i, f, g, o.

    The states are torch.lstm's, one step at a time, because torch keeps the inner cells to itself. The gates are
    worked out from the same weights with torch's functions.
    """
    import torch

    h_prev, c_prev, states, cells, gates = h0, c0, [], [], []
    weights = [W_xh, W_hh, b, torch.zeros_like(b)]
    for t in range(x.shape[1]):
        a = torch.nn.functional.linear(x[:, t], W_xh, b) + torch.nn.functional.linear(h_prev, W_hh)
        i, f, g, o = a.chunk(4, dim=1)
        gates.append(torch.cat([i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()], dim=1))
        state = (h_prev[None], c_prev[None])
        _, h_next, c_next = torch.lstm(x[:, t : t + 1], state, weights, True, 1, 0.0, False, False, True)
        h_prev, c_prev = h_next[0], c_next[0]
        states.append(h_prev)
        cells.append(c_prev)
    return torch.stack(states, 1), torch.stack(cells, 1), torch.stack(gates, 1)


def gru_cell(x_t: Any, h_prev: Any, W_xh: Any, W_hh: Any, b_x: Any, b_h: Any) -> tuple[Any, Any]:
    """The next state (N, H) of torch's GRU cell, and its gates (N, 3H) in the order r, z, n."""
    import torch

    at_x = torch.nn.functional.linear(x_t, W_xh, b_x).chunk(3, dim=1)
    at_h = torch.nn.functional.linear(h_prev, W_hh, b_h).chunk(3, dim=1)
    r, z = (at_x[0] + at_h[0]).sigmoid(), (at_x[1] + at_h[1]).sigmoid()
    n = (at_x[2] + r * at_h[2]).tanh()
    return torch.gru_cell(x_t, h_prev, W_xh, W_hh, b_x, b_h), torch.cat([r, z, n], dim=1)


# ---------------------------------------------------------------- states that are given (tensors in and out)


def rnn_at(h: Any, h0: Any, W_hh: Any, drive: Any, k: int | None = None) -> Any:
    """The states h (N, T, H) again, as a function of h0, W_hh and `drive` (N, T, H) that autograd can go back through.

    Backward functions are given the states and not the bias: h_t = tanh(drive_t + W_hh h_{t-1} + rest_t), where
    the rest is a constant that takes each step to the state given. k: detach the state every k steps.
    """
    import torch

    prev, states = h0, []
    for t in range(h.shape[1]):
        if k is not None and t > 0 and t % k == 0:
            prev = prev.detach()
        a = drive[:, t] + torch.nn.functional.linear(prev, W_hh)
        prev = (a + (h[:, t].atanh() - a).detach()).tanh()
        states.append(prev)
    return torch.stack(states, 1)


# ---------------------------------------------------------------- mistakes of one question in another


def inherit(
    questions: tuple[Question, ...], name: str, step: str, wrong: Callable[[Any], Any], leave: str = ""
) -> tuple[Question, ...]:
    """The questions, with the mistakes of `step` declared for question `name` as well.

    wrong: from what a mistake of `step` computes to what the whole computes with it. leave: names that are left
    out, because the whole has that mistake under another name.
    """
    (part,) = (question for question in questions if question.name == step)
    (whole,) = (question for question in questions if question.name == name)
    own = {mistake.name for mistake in whole.mistakes} | set(leave.split())
    more = [replace(m, computes=wrong(m.computes)) for m in part.mistakes if m.name not in own]
    full = replace(whole, mistakes=(*whole.mistakes, *more))
    return tuple(full if question.name == name else question for question in questions)
