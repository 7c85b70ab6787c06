import numpy as np


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    H = h_prev.shape[1]
    gates = x_t @ W_xh.T
    gates += b_x
    own = h_prev @ W_hh.T
    own += b_h
    rz = gates[:, : 2 * H]
    rz += own[:, : 2 * H]
    np.negative(rz, out=rz)
    np.exp(rz, out=rz)
    rz += 1
    np.reciprocal(rz, out=rz)
    n = gates[:, 2 * H :]
    own[:, 2 * H :] *= rz[:, :H]
    n += own[:, 2 * H :]
    np.tanh(n, out=n)
    h_t = h_prev - n
    h_t *= rz[:, H:]
    h_t += n
    return h_t, gates
