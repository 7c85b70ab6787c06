"""Everything is an einsum. n sample, t time, d feature, i j unit, v class."""

import numpy as np


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return np.tanh(np.einsum("id,nd->ni", W_xh, x_t) + np.einsum("ij,nj->ni", W_hh, h_prev) + b)


def _scan(steps, h0):
    states = [h0]
    for step in steps:
        states.append(step(states[-1]))
    return np.stack(states[1:], axis=1)


def rnn_forward(x, h0, W_xh, W_hh, b):
    from_x = np.einsum("id,ntd->tni", W_xh, x)
    return _scan([lambda h, a=a: np.tanh(a + b + np.einsum("ij,nj->ni", W_hh, h)) for a in from_x], h0)


def output_head(h, W_hy, b_y):
    return np.einsum("vi,nti->ntv", W_hy, h) + b_y


def sequence_loss(y, targets, mask):
    weight = mask / max(mask.sum(), 1)
    onehot = np.eye(y.shape[2])[np.where(mask, targets, 0)]
    shifted = np.where(mask[..., None], y - y.max(axis=2, keepdims=True), 0.0)
    log_sum = np.log(np.exp(shifted).sum(axis=2))
    loss = np.einsum("nt,nt->", weight, log_sum - np.einsum("ntv,ntv->nt", onehot, shifted))
    p = np.exp(shifted - log_sum[..., None])
    return float(loss), np.einsum("nt,ntv->ntv", weight, p - onehot)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    from_x = np.einsum("id,ntd->tni", W_xh, x)
    live = (np.arange(x.shape[1])[:, None] < lengths[None, :]).astype(float)

    def make(a, m):
        def step(h):
            new = np.tanh(a + b + np.einsum("ij,nj->ni", W_hh, h))
            return np.einsum("n,ni->ni", m, new) + np.einsum("n,ni->ni", 1 - m, h)

        return step

    h = _scan([make(a, m) for a, m in zip(from_x, live)], h0)
    return h, h[:, -1]
