import numpy as np

from .rnn import col, row


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    h = col(h_prev)
    x_parts = np.vsplit(W_xh @ col(x_t) + b_x[:, None], 3)
    h_parts = np.vsplit(W_hh @ h + b_h[:, None], 3)
    r, z = (1 / (1 + np.exp(-(u + v))) for u, v in zip(x_parts[:2], h_parts[:2]))
    n = np.tanh(x_parts[2] + r * h_parts[2])
    return row(n + z * (h - n)), row(np.vstack([r, z, n]))
