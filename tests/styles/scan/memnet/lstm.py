import numpy as np

from .bptt import sums
from .rnn import scan


def sigmoid(a):
    return np.where(a < 0, np.exp(np.minimum(a, 0)), 1.0) / (1 + np.exp(-np.abs(a)))


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = np.split(np.concatenate([x_t, h_prev], 1) @ np.concatenate([W_xh, W_hh], 1).T + b, 4, 1)
    i, f, g, o = sigmoid(a[0]), sigmoid(a[1]), np.tanh(a[2]), sigmoid(a[3])
    c_t = i * g + f * c_prev
    return np.tanh(c_t) * o, c_t, np.concatenate([i, f, g, o], 1)


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    states = scan(lambda s, x_t: lstm_step(x_t, s[0], s[1], W_xh, W_hh, b), (h0, c0, None), x.swapaxes(0, 1))
    return tuple(np.stack(arrays, 1) for arrays in zip(*states))


def cell_backward(dh_t, dc_t, c_prev, c_t, gates):
    i, f, g, o = np.split(gates, 4, 1)
    y = np.tanh(c_t)
    dc = dc_t + (dh_t * o - dh_t * o * y**2)
    slopes = i - i**2, f - f**2, 1 - g**2, o - o**2
    return np.concatenate([d * s for d, s in zip((dc * g, dc * c_prev, dc * i, dh_t * y), slopes)], 1), dc * f


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    da, dc_prev = cell_backward(dh_t, dc_t, c_prev, c_t, gates)
    return da @ W_xh, da @ W_hh, dc_prev, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    before = [c0, *c.swapaxes(0, 1)]

    def step(carry, t):
        da, dc = cell_backward(dh[:, t] + carry[0], carry[1], before[t], before[t + 1], gates[:, t])
        return da @ W_hh, dc, da

    states = scan(step, (np.zeros(h0.shape), dc_last, None), reversed(range(x.shape[1])))
    das = [state[2] for state in states]
    return np.stack(das[::-1], 1) @ W_xh, states[-1][0], states[-1][1], *sums(das, x, h0, h)


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_i)
    stacked = np.array([W_i, W_f, W_C, W_o])
    return stacked[:, :, H:].reshape(4 * H, -1), stacked[:, :, :H].reshape(4 * H, H), np.array([b_i, b_f, b_C, b_o]).ravel()
