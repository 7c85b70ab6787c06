import numpy as np

from .tape import Value, gradients


def sigmoid(a):
    return np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = Value(x_t) @ Value(W_xh).T + Value(h_prev) @ Value(W_hh).T + Value(b)
    gates = sigmoid(a.data)
    gates[:, 2 * H : 3 * H] = np.tanh(a.data[:, 2 * H : 3 * H])
    h, c = cell(gates, Value(gates), Value(c_prev))
    return h.data, c.data, gates


def cell(gates, a, c_prev, c_t=None):
    """a: values that give the gates, with their slopes."""
    H = gates.shape[1] // 4
    i, f, g, o = (a[:, k * H : (k + 1) * H] for k in range(4))
    c = f * c_prev + i * g
    shown = np.tanh(c.data if c_t is None else c_t)
    return o * c.at(shown, 1 - shown**2), c


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    out = []
    for t in range(x.shape[1]):
        h0, c0, gates = lstm_step(x[:, t], h0, c0, W_xh, W_hh, b)
        out.append((h0, c0, gates))
    return tuple(np.stack(part, 1) for part in zip(*out))


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    H = h0.shape[1]
    slopes = gates * (1 - gates)
    slopes[..., 2 * H : 3 * H] = 1 - gates[..., 2 * H : 3 * H] ** 2
    leaves = x, h0, c0, W_xh, W_hh, b = [*map(Value, (x, h0, c0, W_xh, W_hh)), Value(np.zeros(4 * H))]
    state, cell_state, out = h0, c0, []
    for t in range(gates.shape[1]):
        a = x[:, t] @ W_xh.T + state @ W_hh.T + b
        state, cell_state = cell(gates[:, t], a.at(gates[:, t], slopes[:, t]), cell_state, c[:, t])
        out.append(state)
    return gradients([*out, cell_state], [*dh.swapaxes(0, 1), dc_last], leaves)


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    one = lambda a: a[:, None]
    dx, *others = lstm_backward(one(dh_t), dc_t, one(x_t), h_prev, c_prev, one(h_prev), one(c_t), one(gates), W_xh, W_hh)
    return dx[:, 0], *others


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = Value(np.concatenate([W_i, W_f, W_C, W_o]))
    return W[:, H:].data, W[:, :H].data, np.concatenate([b_i, b_f, b_C, b_o])
