import numpy as np

from .bptt import states
from .tape import Value, gradients


def step_jacobian(h_t, W_hh):
    """Row by row: the gradient of one unit of the state."""
    N, H = h_t.shape
    J = np.empty((N, H, H))
    for i in range(H):
        before = Value(np.zeros((N, H)))
        a = before @ Value(W_hh).T
        upstream = np.zeros((N, H))
        upstream[:, i] = 1
        J[:, i] = gradients([a.at(h_t, 1 - h_t**2)], [upstream], [before])[0]
    return J


def gradient_norms(dh_last, h, W_hh):
    N, T, H = h.shape
    norms = [np.linalg.norm(dh_last)]
    for t in range(T - 2, -1, -1):
        out, (_, start, *_rest) = states(np.zeros((N, T, 1)), h[:, t], h[:, t + 1 :], np.zeros((H, 1)), W_hh)
        norms.insert(0, np.linalg.norm(gradients(out[-1:], [dh_last], [start])[0]))
    return np.array(norms)


def clip_by_global_norm(grads, max_norm):
    """d norm / d grads is grads / norm: the tape's own gradient, times max_norm."""
    values = [Value(grad) for grad in grads]
    total = float(sum(np.sum((value * value).data) for value in values))
    norm = total**0.5
    if norm <= max_norm:
        return [value.data for value in values], norm
    squares = [value * value for value in values]
    doubled = gradients(squares, [np.ones(value.data.shape) for value in squares], values)
    return [grad / (2 * norm) * max_norm for grad in doubled], norm
