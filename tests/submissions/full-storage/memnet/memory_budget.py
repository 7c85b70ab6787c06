import numpy as np


def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    """Right, but every state is kept: k is not used."""
    N, T, D = x.shape
    h = np.zeros((N, T + 1, len(b)))
    h[:, 0] = h0
    for t in range(T):
        h[:, t + 1] = np.tanh(x[:, t] @ W_xh.T + h[:, t] @ W_hh.T + b)
    dx = np.zeros(x.shape)
    dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(b.shape)
    dh = dh_last
    for t in reversed(range(T)):
        da = dh * (1 - h[:, t + 1] ** 2)
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ h[:, t]
        db += da.sum(axis=0)
        dh = da @ W_hh
    return dx, dh, dW_xh, dW_hh, db


def stored_states(T, k):
    return -(-T // k) + min(k, T)


def best_interval(T):
    return min(range(1, T + 1), key=lambda k: stored_states(T, k))
