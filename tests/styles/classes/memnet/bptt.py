import numpy as np

from .nets import Linear, Tanh


class Backward:
    def __init__(self, W_xh, W_hh, k=None):
        self.cell, self.k = Tanh(W_xh, W_hh), k

    def run(self, dh, x, h0, h):
        dx, carry = np.empty(x.shape), np.zeros(h0.shape)
        for t in reversed(range(x.shape[1])):
            if self.k and (t + 1) % self.k == 0:
                carry = np.zeros(h0.shape)
            dx[:, t], carry = self.cell.back(dh[:, t] + carry, x[:, t], h[:, t - 1] if t > 0 else h0, h[:, t])
        return dx, carry


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    cell = Tanh(W_xh, W_hh)
    return *cell.back(dh_t, x_t, h_prev, h_t), *cell.grads


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    way = Backward(W_xh, W_hh)
    return *way.run(dh, x, h0, h), *way.cell.grads


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    way = Backward(W_xh, W_hh, k)
    way.run(dh, x, h0, h)
    return way.cell.grads


def output_head_backward(dy, h, W_hy):
    head = Linear(W_hy)
    return head.back(dy, h), head.dW, head.db


class Table:
    def __init__(self, rows, columns):
        self.grad = np.zeros((rows, columns))

    def __iadd__(self, pair):
        np.add.at(self.grad, *pair)
        return self


def embedding_backward(dx, tokens, V):
    table = Table(V, dx.shape[2])
    table += tokens, dx
    return table.grad
