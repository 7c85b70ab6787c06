import numpy as np


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    dx_t = da @ W_xh
    dh_prev = da @ W_hh
    dW_xh = da.T @ x_t
    dW_hh = da.T @ h_prev
    db = da.sum(axis=0)
    return dx_t, dh_prev, dW_xh, dW_hh, db


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros(x.shape)
    dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    dh_next = np.zeros(h0.shape)
    for t in reversed(range(T)):
        h_prev = h[:, t - 1] if t > 0 else h0
        da = (dh[:, t] + dh_next) * (1 - h[:, t] ** 2)
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ h_prev
        db += da.sum(axis=0)
        dh_next = da @ W_hh
    return dx, dh_next, dW_xh, dW_hh, db


def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    rows = dy.reshape(N * T, V)
    dh = dy @ W_hy
    dW_hy = rows.T @ h.reshape(N * T, -1)
    db_y = rows.sum(axis=0)
    return dh, dW_hy, db_y


def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    np.add.at(dE, tokens, dx)
    return dE


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    dh_next = np.zeros(h0.shape)
    for t in reversed(range(T)):
        h_prev = h[:, t - 1] if t > 0 else h0
        da = (dh[:, t] + dh_next) * (1 - h[:, t] ** 2)
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ h_prev
        db += da.sum(axis=0)
        dh_next = da @ W_hh * (t % k != 0)
    return dW_xh, dW_hh, db
