#: lstm_step gates by einsum on a (4, H, .) view
def _sig(a):
    return np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), np.exp(-np.abs(a)) / (1 + np.exp(-np.abs(a))))


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = (np.einsum("nd,ghd->gnh", x_t, W_xh.reshape(4, H, -1)) + np.einsum("nk,ghk->gnh", h_prev, W_hh.reshape(4, H, H))
         + b.reshape(4, 1, H))
    i, f, o = _sig(a[[0, 1, 3]])
    g = np.tanh(a[2])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack((i, f, g, o))
#: lstm_step sigmoid by logaddexp, unit by unit
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    N, H = h_prev.shape
    h, c, gates = np.empty((N, H)), np.empty((N, H)), np.empty((N, 4 * H))
    for j in range(H):
        a = [x_t @ W_xh[k * H + j] + h_prev @ W_hh[k * H + j] + b[k * H + j] for k in range(4)]
        i, f, o = (np.exp(-np.logaddexp(0, -a[k])) for k in (0, 1, 3))
        g = np.tanh(a[2])
        c[:, j] = f * c_prev[:, j] + i * g
        h[:, j] = o * np.tanh(c[:, j])
        gates[:, j::H] = np.stack([i, f, g, o], 1)
    return h, c, gates
#: lstm_step all gates by one tanh
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    half = np.repeat([0.5, 0.5, 1.0, 0.5], H)
    gates = half * np.tanh(half * (x_t @ W_xh.T + h_prev @ W_hh.T + b)) + (1 - half)
    i, f, g, o = gates.reshape(-1, 4, H).swapaxes(0, 1)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, gates
#: lstm_forward columns and copies
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    h, c, H, rows = h0.T.copy(), c0.T.copy(), h0.shape[1], []
    for x_t in x.transpose(1, 2, 0):
        a = W_xh @ x_t + W_hh @ h + b[:, None]
        a[: 2 * H] = 0.5 + 0.5 * np.tanh(a[: 2 * H] / 2)
        a[2 * H : 3 * H] = np.tanh(a[2 * H : 3 * H])
        a[3 * H :] = 0.5 + 0.5 * np.tanh(a[3 * H :] / 2)
        c = a[H : 2 * H] * c + a[:H] * a[2 * H : 3 * H]
        h = a[3 * H :] * np.tanh(c)
        rows.append(np.vstack([h, c, a]))
    every = np.stack(rows).transpose(2, 0, 1)
    return every[..., :H], every[..., H : 2 * H], every[..., 2 * H :]
#: lstm_forward functools.reduce over a growing tuple
from functools import reduce


def _next(done, x_t, W):
    W_xh, W_hh, b = W
    h, c = done[-1][:2]
    i, f, g, o = np.split(x_t @ W_xh.T + h @ W_hh.T + b, 4, axis=1)
    i, f, g, o = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g), 1 / (1 + np.exp(-o))
    c = c * f + g * i
    return (*done, (np.tanh(c) * o, c, np.concatenate((i, f, g, o), 1)))


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    done = reduce(lambda so_far, t: _next(so_far, x[:, t], (W_xh, W_hh, b)), range(x.shape[1]), ((h0, c0, None),))
    return tuple(np.stack(part, axis=1) for part in zip(*done[1:]))
#: lstm_step_backward gate by gate in a dictionary
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    H = c_t.shape[1]
    G = {name: gates[:, k * H : (k + 1) * H] for k, name in enumerate("ifgo")}
    slope = {name: a - a**2 for name, a in G.items()} | {"g": 1 - G["g"] ** 2}
    u = np.tanh(c_t)
    dc = dc_t + dh_t * G["o"] * (1 - u) * (1 + u)
    d = {"i": dc * G["g"], "f": dc * c_prev, "g": dc * G["i"], "o": dh_t * u}
    da = {name: d[name] * slope[name] for name in "ifgo"}
    rows = {name: slice(k * H, (k + 1) * H) for k, name in enumerate("ifgo")}
    return (sum(da[k] @ W_xh[rows[k]] for k in da), sum(da[k] @ W_hh[rows[k]] for k in da), dc * G["f"],
            np.vstack([da[k].T @ x_t for k in da]), np.vstack([da[k].T @ h_prev for k in da]),
            np.hstack([da[k].sum(0) for k in da]))
#: lstm_step_backward dc from sech, in place on copies
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = (a.copy() for a in np.split(gates, 4, axis=1))
    dc = dc_t.copy()
    dc += dh_t * o / np.cosh(c_t) ** 2
    da = np.zeros_like(gates)
    for block, value in zip(np.split(da, 4, axis=1), (dc * g * i * (1 - i), dc * c_prev * f * (1 - f),
                                                      dc * i * (1 - g * g), dh_t * np.tanh(c_t) * o * (1 - o))):
        block += value
    return da.dot(W_xh), da.dot(W_hh), dc * f, np.dot(da.T, x_t), np.dot(da.T, h_prev), np.add.reduce(da)
#: lstm_backward recursion from the first step
def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    if not h.shape[1]:
        return x[:, :0], np.zeros_like(h0), dc_last, np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    dx, gh, gc, A, B, d = lstm_backward(dh[:, 1:], dc_last, x[:, 1:], h[:, 0], c[:, 0], h[:, 1:], c[:, 1:],
                                        gates[:, 1:], W_xh, W_hh)
    i, f, g, o = np.split(gates[:, 0], 4, axis=1)
    u, gh = np.tanh(c[:, 0]), gh + dh[:, 0]
    gc = gc + gh * o * (1 - u * u)
    da = np.concatenate([gc * g * i * (1 - i), gc * c0 * f * (1 - f), gc * i * (1 - g * g), gh * u * o * (1 - o)], 1)
    return (np.concatenate([(da @ W_xh)[:, None], dx], 1), da @ W_hh, gc * f, A + da.T @ x[:, 0], B + da.T @ h0,
            d + da.sum(0))
#: pack_lstm_weights slices of a buffer
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H, wide = W_f.shape
    both = np.empty((4, H, wide + 1))
    for k, (W, b) in enumerate([(W_i, b_i), (W_f, b_f), (W_C, b_C), (W_o, b_o)]):
        both[k, :, :wide], both[k, :, wide] = W, b
    both = both.reshape(4 * H, -1)
    return both[:, H:-1], both[:, :H], both[:, -1]
