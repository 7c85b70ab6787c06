"""Programs for the memory budget: right ones in many styles, and wrong or cheating ones. Text that a worker runs.

RIGHT: all give the gradient of full BPTT within the budget. CHEATS: exact gradients from every state, put away where
it might not be seen. BARRED: those whose hiding place the confinement denies.
"""

from __future__ import annotations

import textwrap

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

def back(dh, x, h, weights, dx, sums):
    '''Halving, which needs log2(T) states alone.'''
    T = x.shape[1]
    if T > 1:
        middle = run(x[:, : T // 2], h, *weights)
        dh = back(dh, x[:, T // 2 :], middle, weights, dx[:, T // 2 :], sums)
        return back(dh, x[:, : T // 2], h, weights, dx[:, : T // 2], sums)
    da = dh * (1 - run(x, h, *weights) ** 2)
    dx[:, 0] = da @ weights[0]
    for total, share in zip(sums, (da.T @ x[:, 0], da.T @ h, da.sum(0))):
        total += share
    return da @ weights[1]

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    dx, sums = np.zeros(x.shape), [np.zeros(W.shape) for W in (W_xh, W_hh, b)]
    return dx, back(dh_last, x, h0, (W_xh, W_hh, b), dx, sums), *sums
"""

# What many of them have in common: what differs is how the states are kept and how a segment goes back.
FRAME = """
import numpy as np
{top}

def step(x_t, h, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h @ W_hh.T + b)

def segment_back(dh, x, first, W_xh, W_hh, b):
    h = [first]
    for t in range(x.shape[1]):
        h.append(step(x[:, t], h[-1], W_xh, W_hh, b))
    dx, dW_xh, dW_hh, db = np.zeros(x.shape), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(b))
    for t in reversed(range(x.shape[1])):
        da = dh * (1 - h[t + 1] ** 2)
        dx[:, t], dh = da @ W_xh, da @ W_hh
        dW_xh, dW_hh, db = dW_xh + da.T @ x[:, t], dW_hh + da.T @ h[t], db + da.sum(0)
    return dx, dh, dW_xh, dW_hh, db

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    (N, T, D), H, weights = x.shape, len(b), (W_xh, W_hh, b)
    dx, dh = np.zeros(x.shape), dh_last
    sums = [np.zeros(W.shape) for W in weights]
{body}
    return dx, dh, *sums
"""


def framed(body: str, top: str = "") -> str:
    return FRAME.format(top=top, body=textwrap.indent(textwrap.dedent(body).strip(), "    "))


DICT = framed("""
    kept, h = {}, h0
    for t in range(T):
        if t % k == 0:
            kept[t] = h
        h = step(x[:, t], h, *weights)
    for t in sorted(kept, reverse=True):
        dx[:, t:t + k], dh, *own = segment_back(dh, x[:, t:t + k], kept.pop(t), *weights)
        for total, share in zip(sums, own):
            total += share
""")

DEQUE = framed(
    """
    kept, h = deque(), h0
    for start in range(0, T, k):
        kept.appendleft((start, h))
        for t in range(start, min(start + k, T)):
            h = step(x[:, t], h, *weights)
    for start, h in kept:
        part = slice(start, start + k)
        dx[:, part], dh, *own = segment_back(dh, x[:, part], h, *weights)
        sums = [total + share for total, share in zip(sums, own)]
""",
    top="from collections import deque",
)

RECURSION = framed("""
    def rest(start, h):
        nonlocal dh, sums
        part = x[:, start:start + k]
        if start + k < T:
            after = h
            for t in range(part.shape[1]):
                after = step(part[:, t], after, *weights)
            rest(start + k, after)
        dx[:, start:start + k], dh, *own = segment_back(dh, part, h, *weights)
        sums = [total + share for total, share in zip(sums, own)]
    rest(0, h0)
""")

PULLBACKS = framed("""
    def pullback(part, first):
        return lambda dh: segment_back(dh, x[:, part], first, *weights)
    tape, h = [], h0
    for start in range(0, T, k):
        part = slice(start, min(start + k, T))
        tape.append((part, pullback(part, h)))
        for t in range(part.start, part.stop):
            h = step(x[:, t], h, *weights)
    while tape:
        part, back = tape.pop()
        dx[:, part], dh, *own = back(dh)
        sums = [total + share for total, share in zip(sums, own)]
""")

ACCUMULATE = framed(
    """
    starts = list(range(0, T, k))
    def over(h, start):
        return reduce(lambda h, t: step(x[:, t], h, *weights), range(start, start + k), h)
    kept = list(accumulate(starts[:-1], over, initial=h0))
    for start, h in zip(starts[::-1], kept[::-1]):
        dx[:, start:start + k], dh, *own = segment_back(dh, x[:, start:start + k], h, *weights)
        sums = list(map(np.add, sums, own))
""",
    top="from functools import reduce\nfrom itertools import accumulate",
)

GENERATOR = framed("""
    def forward():
        h = h0
        for t in range(T):
            if t % k == 0:
                yield t, h
            h = step(x[:, t], h, *weights)
    for start, h in reversed(list(forward())):
        dx[:, start:start + k], dh, *own = segment_back(dh, x[:, start:start + k], h, *weights)
        for total, share in zip(sums, own):
            np.add(total, share, out=total)
""")

SPLIT = framed("""
    parts = np.split(x, range(k, T, k), axis=1)
    kept = [h0]
    for part in parts[:-1]:
        h = kept[-1]
        for x_t in part.swapaxes(0, 1):
            h = step(x_t, h, *weights)
        kept.append(h)
    outs = np.split(dx, range(k, T, k), axis=1)
    for part, out, h in zip(parts[::-1], outs[::-1], kept[::-1]):
        out[:], dh, *own = segment_back(dh, part, h, *weights)
        sums = [total + share for total, share in zip(sums, own)]
""")

BYTES = framed("""
    kept, h = [], h0
    for t in range(T):
        if t % k == 0:
            kept.append(h.tobytes())
        h = step(x[:, t], h, *weights)
    for i in range(len(kept) - 1, -1, -1):
        part = slice(i * k, i * k + k)
        dx[:, part], dh, *own = segment_back(dh, x[:, part], np.frombuffer(kept[i]).reshape(N, H), *weights)
        sums = [total + share for total, share in zip(sums, own)]
""")

OWN_INTERVAL = framed("""
    k = max(1, int(T ** 0.5))  # its own interval, which is the best one
    kept, h = [], h0
    for t in range(T):
        if t % k == 0:
            kept.append(h)
        h = step(x[:, t], h, *weights)
    for i in reversed(range(len(kept))):
        part = slice(i * k, i * k + k)
        dx[:, part], dh, *own = segment_back(dh, x[:, part], kept.pop(), *weights)
        sums = [total + share for total, share in zip(sums, own)]
""")

TWO_LEVELS = framed("""
    def run(h, lo, hi):
        for t in range(lo, hi):
            h = step(x[:, t], h, *weights)
        return h
    outer = max(1, k)
    inner = max(1, int(outer ** 0.5))
    kept = [h0]
    for lo in range(outer, T, outer):
        kept.append(run(kept[-1], lo - outer, lo))
    for i in reversed(range(len(kept))):
        lo, hi = i * outer, min(i * outer + outer, T)
        marks = [kept.pop()]
        for at in range(lo + inner, hi, inner):
            marks.append(run(marks[-1], at - inner, at))
        for j in reversed(range(len(marks))):
            part = slice(lo + j * inner, min(lo + (j + 1) * inner, hi))
            dx[:, part], dh, *own = segment_back(dh, x[:, part], marks.pop(), *weights)
            sums = [total + share for total, share in zip(sums, own)]
""")

EXPONENTIALS = LIST_AND_STEPS.replace("from .rnn import rnn_step", """
def rnn_step(x_t, h, W_xh, W_hh, b):
    e = np.exp(-2 * np.abs(a := np.hstack([x_t, h]) @ np.hstack([W_xh, W_hh]).T + b))
    return np.sign(a) * -np.expm1(-2 * np.abs(a)) / (1 + e)
""")

ROWS_ALONE = """
import numpy as np

def one(dh, x, h0, W_xh, W_hh, b, k):
    'One sequence: x (T, D), states (H,).'
    T, kept, h = len(x), [], h0
    for t in range(T):
        if t % k == 0:
            kept.append(h)
        h = np.tanh(W_xh @ x[t] + W_hh @ h + b)
    dx, dW_xh, dW_hh, db = np.zeros(x.shape), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(b))
    for start in range((T - 1) // k * k, -1, -k):
        states = [kept.pop()]
        for t in range(start, min(start + k, T)):
            states.append(np.tanh(W_xh @ x[t] + W_hh @ states[-1] + b))
        das = np.zeros((len(states) - 1, len(b)))
        for i in range(len(das) - 1, -1, -1):
            das[i] = dh * (1 - states[i + 1] ** 2)
            dh = das[i] @ W_hh
        dx[start:start + len(das)] = das @ W_xh
        dW_xh += das.T @ x[start:start + len(das)]
        dW_hh += das.T @ np.array(states[:-1])
        db += das.sum(0)
    return dx, dh, dW_xh, dW_hh, db

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    dx, dh0, total = np.zeros(x.shape), np.zeros(h0.shape), None
    for n in range(len(x)):
        dx[n], dh0[n], *own = one(dh_last[n], x[n], h0[n], W_xh, W_hh, b, k)
        total = own if total is None else [a + c for a, c in zip(total, own)]
    return dx, dh0, *total
"""

COLUMNS = """
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    'States as columns (H, N), as textbooks have them.'
    T = x.shape[1]
    b = b[:, None]
    def step(t, h):
        return np.tanh(W_xh @ x[:, t].T + W_hh @ h + b)
    kept, h = [], h0.T
    for t in range(T):
        if not t % k:
            kept.append(h)
        h = step(t, h)
    dx, dW_xh, dW_hh, db = np.empty(x.shape), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(b.shape)
    dh = dh_last.T
    while kept:
        segment, start = [kept.pop()], len(kept) * k
        for t in range(start, min(start + k, T)):
            segment.append(step(t, segment[-1]))
        for i in range(len(segment) - 2, -1, -1):
            da = dh * (1 - segment[i + 1] * segment[i + 1])
            dx[:, start + i] = (W_xh.T @ da).T
            dW_xh += da @ x[:, start + i]
            dW_hh += da @ segment[i].T
            db += da.sum(1, keepdims=True)
            dh = W_hh.T @ da
    return dx, dh.T, dW_xh, dW_hh, db[:, 0]
"""

ONE_MATRIX = """
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    'All weights side by side, acting on (x, h, 1).'
    (N, T, D), H = x.shape, len(b)
    W = np.concatenate([W_xh, W_hh, b[:, None]], axis=1)
    def into(t, h):
        return np.concatenate([x[:, t], h, np.ones((N, 1))], axis=1)
    kept, h = [], h0
    for t in range(T):
        if t % k == 0:
            kept.append(h)
        h = np.tanh(into(t, h) @ W.T)
    dx, dW, dh = np.zeros((N, T, D)), np.zeros(W.shape), dh_last
    for s in reversed(range(len(kept))):
        h, steps = kept.pop(), []
        for t in range(s * k, min(s * k + k, T)):
            after = np.tanh(into(t, h) @ W.T)
            steps.append((t, h, after))
            h = after
        while steps:
            t, before, after = steps.pop()
            da = dh - dh * after * after
            dW += np.einsum("nh,nj->hj", da, into(t, before))
            back = da @ W
            dx[:, t], dh = back[:, :D], back[:, D:-1]
    return dx, dh, dW[:, :D], dW[:, D:-1], dW[:, -1]
"""

IN_PLACE = """
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    'Every array is allocated once, and written with out=.'
    (N, T, D), H = x.shape, len(b)
    S, k = -(-T // k), min(k, T)
    kept, states, da, dh = np.empty((S, N, H)), np.empty((k + 1, N, H)), np.empty((N, H)), np.array(dh_last)
    dx, dW_xh, dW_hh, db = np.empty((N, T, D)), np.zeros((H, D)), np.zeros((H, H)), np.zeros(H)
    part_x, part_h, out = np.empty((H, D)), np.empty((H, H)), np.empty((N, H))
    def step(t, h, into):
        np.matmul(x[:, t], W_xh.T, out=into)
        np.matmul(h, W_hh.T, out=out)
        into += out
        into += b
        np.tanh(into, out=into)
    kept[0] = h0
    for s in range(S - 1):
        states[0] = kept[s]
        for i in range(k):
            step(s * k + i, states[i], states[i + 1])
        kept[s + 1] = states[k]
    for s in range(S)[::-1]:
        states[0], lo, hi = kept[s], s * k, min(s * k + k, T)
        for t in range(lo, hi):
            step(t, states[t - lo], states[t - lo + 1])
        for t in range(lo, hi)[::-1]:
            np.square(states[t - lo + 1], out=da)
            np.subtract(1, da, out=da)
            np.multiply(da, dh, out=da)
            dx[:, t] = da @ W_xh
            np.matmul(da.T, x[:, t], out=part_x)
            np.matmul(da.T, states[t - lo], out=part_h)
            dW_xh += part_x
            dW_hh += part_h
            db += da.sum(axis=0)
            np.matmul(da, W_hh, out=dh)
    return dx, dh, dW_xh, dW_hh, db
"""

CLASSES = """
from dataclasses import dataclass, field
import numpy as np

@dataclass
class Cell:
    W_xh: np.ndarray
    W_hh: np.ndarray
    b: np.ndarray
    grads: list = field(default_factory=list)

    def __post_init__(self):
        self.grads = [np.zeros_like(W) for W in (self.W_xh, self.W_hh, self.b)]

    def __call__(self, x_t, h):
        return np.tanh(x_t @ self.W_xh.T + h @ self.W_hh.T + self.b)

    def back(self, dh, x_t, before, after):
        da = dh * (1 - after ** 2)
        for grad, share in zip(self.grads, (da.T @ x_t, da.T @ before, da.sum(0))):
            grad += share
        return da @ self.W_xh, da @ self.W_hh

class Segment:
    def __init__(self, cell, x, start, first):
        self.cell, self.x, self.start, self.first = cell, x, start, first

    def states(self):
        h = self.first
        yield h
        for t in range(self.x.shape[1]):
            h = self.cell(self.x[:, t], h)
            yield h

    def last(self):
        for h in self.states():
            pass
        return h

    def back(self, dh, dx):
        states = list(self.states())
        for t in range(self.x.shape[1] - 1, -1, -1):
            dx[:, self.start + t], dh = self.cell.back(dh, self.x[:, t], states[t], states[t + 1])
        return dh

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    cell, segments, h, dx = Cell(W_xh, W_hh, b), [], h0, np.zeros(x.shape)
    for start in range(0, x.shape[1], k):
        segments.append(Segment(cell, x[:, start:start + k], start, h))
        h = segments[-1].last()
    for segment in segments[::-1]:
        dh_last = segment.back(dh_last, dx)
    return dx, dh_last, *cell.grads
"""

SCHEDULED = """
import numpy as np
from .optional import checkpoint_schedule

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    'Carries out a schedule for twelve stored states.'
    dx, sums, dh = np.zeros(x.shape), [np.zeros(W.shape) for W in (W_xh, W_hh, b)], dh_last
    at, h, stored = 0, h0, {}
    def step(t, h):
        return np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    for code, t in checkpoint_schedule(x.shape[1], 12).tolist():
        if code == 0:
            stored[t] = h
        elif code == 1:
            for s in range(at, t):
                h = step(s, h)
            at = t
        elif code == 2:
            da = dh * (1 - step(t, h) ** 2)
            dx[:, t], dh = da @ W_xh, da @ W_hh
            for total, share in zip(sums, (da.T @ x[:, t], da.T @ h, da.sum(0))):
                total += share
        elif code == 3:
            at, h = t, stored[t]
        else:
            del stored[t]
    return dx, dh, *sums
"""

EACH_ANEW = """
from .bptt import rnn_step_backward
from .rnn import rnn_step
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    'No segment is stored: each of its states is made again from the kept one when its turn comes. Right, and slow.'
    weights, kept, h, dx = (W_xh, W_hh, b), [], h0, np.zeros_like(x)
    for t in range(x.shape[1]):
        if t % k == 0:
            kept.append(h)
        h = rnn_step(x[:, t], h, *weights)
    dh, sums = dh_last, [np.zeros_like(W) for W in weights]
    for t in range(x.shape[1])[::-1]:
        before = kept[t // k]
        for s in range(t - t % k, t):
            before = rnn_step(x[:, s], before, *weights)
        after = rnn_step(x[:, t], before, *weights)
        dx[:, t], dh, *own = rnn_step_backward(dh, x[:, t], before, after, W_xh, W_hh)
        sums = [total + share for total, share in zip(sums, own)]
    return dx, dh, *sums
"""

RIGHT = {
    "list of states": LIST_AND_STEPS, "whole segments": WHOLE_SEGMENTS, "one array": ONE_ARRAY, "halves": HALVES,
    "a dictionary": DICT, "a deque": DEQUE, "recursion": RECURSION, "pullbacks": PULLBACKS, "accumulate": ACCUMULATE,
    "a generator": GENERATOR, "np.split": SPLIT, "bytes of the kept": BYTES, "its own interval": OWN_INTERVAL,
    "two levels": TWO_LEVELS, "exponentials": EXPONENTIALS, "rows alone": ROWS_ALONE, "columns": COLUMNS,
    "one matrix": ONE_MATRIX, "in place": IN_PLACE, "classes": CLASSES, "a schedule": SCHEDULED, "each anew": EACH_ANEW,
}  # fmt: skip

# ---------------------------------------------------------------- wrong ones and cheats

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


def cheat(
    top: str = "", start: str = "kept = []", keep: str = "kept.append(h)", take: str = "before = kept.pop()"
) -> str:
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
    "freed before it returns": cheat(start="kept = Kept()", top="import gc\nclass Kept(list):\n"
        "    def pop(self):\n        last = super().pop()\n        if not self:\n            gc.collect()\n"
        "        return last"),
    "an attribute of the function": cheat(start="kept = rnn_backward_checkpointed.kept = []"),
    "a tracer stopped": cheat(
        start="import sys, tracemalloc\ntracemalloc.stop()\nsys.settrace(None)\nkept = []"),
    "a thread": cheat(
        top="import threading", start="kept = threading.local()\nkept.all = []", keep="kept.all.append(h)",
        take="before = kept.all.pop()"),
}  # fmt: skip

# Right, and so slow that it cannot be done in time for thousands of steps.
FROM_ZERO = """
import numpy as np

def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    dx, sums, dh = np.zeros(x.shape), [np.zeros(W.shape) for W in (W_xh, W_hh, b)], dh_last
    for t in reversed(range(x.shape[1])):
        before = h0
        for s in range(t):
            before = np.tanh(x[:, s] @ W_xh.T + before @ W_hh.T + b)
        h = np.tanh(x[:, t] @ W_xh.T + before @ W_hh.T + b)
        da = dh * (1 - h * h)
        dx[:, t], dh = da @ W_xh, da @ W_hh
        for total, share in zip(sums, (da.T @ x[:, t], da.T @ before, da.sum(0))):
            total += share
    return dx, dh, *sums
"""

# Bytes that are no memory of the process: a file in memory, pipes, and the kernel's own count set back.
BARRED = {
    "a mapping": cheat(
        top="import mmap", start="kept = np.frombuffer(mmap.mmap(-1, 8 * T * N * H)).reshape(T, N, H)",
        keep="kept[t] = h", take="before = kept[t].copy()"),
    "a file in memory": cheat(
        top="import os", start="file = os.memfd_create('kept')", keep="os.pwrite(file, h.tobytes(), t * h.nbytes)",
        take="before = np.frombuffer(os.pread(file, 8 * N * H, t * 8 * N * H)).reshape(N, H)"),
    "pipes": cheat(
        top="import os", start="kept = []",
        keep="end, start = os.pipe()\nos.write(start, h.tobytes())\nkept.append(end)",
        take="before = np.frombuffer(os.read(kept.pop(), 8 * N * H)).reshape(N, H)"),
    "a file": cheat(
        top="import os", start="file = os.open('kept', os.O_RDWR | os.O_CREAT)",
        keep="os.pwrite(file, h.tobytes(), t * h.nbytes)",
        take="before = np.frombuffer(os.pread(file, 8 * N * H, t * 8 * N * H)).reshape(N, H)"),
    "the count set back": cheat(
        top="import os", start="kept = []\nos.write(os.open('/proc/self/clear_refs', os.O_WRONLY), b'5')"),
    "another process": cheat(top="import os", start="kept = []\nos.fork()"),
}  # fmt: skip
