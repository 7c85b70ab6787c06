import numpy as np

from .rnn import col, row


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    dh, x, before, h = map(col, (dh_t, x_t, h_prev, h_t))
    da = dh * (1 - h**2)
    return row(W_xh.T @ da), row(W_hh.T @ da), da @ x.T, da @ before.T, da.sum(axis=1)


def columns_back(dh, x, h0, h, W_xh, W_hh, k):
    dh, x, h0, h = map(col, (dh, x, h0, h))
    T, total, dx = len(x), [0, 0, 0], np.empty(x.shape)
    back = np.zeros(h0.shape)
    for t in range(T)[::-1]:
        if (t + 1) % k == 0:
            back = back * 0
        before = h[t - 1] if t else h0
        da = (dh[t] + back) * (1 - h[t] ** 2)
        total = [total[0] + da @ x[t].T, total[1] + da @ before.T, total[2] + da @ np.ones(da.shape[1])]
        dx[t], back = W_xh.T @ da, W_hh.T @ da
    return row(dx), row(back), *total


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    return columns_back(dh, x, h0, h, W_xh, W_hh, x.shape[1])


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    return columns_back(dh, x, h0, h, W_xh, W_hh, k)[2:]


def output_head_backward(dy, h, W_hy):
    dy, h = col(dy), col(h)
    return row(W_hy.T @ dy), sum(d @ s.T for d, s in zip(dy, h)), dy.sum(axis=(0, 2))


def embedding_backward(dx, tokens, V):
    dE = np.zeros((dx.shape[2], V))
    flat = dx.reshape(-1, dx.shape[2]).T
    for place, token in enumerate(tokens.flatten()):
        dE[:, token] += flat[:, place]
    return dE.T
