import math

import numpy as np


def step_jacobian(h_t, W_hh):
    N, H = h_t.shape
    J = np.zeros((N, H, H))
    for n in range(N):
        for i in range(H):
            for j in range(H):
                J[n, i, j] = (1 - h_t[n, i] ** 2) * W_hh[i, j]
    return J


def gradient_norms(dh_last, h, W_hh):
    N, T, H = h.shape
    norms = np.zeros(T)
    g = dh_last
    for t in range(T - 1, -1, -1):
        norms[t] = math.sqrt((g**2).sum())
        J = step_jacobian(h[:, t], W_hh)
        before = np.zeros((N, H))
        for n in range(N):
            before[n] = J[n].T @ g[n]
        g = before
    return norms


def clip_by_global_norm(grads, max_norm):
    total = 0.0
    for grad in grads:
        for value in grad.flatten():
            total += value * value
    norm = math.sqrt(total)
    clipped = []
    for grad in grads:
        if norm > max_norm:
            clipped.append(grad * (max_norm / norm))
        else:
            clipped.append(grad.copy())
    return clipped, norm
