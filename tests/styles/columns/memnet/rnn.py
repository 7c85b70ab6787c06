"""Samples are columns, as the equations have it: every array is transposed and copied on its way in and out."""

import numpy as np


def col(a):
    return np.ascontiguousarray(np.moveaxis(a, 0, -1))


def row(a):
    return np.ascontiguousarray(np.moveaxis(a, -1, 0))


def step(x, h, W_xh, W_hh, b):
    return np.tanh(W_xh @ x + W_hh @ h + b[:, None])


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return row(step(col(x_t), col(h_prev), W_xh, W_hh, b))


def rnn_forward(x, h0, W_xh, W_hh, b):
    x, h, out = col(x), col(h0), []
    for t in range(len(x)):
        h = step(x[t], h, W_xh, W_hh, b)
        out.append(h)
    return row(np.array(out))


def output_head(h, W_hy, b_y):
    return row(W_hy @ col(h) + b_y[:, None])


def sequence_loss(y, targets, mask):
    y, targets, mask = col(y), targets.T, mask.T
    T, V, N = y.shape
    y = y - y.max(axis=1, keepdims=True)
    log_p = y - np.log(np.sum(np.exp(y), axis=1, keepdims=True))
    e = np.zeros((T, V, N))
    for t, n in zip(*np.nonzero(mask)):
        e[t, targets[t, n], n] = 1
    K = max(mask.sum(), 1)
    return float(-(log_p * e).sum() / K), row((np.exp(log_p) * mask[:, None] - e) / K)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    x, h, out = col(x), col(h0), []
    for t in range(len(x)):
        h = h + (step(x[t], h, W_xh, W_hh, b) - h) * (t < lengths)
        out.append(h)
    return row(np.array(out)), row(h)
