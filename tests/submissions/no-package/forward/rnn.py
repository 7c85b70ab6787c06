import numpy as np


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)


def rnn_forward(x, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        prev = rnn_step(x[:, t], prev, W_xh, W_hh, b)
        h[:, t] = prev
    return h


def output_head(h, W_hy, b_y):
    return h @ W_hy.T + b_y


def sequence_loss(y, targets, mask):
    K = max(mask.sum(), 1)
    z = y - y.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    onehot = np.arange(y.shape[-1]) == targets[..., None]
    loss = -(log_p * onehot * mask[..., None]).sum() / K
    dy = (np.exp(log_p) - onehot) * mask[..., None] / K
    return loss, dy


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, h0.shape[1]))
    prev = h0
    for t in range(T):
        new = rnn_step(x[:, t], prev, W_xh, W_hh, b)
        prev = np.where((t < lengths)[:, None], new, prev)
        h[:, t] = prev
    return h, prev
