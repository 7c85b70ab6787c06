#: gru_forward keeps the first state for every step | h gates | GF3
def gru_forward(x, h0, W_xh, W_hh, b_x, b_h):
    N, T, D = x.shape
    H = h0.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    h, gates = np.zeros((N, T, H)), np.zeros((N, T, 3 * H))
    for t in range(T):
        ax, ah = x[:, t] @ W_xh.T + b_x, h0 @ W_hh.T + b_h
        r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
        n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
        h[:, t], gates[:, t] = (1 - z) * n + z * h0, np.hstack([r, z, n])
    return h, gates
#: gru_backward no direct path | dx dh0 dW_xh dW_hh db_x db_h | Z01
def gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    A, B, dbx, dbh = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(3 * H), np.zeros(3 * H)
    g = np.zeros_like(h0)
    for t in reversed(range(T)):
        hp = h[:, t - 1] if t else h0
        r, z, n = np.split(gates[:, t], 3, axis=1)
        d = dh[:, t] + g
        hn = hp @ W_hh[2*H:].T + b_h[2*H:]
        dan = d * (1 - z) * (1 - n**2)
        daz = d * (hp - n) * z * (1 - z)
        dar = dan * hn * r * (1 - r)
        dax, dah = np.hstack([dar, daz, dan]), np.hstack([dar, daz, dan * r])
        dx[:, t] = dax @ W_xh
        A += dax.T @ x[:, t]
        B += dah.T @ hp
        dbx += dax.sum(0)
        dbh += dah.sum(0)
        g = dah @ W_hh
    return dx, g, A, B, dbx, dbh
#: gru_backward sign of the update gate | dx dh0 dW_xh dW_hh db_x db_h | Z03b
def gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    A, B, dbx, dbh = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(3 * H), np.zeros(3 * H)
    g = np.zeros_like(h0)
    for t in reversed(range(T)):
        hp = h[:, t - 1] if t else h0
        r, z, n = np.split(gates[:, t], 3, axis=1)
        d = dh[:, t] + g
        hn = hp @ W_hh[2*H:].T + b_h[2*H:]
        dan = d * (1 - z) * (1 - n**2)
        daz = d * (n - hp) * z * (1 - z)
        dar = dan * hn * r * (1 - r)
        dax, dah = np.hstack([dar, daz, dan]), np.hstack([dar, daz, dan * r])
        dx[:, t] = dax @ W_xh
        A += dax.T @ x[:, t]
        B += dah.T @ hp
        dbx += dax.sum(0)
        dbh += dah.sum(0)
        g = dah @ W_hh + d * z
    return dx, g, A, B, dbx, dbh
#: bidirectional_forward backward half not turned back | h | D13
def _run(x, lengths, h0, W_xh, W_hh, b):
    hs, h = [], h0
    for t in range(x.shape[1]):
        h = np.where((t < lengths)[:, None], np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b), h)
        hs.append(h)
    return np.stack(hs, 1)


def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    y = x.copy()
    for n, L in enumerate(lengths):
        y[n, :L] = x[n, :L][::-1]
    return np.concatenate([_run(x, lengths, h0, W_xh, W_hh, b),
                           _run(y, lengths, h0_back, W_xh_back, W_hh_back, b_back)], axis=2)
#: bidirectional_forward added instead of side by side | h | D11
def _run(x, lengths, h0, W_xh, W_hh, b, order):
    out, h = np.zeros((*x.shape[:2], len(b))), h0
    for t in order:
        h = np.where((t < lengths)[:, None], np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b), h)
        out[:, t] = h
    return out


def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    T = x.shape[1]
    return (_run(x, lengths, h0, W_xh, W_hh, b, range(T))
            + _run(x, lengths, h0_back, W_xh_back, W_hh_back, b_back, range(T)[::-1]))
#: two_layer_forward the first layer's states returned | h | Q04
def _run(x, h, W_xh, W_hh, b):
    hs = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        hs.append(h)
    return np.stack(hs, 1)


def two_layer_forward(x, h0, W_xh_1, W_hh_1, b_1, W_xh_2, W_hh_2, b_2):
    one = _run(x, h0[0], W_xh_1, W_hh_1, b_1)
    two = _run(one, h0[1], W_xh_2, W_hh_2, b_2)
    return one, np.stack([one[:, -1], two[:, -1]])
#: two_layer_forward layers' last states in the other order | h_last | Q09
def _run(x, h, W_xh, W_hh, b):
    hs = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        hs.append(h)
    return np.stack(hs, 1)


def two_layer_forward(x, h0, W_xh_1, W_hh_1, b_1, W_xh_2, W_hh_2, b_2):
    one = _run(x, h0[0], W_xh_1, W_hh_1, b_1)
    two = _run(one, h0[1], W_xh_2, W_hh_2, b_2)
    return two, np.stack([two[:, -1], one[:, -1]])
#: linear_scan b multiplied too | h | A13
def linear_scan(a, b, h0):
    h = np.zeros_like(a)
    prev = h0
    for t in range(a.shape[1]):
        prev = a[:, t] * (prev + b[:, t])
        h[:, t] = prev
    return h
#: linear_scan cumulative sum | h | -
def linear_scan(a, b, h0):
    return np.cumsum(a * b, axis=1) + h0[:, None]
#: linear_scan parallel: one doubling too few | p | A07
def linear_scan_parallel(a, b, h0):
    A, B = a.copy(), b.copy()
    B[:, 0] += A[:, 0] * h0
    w = 1
    while 2 * w < A.shape[1]:
        B[:, w:] = A[:, w:] * B[:, :-w] + B[:, w:]
        A[:, w:] = A[:, w:] * A[:, :-w]
        w *= 2
    return B
#: linear_scan parallel: h0 left out | p | A03b
def linear_scan_parallel(a, b, h0):
    A, B = a.copy(), b.copy()
    w = 1
    while w < A.shape[1]:
        B[:, w:] = A[:, w:] * B[:, :-w] + B[:, w:]
        A[:, w:] = A[:, w:] * A[:, :-w]
        w *= 2
    return B
#: gru_backward both sides alike in the weights | dW_hh db_h | Z07 Z07b
def gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h):
    T, H = h.shape[1:]
    hp = previous(h0, h)
    r, z, n = np.split(gates, 3, axis=2)
    hn = hp @ W_hh[2*H:].T + b_h[2*H:]
    dax, dah = np.zeros_like(gates), np.zeros_like(gates)
    g = np.zeros_like(h0)
    for t in reversed(range(T)):
        d = dh[:, t] + g
        an = d * (1 - z[:, t]) * (1 - n[:, t] ** 2)
        ar = an * hn[:, t] * r[:, t] * (1 - r[:, t])
        az = d * (hp[:, t] - n[:, t]) * z[:, t] * (1 - z[:, t])
        dax[:, t] = np.hstack([ar, az, an]); dah[:, t] = np.hstack([ar, az, an * r[:, t]])
        g = d * z[:, t] + dah[:, t] @ W_hh
    return dax @ W_xh, g, np.einsum('ntg,ntd->gd', dax, x), np.einsum('ntg,nth->gh', dax, hp), dax.sum((0, 1)), dax.sum((0, 1))
#: bidirectional_forward backward half turned as a whole | h | D14
def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    f = _masked_states(x, lengths, h0, (W_xh, W_hh, b), range(x.shape[1]))
    g = _masked_states(x, lengths, h0_back, (W_xh_back, W_hh_back, b_back), range(x.shape[1])[::-1])
    return np.concatenate([f, g[:, ::-1]], 2)
#: bidirectional_forward zeros on padding in both halves | h | D15
def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    f = _masked_states(x, lengths, h0, (W_xh, W_hh, b), range(x.shape[1]))
    g = _masked_states(x, lengths, h0_back, (W_xh_back, W_hh_back, b_back), range(x.shape[1])[::-1])
    h = np.concatenate([f, g], 2)
    h[np.arange(x.shape[1]) >= lengths[:, None]] = 0
    return h
#: bidirectional_forward backward state before the token | h | D16
def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    f = _masked_states(x, lengths, h0, (W_xh, W_hh, b), range(x.shape[1]))
    g = _masked_states(x, lengths, h0_back, (W_xh_back, W_hh_back, b_back), range(x.shape[1])[::-1])
    g = np.concatenate([g[:, 1:], h0_back[:, None]], 1)
    return np.concatenate([f, g], 2)
#: linear_scan the a of the step before | h | A02b
def linear_scan(a, b, h0):
    out = np.empty_like(a); h = h0
    for t in range(a.shape[1]):
        h = a[:, t-1] * h + b[:, t]
        out[:, t] = h
    return out
