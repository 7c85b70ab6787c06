"""Part E: the LSTM forward and back, the lesson's weights in torch's layout, and one step of the GRU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from autograder.authoring.bake import normal
from autograder.checks.question import Case, Mistake, Question

from .. import oracles

Array = np.ndarray[Any, Any]
WEIGHTS = {"W_xh": "4H D", "W_hh": "4H H", "b": "4H"}
STEP = {"x_t": "N D", "h_prev": "N H", "c_prev": "N H", **WEIGHTS}
SEQUENCE = {"x": "N T D", "h0": "N H", "c0": "N H", **WEIGHTS}
WEIGHT_GRADIENTS = {"dW_xh": "4H D", "dW_hh": "4H H", "db": "4H"}
FORWARD = "h, c, gates = lstm_forward(x, h0, c0, W_xh, W_hh, b)"

# ---------------------------------------------------------------- oracles


@oracles.with_torch
def _step(x_t: Any, h_prev: Any, c_prev: Any, W_xh: Any, W_hh: Any, b: Any) -> Any:
    return tuple(states[:, 0] for states in oracles.lstm(x_t[:, None], h_prev, c_prev, W_xh, W_hh, b))


_forward = oracles.with_torch(oracles.lstm)


def _autograd(upstream: Any, x: Any, h0: Any, c0: Any, h: Any, gates: Any, W_xh: Any, W_hh: Any) -> Any:
    """Run the forward pass again and ask autograd; upstream(h, c) says which outputs get which gradient.

    The bias is not among the arguments: it is what the gates leave over, the same for every sample and step.
    """
    import torch

    i, f, g, o = gates.chunk(4, dim=-1)
    before = torch.cat([i.logit(), f.logit(), g.atanh(), o.logit()], dim=-1)
    h_prev = torch.cat([h0[:, None], h[:, :-1]], dim=1)
    linear = torch.nn.functional.linear
    b = (before - linear(x, W_xh) - linear(h_prev, W_hh)).mean(dim=(0, 1))
    leaves = oracles.leaf(x, h0, c0, W_xh, W_hh, b)
    states, cells, _ = oracles.lstm(*leaves)
    names = ("dx", "dh0", "dc0", "dW_xh", "dW_hh", "db")
    return oracles.gradients(*upstream(states, cells), dict(zip(names, leaves, strict=True)))


@oracles.with_torch
def _step_backward(
    dh_t: Any, dc_t: Any, x_t: Any, h_prev: Any, c_prev: Any, c_t: Any, gates: Any, W_xh: Any, W_hh: Any
) -> Any:
    found = _autograd(
        lambda h, c: ((h[:, 0], c[:, 0]), (dh_t, dc_t)),
        x_t[:, None], h_prev, c_prev, h_prev[:, None], gates[:, None], W_xh, W_hh,
    )  # fmt: skip
    return (found.pop("dx")[:, 0], *found.values())


@oracles.with_torch
def _backward(
    dh: Any, dc_last: Any, x: Any, h0: Any, c0: Any, h: Any, c: Any, gates: Any, W_xh: Any, W_hh: Any
) -> Any:
    found = _autograd(
        lambda states, cells: ((states, cells[:, -1]), (dh, dc_last)), x, h0, c0, h, gates, W_xh, W_hh
    )
    return tuple(found.values())


@oracles.with_torch
def _pack(W_f: Any, b_f: Any, W_i: Any, b_i: Any, W_C: Any, b_C: Any, W_o: Any, b_o: Any) -> Any:
    import torch

    H = len(b_f)
    W_hh, W_xh = torch.cat([W_i, W_f, W_C, W_o]).split([H, W_f.shape[1] - H], dim=1)
    return W_xh.contiguous(), W_hh.contiguous(), torch.cat([b_i, b_f, b_C, b_o])


_gru = oracles.with_torch(oracles.gru_cell)

# ---------------------------------------------------------------- mistakes

# A program is the table of what it works out, in this order, from what it was given and has so far: `v.name`.
# A wrong one has another entry under some of the names.


def _work_out(rules: dict[str, Any], given: dict[str, Any]) -> Any:
    v = SimpleNamespace(**given)
    for name, rule in rules.items():
        setattr(v, name, rule(v))
    return v


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _side_by_side(*blocks: Array) -> Array:
    return np.concatenate(blocks, axis=1)


LSTM_STEP = {
    "a": lambda v: v.x_t @ v.W_xh.T + v.h_prev @ v.W_hh.T + v.b,
    "blocks": lambda v: np.split(v.a, 4, axis=1),
    "i": lambda v: _sigmoid(v.blocks[0]),
    "f": lambda v: _sigmoid(v.blocks[1]),
    "g": lambda v: np.tanh(v.blocks[2]),
    "o": lambda v: _sigmoid(v.blocks[3]),
    "c_t": lambda v: v.f * v.c_prev + v.i * v.g,
    "h_t": lambda v: v.o * np.tanh(v.c_t),
    "gates": lambda v: _side_by_side(v.i, v.f, v.g, v.o),
    "result": lambda v: (v.h_t, v.c_t, v.gates),
}


def _wrong_step(**changed: Any) -> Any:
    rules = {**LSTM_STEP, **changed}

    def step(x_t: Array, h_prev: Array, c_prev: Array, W_xh: Array, W_hh: Array, b: Array) -> Any:
        given = {"x_t": x_t, "h_prev": h_prev, "c_prev": c_prev, "W_xh": W_xh, "W_hh": W_hh, "b": b}
        return _work_out(rules, given).result

    return step


def _order(read: str, returned: str = "ifgo") -> dict[str, Any]:
    """Entries that read the blocks in another order, and give the gates back in the order `returned`."""

    def gate(name: str) -> Any:
        squash = np.tanh if name == "g" else _sigmoid
        return lambda v: squash(v.blocks[read.index(name)])

    gates = {"gates": lambda v: _side_by_side(*(getattr(v, name) for name in returned))}
    return {**{name: gate(name) for name in "ifgo"}, **gates}


def _wrong_forward(token: Any = None, steps: Any = range, h_prev: Any = None, c_prev: Any = None,
                   start: Any = None, store: Any = None, step: Any = None, **changed: Any) -> Any:  # fmt: skip
    """A loop over time that goes wrong where an argument says so; `changed` is for its step.

    token(x, t): the input that is read. steps(T): which steps run. h_prev(v), c_prev(v): the previous states that
    are used, with v.t, v.h, v.c, v.h0, v.c0, v.h_t, v.c_t. start(h0, c0): the first states. store(v): what is
    kept of a step. step: a wrong step to run in the loop.
    """
    step = step or _wrong_step(**changed)

    def forward(x: Array, h0: Array, c0: Array, W_xh: Array, W_hh: Array, b: Array) -> Any:
        N, T, _ = x.shape
        H = h0.shape[1]
        h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
        h_t, c_t = start(h0, c0) if start else (h0, c0)
        v = SimpleNamespace(h=h, c=c, h0=h0, c0=c0, h_t=h_t, c_t=c_t)
        for t in steps(T):
            v.t, v.h_before, v.c_before = t, v.h_t, v.c_t
            used = h_prev(v) if h_prev else v.h_t, c_prev(v) if c_prev else v.c_t
            v.h_t, v.c_t, v.gates = step(token(x, t) if token else x[:, t], *used, W_xh, W_hh, b)
            h[:, t], c[:, t], gates[:, t] = store(v) if store else (v.h_t, v.c_t, v.gates)
        return h, c, gates

    return forward


def _recut(x: Array, h0: Array, c0: Array, W_xh: Array, W_hh: Array, b: Array) -> Any:
    N, T, D = x.shape
    return _wrong_forward()(x.reshape(T, N, D).transpose(1, 0, 2), h0, c0, W_xh, W_hh, b)


LSTM_STEP_BACKWARD = {
    "tanh_c": lambda v: np.tanh(v.c_t),
    "dc": lambda v: v.dc_t + v.dh_t * v.o * (1 - v.tanh_c**2),
    "di": lambda v: v.dc * v.g,
    "df": lambda v: v.dc * v.c_prev,
    "dg": lambda v: v.dc * v.i,
    "do": lambda v: v.dh_t * v.tanh_c,
    "da_i": lambda v: v.di * v.i * (1 - v.i),
    "da_f": lambda v: v.df * v.f * (1 - v.f),
    "da_g": lambda v: v.dg * (1 - v.g**2),
    "da_o": lambda v: v.do * v.o * (1 - v.o),
    "da": lambda v: _side_by_side(v.da_i, v.da_f, v.da_g, v.da_o),
    "dx_t": lambda v: v.da @ v.W_xh,
    "dh_prev": lambda v: v.da @ v.W_hh,
    "dc_prev": lambda v: v.dc * v.f,
    "dW_xh": lambda v: v.da.T @ v.x_t,
    "dW_hh": lambda v: v.da.T @ v.h_prev,
    "db": lambda v: v.da.sum(axis=0),
    "result": lambda v: (v.dx_t, v.dh_prev, v.dc_prev, v.dW_xh, v.dW_hh, v.db),
}


def _wrong_step_backward(**changed: Any) -> Any:
    rules = {**LSTM_STEP_BACKWARD, **changed}

    def backward(dh_t: Array, dc_t: Array, x_t: Array, h_prev: Array, c_prev: Array, c_t: Array, gates: Array,
                 W_xh: Array, W_hh: Array) -> Any:  # fmt: skip
        i, f, g, o = np.split(gates, 4, axis=1)
        given = {"dh_t": dh_t, "dc_t": dc_t, "x_t": x_t, "h_prev": h_prev, "c_prev": c_prev, "c_t": c_t}
        given |= {"i": i, "f": f, "g": g, "o": o, "W_xh": W_xh, "W_hh": W_hh}
        return _work_out(rules, given).result

    return backward


def _read_as(order: str) -> Any:
    """The blocks of the gates are read in another order; what is asked for is tanh of the cell."""

    def tanh_c(v: Any) -> Any:
        blocks = v.i, v.f, v.g, v.o
        for name in order:
            setattr(v, name, blocks[order.index(name)])
        return np.tanh(v.c_t)

    return tanh_c


def _all_in(order: str) -> Any:
    """A step back that reads the gates in another order, and stacks their gradients in the same."""
    return _wrong_step_backward(
        tanh_c=_read_as(order), da=lambda v: _side_by_side(*(getattr(v, f"da_{name}") for name in order))
    )


LSTM_LOOP_BACKWARD = {
    "start_h": lambda v: np.zeros_like(v.h0),
    "start_c": lambda v: v.dc_last,
    "dh_t": lambda v: v.dh[:, v.t] + v.carry_h,
    "dc_t": lambda v: v.carry_c,
    "h_prev": lambda v: v.h[:, v.t - 1] if v.t else v.h0,
    "c_prev": lambda v: v.c[:, v.t - 1] if v.t else v.c0,
    "c_t": lambda v: v.c[:, v.t],
    "next_h": lambda v: v.dh_prev,
    "next_c": lambda v: v.dc_prev,
    "slot": lambda v: v.t,
    "result": lambda v: (v.dx, v.carry_h, v.carry_c, v.dW_xh, v.dW_hh, v.db),
}


def _wrong_backward(steps: Any = None, overwritten: str = "", step: Any = None, **changed: Any) -> Any:
    """The loop back that goes wrong where an argument says so.

    steps(T): which steps run. overwritten: weight gradients of the last step that ran stand alone. step: a wrong
    step to run in the loop.
    """
    step = step or _wrong_step_backward()
    rules = {**LSTM_LOOP_BACKWARD, **changed}

    def backward(dh: Array, dc_last: Array, x: Array, h0: Array, c0: Array, h: Array, c: Array, gates: Array,
                 W_xh: Array, W_hh: Array) -> Any:  # fmt: skip
        v = SimpleNamespace(dh=dh, dc_last=dc_last, h0=h0, c0=c0, h=h, c=c, T=x.shape[1], dx=np.zeros(x.shape))
        v.dW_xh, v.dW_hh, v.db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
        v.carry_h, v.carry_c = rules["start_h"](v), rules["start_c"](v)
        for t in steps(v.T) if steps else range(v.T - 1, -1, -1):
            v.t = t
            states = (rules[name](v) for name in ("h_prev", "c_prev", "c_t"))
            found = step(
                rules["dh_t"](v), rules["dc_t"](v), x[:, t], *states, gates[:, t], W_xh, W_hh
            )
            v.dx[:, rules["slot"](v)], v.dh_prev, v.dc_prev, *own = found
            v.carry_h, v.carry_c = rules["next_h"](v), rules["next_c"](v)
            for name, value in zip(("dW_xh", "dW_hh", "db"), own, strict=True):
                setattr(v, name, value if name in overwritten.split() else getattr(v, name) + value)
        return rules["result"](v)

    return backward


def _wrong_pack(weights: str = "ifCo", biases: str = "ifCo", join: Any = np.concatenate, cut: Any = None,
                join_biases: Any = np.concatenate) -> Any:  # fmt: skip
    """Packing that goes wrong where an argument says so; cut(W, H) gives W_xh and W_hh."""

    def pack(W_f: Array, b_f: Array, W_i: Array, b_i: Array, W_C: Array, b_C: Array, W_o: Array, b_o: Array) -> Any:
        matrices, vectors = {"f": W_f, "i": W_i, "C": W_C, "o": W_o}, {"f": b_f, "i": b_i, "C": b_C, "o": b_o}
        W, H = join([matrices[gate] for gate in weights]), len(b_f)
        return *(cut(W, H) if cut else (W[:, H:], W[:, :H])), join_biases([vectors[gate] for gate in biases])

    return pack


def _interleaved(blocks: list[Array]) -> Array:
    return np.stack(blocks, axis=1).reshape(-1, *blocks[0].shape[1:])


GRU_STEP = {
    "from_x": lambda v: np.split(v.x_t @ v.W_xh.T + v.b_x, 3, axis=1),
    "from_h": lambda v: np.split(v.h_prev @ v.W_hh.T + v.b_h, 3, axis=1),
    "r": lambda v: _sigmoid(v.from_x[0] + v.from_h[0]),
    "z": lambda v: _sigmoid(v.from_x[1] + v.from_h[1]),
    "n": lambda v: np.tanh(v.from_x[2] + v.r * v.from_h[2]),
    "h_t": lambda v: (1 - v.z) * v.n + v.z * v.h_prev,
    "gates": lambda v: _side_by_side(v.r, v.z, v.n),
    "result": lambda v: (v.h_t, v.gates),
}


def _wrong_gru(**changed: Any) -> Any:
    rules = {**GRU_STEP, **changed}

    def step(x_t: Array, h_prev: Array, W_xh: Array, W_hh: Array, b_x: Array, b_h: Array) -> Any:
        H = h_prev.shape[1]
        given = {"x_t": x_t, "h_prev": h_prev, "W_xh": W_xh, "W_hh": W_hh, "b_x": b_x, "b_h": b_h}
        return _work_out(rules, {**given, "W_hn": W_hh[2 * H :], "b_hn": b_h[2 * H :]}).result

    return step


SWAPPED_RZ = {
    "z": lambda v: _sigmoid(v.from_x[0] + v.from_h[0]),
    "r": lambda v: _sigmoid(v.from_x[1] + v.from_h[1]),
}

# ---------------------------------------------------------------- draws


def _lstm_inputs(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    N, T, D, H = (sizes.get(axis, 1) for axis in "NTDH")
    return {
        "x": normal(rng, (N, T, D)), "h0": normal(rng, (N, H)), "c0": normal(rng, (N, H)),
        "W_xh": normal(rng, (4 * H, D)), "W_hh": normal(rng, (4 * H, H)), "b": normal(rng, (4 * H,)),
    }  # fmt: skip


def _large_scores(scale: float) -> Any:
    """Biases of +scale, -scale and a moderate number in turns: some gates are shut, some are open, some neither."""

    def draw(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
        b = normal(rng, (4 * sizes["H"],))
        return {"b": b + scale * np.resize([1.0, -1.0, 0.0], len(b))}

    return draw


def _sequence_variants(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A sequence, its two halves, one with later tokens changed, and the batch turned round."""
    given = _lstm_inputs(rng, sizes)
    x, cut = given["x"], sizes["T"] // 2
    h, c, _ = _forward(*({**given, "x": x[:, :cut]}.values()))
    later = np.concatenate([x[:, :cut], normal(rng, x[:, cut:].shape)], axis=1)
    return {
        **given, "x_start": x[:, :cut], "x_rest": x[:, cut:], "h_middle": h[:, -1], "c_middle": c[:, -1],
        "x_later": later, **{f"{name}_turned": given[name][::-1].copy() for name in ("x", "h0", "c0")},
    }  # fmt: skip


def _step_backward_inputs(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """One step as the forward pass left it, and gradients into both of its states."""
    given = _lstm_inputs(rng, {**sizes, "T": 1})
    _, c, gates = _forward(*given.values())
    x, h0, c0, W_xh, W_hh, _ = given.values()
    return {
        "dh_t": normal(rng, h0.shape), "dc_t": normal(rng, c0.shape), "x_t": x[:, 0], "h_prev": h0, "c_prev": c0,
        "c_t": c[:, 0], "gates": gates[:, 0], "W_xh": W_xh, "W_hh": W_hh,
    }  # fmt: skip


def _backward_inputs(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A sequence as the forward pass left it, a gradient into every state and one into the last cell."""
    given = _lstm_inputs(rng, sizes)
    h, c, gates = _forward(*given.values())
    del given["b"]
    return {
        **given, "h": h, "c": c, "gates": gates, "dh": normal(rng, h.shape), "dc_last": normal(rng, c[:, -1].shape),
    }  # fmt: skip


def _large_gradients(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """A loss whose gradients are in the hundreds."""
    drawn = _backward_inputs(rng, sizes)
    return {**drawn, "dh": 300 * drawn["dh"], "dc_last": 300 * drawn["dc_last"]}


def _lesson_weights(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    D, H = sizes["D"], sizes["H"]
    drawn = {f"W_{gate}": normal(rng, (H, H + D)) for gate in "fiCo"}
    return {**drawn, **{f"b_{gate}": normal(rng, (H,)) for gate in "fiCo"}}


# ---------------------------------------------------------------- questions

ORDER_IFOG = ("Yours has the order i, f, o, g, which another course uses. In which order does this one stack the "
              "blocks?")  # fmt: skip
ORDER_FIOG = "You read the blocks as f, i, o, g. What does the stub say stands in the first H columns?"
ORDER_IGFO = "You read the blocks as i, g, f, o. Which gate does the stub name second, and which third?"
ORDER_IOFG = "You read the blocks as i, o, f, g. Where does the stub put o?"
ORDER_IOGF = "f and o have changed places in yours. Which of them does the stub name second, and which last?"
ORDER_FIGO = "f and i have changed places: with a_f large and a_i very negative, is c_prev kept as it should be?"
FINAL_GATE = "Which of the four gates acts on h_t and never touches c_t? What reaches it of the gradient of the cell?"
OVER_N = "It is 1/N of the sum over the batch. Where was the average over the batch already taken?"
ADD_UP = "Weights and bias are shared by all steps. Do the contributions of the steps add up in yours?"
CELL_CARRY = "What does each step, step 0 included, send to the cell before it? In yours nothing arrives."
GIVEN_BACK = "The gates are right but given back in another order. Which comes first, and which last?"
AS_GIVEN = "The blocks are in the order of the arguments, f first. In which order does torch stack the gates?"

QUESTIONS = (
    Question(
        "lstm_step", number="E1", module="lstm", points=4, minutes=20, gates="ifgo",
        calls=("h_t, c_t, gates = lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b)",),
        inputs=STEP, outputs={"h_t": "N H", "c_t": "N H", "gates": "N 4H"}, oracle=_step,
        cases=(
            Case("small", N=3, D=4, H=5),
            Case("wide", N=7, D=2, H=11, hidden=True),
            Case("scores of 800", N=3, D=4, H=5, draw=_large_scores(800.0), costs=0.5,
                 hint="With scores of 800 exp overflows. A warning of numpy's is no harm; a nan is. For which sign of "
                      "the score can exp not overflow?"),
            Case("scores of 1500", N=2, D=3, H=7, draw=_large_scores(1500.0), costs=0.5, hidden=True,
                 hint="With large scores exp overflows. For which sign of the score can it not?"),
            Case("one sample", N=1, D=4, H=5, waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=3, D=2, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for one hidden unit: is an axis squeezed away?"),
            Case("strided", N=3, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("S01", ORDER_IFOG, _wrong_step(**_order("ifog", "ifog"))),
            Mistake("S01b", ORDER_IFOG, _wrong_step(**_order("ifog"))),
            Mistake("S03", ORDER_FIOG, _wrong_step(**_order("fiog", "fiog"))),
            Mistake("S03b", ORDER_FIOG, _wrong_step(**_order("fiog"))),
            Mistake("S04", ORDER_IGFO, _wrong_step(**_order("igfo", "igfo"))),
            Mistake("S04b", ORDER_IGFO, _wrong_step(**_order("igfo"))),
            Mistake("S05", ORDER_IOFG, _wrong_step(**_order("iofg", "iofg"))),
            Mistake("S05b", ORDER_IOFG, _wrong_step(**_order("iofg"))),
            Mistake("S48", ORDER_IOGF, _wrong_step(**_order("iogf", "iogf"))),
            Mistake("S48b", ORDER_IOGF, _wrong_step(**_order("iogf"))),
            Mistake("S06", "You take every fourth column for a gate. How do the H columns of one gate lie?",
                    _wrong_step(blocks=lambda v: [v.a[:, k::4] for k in range(4)])),
            Mistake("S07", "The candidate g may be negative; yours never is. Which function squashes it?",
                    _wrong_step(g=lambda v: _sigmoid(v.blocks[2]))),
            Mistake("S08", "An output gate lies in (0, 1); yours is negative in places. Which function squashes it?",
                    _wrong_step(o=lambda v: np.tanh(v.blocks[3]))),
            Mistake("S11", "Does h_t show the cell before the step or after it?",
                    _wrong_step(h_t=lambda v: v.o * np.tanh(v.c_prev))),
            Mistake("S12", "Which of the two states does the forget gate act on? Change c_prev alone: does c_t move?",
                    _wrong_step(c_t=lambda v: v.f * v.h_prev + v.i * v.g)),
            Mistake("S14", "Writing 1 - f for the input gate is another cell, with coupled gates. Which gate does this "
                    "cell have for writing?", _wrong_step(c_t=lambda v: v.f * v.c_prev + (1 - v.f) * v.g)),
            Mistake("S15", "A forget gate of 1 means keep. What becomes of c_prev in yours when f = 1?",
                    _wrong_step(c_t=lambda v: (1 - v.f) * v.c_prev + v.i * v.g)),
            Mistake("S18", "Set x_t = 0 and h_prev = 0: i should be sigmoid of the first H entries of b. What do you "
                    "get?",
                    _wrong_step(a=lambda v: v.x_t @ v.W_xh.T + v.h_prev @ v.W_hh.T)),
            Mistake("S20", "With an input gate of 0 nothing is written to the cell. Is that so in yours?",
                    _wrong_step(c_t=lambda v: v.f * v.c_prev + v.g)),
            Mistake("S23", "A forget bias of 1 is a way to initialise b. Does it have a place in the equation of f?",
                    _wrong_step(f=lambda v: _sigmoid(v.blocks[1] + 1))),
            Mistake("S24", "How does the input gate act on the candidate: as a summand or as a factor?",
                    _wrong_step(c_t=lambda v: v.f * v.c_prev + v.i + v.g)),
            Mistake("S25", "With a forget gate of 0 the old cell should be gone. Is it in yours?",
                    _wrong_step(c_t=lambda v: v.c_prev + v.i * v.g)),
            Mistake("S26", "h_t is a gated view of the cell, and lies in (-1, 1). What bounds it in the equation?",
                    _wrong_step(h_t=lambda v: v.o * v.c_t)),
            Mistake("S27", "Gates lie in (0, 1), and g in (-1, 1). Do you give them back before or after their "
                    "nonlinearity?", _wrong_step(gates=lambda v: v.a)),
            Mistake("S28", "h_t and c_t have changed places. Which comes first in what is returned?",
                    _wrong_step(result=lambda v: (v.c_t, v.h_t, v.gates))),
            Mistake("S29", "Try a score of 800: exp overflows, and infinity over infinity is nan. For which sign of "
                    "the score is your form of the sigmoid safe?",
                    _wrong_step(**{name: lambda v, k=k: np.exp(v.blocks[k]) / (1 + np.exp(v.blocks[k]))
                                   for k, name in ((0, "i"), (1, "f"), (3, "o"))})),
            Mistake("S30", "reshape makes the shapes fit and scatters the rows of W_hh. What turns rows into columns?",
                    _wrong_step(a=lambda v: v.x_t @ v.W_xh.T + v.h_prev @ v.W_hh.reshape(v.W_hh.shape[::-1]) + v.b)),
            Mistake("S31", "Your c_t lies in (-1, 1). Which value must the next step get, the cell or its tanh?",
                    _wrong_step(result=lambda v: (v.h_t, np.tanh(v.c_t), v.gates))),
            Mistake("S32", "Does the output gate act inside the tanh or outside it?",
                    _wrong_step(h_t=lambda v: np.tanh(v.o * v.c_t))),
            Mistake("S34", "How do the old cell and the new candidate come together: as a sum or as a product?",
                    _wrong_step(c_t=lambda v: v.f * v.c_prev * v.i * v.g)),
            Mistake("S35", "h_t is a view of something. Of the whole cell, or of what was written just now?",
                    _wrong_step(h_t=lambda v: v.o * np.tanh(v.g))),
            Mistake("S36", "Change h_prev alone: do your gates move?", _wrong_step(a=lambda v: v.x_t @ v.W_xh.T + v.b)),
            Mistake("S37", "Set x_t = 0 and h_prev = 0: i should be sigmoid of the first H entries of b, not of twice "
                    "them. How many biases has this cell?",
                    _wrong_step(a=lambda v: v.x_t @ v.W_xh.T + v.h_prev @ v.W_hh.T + 2 * v.b)),
            Mistake("S38", "The input and forget gates lie in (0, 1); yours are negative in places. Which function "
                    "squashes them?",
                    _wrong_step(i=lambda v: np.tanh(v.blocks[0]), f=lambda v: np.tanh(v.blocks[1]))),
            Mistake("S39", "Which gate decides what h_t shows: i, f or o?",
                    _wrong_step(h_t=lambda v: v.i * np.tanh(v.c_t))),
            Mistake("S33", ORDER_FIGO, _wrong_step(**_order("figo", "figo"))),
            Mistake("S33b", ORDER_FIGO, _wrong_step(**_order("figo"))),
            Mistake("S40", GIVEN_BACK, _wrong_step(gates=lambda v: _side_by_side(v.f, v.i, v.g, v.o))),
            Mistake("S41", GIVEN_BACK, _wrong_step(gates=lambda v: _side_by_side(v.i, v.f, v.o, v.g))),
            Mistake("S42", GIVEN_BACK, _wrong_step(gates=lambda v: _side_by_side(v.f, v.i, v.o, v.g))),
            Mistake("S43", "i and f are the same in yours. Which H columns does each of them come from?",
                    _wrong_step(f=lambda v: v.i)),
            Mistake("S44", "Your o and your g come from the same H columns. Which ones are those of o?",
                    _wrong_step(o=lambda v: _sigmoid(v.blocks[2]))),
            Mistake("S45", "Your h_t is never negative. Which function does the cell pass on its way out?",
                    _wrong_step(h_t=lambda v: v.o * _sigmoid(v.c_t))),
            Mistake("S46", "A large score should open a gate. Does it in yours?",
                    _wrong_step(i=lambda v: _sigmoid(-v.blocks[0]), f=lambda v: _sigmoid(-v.blocks[1]),
                                o=lambda v: _sigmoid(-v.blocks[3]))),
            Mistake("S47", "The block i holds i times g. Is it changed in place after it was put there?",
                    _wrong_step(gates=lambda v: _side_by_side(v.i * v.g, v.f, v.g, v.o))),
        ),
    ),
    Question(
        "lstm_forward", number="E2", module="lstm", points=3, minutes=10, gates="ifgo", calls=(FORWARD,),
        inputs=SEQUENCE, outputs={"h": "N T H", "c": "N T H", "gates": "N T 4H"}, oracle=_forward,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=6, D=2, H=7, hidden=True),
            Case("in two chunks", N=2, T=10, D=3, H=4, draw=_sequence_variants, costs=0.5,
                 calls=("h, c, gates = lstm_forward(x_start, h0, c0, W_xh, W_hh, b)",
                        "h_rest, c_rest, gates_rest = lstm_forward(x_rest, h_middle, c_middle, W_xh, W_hh, b)"),
                 hint="Feeding the sequence in two chunks, with both states handed over as h0 and c0, should change "
                      "nothing. Is some state kept outside the function, or one of the two not used?"),
            Case("causal", N=3, T=8, D=4, H=5, draw=_sequence_variants, costs=0.5, hidden=True,
                 calls=(FORWARD, "h_later, c_later, gates_later = lstm_forward(x_later, h0, c0, W_xh, W_hh, b)"),
                 hint="Later tokens were changed, and earlier states should not have moved."),
            Case("batch turned round", N=3, T=5, D=2, H=4, draw=_sequence_variants, costs=0.25, hidden=True,
                 calls=(FORWARD, "h_turned, c_turned, gates_turned = "
                                 "lstm_forward(x_turned, h0_turned, c0_turned, W_xh, W_hh, b)"),
                 hint="Samples of a batch should not mix: turning the batch round should turn the states round."),
            Case("called twice", N=2, T=3, D=5, H=4, costs=0.25,
                 calls=(FORWARD, "h_again, c_again, gates_again = lstm_forward(x, h0, c0, W_xh, W_hh, b)"),
                 hint="A second call with the same arrays gives another answer: what is kept between calls?"),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token."),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.125, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one feature", N=2, T=6, D=1, H=5, waive=("D = 1",), costs=0.125, hidden=True,
                 hint="It fails for tokens of one feature: is an axis squeezed away?"),
            Case("one unit", N=2, T=6, D=3, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for one hidden unit: is an axis squeezed away?"),
            Case("strided", N=3, T=5, D=2, H=4, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("W01", "Change c0 alone: nothing moves. What does step 0 take for the cell before it: zeros, or "
                    "c[:, -1], which is still empty?",
                    _wrong_forward(start=lambda h0, c0: (h0, np.zeros_like(c0)))),
            Mistake("W02", "Change h0 alone: nothing moves. What does step 0 take for the state before it: zeros, or "
                    "h[:, -1], which is still empty?",
                    _wrong_forward(start=lambda h0, c0: (np.zeros_like(h0), c0))),
            Mistake("W02b", "Change h0 and c0: nothing moves. What does step 0 take for the states before it: zeros, or "
                    "the last slots, which are still empty?",
                    _wrong_forward(start=lambda h0, c0: (np.zeros_like(h0), np.zeros_like(c0)))),
            Mistake("W03", "The hidden state and the cell have changed places before the first step. In which order "
                    "does your step take them?", _wrong_forward(start=lambda h0, c0: (c0, h0))),
            Mistake("W19", "In which order does your step take its two states, and in which do you hand them to it?",
                    _wrong_forward(h_prev=lambda v: v.c_t, c_prev=lambda v: v.h_t)),
            Mistake("W18", "Change c0 alone: nothing moves. With which array does your cell begin?",
                    _wrong_forward(start=lambda h0, c0: (h0, h0))),
            Mistake("W05", "h[:, 0] is right, later ones are not: which cell does step 1 start from?",
                    _wrong_forward(c_prev=lambda v: v.c0)),
            Mistake("W06", "h[:, 0] is right, later ones are not: which hidden state does step 1 start from?",
                    _wrong_forward(h_prev=lambda v: v.h0)),
            Mistake("W07", "Your h and c are the same array of numbers. Which of the two does the step return first?",
                    _wrong_forward(store=lambda v: (v.c_t, v.c_t, v.gates))),
            Mistake("W08", "Your h[:, t] and c[:, t] are the states before token t. What comes first, computing or "
                    "storing?", _wrong_forward(store=lambda v: (v.h_before, v.c_before, v.gates))),
            Mistake("W11", "Only the last step is missing. Where does your range end?",
                    _wrong_forward(steps=lambda T: range(T - 1))),
            Mistake("W12", "The first step never runs. Where does your range begin?",
                    _wrong_forward(steps=lambda T: range(1, T))),
            Mistake("W13", "Every step reads the same token. Where is t used?",
                    _wrong_forward(token=lambda x, t: x[:, 0])),
            Mistake("W14", "Which token do you read at t, and which at t = 0?",
                    _wrong_forward(token=lambda x, t: x[:, t - 1])),
            Mistake("W15", "reshape does not swap axes; it cuts the same memory anew and mixes samples. What swaps "
                    "axes?",
                    _recut),
            Mistake("W16", "Your step hands on h in place of the cell. How many states go from step to step?",
                    _wrong_forward(c_prev=lambda v: v.h_t if v.t else v.c0)),
            Mistake("W17", "What the next step gets as its cell lies in (-1, 1). Is it the cell, or its tanh?",
                    _wrong_forward(c_prev=lambda v: np.tanh(v.c_t) if v.t else v.c0)),
            Mistake("S01", ORDER_IFOG, _wrong_forward(**_order("ifog", "ifog"))),
            Mistake("S33", ORDER_FIGO, _wrong_forward(**_order("figo", "figo"))),
            Mistake("S18", "Set x, h0 and c0 to 0: the first i should be sigmoid of the first H entries of b. What do "
                    "you get?", _wrong_forward(a=lambda v: v.x_t @ v.W_xh.T + v.h_prev @ v.W_hh.T)),
            Mistake("S27", "Gates lie in (0, 1), and g in (-1, 1). Do you keep them before or after their "
                    "nonlinearity?",
                    _wrong_forward(gates=lambda v: v.a)),
        ),
    ),
    Question(
        "lstm_step_backward", number="E3", module="lstm", points=7, minutes=45, gates="ifgo",
        calls=("dx_t, dh_prev, dc_prev, dW_xh, dW_hh, db = "
               "lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh)",),
        inputs={"dh_t": "N H", "dc_t": "N H", "x_t": "N D", "h_prev": "N H", "c_prev": "N H", "c_t": "N H",
                "gates": "N 4H", "W_xh": "4H D", "W_hh": "4H H"},
        outputs={"dx_t": "N D", "dh_prev": "N H", "dc_prev": "N H", **WEIGHT_GRADIENTS},
        oracle=_step_backward, draw=_step_backward_inputs,
        cases=(
            Case("small", N=3, D=4, H=5),
            Case("wide", N=6, D=2, H=9, hidden=True),
            Case("one sample", N=1, D=4, H=5, waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=3, D=2, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for one hidden unit: is an axis squeezed away?"),
            Case("strided", N=3, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("X02", "Set dh_t = 0: all your gradients are 0. What do later steps send into c_t?",
                    _wrong_step_backward(dc=lambda v: v.dh_t * v.o * (1 - v.tanh_c**2))),
            Mistake("X04", "1 - c_t^2 is not the derivative of tanh at c_t. Of which value is the square taken?",
                    _wrong_step_backward(dc=lambda v: v.dc_t + v.dh_t * v.o * (1 - v.c_t**2))),
            Mistake("X05", "h_t sees the cell through a tanh. Where is its derivative on the way back?",
                    _wrong_step_backward(dc=lambda v: v.dc_t + v.dh_t * v.o)),
            Mistake("X08", FINAL_GATE, _wrong_step_backward(do=lambda v: v.dc * v.tanh_c)),
            Mistake("X09", "The block f is wrong: which cell does the forget gate multiply, the old or the new?",
                    _wrong_step_backward(df=lambda v: v.dc * v.c_t)),
            Mistake("X12", "What stands between c_prev and c_t in the equation? Is it in your dc_prev?",
                    _wrong_step_backward(dc_prev=lambda v: v.dc)),
            Mistake("X14", "Only the block g is right: what stands between the other three gates and their a?",
                    _wrong_step_backward(da_i=lambda v: v.di, da_f=lambda v: v.df, da_o=lambda v: v.do)),
            Mistake("X15", "The block g is wrong: which function squashed it, and what is the derivative of that one?",
                    _wrong_step_backward(da_g=lambda v: v.dg * v.g * (1 - v.g))),
            Mistake("X17", "The blocks g and o are right. In which order do you stack the other two?",
                    _wrong_step_backward(da=lambda v: _side_by_side(v.da_f, v.da_i, v.da_g, v.da_o))),
            Mistake("X18", "No block has the derivative of its nonlinearity. What lies between a and the gates?",
                    _wrong_step_backward(da=lambda v: _side_by_side(v.di, v.df, v.dg, v.do))),
            Mistake("X19", OVER_N, _wrong_step_backward(
                        dW_xh=lambda v: v.da.T @ v.x_t / len(v.da), dW_hh=lambda v: v.da.T @ v.h_prev / len(v.da),
                        db=lambda v: v.da.mean(axis=0))),
            Mistake("X20", "Which hidden state did W_hh multiply: the one before the step or the one after it?",
                    _wrong_step_backward(dW_hh=lambda v: v.da.T @ (v.o * v.tanh_c))),
            Mistake("X21", "The gates you are given come after their nonlinearity. How often is the sigmoid of i taken "
                    "in yours?", _wrong_step_backward(da_i=lambda v: v.di * _sigmoid(v.i) * (1 - _sigmoid(v.i)))),
            Mistake("X21b", "Every sigmoid is taken a second time. Do the gates come before or after their "
                    "nonlinearity?",
                    _wrong_step_backward(da_i=lambda v: v.di * _sigmoid(v.i) * (1 - _sigmoid(v.i)),
                                         da_f=lambda v: v.df * _sigmoid(v.f) * (1 - _sigmoid(v.f)),
                                         da_g=lambda v: v.dg * (1 - np.tanh(v.g) ** 2),
                                         da_o=lambda v: v.do * _sigmoid(v.o) * (1 - _sigmoid(v.o)))),
            Mistake("X22", "At which cell did the forward pass take the tanh: the one before the step or after it?",
                    _wrong_step_backward(tanh_c=lambda v: np.tanh(v.c_prev))),
            Mistake("X23", "Your dc_prev knows of dc_t alone. By which other way does c_prev reach the loss?",
                    _wrong_step_backward(dc_prev=lambda v: v.dc_t * v.f)),
            Mistake("X24", "The output gate stands between h_t and the cell. Does it on your way from dh_t to the "
                    "cell?",
                    _wrong_step_backward(dc=lambda v: v.dc_t + v.dh_t * (1 - v.tanh_c**2))),
            Mistake("X25", "The blocks i and g are wrong: in a product, what does each factor's gradient carry?",
                    _wrong_step_backward(di=lambda v: v.dc * v.i, dg=lambda v: v.dc * v.g)),
            Mistake("X26", "The block o is wrong: what does the output gate multiply, the cell or its tanh?",
                    _wrong_step_backward(do=lambda v: v.dh_t * v.c_t)),
            Mistake("X27", "The blocks i and f are right. In which order do you stack the other two?",
                    _wrong_step_backward(da=lambda v: _side_by_side(v.da_i, v.da_f, v.da_o, v.da_g))),
            Mistake("X28", "db has an axis too many: what does keepdims do?",
                    _wrong_step_backward(db=lambda v: v.da.sum(axis=0, keepdims=True))),
            Mistake("X29", "db still has one row a sample. How many samples share b?",
                    _wrong_step_backward(db=lambda v: v.da)),
            Mistake("X30", OVER_N,
                    _wrong_step_backward(db=lambda v: v.da.mean(axis=0))),
            Mistake("X31", "Does a gradient of h_t reach h_prev without passing through the gates?",
                    _wrong_step_backward(dh_prev=lambda v: v.da @ v.W_hh + v.dh_t)),
            Mistake("X32", "The cell passes straight on to the cell: with f = 1 and i = 0, c_t is c_prev. By what does "
                    "the gradient shrink there in yours?",
                    _wrong_step_backward(dc_prev=lambda v: v.dc * v.f * (1 - v.f))),
            Mistake("X34", "The derivative of tanh is never above 1. What is yours where g = -0.5?",
                    _wrong_step_backward(da_g=lambda v: v.dg * (1 - v.g))),
            Mistake("X35", "Set dc_t = 0: all but the block o is 0 in yours. By which way does dh_t reach the cell?",
                    _wrong_step_backward(dc=lambda v: v.dc_t)),
            Mistake("X36", "The derivative of tanh is never above 1. What is yours where tanh(c_t) = -0.5?",
                    _wrong_step_backward(dc=lambda v: v.dc_t + v.dh_t * v.o * (1 - v.tanh_c))),
            Mistake("X37", "dh_prev and dc_prev have changed places. Which comes first in what is returned?",
                    _wrong_step_backward(result=lambda v: (v.dx_t, v.dc_prev, v.dh_prev, v.dW_xh, v.dW_hh, v.db))),
            Mistake("X38", "dW_xh and dW_hh have changed places. Which comes first in what is returned?",
                    _wrong_step_backward(result=lambda v: (v.dx_t, v.dh_prev, v.dc_prev, v.dW_hh, v.dW_xh, v.db))),
            Mistake("X39", "Where a gate is 0.5 the slope of its sigmoid is 0.25. What is yours?",
                    _wrong_step_backward(da_i=lambda v: v.di * (1 - v.i), da_f=lambda v: v.df * (1 - v.f),
                                         da_o=lambda v: v.do * (1 - v.o))),
            Mistake("X40", "The gradient of the cell has two summands. Is the first in your blocks i, f and g?",
                    _wrong_step_backward(di=lambda v: (v.dc - v.dc_t) * v.g, df=lambda v: (v.dc - v.dc_t) * v.c_prev,
                                         dg=lambda v: (v.dc - v.dc_t) * v.i)),
            Mistake("X33", "Your dW_hh and dW_xh are the transposes of what is expected. What is the shape of W_hh?",
                    _wrong_step_backward(dW_xh=lambda v: v.x_t.T @ v.da, dW_hh=lambda v: v.h_prev.T @ v.da)),
            Mistake("X41", ORDER_IFOG, _all_in("ifog")),
            Mistake("X41b", ORDER_IFOG, _wrong_step_backward(tanh_c=_read_as("ifog"))),
            Mistake("X45", ORDER_FIOG, _all_in("fiog")),
            Mistake("X46", ORDER_IGFO, _all_in("igfo")),
            Mistake("X47", ORDER_IOFG, _all_in("iofg")),
            Mistake("X48", ORDER_IOGF, _all_in("iogf")),
            Mistake("X49", "f and i have changed places in yours. Which of them does the stub name first?", _all_in("figo")),
            Mistake("X42", "The block f is wrong: which function squashed it, and what is the derivative of that one?",
                    _wrong_step_backward(da_f=lambda v: v.df * (1 - v.f**2))),
            Mistake("X43", "What dh_t sends into the cell is counted twice. Do you add to an array that holds it already?",
                    _wrong_step_backward(dc=lambda v: v.dc_t + 2 * v.dh_t * v.o * (1 - v.tanh_c**2))),
            Mistake("X44", "The block o has the wrong sign: what is the derivative of the sigmoid, o (1 - o) or "
                    "o (o - 1)?", _wrong_step_backward(da_o=lambda v: -v.do * v.o * (1 - v.o))),
        ),
    ),
    Question(
        "lstm_backward", number="E4", module="lstm", points=4, minutes=30, gates="ifgo",
        calls=("dx, dh0, dc0, dW_xh, dW_hh, db = lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh)",),
        inputs={"dh": "N T H", "dc_last": "N H", "x": "N T D", "h0": "N H", "c0": "N H", "h": "N T H", "c": "N T H",
                "gates": "N T 4H", "W_xh": "4H D", "W_hh": "4H H"},
        outputs={"dx": "N T D", "dh0": "N H", "dc0": "N H", **WEIGHT_GRADIENTS},
        oracle=_backward, draw=_backward_inputs,
        cases=(
            Case("small", N=3, T=8, D=4, H=5),
            Case("wide", N=4, T=6, D=2, H=7, hidden=True),
            Case("one step", N=3, T=1, D=4, H=5, waive=("T = 1",), costs=0.25,
                 hint="It fails for a sequence of one token."),
            Case("large gradients", N=2, T=6, D=4, H=5, draw=_large_gradients, costs=0.25,
                 hint="It fails where gradients are in the hundreds. Do you change them on the way?"),
            Case("large and wide", N=2, T=5, D=3, H=8, draw=_large_gradients, costs=0.25, hidden=True,
                 hint="It fails where gradients are in the hundreds. Do you change them on the way?"),
            Case("one sample", N=1, T=6, D=4, H=5, waive=("N = 1",), costs=0.125, hidden=True,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one feature", N=2, T=6, D=1, H=5, waive=("D = 1",), costs=0.125, hidden=True,
                 hint="It fails for tokens of one feature: is an axis squeezed away?"),
            Case("one unit", N=2, T=6, D=3, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for one hidden unit: is an axis squeezed away?"),
            Case("strided", N=3, T=8, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("Y29", "No entry of your gradients is beyond 5. Is this the function that is to hold them back?",
                    _wrong_backward(result=lambda v: tuple(
                        np.clip(grad, -5, 5) for grad in LSTM_LOOP_BACKWARD["result"](v)))),
            Mistake("Y03", "Set dh = 0: all your gradients are 0. What does the loss send into the last cell?",
                    _wrong_backward(start_c=lambda v: np.zeros_like(v.dc_last))),
            Mistake("Y04", "Your cell's gradient starts as dh of the last step. Which argument is meant for the last "
                    "cell?",
                    _wrong_backward(start_c=lambda v: v.dh[:, -1])),
            Mistake("Y05", ADD_UP,
                    _wrong_backward(overwritten="dW_xh dW_hh db")),
            Mistake("Y05b", ADD_UP, _wrong_backward(overwritten="db")),
            Mistake("Y06", "dh0 and dc0 have changed places. Which comes first in what is returned?",
                    _wrong_backward(result=lambda v: (v.dx, v.carry_c, v.carry_h, v.dW_xh, v.dW_hh, v.db))),
            Mistake("Y10", "What is c[:, t-1] at t = 0? Python wraps round to the last cell.",
                    _wrong_backward(c_prev=lambda v: v.c[:, v.t - 1])),
            Mistake("Y10b", "With c0 = 0 your gradients would be right. What did the forget gate multiply at t = 0?",
                    _wrong_backward(c_prev=lambda v: v.c[:, v.t - 1] if v.t else np.zeros_like(v.c0))),
            Mistake("Y20b", "With h0 = 0 your dW_hh would be right. What did W_hh act on at t = 0?",
                    _wrong_backward(h_prev=lambda v: v.h[:, v.t - 1] if v.t else np.zeros_like(v.h0))),
            Mistake("Y11", "dh0 is all zeros. What flows out of step 0 into the state before it?",
                    _wrong_backward(result=lambda v: (v.dx, 0 * v.carry_h, v.carry_c, v.dW_xh, v.dW_hh, v.db))),
            Mistake("Y12", "What a step sends to the cell before it already holds all that came from later cells. Is "
                    "it handed on, or added to the old carry?",
                    _wrong_backward(next_c=lambda v: v.carry_c + v.dc_prev)),
            Mistake("Y13", "dx[:, 0] is all zeros: step 0 never runs. Where does your range end?",
                    _wrong_backward(steps=lambda T: range(T - 1, 0, -1))),
            Mistake("Y14", "At the last steps nothing comes back from t + 1 in yours. At which t should it be added?",
                    _wrong_backward(dh_t=lambda v: v.dh[:, v.t] + (v.carry_h if v.t < v.T - 2 else 0))),
            Mistake("Y15", "Nothing flows from t + 1 into h[:, t] in yours. What is added to dh[:, t]?",
                    _wrong_backward(dh_t=lambda v: v.dh[:, v.t])),
            Mistake("Y16", CELL_CARRY,
                    _wrong_backward(next_c=lambda v: np.zeros_like(v.carry_c))),
            Mistake("Y17", "The loss sends dc_last into one cell. At how many steps do you add it?",
                    _wrong_backward(next_c=lambda v: v.dc_prev + (v.dc_last if v.t else 0))),
            Mistake("Y17b", "The loss sends dc_last into one cell. At how many steps do you add it?",
                    _wrong_backward(start_c=lambda v: 2 * v.dc_last,
                                    next_c=lambda v: v.dc_prev + (v.dc_last if v.t else 0))),
            Mistake("Y17c", "Every step gets dc_last in yours. What does a step get from the cell of the step after it?",
                    _wrong_backward(next_c=lambda v: v.dc_last if v.t else v.dc_prev)),
            Mistake("Y18", "Every h[:, t] has a loss of its own. At which t do you use dh[:, t]?",
                    _wrong_backward(dh_t=lambda v: v.carry_h + (v.dh[:, v.t] if v.t == v.T - 1 else 0))),
            Mistake("Y19", "dW_hh pairs each step with a hidden state. Which one entered step t?",
                    _wrong_backward(h_prev=lambda v: v.h[:, v.t])),
            Mistake("Y20", "dW_hh needs the state before step 0. What is h[:, t-1] at t = 0? Python wraps round to the "
                    "last state.",
                    _wrong_backward(h_prev=lambda v: v.h[:, v.t - 1])),
            Mistake("Y21", "Which cell did the forget gate of step t multiply: c[:, t], or the one before it?",
                    _wrong_backward(c_prev=lambda v: v.c[:, v.t])),
            Mistake("Y22", "The way back begins at the last step. In which direction does your loop run?",
                    _wrong_backward(steps=range)),
            Mistake("Y23", "dx is reversed in time. At which index do you store what step t gives?",
                    _wrong_backward(slot=lambda v: v.T - 1 - v.t)),
            Mistake("Y24", "The gradient at the last state is counted twice. With what does your carry start?",
                    _wrong_backward(start_h=lambda v: v.dh[:, -1])),
            Mistake("Y25", CELL_CARRY,
                    _wrong_backward(result=lambda v: (v.dx, v.carry_h, 0 * v.carry_c, v.dW_xh, v.dW_hh, v.db))),
            Mistake("Y26", "The tanh of step t was taken at c[:, t]. At which cell do you take its derivative?",
                    _wrong_backward(c_t=lambda v: v.c[:, -1])),
            Mistake("Y27", "It is 1/N of what is expected. Where was the average over the batch already taken?",
                    _wrong_backward(result=lambda v: (
                        v.dx, v.carry_h, v.carry_c, *(d / len(v.h0) for d in (v.dW_xh, v.dW_hh, v.db))))),
            Mistake("Y28", "It is 1/T of what is expected. Do the steps' contributions add up, or are they averaged?",
                    _wrong_backward(result=lambda v: (
                        v.dx, v.carry_h, v.carry_c, *(d / v.T for d in (v.dW_xh, v.dW_hh, v.db))))),
        ),
    ),
    Question(
        "pack_lstm_weights", number="E5", module="lstm", points=1, minutes=5, gates="ifgo",
        calls=("W_xh, W_hh, b = pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o)",),
        outputs=WEIGHTS, oracle=_pack, draw=_lesson_weights,
        cases=(
            Case("small", D=4, H=5),
            Case("wide", D=7, H=3, hidden=True),
            Case("one unit", D=3, H=1, waive=("H = 1",), costs=0.25, hint="It fails for one hidden unit."),
            Case("strided", D=2, H=6, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("P01", "You put the gates' matrices side by side. Which axis of W_hh is 4H long?",
                    _wrong_pack(join=lambda blocks: np.concatenate(blocks, axis=1))),
            Mistake("P02", "The lesson's matrices act on [h, x], the state first. How many of the first columns belong "
                    "to the state?", _wrong_pack(cut=lambda W, H: (W[:, : W.shape[1] - H], W[:, W.shape[1] - H :]))),
            Mistake("P03", AS_GIVEN,
                    _wrong_pack("fiCo", "fiCo")),
            Mistake("P04", "Your blocks are in the order i, f, o, g. Where does torch put the candidate?",
                    _wrong_pack("ifoC", "ifoC")),
            Mistake("P05", "Your blocks are in the order f, i, o, g. Which gate does torch put first, and which last?",
                    _wrong_pack("fioC", "fioC")),
            Mistake("P06", AS_GIVEN,
                    _wrong_pack("ifCo", "fiCo")),
            Mistake("P07", AS_GIVEN,
                    _wrong_pack("fiCo", "ifCo")),
            Mistake("P08", "W_xh and W_hh have changed places. Which comes first in what is returned?",
                    _wrong_pack(cut=lambda W, H: (W[:, :H], W[:, H:]))),
            Mistake("P09", "Your matrices are the transposes of torch's. Which axis of W_xh is 4H long?",
                    _wrong_pack(cut=lambda W, H: (W[:, H:].T, W[:, :H].T))),
            Mistake("P10", "Your gates alternate row by row. How do the H rows of one gate lie in torch's layout?",
                    _wrong_pack(join=_interleaved, join_biases=_interleaved)),
            Mistake("P11", "b has one row a gate. How many axes does torch's bias have?",
                    _wrong_pack(join_biases=np.stack)),
            Mistake("P12", "The last block is the candidate's a second time. Which gate is missing?",
                    _wrong_pack("ifCC", "ifCC")),
        ),
    ),
    Question(
        "gru_step", number="E6", module="gru", points=2, minutes=15, gates="rzn",
        calls=("h_t, gates = gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h)",),
        inputs={"x_t": "N D", "h_prev": "N H", "W_xh": "3H D", "W_hh": "3H H", "b_x": "3H", "b_h": "3H"},
        outputs={"h_t": "N H", "gates": "N 3H"}, oracle=_gru,
        cases=(
            Case("small", N=3, D=4, H=5),
            Case("wide", N=7, D=2, H=11, hidden=True),
            Case("one sample", N=1, D=4, H=5, waive=("N = 1",), costs=0.25,
                 hint="It fails for a batch of one: is an axis squeezed away?"),
            Case("one unit", N=4, D=2, H=1, waive=("H = 1",), costs=0.125, hidden=True,
                 hint="It fails for one hidden unit: is an axis squeezed away?"),
            Case("strided", N=3, D=4, H=5, layout="strided", costs=0.25, hidden=True),
        ),
        mistakes=(
            Mistake("U01", "There are two GRUs. In torch's, does r act on h_prev before the product with W_hn, or on "
                    "what the product gives?",
                    _wrong_gru(n=lambda v: np.tanh(v.from_x[2] + (v.r * v.h_prev) @ v.W_hn.T + v.b_hn))),
            Mistake("U02", "Set h_prev = 0 and r = 0: the bias of the state's side should be gone from n. Is it?",
                    _wrong_gru(n=lambda v: np.tanh(v.from_x[2] + v.r * (v.from_h[2] - v.b_hn) + v.b_hn))),
            Mistake("U03", "An update gate of 1 keeps the old state. What does z = 1 do in yours?",
                    _wrong_gru(h_t=lambda v: v.z * v.n + (1 - v.z) * v.h_prev)),
            Mistake("U04", "r and z have changed places. Which of them stands in the first H rows?",
                    _wrong_gru(**SWAPPED_RZ)),
            Mistake("U04b", "r and z have changed places. Which of them stands in the first H rows?",
                    _wrong_gru(**SWAPPED_RZ, gates=lambda v: _side_by_side(v.z, v.r, v.n))),
            Mistake("U05", "With r = 0 the candidate n must not depend on h_prev. Does yours?",
                    _wrong_gru(n=lambda v: np.tanh(v.from_x[2] + v.from_h[2]))),
            Mistake("U21", "With r = 0 the candidate n must not depend on h_prev. Which of its two parts does r act on in "
                    "yours?", _wrong_gru(n=lambda v: np.tanh(v.r * v.from_x[2] + v.from_h[2]))),
            Mistake("U07", "Change b_h alone: nothing moves. Where does it belong?",
                    _wrong_gru(from_h=lambda v: np.split(v.h_prev @ v.W_hh.T, 3, axis=1))),
            Mistake("U08", "Where does r act: inside the candidate alone, or on the state that is kept as well?",
                    _wrong_gru(h_t=lambda v: (1 - v.z) * v.n + v.z * v.r * v.h_prev)),
            Mistake("U09", "Change b_x alone: nothing moves. How many biases does this cell have?",
                    _wrong_gru(from_x=lambda v: np.split(v.x_t @ v.W_xh.T, 3, axis=1))),
            Mistake("U10", "The candidate n may be negative; yours never is. Which function squashes it?",
                    _wrong_gru(n=lambda v: _sigmoid(v.from_x[2] + v.r * v.from_h[2]))),
            Mistake("U11", "Which of the two gates decides what the candidate sees of the old state?",
                    _wrong_gru(n=lambda v: np.tanh(v.from_x[2] + v.z * v.from_h[2]))),
            Mistake("U12", "r and z lie in (0, 1), n in (-1, 1). Do you give them back before or after their "
                    "nonlinearity?",
                    _wrong_gru(gates=lambda v: _side_by_side(v.from_x[0] + v.from_h[0], v.from_x[1] + v.from_h[1],
                                                             v.from_x[2] + v.r * v.from_h[2]))),
            Mistake("U13", "r and z are right but have changed places in what you give back. Which comes first?",
                    _wrong_gru(gates=lambda v: _side_by_side(v.z, v.r, v.n))),
            Mistake("U14", "You take every third column for a gate. How do the H columns of one gate lie?",
                    _wrong_gru(from_x=lambda v: [(v.x_t @ v.W_xh.T + v.b_x)[:, k::3] for k in range(3)],
                               from_h=lambda v: [(v.h_prev @ v.W_hh.T + v.b_h)[:, k::3] for k in range(3)])),
            Mistake("U15", "The old and the new share one state: with z = 1, how much of n should be left?",
                    _wrong_gru(h_t=lambda v: v.n + v.z * v.h_prev)),
            Mistake("U16", "r multiplies more than what comes from the state. Does what comes from x_t pass the reset "
                    "gate too?", _wrong_gru(n=lambda v: np.tanh(v.r * (v.from_x[2] + v.from_h[2])))),
            Mistake("U17", "reshape makes the shapes fit and scatters the rows of W_hh. What turns rows into columns?",
                    _wrong_gru(from_h=lambda v: np.split(
                        v.h_prev @ v.W_hh.reshape(v.W_hh.shape[::-1]) + v.b_h, 3, axis=1))),
            Mistake("U18", "Which of the two gates decides how much of the old state stays?",
                    _wrong_gru(h_t=lambda v: (1 - v.r) * v.n + v.r * v.h_prev)),
            Mistake("U19", "With z = 1 the old state stays as it is. What is left of it in yours?",
                    _wrong_gru(h_t=lambda v: (1 - v.z) * v.n)),
            Mistake("U20", "Change b_h alone: nothing moves. Which bias goes with h_prev?",
                    _wrong_gru(from_h=lambda v: np.split(v.h_prev @ v.W_hh.T + v.b_x, 3, axis=1))),
        ),
    ),
)  # fmt: skip
# A wrong step spoils every loop over it, in the same way and with the same hint.
QUESTIONS = oracles.inherit(
    QUESTIONS, "lstm_forward", "lstm_step", lambda step: _wrong_forward(step=step), leave="S29"
)
QUESTIONS = oracles.inherit(
    QUESTIONS, "lstm_backward", "lstm_step_backward", lambda step: _wrong_backward(step=step),
    leave="X09 X19 X20 X33 X38",
)  # fmt: skip
