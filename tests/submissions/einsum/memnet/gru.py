import numpy as np

from .lstm import _sigmoid


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[-1]
    ax = np.einsum("gid,nd->gni", W_xh.reshape(3, H, -1), x_t) + b_x.reshape(3, 1, H)
    ah = np.einsum("gij,nj->gni", W_hh.reshape(3, H, H), h_prev) + b_h.reshape(3, 1, H)
    r, z = _sigmoid(ax[:2] + ah[:2])
    n = np.tanh(ax[2] + r * ah[2])
    return n + z * (h_prev - n), np.concatenate([r, z, n], axis=-1)
