"""Loops over time are scans: `accumulate` carries the state, and nothing is assigned into an array."""

from itertools import accumulate

import numpy as np


def scan(step, first, xs):
    """The states after each of xs, without the first."""
    return list(accumulate(xs, step, initial=first))[1:]


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(np.dot(W_xh, x_t.T).T + np.dot(W_hh, h_prev.T).T + b)


def rnn_forward(x, h0, W_xh, W_hh, b):
    return np.stack(scan(lambda h, x_t: rnn_step(x_t, h, W_xh, W_hh, b), h0, x.swapaxes(0, 1)), 1)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    def step(h, pair):
        t, x_t = pair
        return np.where(t < lengths[:, None], rnn_step(x_t, h, W_xh, W_hh, b), h)

    states = scan(step, h0, enumerate(x.swapaxes(0, 1)))
    return np.stack(states, 1), states[-1]


def output_head(h, W_hy, b_y):
    return np.stack([h_t @ W_hy.T + b_y for h_t in h.swapaxes(0, 1)], 1)


def sequence_loss(y, targets, mask):
    N, T, V = y.shape
    top = np.stack(list(accumulate(np.moveaxis(y, 2, 0), np.maximum)))[-1][..., None]
    total = np.stack(list(accumulate(np.moveaxis(np.exp(y - top), 2, 0))))[-1][..., None]
    log_p = y - top - np.log(total)
    onehot = np.arange(V) == np.where(mask, targets, -1)[..., None]
    K = max(int(mask.sum()), 1)
    return -float(log_p[onehot].sum()) / K, (np.exp(log_p) - onehot) * mask[..., None] / K
