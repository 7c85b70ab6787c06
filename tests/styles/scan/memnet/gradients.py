from functools import reduce

import numpy as np

from .rnn import scan


def step_jacobian(h_t, W_hh):
    return (1 - np.square(h_t))[..., None] * W_hh[None]


def gradient_norms(dh_last, h, W_hh):
    gs = [dh_last, *scan(lambda g, h_t: (g * (1 - h_t * h_t)) @ W_hh, dh_last, h[:, :0:-1].swapaxes(0, 1))]
    return np.array([np.linalg.norm(g, "fro") for g in reversed(gs)])


def clip_by_global_norm(grads, max_norm):
    norm = reduce(lambda total, grad: np.hypot(total, np.linalg.norm(grad)), grads, 0.0)
    return ([grad.copy() for grad in grads] if norm <= max_norm else [grad / (norm / max_norm) for grad in grads]), float(norm)
