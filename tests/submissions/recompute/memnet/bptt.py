import numpy as np

from .cells import TanhCell


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    cell = TanhCell(W_xh, W_hh)
    dx_t, dh_prev = cell.back(dh_t, x_t, h_prev, h_t)
    return dx_t, dh_prev, cell.dW_xh, cell.dW_hh, cell.db


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    # The bias is not given, so the states cannot be run again: h it is.
    cell = TanhCell(W_xh, W_hh)
    states = [h0, *h.swapaxes(0, 1)]
    dx, carry = [], 0 * h0
    for t in range(x.shape[1], 0, -1):
        dx_t, carry = cell.back(dh[:, t - 1] + carry, x[:, t - 1], states[t - 1], states[t])
        dx.append(dx_t)
    return np.stack(dx[::-1], 1), carry, cell.dW_xh, cell.dW_hh, cell.db


def output_head_backward(dy, h, W_hy):
    return np.tensordot(dy, W_hy, 1), np.tensordot(dy, h, ([0, 1], [0, 1])), dy.sum((0, 1))


def embedding_backward(dx, tokens, V):
    return np.array([dx[tokens == v].sum(axis=0) for v in range(V)])


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    """Full backward on every chunk by itself: a chunk starts from the state that the one before it left."""
    total = None
    for start in range(0, x.shape[1], k):
        part = slice(start, start + k)
        before = h[:, start - 1] if start else h0
        grads = rnn_backward(dh[:, part], x[:, part], before, h[:, part], W_xh, W_hh)[2:]
        total = grads if total is None else tuple(a + b for a, b in zip(total, grads))
    return total
