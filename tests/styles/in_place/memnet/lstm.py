import numpy as np


def squash(a, H):
    """Sigmoid of i, f and o, tanh of g, in place."""
    for k in range(4):
        block = a[..., k * H : (k + 1) * H]
        if k == 2:
            np.tanh(block, out=block)
            continue
        block *= 0.5
        np.tanh(block, out=block)
        block += 1
        block *= 0.5
    return a


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    gates = x_t @ W_xh.T
    gates += h_prev @ W_hh.T
    gates += b
    i, f, g, o = np.split(squash(gates, H), 4, axis=1)
    c_t = f * c_prev
    c_t += i * g
    h_t = np.tanh(c_t)
    h_t *= o
    return h_t, c_t, gates


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, _ = x.shape
    H = h0.shape[1]
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    state = h0.copy(), c0.copy()
    for t in range(T):
        h[:, t], c[:, t], gates[:, t] = lstm_step(x[:, t], *state, W_xh, W_hh, b)
        state[0][...], state[1][...] = h[:, t], c[:, t]
    return h, c, gates


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    H = h_prev.shape[1]
    i, f, g, o = (gates[:, k * H : (k + 1) * H] for k in range(4))
    shown = np.tanh(c_t)
    dc = shown * shown
    np.subtract(1, dc, out=dc)
    dc *= o
    dc *= dh_t
    dc += dc_t
    da = gates * (1 - gates)
    da[:, 2 * H : 3 * H] = (1 - g) * (1 + g)
    da[:, :H] *= dc * g
    da[:, H : 2 * H] *= dc * c_prev
    da[:, 2 * H : 3 * H] *= dc * i
    da[:, 3 * H :] *= dh_t * shown
    dc *= f
    return da @ W_xh, da @ W_hh, dc, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    dx = np.empty(x.shape)
    totals = [np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_xh))]
    dh_t, dc_t = np.zeros(h0.shape), dc_last.copy()
    for t in range(x.shape[1] - 1, -1, -1):
        dh_t += dh[:, t]
        h_prev, c_prev = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], dh_t[...], dc_t[...], *own = lstm_step_backward(
            dh_t.copy(), dc_t.copy(), x[:, t], h_prev, c_prev, c[:, t], gates[:, t], W_xh, W_hh
        )
        for total, part in zip(totals, own):
            total += part
    return dx, dh_t, dc_t, *totals


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H, width = W_f.shape
    W_xh, W_hh, b = np.empty((4 * H, width - H)), np.empty((4 * H, H)), np.empty(4 * H)
    for k, (W, bias) in enumerate(((W_i, b_i), (W_f, b_f), (W_C, b_C), (W_o, b_o))):
        W_hh[k * H : (k + 1) * H], W_xh[k * H : (k + 1) * H] = W[:, :H], W[:, H:]
        b[k * H : (k + 1) * H] = bias
    return W_xh, W_hh, b
