import numpy as np


def step_jacobian(h_t, W_hh):
    return np.einsum("ni,ij->nij", 1 - h_t * h_t, W_hh)


def gradient_norms(dh_last, h, W_hh):
    g = [dh_last]
    for h_t in np.moveaxis(h, 1, 0)[:0:-1]:
        g.insert(0, np.einsum("nij,ni->nj", step_jacobian(h_t, W_hh), g[0]))
    return np.sqrt(np.einsum("tni,tni->t", np.array(g), np.array(g)))


def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum(np.einsum("k,k->", grad.ravel(), grad.ravel()) for grad in grads))
    if norm <= max_norm:
        return [np.array(grad) for grad in grads], float(norm)
    return [np.einsum("...,->...", grad, max_norm / norm) for grad in grads], float(norm)
