import numpy as np


def step_jacobian(h_t, W_hh):
    return np.einsum("ni,ij->nij", np.exp(np.log1p(-h_t) + np.log1p(h_t)), W_hh)


def gradient_norms(dh_last, h, W_hh):
    """The gradient as a direction and the logarithm of a length."""
    length = np.linalg.norm(dh_last)
    direction, log_length = dh_last / length, np.log(length)
    norms = [log_length]
    for t in range(h.shape[1] - 1, 0, -1):
        g = (direction * (1 - h[:, t] ** 2)) @ W_hh
        length = np.linalg.norm(g)
        direction, log_length = g / length, log_length + np.log(length)
        norms.append(log_length)
    return np.exp(norms[::-1])


def clip_by_global_norm(grads, max_norm):
    squares = [np.sum(grad**2) for grad in grads]
    total = sum(squares)
    if total == 0:
        return list(grads), 0.0
    log_norm = 0.5 * np.log(total)
    return [grad * np.exp(min(0.0, np.log(max_norm) - log_norm)) for grad in grads], float(np.sqrt(total))
