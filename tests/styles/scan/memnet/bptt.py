from functools import reduce

import numpy as np

from .rnn import scan


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t - dh_t * h_t**2
    return da @ W_xh, da @ W_hh, np.dot(da.T, x_t), np.dot(da.T, h_prev), da.sum(axis=0)


def backward_scan(dh, h0, h, W_hh, k):
    """da at every t, last first, and what reaches h0."""
    T = dh.shape[1]

    def step(carry, t):
        back = 0 if (t + 1) % k == 0 and t + 1 < T else carry[1] @ W_hh
        return t, (dh[:, t] + back) * (1 - h[:, t] ** 2)

    states = scan(step, (T, np.zeros(h0.shape)), range(T - 1, -1, -1))
    return [da for _, da in states], states[-1][1] @ W_hh


def sums(das, x, h0, h):
    before = [h0, *h.swapaxes(0, 1)[:-1]]
    pieces = [(da.T @ x_t, da.T @ h_t, da.sum(0)) for da, x_t, h_t in zip(das[::-1], x.swapaxes(0, 1), before)]
    return reduce(lambda a, b: tuple(map(np.add, a, b)), pieces)


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    das, dh0 = backward_scan(dh, h0, h, W_hh, x.shape[1] + 1)
    return np.stack([da @ W_xh for da in das[::-1]], 1), dh0, *sums(das, x, h0, h)


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    return sums(backward_scan(dh, h0, h, W_hh, k)[0], x, h0, h)


def output_head_backward(dy, h, W_hy):
    both = list(zip(dy.swapaxes(0, 1), h.swapaxes(0, 1)))
    return (
        np.stack([dy_t @ W_hy for dy_t, _ in both], 1),
        reduce(np.add, [dy_t.T @ h_t for dy_t, h_t in both]),
        reduce(np.add, [dy_t.sum(0) for dy_t, _ in both]),
    )


def embedding_backward(dx, tokens, V):
    rows = np.eye(V)[tokens.reshape(-1)]
    return reduce(np.add, [np.outer(row, grad) for row, grad in zip(rows, dx.reshape(-1, dx.shape[2]))])
