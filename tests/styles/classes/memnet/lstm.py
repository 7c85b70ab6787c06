import numpy as np

from .nets import LSTM


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    return LSTM(W_xh, W_hh, b)(x_t, h_prev, c_prev)


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    cell, record = LSTM(W_xh, W_hh, b), [(h0, c0, None)]
    for x_t in np.moveaxis(x, 1, 0):
        record.append(cell(x_t, *record[-1][:2]))
    return tuple(np.stack(values, 1) for values in zip(*record[1:]))


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    cell = LSTM(W_xh, W_hh)
    return *cell.back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates), *cell.grads


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    cell, dx, dh_t, dc_t = LSTM(W_xh, W_hh), np.empty(x.shape), np.zeros(h0.shape), dc_last
    for t in reversed(range(x.shape[1])):
        before = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], dh_t, dc_t = cell.back(dh[:, t] + dh_t, dc_t, x[:, t], *before, c[:, t], gates[:, t])
    return dx, dh_t, dc_t, *cell.grads


class Lesson:
    """The lesson's weights by gate."""

    def __init__(self, **gates):
        self.gates = gates

    def stacked(self, order):
        return [np.concatenate(parts) for parts in zip(*(self.gates[name] for name in order))]


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    W, b = Lesson(f=(W_f, b_f), i=(W_i, b_i), C=(W_C, b_C), o=(W_o, b_o)).stacked("ifCo")
    return W[:, len(b_f) :], W[:, : len(b_f)], b
