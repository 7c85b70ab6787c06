import math

import numpy as np


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    N = x_t.shape[0]
    H = W_hh.shape[0]
    h_t = np.zeros((N, H))
    for n in range(N):
        for i in range(H):
            a = b[i]
            for d in range(x_t.shape[1]):
                a += W_xh[i, d] * x_t[n, d]
            for j in range(H):
                a += W_hh[i, j] * h_prev[n, j]
            h_t[n, i] = math.tanh(a)
    return h_t


def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    h_t = h0
    for t in range(T):
        h_t = rnn_step(x[:, t, :], h_t, W_xh, W_hh, b)
        h[:, t, :] = h_t
    return h


def output_head(h, W_hy, b_y):
    N, T, H = h.shape
    V = len(b_y)
    y = np.zeros((N, T, V))
    for n in range(N):
        for t in range(T):
            for v in range(V):
                y[n, t, v] = np.sum(W_hy[v] * h[n, t]) + b_y[v]
    return y


def sequence_loss(y, targets, mask):
    N, T, V = y.shape
    K = 0
    for n in range(N):
        for t in range(T):
            if mask[n, t]:
                K += 1
    loss = 0.0
    dy = np.zeros((N, T, V))
    if K == 0:
        return loss, dy
    for n in range(N):
        for t in range(T):
            if not mask[n, t]:
                continue
            largest = max(y[n, t])
            total = 0.0
            for v in range(V):
                total += math.exp(y[n, t, v] - largest)
            log_total = largest + math.log(total)
            target = targets[n, t]
            loss += (log_total - y[n, t, target]) / K
            for v in range(V):
                p = math.exp(y[n, t, v] - log_total)
                if v == target:
                    dy[n, t, v] = (p - 1) / K
                else:
                    dy[n, t, v] = p / K
    return loss, dy


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    h_last = np.zeros((N, H))
    for n in range(N):
        state = h0[n : n + 1]
        for t in range(T):
            if t < lengths[n]:
                state = rnn_step(x[n : n + 1, t], state, W_xh, W_hh, b)
            h[n, t] = state[0]
        h_last[n] = state[0]
    return h, h_last
