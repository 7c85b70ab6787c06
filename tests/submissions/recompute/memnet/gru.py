import numpy as np

from .cells import sigmoid


class GRUCell:
    def __init__(self, W_xh, W_hh, b_x, b_h):
        self.x_side = list(zip(np.split(W_xh, 3), np.split(b_x, 3)))
        self.h_side = list(zip(np.split(W_hh, 3), np.split(b_h, 3)))

    def step(self, x_t, h_prev):
        (xr, xz, xn), (hr, hz, hn) = (
            [v @ W.T + b for W, b in side] for v, side in ((x_t, self.x_side), (h_prev, self.h_side))
        )
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
        return (1 - z) * n + z * h_prev, np.column_stack([r, z, n])


def gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h):
    return GRUCell(W_xh, W_hh, b_x, b_h).step(x_t, h_prev)
