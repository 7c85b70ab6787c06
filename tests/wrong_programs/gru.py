#: gru_step reset on the state before the product | h_t gates | U01
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + (r * h_prev) @ W_hh[2*H:].T + b_h[2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([r, z, n])
#: gru_step z first | h_t gates | U04b
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    z, r = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([z, r, n])
#: gru_step right state, gates returned as z r n | gates | U13
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([z, r, n])
#: gru_step update the other way, as in the first paper | h_t | U03
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return z * n + (1 - z) * h_prev, np.hstack([r, z, n])
#: gru_step reset applied to both sides | h_t gates | U16
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(r * (ax[:, 2*H:] + ah[:, 2*H:]))
    return (1 - z) * n + z * h_prev, np.hstack([r, z, n])
#: gru_step one bias used twice | h_t gates | U20
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_x
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([r, z, n])
#: gru_step candidate by a sigmoid | h_t gates | U10
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = s(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([r, z, n])
#: gru_step update gate in place of reset | h_t gates | U11
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + z * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([r, z, n])
#: gru_step interpolation with r | h_t | U18
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - r) * n + r * h_prev, np.hstack([r, z, n])
#: gru_step gates alone and the state forgotten in the sum | h_t | U19
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n, np.hstack([r, z, n])
#: gru_step only two gates returned | gates | -
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    s = lambda v: 1 / (1 + np.exp(-v))
    ax, ah = x_t @ W_xh.T + b_x, h_prev @ W_hh.T + b_h
    r, z = s(ax[:, :H] + ah[:, :H]), s(ax[:, H:2*H] + ah[:, H:2*H])
    n = np.tanh(ax[:, 2*H:] + r * ah[:, 2*H:])
    return (1 - z) * n + z * h_prev, np.hstack([r, z])
#: gru_step reset on what comes from the input | h_t gates | U21
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    xr, xz, xn = np.split(x_t @ W_xh.T + b_x, 3, axis=1)
    hr, hz, hn = np.split(h_prev @ W_hh.T + b_h, 3, axis=1)
    r, z = 1 / (1 + np.exp(-xr - hr)), 1 / (1 + np.exp(-xz - hz))
    n = np.tanh(r * xn + hn)
    return (1 - z) * n + z * h_prev, np.concatenate([r, z, n], axis=1)
