import numpy as np

from .rnn import augmented, joined


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = augmented(x_t, h_prev) @ joined(W_xh, W_hh, b).T
    # one tanh for all four: a sigmoid is a tanh of half its argument, moved and scaled
    scale = np.repeat([0.5, 0.5, 1.0, 0.5], H)
    gates = np.tanh(scale * a) * scale + (1 - scale)
    i, f, g, o = np.array_split(gates, 4, axis=1)
    c_t = f * c_prev + i * g
    return o * np.tanh(c_t), c_t, gates


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, _ = x.shape
    H = h0.shape[1]
    padded = np.zeros((N, T + 1, 6 * H))
    padded[:, 0, : 2 * H] = np.hstack([h0, c0])
    for t in range(T):
        h, c = padded[:, t, :H], padded[:, t, H : 2 * H]
        padded[:, t + 1] = np.hstack(lstm_step(x[:, t], h, c, W_xh, W_hh, b))
    return padded[:, 1:, :H], padded[:, 1:, H : 2 * H], padded[:, 1:, 2 * H :]


def _slopes(c_prev, c_t, gates):
    """The cell as two linear maps: from (dh, dc) to da, by entry, and to dc_prev."""
    i, f, g, o = np.array_split(gates, 4, axis=-1)
    y = np.tanh(c_t)
    through = o * (1 - y**2)
    of_c = np.concatenate([g * i * (1 - i), c_prev * f * (1 - f), i * (1 - g**2), 0 * o], axis=-1)
    of_h = np.concatenate([0 * i, 0 * f, 0 * g, y * o * (1 - o)], axis=-1)
    return through, of_c, of_h, f


def _da(dh, dc, through, of_c, of_h, f):
    dc = dc + dh * through
    return np.tile(dc, 4) * of_c + np.tile(dh, 4) * of_h, dc * f


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    D = x_t.shape[1]
    da, dc_prev = _da(dh_t, dc_t, *_slopes(c_prev, c_t, gates))
    dv, dW = da @ np.hstack([W_xh, W_hh]), da.T @ augmented(x_t, h_prev)
    return dv[:, :D], dv[:, D:], dc_prev, dW[:, :D], dW[:, D:-1], dW[:, -1]


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    h_prev, c_prev = (np.insert(a, 0, first, axis=1)[:, :-1] for a, first in ((h, h0), (c, c0)))
    slopes = _slopes(c_prev, c, gates)
    da, carry_h, carry_c = np.zeros(gates.shape), np.zeros(h0.shape), dc_last
    for t in range(T - 1, -1, -1):
        da[:, t], carry_c = _da(dh[:, t] + carry_h, carry_c, *(slope[:, t] for slope in slopes))
        carry_h = da[:, t] @ W_hh
    flat = augmented(np.concatenate([x, h_prev], axis=2).reshape(N * T, -1))
    dW = da.reshape(N * T, -1).T @ flat
    return da @ W_xh, carry_h, carry_c, dW[:, :D], dW[:, D:-1], dW[:, -1]


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    whole = np.vstack([np.c_[W, b] for W, b in ((W_i, b_i), (W_f, b_f), (W_C, b_C), (W_o, b_o))])
    return whole[:, H:-1], whole[:, :H], whole[:, -1]
