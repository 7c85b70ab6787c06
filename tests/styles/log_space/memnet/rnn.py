"""Squashing by logarithms: log sigmoid is -logaddexp(0, -a), tanh is a sigmoid, a softmax is a difference of logs."""

import numpy as np


def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


def tanh(a):
    return 2 * sigmoid(2 * a) - 1


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return tanh(np.inner(x_t, W_xh) + np.inner(h_prev, W_hh) + b)


def rnn_forward(x, h0, W_xh, W_hh, b):
    h = [h0]
    for t in range(x.shape[1]):
        h.append(rnn_step(x[:, t], h[t], W_xh, W_hh, b))
    return np.array(h[1:]).transpose(1, 0, 2)


def output_head(h, W_hy, b_y):
    return np.inner(h, W_hy) + b_y


def sequence_loss(y, targets, mask):
    log_p = y - np.logaddexp.reduce(y, axis=2, keepdims=True)
    dy = np.zeros_like(y)
    n, t = np.nonzero(mask)
    if len(n) == 0:
        return 0.0, dy
    dy[n, t] = np.exp(log_p[n, t])
    dy[n, t, targets[n, t]] = np.expm1(log_p[n, t, targets[n, t]])
    return -np.mean(log_p[n, t, targets[n, t]]), dy / len(n)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    h, state = [], h0
    for t in range(x.shape[1]):
        keep = np.exp(np.where(t < lengths, -np.inf, 0.0))[:, None]
        state = keep * state + (1 - keep) * rnn_step(x[:, t], state, W_xh, W_hh, b)
        h.append(state)
    return np.stack(h, axis=1), state
