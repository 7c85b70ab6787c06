"""One matrix [W_xh W_hh b] acts on one vector [x, h, 1]; numbers are kept in padded arrays with h0 in front."""

import numpy as np


def augmented(*parts):
    return np.concatenate([*parts, np.ones((len(parts[0]), 1))], axis=1)


def joined(W_xh, W_hh, b):
    return np.block([W_xh, W_hh, b.reshape(-1, 1)])


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(np.matmul(augmented(x_t, h_prev), joined(W_xh, W_hh, b).T))


def rnn_forward(x, h0, W_xh, W_hh, b):
    W = joined(W_xh, W_hh, b)
    padded = np.zeros((len(h0), x.shape[1] + 1, h0.shape[1]))
    padded[:, 0] = h0
    for t in range(1, padded.shape[1]):
        padded[:, t] = np.tanh(augmented(x[:, t - 1], padded[:, t - 1]) @ W.T)
    return padded[:, 1:]


def output_head(h, W_hy, b_y):
    N, T, H = h.shape
    return (augmented(h.reshape(-1, H)) @ np.c_[W_hy, b_y].T).reshape(N, T, -1)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    """Sample by sample over its own length, the last state repeated."""
    h = np.zeros((*x.shape[:2], h0.shape[1]))
    last = h0.copy()
    for n, length in enumerate(lengths):
        if length:
            own = rnn_forward(x[n : n + 1, :length], h0[n : n + 1], W_xh, W_hh, b)[0]
            h[n, :length], last[n] = own, own[-1]
        h[n, length:] = last[n]
    return h, last


def sequence_loss(y, targets, mask):
    """The target's score is taken off every score of its position: the loss is the log of a sum of differences."""
    N, T, V = y.shape
    rows, classes, kept = y.reshape(-1, V), targets.reshape(-1), np.flatnonzero(mask)
    dy = np.zeros((N * T, V))
    if kept.size == 0:
        return 0.0, dy.reshape(y.shape)
    differences = rows[kept] - rows[kept, classes[kept]][:, None]
    top = differences.max(axis=1)
    sums = np.exp(differences - top[:, None]).sum(axis=1)
    loss = (top + np.log(sums)).sum() / kept.size
    dy[kept] = np.exp(differences - top[:, None]) / sums[:, None]
    dy[kept, classes[kept]] -= 1
    return loss, dy.reshape(y.shape) / kept.size
