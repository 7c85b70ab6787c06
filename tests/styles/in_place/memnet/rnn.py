"""One buffer a function, filled in place with out= and augmented assignment; what comes in is left alone."""

import numpy as np


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    a = np.empty(h_prev.shape)
    np.matmul(x_t, W_xh.T, out=a)
    a += h_prev @ W_hh.T
    a += b
    np.tanh(a, out=a)
    return a


def rnn_forward(x, h0, W_xh, W_hh, b):
    h = np.matmul(x, W_xh.T)
    h += b
    prev = h0
    for t in range(x.shape[1]):
        h[:, t] += prev @ W_hh.T
        np.tanh(h[:, t], out=h[:, t])
        prev = h[:, t]
    return h


def output_head(h, W_hy, b_y):
    y = h @ W_hy.T
    y += b_y
    return y


def sequence_loss(y, targets, mask):
    p = y - np.max(y, axis=-1, keepdims=True)
    right = np.where(mask, targets, 0)[..., None]
    K = max(np.count_nonzero(mask), 1)
    log_p = np.take_along_axis(p, right, -1)[..., 0].copy()
    np.exp(p, out=p)
    total = p.sum(-1, keepdims=True)
    p /= total
    log_p -= np.log(total[..., 0])
    log_p *= mask
    ones = np.zeros(y.shape)
    np.put_along_axis(ones, right, 1.0, -1)
    p -= ones
    p *= mask[..., None]
    p /= K
    return -np.add.reduce(log_p, axis=None) / K + 0.0, p


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h = np.empty((*x.shape[:2], h0.shape[1]))
    state = h0 + 0.0
    for t in range(x.shape[1]):
        rows = np.flatnonzero(lengths > t)
        state[rows] = rnn_step(x[rows, t], state[rows], W_xh, W_hh, b)
        h[:, t] = state
    return h, state
