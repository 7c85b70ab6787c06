import math

import numpy as np


def sigmoid(a):
    # never call exp with a large positive number
    if a >= 0:
        return 1 / (1 + math.exp(-a))
    e = math.exp(a)
    return e / (1 + e)


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    N, H = h_prev.shape
    h_t = np.zeros((N, H))
    c_t = np.zeros((N, H))
    gates = np.zeros((N, 4 * H))
    for n in range(N):
        a = W_xh @ x_t[n] + W_hh @ h_prev[n] + b
        for u in range(H):
            i = sigmoid(a[u])
            f = sigmoid(a[H + u])
            g = math.tanh(a[2 * H + u])
            o = sigmoid(a[3 * H + u])
            c_t[n, u] = f * c_prev[n, u] + i * g
            h_t[n, u] = o * math.tanh(c_t[n, u])
            gates[n, u] = i
            gates[n, H + u] = f
            gates[n, 2 * H + u] = g
            gates[n, 3 * H + u] = o
    return h_t, c_t, gates


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    c = np.zeros((N, T, H))
    gates = np.zeros((N, T, 4 * H))
    h_t, c_t = h0, c0
    for t in range(T):
        h_t, c_t, gates_t = lstm_step(x[:, t], h_t, c_t, W_xh, W_hh, b)
        h[:, t] = h_t
        c[:, t] = c_t
        gates[:, t] = gates_t
    return h, c, gates


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    N, H = h_prev.shape
    dx_t = np.zeros(x_t.shape)
    dh_prev = np.zeros((N, H))
    dc_prev = np.zeros((N, H))
    dW_xh = np.zeros(W_xh.shape)
    dW_hh = np.zeros(W_hh.shape)
    db = np.zeros(4 * H)
    for n in range(N):
        da = np.zeros(4 * H)
        for u in range(H):
            i, f = gates[n, u], gates[n, H + u]
            g, o = gates[n, 2 * H + u], gates[n, 3 * H + u]
            tc = math.tanh(c_t[n, u])
            dc = dc_t[n, u] + dh_t[n, u] * o * (1 - tc * tc)
            do = dh_t[n, u] * tc
            da[u] = dc * g * i * (1 - i)
            da[H + u] = dc * c_prev[n, u] * f * (1 - f)
            da[2 * H + u] = dc * i * (1 - g * g)
            da[3 * H + u] = do * o * (1 - o)
            dc_prev[n, u] = dc * f
        dx_t[n] = W_xh.T @ da
        dh_prev[n] = W_hh.T @ da
        dW_xh += np.outer(da, x_t[n])
        dW_hh += np.outer(da, h_prev[n])
        db += da
    return dx_t, dh_prev, dc_prev, dW_xh, dW_hh, db


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros((N, T, D))
    dW_xh = np.zeros(W_xh.shape)
    dW_hh = np.zeros(W_hh.shape)
    db = np.zeros(W_hh.shape[0])
    dh_next = np.zeros(h0.shape)
    dc_next = dc_last
    for t in range(T - 1, -1, -1):
        h_prev = h[:, t - 1] if t > 0 else h0
        c_prev = c[:, t - 1] if t > 0 else c0
        back = lstm_step_backward(
            dh[:, t] + dh_next, dc_next, x[:, t], h_prev, c_prev, c[:, t], gates[:, t], W_xh, W_hh
        )
        dx[:, t] = back[0]
        dh_next = back[1]
        dc_next = back[2]
        dW_xh += back[3]
        dW_hh += back[4]
        db += back[5]
    return dx, dh_next, dc_next, dW_xh, dW_hh, db


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = W_f.shape[0]
    D = W_f.shape[1] - H
    W_xh = np.zeros((4 * H, D))
    W_hh = np.zeros((4 * H, H))
    b = np.zeros(4 * H)
    for k, (W, bias) in enumerate([(W_i, b_i), (W_f, b_f), (W_C, b_C), (W_o, b_o)]):
        for u in range(H):
            W_hh[k * H + u] = W[u, :H]
            W_xh[k * H + u] = W[u, H:]
            b[k * H + u] = bias[u]
    return W_xh, W_hh, b
