import numpy as np


def step_jacobian(h_t, W_hh):
    return (1 - h_t**2)[:, :, None] * W_hh


def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    norms = np.zeros(T)
    g = dh_last
    for t in reversed(range(T)):
        norms[t] = np.sqrt((g**2).sum())
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return norms


def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    clipped = [g * (max_norm / norm) if norm > max_norm else g for g in grads]
    return clipped, norm
