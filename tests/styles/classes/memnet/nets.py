"""Networks as objects with parameters, caches and methods; the asked functions at the end of each module call them."""

import numpy as np


class Squash:
    def __init__(self, name):
        self.name = name

    def __call__(self, a):
        return np.tanh(a) if self.name == "tanh" else (1 + np.tanh(a / 2)) / 2

    def slope(self, out):
        return 1 - out * out if self.name == "tanh" else out * (1 - out)


class Linear:
    def __init__(self, W, b=None):
        self.W, self.b = W, b
        self.dW, self.db = np.zeros(W.shape), np.zeros(W.shape[0])

    def __call__(self, v):
        return v @ self.W.T + (0 if self.b is None else self.b)

    def back(self, da, v):
        rows, columns = da.reshape(-1, da.shape[-1]), v.reshape(-1, v.shape[-1])
        self.dW += rows.T @ columns
        self.db += rows.sum(0)
        return da @ self.W


class Cell:
    def __init__(self, W_xh, W_hh, b=None):
        self.read, self.recur = Linear(W_xh, b), Linear(W_hh)

    @property
    def grads(self):
        return self.read.dW, self.recur.dW, self.read.db


class Tanh(Cell):
    squash = Squash("tanh")

    def __call__(self, x_t, h):
        return self.squash(self.read(x_t) + self.recur(h))

    def back(self, dh, x_t, h_prev, h_t):
        da = dh * self.squash.slope(h_t)
        return self.read.back(da, x_t), self.recur.back(da, h_prev)


class LSTM(Cell):
    squashes = [Squash(name) for name in ("sigmoid", "sigmoid", "tanh", "sigmoid")]

    def __call__(self, x_t, h, c):
        parts = np.split(self.read(x_t) + self.recur(h), 4, axis=-1)
        i, f, g, o = gates = [squash(part) for squash, part in zip(self.squashes, parts)]
        c = f * c + i * g
        return o * np.tanh(c), c, np.concatenate(gates, axis=-1)

    def back(self, dh, dc, x_t, h_prev, c_prev, c_t, gates):
        i, f, g, o = parts = np.split(gates, 4, axis=-1)
        shown = np.tanh(c_t)
        dc = dc + dh * o * Squash("tanh").slope(shown)
        d = [dc * g, dc * c_prev, dc * i, dh * shown]
        da = np.concatenate([one * squash.slope(part) for one, squash, part in zip(d, self.squashes, parts)], axis=-1)
        return self.read.back(da, x_t), self.recur.back(da, h_prev), dc * f


class Loss:
    def __init__(self, scores):
        self.scores = scores - scores.max(-1, keepdims=True)
        self.log_sum = np.log(np.exp(self.scores).sum(-1, keepdims=True))

    def value(self, classes):
        return float(np.mean(self.log_sum[:, 0] - self.scores[range(len(classes)), classes]))

    def back(self, classes):
        p = np.exp(self.scores - self.log_sum)
        p[range(len(classes)), classes] -= 1
        return p / len(classes)
