import numpy as np

from .cells import TanhCell


class Checkpoints:
    """Hands out the states of one segment after the other, from the last to the first."""

    def __init__(self, cell, x, h0, k):
        self.cell, self.x, self.k = cell, x, k
        self.at = [h0]
        for t, h in enumerate(cell.run(x, h0), start=1):
            if t % k == 0 and t < x.shape[1]:
                self.at.append(h)

    def __iter__(self):
        while self.at:
            h = self.at.pop()
            lo = len(self.at) * self.k
            steps = self.x[:, lo : lo + self.k]
            yield lo, [h, *self.cell.run(steps, h)]


def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    cell = TanhCell(W_xh, W_hh, b)
    dx, dh = np.empty(x.shape), dh_last
    for lo, states in Checkpoints(cell, x, h0, k):
        while len(states) > 1:
            h_t = states.pop()
            t = lo + len(states) - 1
            dx[:, t], dh = cell.back(dh, x[:, t], states[-1], h_t)
    return dx, dh, cell.dW_xh, cell.dW_hh, cell.db


def stored_states(T, k):
    whole, rest = divmod(T, k)
    return whole + bool(rest) + min(T, k)


def best_interval(T):
    return min((stored_states(T, k), k) for k in range(1, T + 1))[1]
