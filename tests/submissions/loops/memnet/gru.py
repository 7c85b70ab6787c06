import math

import numpy as np

from .lstm import sigmoid


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    N, H = h_prev.shape
    h_t = np.zeros((N, H))
    gates = np.zeros((N, 3 * H))
    for n in range(N):
        ax = W_xh @ x_t[n] + b_x
        ah = W_hh @ h_prev[n] + b_h
        for u in range(H):
            r = sigmoid(ax[u] + ah[u])
            z = sigmoid(ax[H + u] + ah[H + u])
            new = math.tanh(ax[2 * H + u] + r * ah[2 * H + u])
            h_t[n, u] = (1 - z) * new + z * h_prev[n, u]
            gates[n, u], gates[n, H + u], gates[n, 2 * H + u] = r, z, new
    return h_t, gates
