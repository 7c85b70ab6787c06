import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    xr, xz, xn = np.split(x_t @ W_xh.T + b_x, 3, axis=1)
    hr, hz, hn = np.split(h_prev @ W_hh.T + b_h, 3, axis=1)
    r = sigmoid(xr + hr)
    z = sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    h_t = (1 - z) * n + z * h_prev
    return h_t, np.hstack([r, z, n])
