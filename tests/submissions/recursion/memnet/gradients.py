import numpy as np


def step_jacobian(h_t, W_hh):
    return (1 - h_t**2)[:, :, None] * W_hh


def gradient_norms(dh_last, h, W_hh):
    # what comes before, then this one
    norm = np.sqrt((dh_last**2).sum())
    before = gradient_norms((dh_last * (1 - h[:, -1] ** 2)) @ W_hh, h, W_hh)
    return np.append(before, norm)


def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    clipped = [g * (max_norm / norm) if norm > max_norm else g for g in grads]
    return clipped, norm
