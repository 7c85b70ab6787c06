#: lstm_step gates in the lesson's order f i C o | h_t c_t | S33
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    f, i, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.concatenate([f, i, g, o], 1)
#: lstm_step right values, gates returned as f i g o | gates | S40
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.concatenate([f, i, g, o], 1)
#: lstm_step gates before the nonlinearity | gates | S27
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, a
#: lstm_step no tanh on the cell | h_t | S26
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * c, c, np.hstack([i, f, g, o])
#: lstm_step sigmoid of minus | h_t c_t gates | S46
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step copy and paste of the input gate | h_t c_t gates | S43
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i = s(a[:, 0*H:1*H])
    f = s(a[:, 0*H:1*H])
    g = np.tanh(a[:, 2*H:3*H])
    o = s(a[:, 3*H:4*H])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step output gate from the candidate's block | h_t gates | S44
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 2*H:3*H])
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step forgets in the wrong direction | h_t c_t | S15
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = (1 - f) * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step h and c the other way round | h_t c_t | S28
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return c, o * np.tanh(c), np.hstack([i, f, g, o])
#: lstm_step peephole | h_t c_t gates | -
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai + c_prev), s(af + c_prev), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step gates as a list of four | gates | -
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, [i, f, g, o]
#: lstm_step gates stacked on a new axis | gates | -
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.stack([i, f, g, o], axis=1)
#: lstm_step sigmoid everywhere and no bias | h_t c_t gates | -
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T
    i, f, g, o = np.split(1 / (1 + np.exp(-a)), 4, axis=1)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step hard sigmoid | h_t c_t gates | -
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: np.clip(0.2 * v + 0.5, 0, 1)
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])
#: lstm_step c is not clipped but h is | h_t | S45
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return o * s(c), c, np.hstack([i, f, g, o])
#: lstm_step tanh of the product | h_t | S32
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c_prev + i * g
    return np.tanh(o * c), c, np.hstack([i, f, g, o])
#: lstm_step in place on a view of the gates | gates | S47
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    gates = 1 / (1 + np.exp(-a))
    gates[:, 2*H:3*H] = np.tanh(a[:, 2*H:3*H])
    i, f, g, o = np.split(gates, 4, axis=1)
    i *= g
    c = f * c_prev + i
    return o * np.tanh(c), c, gates
#: lstm_forward cell state started from h0 | h c gates | W18
def _one(x_t, h, c, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    hs, cs, gs = [], [], []
    h, c = h0, h0
    for t in range(x.shape[1]):
        h, c, g = _one(x[:, t], h, c, W_xh, W_hh, b)
        hs.append(h), cs.append(c), gs.append(g)
    return np.stack(hs, 1), np.stack(cs, 1), np.stack(gs, 1)
#: lstm_forward h0 and c0 swapped | h c gates | W03
def _one(x_t, h, c, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    hs, cs, gs = [], [], []
    h, c = c0, h0
    for t in range(x.shape[1]):
        h, c, g = _one(x[:, t], h, c, W_xh, W_hh, b)
        hs.append(h), cs.append(c), gs.append(g)
    return np.stack(hs, 1), np.stack(cs, 1), np.stack(gs, 1)
#: lstm_forward last states only | c | -
def _one(x_t, h, c, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    hs, gs = [], []
    h, c = h0, c0
    for t in range(x.shape[1]):
        h, c, g = _one(x[:, t], h, c, W_xh, W_hh, b)
        hs.append(h), gs.append(g)
    return np.stack(hs, 1), c, np.stack(gs, 1)
#: lstm_forward time first | h c gates | -
def _one(x_t, h, c, W_xh, W_hh, b):
    a = x_t @ W_xh.T + h @ W_hh.T + b
    s = lambda v: 1 / (1 + np.exp(-v))
    ai, af, ag, ao = np.split(a, 4, axis=1)
    i, f, g, o = s(ai), s(af), np.tanh(ag), s(ao)
    c = f * c + i * g
    return o * np.tanh(c), c, np.hstack([i, f, g, o])


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    out, h, c = [], h0, c0
    for t in range(x.shape[1]):
        h, c, g = _one(x[:, t], h, c, W_xh, W_hh, b)
        out.append((h, c, g))
    return tuple(np.array(a) for a in zip(*out))
#: lstm_forward c overwritten by the in-place product | c | -
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    hp, cp = h0, c0.copy()
    for t in range(T):
        a = x[:, t] @ W_xh.T + hp @ W_hh.T + b
        i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
        c[:, t] = cp
        cp = f * cp + i * g
        hp = o * np.tanh(cp)
        h[:, t], gates[:, t] = hp, np.hstack([i, f, g, o])
    return h, c, gates
#: lstm_forward hidden state of the step before last | h c gates | -
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    for t in range(T):
        hp = h[:, t - 2] if t > 1 else h0
        cp = c[:, t - 1] if t else c0
        a = x[:, t] @ W_xh.T + hp @ W_hh.T + b
        i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
        c[:, t] = f * cp + i * g
        h[:, t], gates[:, t] = o * np.tanh(c[:, t]), np.hstack([i, f, g, o])
    return h, c, gates
#: lstm_forward gates of the last step at every t | gates | -
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    hp, cp = h0, c0
    for t in range(T):
        a = x[:, t] @ W_xh.T + hp @ W_hh.T + b
        i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
        cp = f * cp + i * g
        hp = o * np.tanh(cp)
        h[:, t], c[:, t], gates[:] = hp, cp, np.hstack([i, f, g, o])[:, None]
    return h, c, gates
#: lstm_forward bias left out of the precomputed projection | h c gates | S18
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax = x @ W_xh.T
    h, c, gates = np.zeros((N, T, H)), np.zeros((N, T, H)), np.zeros((N, T, 4 * H))
    hp, cp = h0, c0
    for t in range(T):
        a = ax[:, t] + hp @ W_hh.T
        i, f, g, o = s(a[:, :H]), s(a[:, H:2*H]), np.tanh(a[:, 2*H:3*H]), s(a[:, 3*H:])
        cp = f * cp + i * g
        hp = o * np.tanh(cp)
        h[:, t], c[:, t], gates[:, t] = hp, cp, np.hstack([i, f, g, o])
    return h, c, gates
#: lstm_step_backward dc_prev without the path through h | dc_prev | X23
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc_t * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward i and g swapped in their products | dx_t dh_prev dW_xh dW_hh db | X25
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * i * i * (1 - i), dc * c_prev * f * (1 - f), dc * g * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward dc accumulated in the caller's array twice | dx_t dh_prev dc_prev dW_xh dW_hh db | X43
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t
    dc += dh_t * o * (1 - tc**2)
    dc += dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward output gate without tanh of c | dx_t dh_prev dW_xh dW_hh db | X26
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * c_t * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward gates concatenated i f o g | dx_t dh_prev dW_xh dW_hh db | X27
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dh_t * tc * o * (1 - o), dc * i * (1 - g**2)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward gates read in the order i f o g | dx_t dh_prev dc_prev dW_xh dW_hh db | X41
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, o, g = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dh_t * tc * o * (1 - o), dc * i * (1 - g**2)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward forget gate with tanh's slope | dx_t dh_prev dW_xh dW_hh db | X42
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * (1 - f**2), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward c_prev and c_t mixed up | dx_t dh_prev dc_prev dW_xh dW_hh db | X22
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    c_prev, c_t = c_t, c_prev
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward transposed weight gradients and a batch mean | dW_xh dW_hh db | X30 X33
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, x_t.T @ da, h_prev.T @ da, da.mean(0)
#: lstm_step_backward missing tanh slope and forget on dc_prev | dx_t dh_prev dc_prev dW_xh dW_hh db | X05
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward c recomputed without i g | dx_t dh_prev dc_prev dW_xh dW_hh db | -
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(f * c_prev)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward only three gates in dh_prev | dh_prev | -
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    H = h_prev.shape[1]
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da[:, : 3 * H] @ W_hh[: 3 * H], dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward order of dh_prev and dc_prev | dh_prev dc_prev | X37
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, dc * f, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_step_backward minus in the slope of o | dx_t dh_prev dW_xh dW_hh db | X44
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (o - 1)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: lstm_backward carry of c forgotten | dx dh0 dc0 dW_xh dW_hh db | Y16
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    ch, cc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        hp, cp = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], ch, _, *r = _back(dh[:, t] + ch, cc, x[:, t], hp, cp, c[:, t], gates[:, t], W_xh, W_hh)
        cc = np.zeros_like(c0)
        S = [a + b for a, b in zip(S, r)]
    return (dx, ch, _, *S)
#: lstm_backward dc_last given to every step | dx dh0 dc0 dW_xh dW_hh db | Y17
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    ch, cc = np.zeros_like(h0), np.zeros_like(c0)
    for t in reversed(range(T)):
        hp, cp = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], ch, cc, *r = _back(dh[:, t] + ch, cc + dc_last, x[:, t], hp, cp, c[:, t], gates[:, t], W_xh, W_hh)
        S = [a + b for a, b in zip(S, r)]
    return (dx, ch, cc, *S)
#: lstm_backward h carry dropped | dx dh0 dc0 dW_xh dW_hh db | Y15
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    cc = dc_last
    for t in reversed(range(T)):
        hp, cp = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], dh0, cc, *r = _back(dh[:, t], cc, x[:, t], hp, cp, c[:, t], gates[:, t], W_xh, W_hh)
        S = [a + b for a, b in zip(S, r)]
    return (dx, dh0, cc, *S)
#: lstm_backward c of this step as the one before | dx dh0 dc0 dW_xh dW_hh db | Y21
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    ch, cc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        hp = h[:, t - 1] if t else h0
        dx[:, t], ch, cc, *r = _back(dh[:, t] + ch, cc, x[:, t], hp, c[:, t], c[:, t], gates[:, t], W_xh, W_hh)
        S = [a + b for a, b in zip(S, r)]
    return (dx, ch, cc, *S)
#: lstm_backward h of this step as the one before | dW_hh | Y19
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    ch, cc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        cp = c[:, t - 1] if t else c0
        dx[:, t], ch, cc, *r = _back(dh[:, t] + ch, cc, x[:, t], h[:, t], cp, c[:, t], gates[:, t], W_xh, W_hh)
        S = [a + b for a, b in zip(S, r)]
    return (dx, ch, cc, *S)
#: lstm_backward gates of the last step | dx dh0 dc0 dW_xh dW_hh db | -
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    S = [np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))]
    ch, cc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        hp, cp = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], ch, cc, *r = _back(dh[:, t] + ch, cc, x[:, t], hp, cp, c[:, t], gates[:, -1], W_xh, W_hh)
        S = [a + b for a, b in zip(S, r)]
    return (dx, ch, cc, *S)
#: lstm_backward db overwritten, dh0 taken before the last turn | dh0 db | Y05b
def _back(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, f, g, o = np.split(gates, 4, axis=1)
    tc = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - tc**2)
    da = np.hstack([dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * tc * o * (1 - o)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(0)


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    A, B, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    ch, cc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        dh0 = ch
        hp, cp = (h[:, t - 1], c[:, t - 1]) if t else (h0, c0)
        dx[:, t], ch, cc, a, bb, db = _back(dh[:, t] + ch, cc, x[:, t], hp, cp, c[:, t], gates[:, t], W_xh, W_hh)
        A += a
        B += bb
    return dx, dh0, cc, A, B, db
#: pack_lstm_weights in the order of the arguments | W_xh W_hh b | P03
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_f, W_i, W_C, W_o])
    return W[:, H:], W[:, :H], np.hstack([b_f, b_i, b_C, b_o])
#: pack_lstm_weights x before h | W_xh W_hh | P02
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    D = W_f.shape[1] - H
    W = np.vstack([W_i, W_f, W_C, W_o])
    return W[:, :D], W[:, D:], np.hstack([b_i, b_f, b_C, b_o])
#: pack_lstm_weights hidden first | W_xh W_hh | P08
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_i, W_f, W_C, W_o])
    return W[:, :H], W[:, H:], np.hstack([b_i, b_f, b_C, b_o])
#: pack_lstm_weights biases in another order than matrices | b | P06
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_i, W_f, W_C, W_o])
    return W[:, H:], W[:, :H], np.hstack([b_f, b_i, b_C, b_o])
#: pack_lstm_weights transposed | W_xh W_hh | P09
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_i, W_f, W_C, W_o])
    return W[:, H:].T, W[:, :H].T, np.hstack([b_i, b_f, b_C, b_o])
#: pack_lstm_weights o before C | W_xh W_hh b | P04
def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = len(b_f)
    W = np.vstack([W_i, W_f, W_o, W_C])
    return W[:, H:], W[:, :H], np.hstack([b_i, b_f, b_o, b_C])
#: lstm_step blocks read as i, o, g, f | h_t c_t | S48
def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    H = h_prev.shape[1]
    a = x_t @ W_xh.T + h_prev @ W_hh.T + b
    i, o, f = (1 / (1 + np.exp(-a[:, k * H:(k + 1) * H])) for k in (0, 1, 3))
    g = np.tanh(a[:, 2 * H:3 * H])
    c_t = f * c_prev + i * g
    return o * np.tanh(c_t), c_t, np.hstack([i, o, g, f])
#: lstm_step_backward blocks read and stacked as i, o, g, f | dx_t dh_prev dc_prev dW_xh dW_hh db | X48
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    i, o, g, f = np.split(gates, 4, axis=1)
    squashed = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - squashed**2)
    da = np.hstack([dc * g * i * (1 - i), dh_t * squashed * o * (1 - o), dc * i * (1 - g**2), dc * c_prev * f * (1 - f)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(axis=0)
#: lstm_step_backward blocks read and stacked as f, i, o, g | dx_t dh_prev dc_prev dW_xh dW_hh db | X45
def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    f, i, o, g = np.split(gates, 4, axis=1)
    squashed = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1 - squashed**2)
    da = np.hstack([dc * c_prev * f * (1 - f), dc * g * i * (1 - i), dh_t * squashed * o * (1 - o), dc * i * (1 - g**2)])
    return da @ W_xh, da @ W_hh, dc * f, da.T @ x_t, da.T @ h_prev, da.sum(axis=0)
#: lstm_forward both states from the last slot | h c gates | W02b
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H)); c = np.zeros((N, T, H)); gates = np.zeros((N, T, 4 * H))
    for t in range(T):
        h[:, t], c[:, t], gates[:, t] = lstm_step(x[:, t], h[:, t-1], c[:, t-1], W_xh, W_hh, b)
    return h, c, gates
#: lstm_backward zero cell before step 0 | dx dh0 dW_xh dW_hh db | Y10b
def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    T = x.shape[1]
    dx = np.zeros_like(x); A = B = C = 0
    gh, gc = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        hp, cp = (h[:, t-1], c[:, t-1]) if t else (h0, np.zeros_like(c0))
        dx[:, t], gh, gc, a, bb, d = lstm_step_backward(dh[:, t] + gh, gc, x[:, t], hp, cp, c[:, t], gates[:, t], W_xh, W_hh)
        A, B, C = A + a, B + bb, C + d
    return dx, gh, gc, A, B, C
#: lstm_forward hands the cell to the step as the state, and the state as the cell | h c gates | W19
def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    hs, cs, gs = [], [], []
    h, c = h0, c0
    for t in range(x.shape[1]):
        h, c, g = lstm_step(x[:, t], c, h, W_xh, W_hh, b)
        hs.append(h), cs.append(c), gs.append(g)
    return np.stack(hs, 1), np.stack(cs, 1), np.stack(gs, 1)
