#: rnn_step einsum with everything named
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(np.einsum("nd,hd->nh", x_t, W_xh) + np.einsum("nk,hk->nh", h_prev, W_hh) + b)
#: rnn_step one product over [x, h, 1]
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    inputs = np.hstack([x_t, h_prev, np.ones((len(x_t), 1))])
    return np.tanh(inputs.dot(np.hstack([W_xh, W_hh, b[:, None]]).T))
#: rnn_step tanh by exponentials of the negative side
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = b + x_t @ W_xh.T + h_prev @ W_hh.T
    e = np.exp(-2 * np.abs(a))
    return np.sign(a) * (1 - e) / (1 + e)
#: rnn_step math.tanh through vectorize
import math


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.vectorize(math.tanh)(x_t @ W_xh.T + h_prev @ W_hh.T + b)
#: rnn_step lists of floats
import math


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    X, P, W, U, c = x_t.tolist(), h_prev.tolist(), W_xh.tolist(), W_hh.tolist(), b.tolist()
    return [[math.tanh(c[j] + sum(w * v for w, v in zip(W[j], row)) + sum(u * v for u, v in zip(U[j], prev)))
             for j in range(len(c))] for row, prev in zip(X, P)]
#: rnn_step float32
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    x_t, h_prev, W_xh, W_hh, b = (a.astype("float32") for a in (x_t, h_prev, W_xh, W_hh, b))
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)
#: rnn_step np.matmul of transposes, given back in Fortran's order
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(np.matmul(W_xh, x_t.T) + np.matmul(W_hh, h_prev.T) + b.reshape(-1, 1)).T
#: rnn_step keyword-only helper with defaults
def _affine(*pairs, bias):
    total = bias
    for a, W in pairs:
        total = total + np.inner(a, W)
    return total


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(_affine((h_prev, W_hh), (x_t, W_xh), bias=b))
#: rnn_step changes its own copies in place
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    out = np.broadcast_to(b, h_prev.shape).copy()
    out += np.dot(x_t, W_xh.T)
    out += np.dot(h_prev, W_hh.T)
    np.tanh(out, out=out)
    return out
#: rnn_forward recursion over time
def rnn_forward(x, h0, W_xh, W_hh, b):
    if x.shape[1] == 0:
        return np.zeros((len(x), 0, h0.shape[1]))
    first = np.tanh(x[:, 0] @ W_xh.T + h0 @ W_hh.T + b)
    return np.concatenate([first[:, None], rnn_forward(x[:, 1:], first, W_xh, W_hh, b)], axis=1)
#: rnn_forward itertools.accumulate
from itertools import accumulate


def rnn_forward(x, h0, W_xh, W_hh, b):
    steps = accumulate(x.swapaxes(0, 1), lambda h, x_t: np.tanh(x_t @ W_xh.T + h @ W_hh.T + b), initial=h0)
    return np.stack(list(steps)[1:], axis=1)
#: rnn_forward a generator
def _states(x, h, W_xh, W_hh, b):
    for x_t in np.moveaxis(x, 1, 0):
        h = np.tanh(x_t @ W_xh.T + h @ W_hh.T + b)
        yield h


def rnn_forward(x, h0, W_xh, W_hh, b):
    return np.array([*_states(x, h0, W_xh, W_hh, b)]).transpose(1, 0, 2)
#: rnn_forward sample by sample
def rnn_forward(x, h0, W_xh, W_hh, b):
    out = np.full((x.shape[0], x.shape[1], len(b)), np.nan)
    for n in range(len(x)):
        h = h0[n]
        for t, x_t in enumerate(x[n]):
            h = np.tanh(W_xh.dot(x_t) + W_hh.dot(h) + b)
            out[n, t] = h
    return out
#: rnn_forward states with h0 at index -1
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, _ = x.shape
    h = np.zeros((N, T + 1, h0.shape[1]))
    h[:, -1] = h0
    for t in range(T):
        h[:, t] = np.tanh(x[:, t] @ W_xh.T + h[:, t - 1] @ W_hh.T + b)
    return h[:, :-1]
#: rnn_forward backwards in memory, with negative strides
def rnn_forward(x, h0, W_xh, W_hh, b):
    turned = np.zeros((x.shape[1], len(x), len(b)))
    h = h0
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        turned[-1 - t] = h
    return turned[::-1].swapaxes(0, 1)
#: rnn_forward a cell object
class _Cell:
    def __init__(self, W_xh, W_hh, b):
        self.W_xh, self.W_hh, self.b = W_xh.copy(), W_hh.copy(), b.copy()

    def __call__(self, x_t, h):
        return np.tanh(x_t @ self.W_xh.T + h @ self.W_hh.T + self.b)


def rnn_forward(x, h0, W_xh, W_hh, b):
    cell, h, kept = _Cell(W_xh, W_hh, b), h0, []
    for t in range(x.shape[1]):
        kept.append(h := cell(x[:, t], h))
    return np.stack(kept, axis=1)
#: output_head tensordot
def output_head(h, W_hy, b_y):
    return np.tensordot(h, W_hy, axes=(2, 1)) + b_y
#: output_head flat rows, bias by add.outer
def output_head(h, W_hy, b_y):
    rows = h.reshape(-1, h.shape[-1])
    return np.stack([rows @ w + c for w, c in zip(W_hy, b_y)], axis=-1).reshape(*h.shape[:2], -1)
#: output_head step by step, in lists
def output_head(h, W_hy, b_y):
    return np.stack([[W_hy @ state + b_y for state in sample] for sample in h])
#: sequence_loss logaddexp.reduce
def sequence_loss(y, targets, mask):
    log_p = y - np.logaddexp.reduce(y, axis=-1, keepdims=True)
    hot = targets[..., None] == np.arange(y.shape[-1])
    n = np.count_nonzero(mask) or 1
    kept = mask[..., None]
    return -np.sum(log_p, where=hot & kept) / n, np.where(kept, np.exp(log_p) - hot, 0.0) / n
#: sequence_loss masks by multiplication
def sequence_loss(y, targets, mask):
    m = mask.astype(float)
    z = y - np.max(y, axis=2, keepdims=True)
    Z = np.exp(z).sum(axis=2)
    picked = np.take_along_axis(z, targets[:, :, None], axis=2)[:, :, 0]
    n = np.maximum(m.sum(), 1.0)
    loss = np.dot((np.log(Z) - picked).ravel(), m.ravel()) / n
    dy = np.exp(z) / Z[:, :, None]
    dy -= np.eye(y.shape[2])[targets]
    dy *= (m / n)[:, :, None]
    return loss, dy
#: sequence_loss position by position
import math


def sequence_loss(y, targets, mask):
    kept = [(n, t) for n in range(len(y)) for t in range(y.shape[1]) if mask[n, t]]
    dy, losses = np.zeros(y.shape), []
    for n, t in kept:
        top = max(y[n, t])
        exps = [math.exp(v - top) for v in y[n, t]]
        total = math.fsum(exps)
        losses.append(math.log(total) + top - y[n, t, targets[n, t]])
        for v, e in enumerate(exps):
            dy[n, t, v] = (e / total - (v == targets[n, t])) / len(kept)
    return (math.fsum(losses) / len(kept) if kept else 0.0), dy
#: rnn_forward_masked masks by multiplication
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    m = (np.arange(x.shape[1])[None] < lengths[:, None]).astype(float)
    h, kept = h0, []
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        h = m[:, t, None] * new + (1 - m[:, t, None]) * h
        kept.append(h)
    return np.stack(kept, 1), h
#: rnn_forward_masked runs on, then takes the last real state by index
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, _ = x.shape
    states = [h0]
    for t in range(T):
        states.append(np.tanh(x[:, t] @ W_xh.T + states[-1] @ W_hh.T + b))
    free = np.stack(states, axis=1)
    which = np.minimum(np.arange(1, T + 1)[None], lengths[:, None])
    h = np.take_along_axis(free, which[:, :, None], axis=1)
    return h, h[:, -1]
#: rnn_forward_masked only the samples that are running
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h = np.empty((x.shape[0], x.shape[1], len(b)))
    state = np.array(h0)
    for t in range(x.shape[1]):
        on = np.flatnonzero(lengths > t)
        state[on] = np.tanh(x[on, t] @ W_xh.T + state[on] @ W_hh.T + b)
        h[:, t] = state
    return h, state
#: rnn_forward_masked np.putmask and a list as answer
def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h, rows = h0.copy(), []
    for t in range(x.shape[1]):
        new = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        np.copyto(h, new, where=(lengths > t)[:, None])
        rows.append(h.copy())
    return [np.moveaxis(np.array(rows), 0, 1), h]
#: rnn_forward h0 overwritten by the loop
def rnn_forward(x, h0, W_xh, W_hh, b):
    h = np.zeros((x.shape[0], x.shape[1], h0.shape[1]))
    for t in range(x.shape[1]):
        h0[...] = np.tanh(x[:, t] @ W_xh.T + h0 @ W_hh.T + b)
        h[:, t] = h0
    return h
#: rnn_forward windows by stride tricks, returned as a strided view
from numpy.lib.stride_tricks import as_strided, sliding_window_view
def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = len(b)
    buf = np.zeros((T + 1, N, H))
    buf[0] = h0
    pairs = as_strided(buf, shape=(T, 2, N, H), strides=(buf.strides[0],) + buf.strides)
    for t in range(T):
        pairs[t, 1] = np.tanh(x[:, t] @ W_xh.T + pairs[t, 0] @ W_hh.T + b)
    return as_strided(buf[1:], shape=(N, T, H), strides=(buf.strides[1], buf.strides[0], buf.strides[2]))
#: rnn_forward a dataclass, a match statement, a walrus and a generator
from dataclasses import dataclass, field
from typing import Iterator, NamedTuple
@dataclass
class Cell:
    W: np.ndarray
    U: np.ndarray
    b: np.ndarray
    h: np.ndarray = field(default=None)
    def __call__(self, x):
        match self.h:
            case None:
                raise ValueError("no state")
            case np.ndarray() as h:
                self.h = np.tanh(np.einsum('hd,nd->nh', self.W, x) + np.einsum('hk,nk->nh', self.U, h) + self.b)
        return self.h
    def run(self, xs) -> Iterator[np.ndarray]:
        t = 0
        while (t := t + 1) <= xs.shape[1]:
            yield self(xs[:, t - 1])
def rnn_forward(x, h0, W_xh, W_hh, b):
    cell = Cell(W_xh, W_hh, b, h0)
    return np.moveaxis(np.array([*cell.run(x)]), 0, 1)
#: rnn_step masked arrays
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = np.ma.masked_invalid(x_t @ W_xh.T + h_prev @ W_hh.T + b)
    return np.ma.tanh(a)
#: rnn_step a read-only view with a negative stride
def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    h = np.tanh(W_xh @ x_t.T + W_hh @ h_prev.T + b[:, None])[::-1]
    h = h[::-1].T
    h.flags.writeable = False
    return h
