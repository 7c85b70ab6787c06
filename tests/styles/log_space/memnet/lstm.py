import numpy as np

from .rnn import sigmoid, tanh


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    i, f, g, o = (np.inner(x_t, W_xh) + np.inner(h_prev, W_hh) + b).reshape(len(x_t), 4, -1).transpose(1, 0, 2)
    gates = [sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)]
    c_t = gates[1] * c_prev + gates[0] * gates[2]
    return gates[3] * tanh(c_t), c_t, np.hstack(gates)


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    steps = [(h0, c0, None)]
    for t in range(x.shape[1]):
        steps.append(lstm_step(x[:, t], *steps[t][:2], W_xh, W_hh, b))
    return [np.stack(part, axis=1) for part in zip(*steps[1:])]


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.hsplit(gates, 4)
    shown = tanh(c_t)
    # d tanh(c) = 1 - tanh(c)^2 = 4 s (1 - s), with s the sigmoid of 2 c
    s = sigmoid(2 * c_t)
    dc = dc_t + 4 * dh_t * o * s * (1 - s)
    with np.errstate(divide="ignore"):
        slopes = [np.exp(np.log(v) + np.log1p(-v)) for v in (i, f, o)]
    da = np.hstack([dc * g * slopes[0], dc * c_prev * slopes[1], dc * i * (1 - g * g), dh_t * shown * slopes[2]])
    return da @ W_xh, da @ W_hh, f * dc, da.T @ x_t, da.T @ h_prev, np.ones(len(da)) @ da


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    dx, carry, totals = [], (0, dc_last), (0, 0, 0)
    for t in range(x.shape[1] - 1, -1, -1):
        h_prev = h0 if t == 0 else h[:, t - 1]
        c_prev = c0 if t == 0 else c[:, t - 1]
        dx_t, dh_prev, dc_prev, *own = lstm_step_backward(
            dh[:, t] + carry[0], carry[1], x[:, t], h_prev, c_prev, c[:, t], gates[:, t], W_xh, W_hh
        )
        dx.insert(0, dx_t)
        carry = dh_prev, dc_prev
        totals = tuple(total + part for total, part in zip(totals, own))
    return np.stack(dx, 1), *carry, *totals


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = b_o.shape[0]
    W = np.r_[W_i, W_f, W_C, W_o]
    return W[:, H:].copy(), W[:, :H].copy(), np.r_[b_i, b_f, b_C, b_o]
