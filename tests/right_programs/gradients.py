#: step_jacobian diagonal matrices
def step_jacobian(h_t, W_hh):
    return np.array([np.diag(1 - h**2).dot(W_hh) for h in h_t])
#: step_jacobian entry by entry
def step_jacobian(h_t, W_hh):
    return np.fromfunction(np.vectorize(lambda n, i, j: (1 - h_t[n, i] ** 2) * W_hh[i, j]),
                           (*h_t.shape, h_t.shape[1]), dtype=int)
#: gradient_norms a list built from the end
def gradient_norms(dh_last, h, W_hh):
    g, norms = dh_last, []
    for t in range(h.shape[1] - 1, -1, -1):
        norms = [np.sqrt(np.vdot(g, g)), *norms]
        g = (1 - h[:, t] ** 2) * g @ W_hh
    return norms
#: gradient_norms products of Jacobians
def gradient_norms(dh_last, h, W_hh):
    N, T, H = h.shape
    norms = np.zeros(T)
    for n_t in range(T):
        g = dh_last[:, None]
        for t in range(T - 1, n_t, -1):
            g = g @ ((1 - h[:, t] ** 2)[:, :, None] * W_hh)
        norms[n_t] = np.hypot.reduce(g.ravel())
    return norms
#: clip_by_global_norm hypot of norms
import math


def clip_by_global_norm(grads, max_norm):
    norm = math.hypot(*(np.linalg.norm(g) for g in grads))
    return tuple(g.copy() if norm <= max_norm else (g / norm) * max_norm for g in grads), norm
#: clip_by_global_norm through one flat array
def clip_by_global_norm(grads, max_norm):
    flat = np.concatenate([np.ravel(g) for g in grads])
    norm = np.linalg.norm(flat)
    flat = flat * min(1.0, max_norm / norm if norm else 1.0)
    cuts = np.cumsum([g.size for g in grads])[:-1]
    return [part.reshape(g.shape) for part, g in zip(np.split(flat, cuts), grads)], norm
