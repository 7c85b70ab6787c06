import numpy as np


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = np.square(h_t)
    np.subtract(1, da, out=da)
    da *= dh_t
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, np.add.reduce(da)


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    dh = dh.copy()
    dx = np.empty(x.shape)
    dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(W_hh.shape[0])
    dh0 = np.zeros(h0.shape)
    for t in range(x.shape[1] - 1, -1, -1):
        before, d_before = (h[:, t - 1], dh[:, t - 1]) if t else (h0, dh0)
        dx[:, t], back, *own = rnn_step_backward(dh[:, t], x[:, t], before, h[:, t], W_xh, W_hh)
        d_before += back
        for total, part in zip((dW_xh, dW_hh, db), own):
            total += part
    return dx, dh0, dW_xh, dW_hh, db


def output_head_backward(dy, h, W_hy):
    dW_hy = np.zeros(W_hy.shape)
    db_y = np.zeros(len(W_hy))
    for dy_n, h_n in zip(dy, h):
        dW_hy += dy_n.T @ h_n
        db_y += dy_n.sum(0)
    return dy @ W_hy, dW_hy, db_y


def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[-1]))
    for token, row in zip(tokens.ravel(), dx.reshape(-1, dx.shape[-1])):
        dE[token] += row
    return dE


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    dh = dh.copy()
    dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(W_hh.shape[0])
    for t in range(x.shape[1])[::-1]:
        before = h[:, t - 1] if t else h0
        _, back, *own = rnn_step_backward(dh[:, t], x[:, t], before, h[:, t], W_xh, W_hh)
        if t % k:
            dh[:, t - 1] += back
        dW_xh += own[0]
        dW_hh += own[1]
        db += own[2]
    return dW_xh, dW_hh, db
