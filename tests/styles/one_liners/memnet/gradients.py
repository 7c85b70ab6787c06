import numpy as np

step_jacobian = lambda h_t, W_hh: np.array([(W_hh.T * (1 - row**2)).T for row in h_t])
gradient_norms = lambda dh_last, h, W_hh: np.array([((g := [dh_last]) and [g.append((g[-1] * (1 - h[:, s] ** 2)) @ W_hh) for s in range(h.shape[1] - 1, t, -1)] and (g[-1] ** 2).sum() ** 0.5) or (g[-1] ** 2).sum() ** 0.5 for t in range(h.shape[1])])
clip_by_global_norm = lambda grads, max_norm: (lambda n: ([g * (max_norm / max(n, max_norm)) for g in grads], n))(float(sum((g**2).sum() for g in grads) ** 0.5))
