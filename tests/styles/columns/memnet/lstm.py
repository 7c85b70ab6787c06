import numpy as np

from .rnn import col, row


def cell(x, h, c, W_xh, W_hh, b):
    H = len(h)
    a = W_xh @ x + W_hh @ h + b[:, None]
    gates = 1 / (1 + np.exp(-np.clip(a, -700, 700)))
    gates[2 * H : 3 * H] = np.tanh(a[2 * H : 3 * H])
    i, f, g, o = gates.reshape(4, H, -1)
    c = f * c + i * g
    return o * np.tanh(c), c, gates


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    return tuple(map(row, cell(col(x_t), col(h_prev), col(c_prev), W_xh, W_hh, b)))


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    state, out = (col(h0), col(c0)), []
    for x_t in col(x):
        out.append(cell(x_t, *state, W_xh, W_hh, b))
        state = out[-1][:2]
    return tuple(row(np.array(part)) for part in zip(*out))


def back(dh, dc, c_prev, c, gates):
    i, f, g, o = gates.reshape(4, len(c), -1)
    y = np.tanh(c)
    dc = dc + dh * o * (1 - y**2)
    return np.vstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh * y * o * (1 - o)]), dc * f


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    da, dc = back(*map(col, (dh_t, dc_t, c_prev, c_t, gates)))
    return row(W_xh.T @ da), row(W_hh.T @ da), row(dc), da @ x_t, da @ h_prev, da.sum(1)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    dh, dc, x, h0, c0, h, c, gates = map(col, (dh, dc_last, x, h0, c0, h, c, gates))
    before_h, before_c = [h0, *h], [c0, *c]
    carry, dx, total = np.zeros(h0.shape), [], [0, 0, 0]
    for t in range(len(x) - 1, -1, -1):
        da, dc = back(dh[t] + carry, dc, before_c[t], c[t], gates[t])
        carry = W_hh.T @ da
        dx = [W_xh.T @ da, *dx]
        total = [total[0] + da @ x[t].T, total[1] + da @ before_h[t].T, total[2] + da.sum(1)]
    return row(np.array(dx)), row(carry), row(dc), *total


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    columns = np.hstack([W_i.T, W_f.T, W_C.T, W_o.T])
    return columns[H:].T, columns[:H].T, np.hstack([b_i, b_f, b_C, b_o])
