import numpy as np


def step_jacobian(h_t, W_hh):
    J = np.empty((*h_t.shape, h_t.shape[1]))
    J[...] = W_hh
    J *= (1 - h_t * h_t)[:, :, None]
    return J


def gradient_norms(dh_last, h, W_hh):
    norms = np.zeros(h.shape[1])
    g = dh_last.copy()
    for t in range(len(norms) - 1, -1, -1):
        norms[t] = np.sqrt(np.vdot(g, g))
        g *= 1 - h[:, t] ** 2
        g[...] = g @ W_hh
    return norms


def clip_by_global_norm(grads, max_norm):
    clipped = [grad.copy() for grad in grads]
    norm = 0.0
    for grad in clipped:
        norm = np.hypot(norm, np.sqrt((grad * grad).sum()))
    if norm > max_norm:
        for grad in clipped:
            grad *= max_norm
            grad /= norm
    return clipped, norm
