import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_forward(x, h0, W_xh, W_hh, b_x, b_h):
    N, T, D = x.shape
    H = h0.shape[1]
    h, gates, h_t = np.zeros((N, T, H)), np.zeros((N, T, 3 * H)), h0
    for t in range(T):
        from_x, from_h = x[:, t] @ W_xh.T + b_x, h_t @ W_hh.T + b_h
        r = sigmoid(from_x[:, :H] + from_h[:, :H])
        z = sigmoid(from_x[:, H : 2 * H] + from_h[:, H : 2 * H])
        n = np.tanh(from_x[:, 2 * H :] + r * from_h[:, 2 * H :])
        h_t = z * n + (1 - z) * h_t  # U03
        h[:, t], gates[:, t] = h_t, np.hstack([r, z, n])
    return h, gates


def gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h):
    N, T, H = h.shape
    dx, carry = np.zeros(x.shape), np.zeros((N, H))
    dW_xh, dW_hh, db_x, db_h = np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(3 * H), np.zeros(3 * H)
    for t in reversed(range(T)):
        h_prev = h[:, t - 1] if t else h0
        r, z, n = gates[:, t, :H], gates[:, t, H : 2 * H], gates[:, t, 2 * H :]
        dh_t = dh[:, t] + carry
        da_n = dh_t * (1 - z) * (1 - n**2)
        da_r = da_n * (h_prev @ W_hh[2 * H :].T + b_h[2 * H :]) * r * (1 - r)
        da_z = dh_t * (h_prev - n) * z * (1 - z)
        da_x, da_h = np.hstack([da_r, da_z, da_n]), np.hstack([da_r, da_z, da_n * r])
        dx[:, t] = da_x @ W_xh
        carry = dh_t * z + da_h @ W_hh
        dW_xh += da_x.T @ x[:, t]
        dW_hh += da_h.T @ h_prev
        db_x += da_x.sum(axis=0)
        db_h += da_x.sum(axis=0)  # Z07
    return dx, carry, dW_xh, dW_hh, db_x, db_h


def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, 2 * H))
    f, g = h0, h0_back
    for t in range(T):
        live = (t < lengths)[:, None]
        f = np.where(live, np.tanh(x[:, t] @ W_xh.T + f @ W_hh.T + b), f)
        h[:, t, :H] = f
    for t in reversed(range(T)):
        g = np.tanh(x[:, t] @ W_xh_back.T + g @ W_hh_back.T + b_back)  # D02
        h[:, t, H:] = g
    return h


def two_layer_forward(x, h0, W_xh_1, W_hh_1, b_1, W_xh_2, W_hh_2, b_2):
    h, f_t, h_t = np.zeros((*x.shape[:2], h0.shape[2])), h0[0], h0[0]  # Q02
    for t in range(x.shape[1]):
        f_t = np.tanh(x[:, t] @ W_xh_1.T + f_t @ W_hh_1.T + b_1)
        h_t = np.tanh(f_t @ W_xh_2.T + h_t @ W_hh_2.T + b_2)
        h[:, t] = h_t
    return h, np.stack([f_t, h_t])


def linear_scan(a, b, h0):
    h, h_t = np.zeros(a.shape), h0
    for t in range(a.shape[1]):
        h_t = a[:, t] * h_t + b[:, t]
        h[:, t] = h_t
    return h


def linear_scan_parallel(a, b, h0):
    A, B = a.copy(), b.copy()
    B[:, 0] += A[:, 0] * h0
    w = 1
    while w < a.shape[1]:
        A[:, w:] = A[:, w:] * A[:, :-w]  # A06
        B[:, w:] = A[:, w:] * B[:, :-w] + B[:, w:]
        w *= 2
    return B


def checkpoint_schedule(T, slots):
    """Halves what is left while there are slots: SC7."""
    actions = [(0, 0)]

    def back(lo, hi, free):
        while hi - lo > 1:
            middle = (lo + hi) // 2 if free else hi - 1
            actions.append((1, middle))
            if free:
                actions.append((0, middle))
            back(middle, hi, max(free - 1, 0))
            if free:
                actions.append((4, middle))
            actions.append((3, lo))
            hi = middle
        actions.append((2, lo))

    back(0, T, slots - 1)
    return np.array(actions)
