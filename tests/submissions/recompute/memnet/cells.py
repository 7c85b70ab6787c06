"""The cells as objects: weights inside, `step` forward, `back` backward. A step back runs its own step again."""

import numpy as np


def sigmoid(a):
    return np.exp(-np.logaddexp(0, -a))


class TanhCell:
    def __init__(self, W_xh, W_hh, b=None):
        self.W_xh, self.W_hh = W_xh, W_hh
        self.b = b
        self.dW_xh, self.dW_hh = np.zeros(W_xh.shape), np.zeros(W_hh.shape)
        self.db = np.zeros(W_hh.shape[0])

    def step(self, x_t, h_prev):
        both = np.hstack([x_t, h_prev])
        return np.tanh(both @ np.hstack([self.W_xh, self.W_hh]).T + self.b)

    def run(self, x, h0):
        h = h0
        for t in range(x.shape[1]):
            h = self.step(x[:, t], h)
            yield h

    def back(self, dh_t, x_t, h_prev, h_t):
        da = dh_t - dh_t * h_t * h_t
        self.dW_xh += da.T @ x_t
        self.dW_hh += da.T @ h_prev
        self.db += da.sum(0)
        return da.dot(self.W_xh), da.dot(self.W_hh)


class LSTMCell:
    def __init__(self, W_xh, W_hh, b=None):
        self.W_xh, self.W_hh, self.b = W_xh, W_hh, b
        self.H = W_hh.shape[1]
        self.dW_xh, self.dW_hh = np.zeros(W_xh.shape), np.zeros(W_hh.shape)
        self.db = np.zeros(4 * self.H)

    def gates(self, x_t, h_prev):
        a = (self.W_xh @ x_t.T + self.W_hh @ h_prev.T).T + self.b
        gates = sigmoid(a)
        g = slice(2 * self.H, 3 * self.H)
        gates[:, g] = np.tanh(a[:, g])
        return gates

    def cut(self, gates):
        return [gates[:, k * self.H : (k + 1) * self.H] for k in range(4)]

    def new_cell(self, gates, c_prev):
        i, f, g, _ = self.cut(gates)
        return f * c_prev + i * g

    def output(self, gates, c_t):
        return gates[:, 3 * self.H :] * np.tanh(c_t)

    def back(self, dh_t, dc_t, x_t, h_prev, c_prev, gates):
        i, f, g, o = self.cut(gates)
        seen = np.tanh(self.new_cell(gates, c_prev))
        dc = dh_t * o * (1 - seen) * (1 + seen) + dc_t
        da = np.empty(gates.shape)
        for block, value in zip(
            self.cut(da),
            (dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), dh_t * seen * o * (1 - o)),
        ):
            block[...] = value
        self.dW_xh += da.T @ x_t
        self.dW_hh += da.T @ h_prev
        self.db += da.sum(0)
        return da @ self.W_xh, da @ self.W_hh, dc * f
