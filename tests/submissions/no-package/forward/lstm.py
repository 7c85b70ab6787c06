import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(a / 2))


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)
    c_t = f * c_prev + i * g
    h_t = o * np.tanh(c_t)
    return h_t, c_t, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    h_t, c_t = h0, c0
    for t in range(T):
        h_t, c_t, gates[:, t] = lstm_step(x[:, t], h_t, c_t, W_xh, W_hh, b)
        h[:, t], c[:, t] = h_t, c_t
    return h, c, gates


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tanh_c = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tanh_c**2)
    da_i = dc * g * i * (1 - i)
    da_f = dc * c_prev * f * (1 - f)
    da_g = dc * i * (1 - g**2)
    da_o = dh_t * tanh_c * o * (1 - o)
    da = np.hstack([da_i, da_f, da_g, da_o])
    db = da.sum(axis=0)
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, db


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    T = x.shape[1]
    dx = np.zeros(x.shape)
    dW_xh, dW_hh, db = 0, 0, 0
    dh_next, dc_next = np.zeros(h0.shape), dc_last
    for t in reversed(range(T)):
        h_prev, c_prev = (h[:, t - 1], c[:, t - 1]) if t > 0 else (h0, c0)
        dx[:, t], dh_next, dc_next, dW1, dW2, db1 = lstm_step_backward(
            dh[:, t] + dh_next, dc_next, x[:, t], h_prev, c_prev, c[:, t], gates[:, t], W_xh, W_hh
        )
        dW_xh, dW_hh, db = dW_xh + dW1, dW_hh + dW2, db + db1
    return dx, dh_next, dc_next, dW_xh, dW_hh, db


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_i, W_f, W_C, W_o])
    b = np.concatenate([b_i, b_f, b_C, b_o])
    return W[:, H:], W[:, :H], b
