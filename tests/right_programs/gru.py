#: gru_step convex combination by lerp
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    ax, ah = np.array_split(x_t @ W_xh.T + b_x, 3, 1), np.array_split(h_prev @ W_hh.T + b_h, 3, 1)
    r, z = (1 / (1 + np.exp(-(u + v))) for u, v in zip(ax[:2], ah[:2]))
    n = np.tanh(ax[2] + r * ah[2])
    return n + z * (h_prev - n), np.c_[r, z, n]
#: gru_step sample by sample
def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H, hs, gs = h_prev.shape[1], [], []
    for x, h in zip(x_t, h_prev):
        u, v = W_xh @ x + b_x, W_hh @ h + b_h
        r, z = 0.5 + 0.5 * np.tanh(0.5 * (u[:H] + v[:H])), 0.5 + 0.5 * np.tanh(0.5 * (u[H : 2 * H] + v[H : 2 * H]))
        n = np.tanh(u[2 * H :] + r * v[2 * H :])
        hs.append((1 - z) * n + z * h)
        gs.append(np.concatenate([r, z, n]))
    return np.array(hs), np.array(gs)
