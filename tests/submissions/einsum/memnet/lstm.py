"""The gates get an axis of their own here: weights are seen as (4, H, D) and (4, H, H), k = i, f, g, o."""

import numpy as np


def _sigmoid(a):
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1, e) / (1 + e)


def _split(W):
    return W.reshape(4, -1, *W.shape[1:])


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = np.einsum("kid,nd->kni", _split(W_xh), x_t)
    a = a + np.einsum("kij,nj->kni", _split(W_hh), h_prev) + _split(b)[:, None]
    i, f, o = _sigmoid(a[[0, 1, 3]])
    g = np.tanh(a[2])
    c_t = f * c_prev + i * g
    return o * np.tanh(c_t), c_t, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    h, c, out = h0, c0, []
    for t in range(x.shape[1]):
        h, c, gates = lstm_step(x[:, t], h, c, W_xh, W_hh, b)
        out.append((h, c, gates))
    return tuple(np.stack(arrays, axis=1) for arrays in zip(*out))


def _da(dh_t, dc_t, c_prev, c_t, gates):
    i, f, g, o = np.moveaxis(gates.reshape(len(gates), 4, -1), 1, 0)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    grads = np.stack([dc * g, dc * c_prev, dc * i, dh_t * tc])
    slopes = np.stack([i - i * i, f - f * f, 1 - g * g, o - o * o])
    return grads * slopes, dc * f


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    da, dc_prev = _da(dh_t, dc_t, c_prev, c_t, gates)
    return (
        np.einsum("kni,kid->nd", da, _split(W_xh)),
        np.einsum("kni,kij->nj", da, _split(W_hh)),
        dc_prev,
        np.einsum("kni,nd->kid", da, x_t).reshape(W_xh.shape),
        np.einsum("kni,nj->kij", da, h_prev).reshape(W_hh.shape),
        np.einsum("kni->ki", da).reshape(-1),
    )


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    h_before = np.concatenate([h0[:, None], h[:, :-1]], axis=1)
    c_before = np.concatenate([c0[:, None], c[:, :-1]], axis=1)
    dh_next, dc_next, das = np.zeros(h0.shape), dc_last, []
    for t in range(x.shape[1] - 1, -1, -1):
        da, dc_next = _da(dh[:, t] + dh_next, dc_next, c_before[:, t], c[:, t], gates[:, t])
        dh_next = np.einsum("kni,kij->nj", da, _split(W_hh))
        das.append(da)
    da = np.stack(das[::-1])
    return (
        np.einsum("tkni,kid->ntd", da, _split(W_xh)),
        dh_next,
        dc_next,
        np.einsum("tkni,ntd->kid", da, x).reshape(W_xh.shape),
        np.einsum("tkni,ntj->kij", da, h_before).reshape(W_hh.shape),
        np.einsum("tkni->ki", da).reshape(-1),
    )


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    W_hh, W_xh = np.split(np.vstack([W_i, W_f, W_C, W_o]), [len(W_f)], axis=1)
    return W_xh, W_hh, np.hstack([b_i, b_f, b_C, b_o])
