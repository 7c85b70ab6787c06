import numpy as np

from .cells import TanhCell


def rnn_step(x_t, h_prev, W_xh, W_hh, b):
    return TanhCell(W_xh, W_hh, b).step(x_t, h_prev)


def rnn_forward(x, h0, W_xh, W_hh, b):
    return np.array(list(TanhCell(W_xh, W_hh, b).run(x, h0))).transpose(1, 0, 2)


def output_head(h, W_hy, b_y):
    return np.inner(h, W_hy) + b_y


def sequence_loss(y, targets, mask):
    kept = np.argwhere(mask)
    dy = np.zeros_like(y)
    if kept.size == 0:
        return 0.0, dy
    losses = []
    for n, t in kept:
        log_p = y[n, t] - np.logaddexp.reduce(y[n, t])
        losses.append(-log_p[targets[n, t]])
        dy[n, t] = np.exp(log_p)
        dy[n, t, targets[n, t]] -= 1
    return float(np.mean(losses)), dy / len(kept)


def rnn_forward_masked(x, lengths, h0, W_xh, W_hh, b):
    """Run the real part of each sample by itself, then hold its last state."""
    N, T, _ = x.shape
    h = np.repeat(h0[:, None], T, axis=1)
    h_last = h0.copy()
    for n in range(N):
        L = int(lengths[n])
        if L > 0:
            own = rnn_forward(x[n : n + 1, :L], h0[n : n + 1], W_xh, W_hh, b)[0]
            h[n, :L], h[n, L:], h_last[n] = own, own[-1], own[-1]
    return h, h_last
