import numpy as np


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    of = {name: slice(k * H, (k + 1) * H) for k, name in enumerate("rzn")}
    side_x = {name: x_t @ W_xh[rows].T + b_x[rows] for name, rows in of.items()}
    side_h = {name: h_prev @ W_hh[rows].T + b_h[rows] for name, rows in of.items()}
    r = 1 / (1 + np.exp(-side_x["r"] - side_h["r"]))
    z = 1 / (1 + np.exp(-side_x["z"] - side_h["z"]))
    n = np.tanh(side_x["n"] + r * side_h["n"])
    return n - z * n + z * h_prev, np.concatenate((r, z, n), axis=1)
