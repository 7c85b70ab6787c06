"""Four small matrices a gate in place of one large one, as the lesson writes them."""

import numpy as np

GATES = "ifgo"


def cut(array):
    return dict(zip(GATES, np.vsplit(array, 4) if array.ndim > 1 else np.split(array, 4)))


def logistic(a):
    positive = a >= 0
    result = np.empty(a.shape)
    result[positive] = 1 / (1 + np.exp(-a[positive]))
    grown = np.exp(a[~positive])
    result[~positive] = grown / (1 + grown)
    return result


SQUASH = {"i": logistic, "f": logistic, "g": np.tanh, "o": logistic}


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    W, U, b = cut(W_xh), cut(W_hh), cut(b)
    gate = {k: SQUASH[k](x_t @ W[k].T + h_prev @ U[k].T + b[k]) for k in GATES}
    c_t = gate["f"] * c_prev + gate["i"] * gate["g"]
    return gate["o"] * np.tanh(c_t), c_t, np.column_stack([gate[k] for k in GATES])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    h, c, gates = {-1: h0}, {-1: c0}, {}
    for t in range(x.shape[1]):
        h[t], c[t], gates[t] = lstm_step(x[:, t], h[t - 1], c[t - 1], W_xh, W_hh, b)
    return tuple(np.stack([d[t] for t in range(x.shape[1])], 1) for d in (h, c, gates))


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    gate, W, U = dict(zip(GATES, np.hsplit(gates, 4))), cut(W_xh), cut(W_hh)
    dc = dc_t + dh_t * gate["o"] / np.cosh(c_t) ** 2
    d = {"i": dc * gate["g"], "f": dc * c_prev, "g": dc * gate["i"], "o": dh_t * np.tanh(c_t)}
    da = {k: d[k] * (1 - gate[k] ** 2 if k == "g" else gate[k] * (1 - gate[k])) for k in GATES}
    return (
        sum(da[k] @ W[k] for k in GATES),
        sum(da[k] @ U[k] for k in GATES),
        dc * gate["f"],
        np.vstack([da[k].T @ x_t for k in GATES]),
        np.vstack([da[k].T @ h_prev for k in GATES]),
        np.concatenate([da[k].sum(0) for k in GATES]),
    )


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    T = x.shape[1]
    hs, cs = {-1: h0, **dict(enumerate(h.swapaxes(0, 1)))}, {-1: c0, **dict(enumerate(c.swapaxes(0, 1)))}
    later, dc, parts = 0, dc_last, {}
    for t in range(T - 1, -1, -1):
        parts[t] = lstm_step_backward(dh[:, t] + later, dc, x[:, t], hs[t - 1], cs[t - 1], cs[t], gates[:, t], W_xh, W_hh)
        later, dc = parts[t][1], parts[t][2]
    weights = (sum(parts[t][k] for t in range(T)) for k in (3, 4, 5))
    return np.stack([parts[t][0] for t in range(T)], 1), later, dc, *weights


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    W = {"i": W_i, "f": W_f, "g": W_C, "o": W_o}
    b = {"i": b_i, "f": b_f, "g": b_C, "o": b_o}
    H = {k: len(b[k]) for k in GATES}
    return np.vstack([W[k][:, H[k] :] for k in GATES]), np.vstack([W[k][:, : H[k]] for k in GATES]), np.hstack([b[k] for k in GATES])
