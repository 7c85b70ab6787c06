import numpy as np

from .rnn import sigmoid, tanh


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    x_r, x_z, x_n = np.hsplit(np.inner(x_t, W_xh) + b_x, 3)
    h_r, h_z, h_n = np.hsplit(np.inner(h_prev, W_hh) + b_h, 3)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = tanh(x_n + r * h_n)
    return sigmoid(-(x_z + h_z)) * n + z * h_prev, np.hstack([r, z, n])
