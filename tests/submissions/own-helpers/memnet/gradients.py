import numpy as np

from . import helpers
from .bptt import rnn_step_backward


def step_jacobian(h_t, W_hh):
    return helpers.slope(h_t)[:, :, None] * W_hh


def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    norms = np.zeros(T)
    g = dh_last
    for t in reversed(range(T)):
        norms[t] = np.sqrt((g**2).sum())
        _, g, *_ = rnn_step_backward(g, h[:, t], h[:, t], h[:, t], W_hh, W_hh)
    return norms


def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    clipped = [g * (max_norm / norm) if norm > max_norm else g for g in grads]
    return clipped, norm
