#: step_jacobian of the batch mean | J | J04
def step_jacobian(h_t, W_hh):
    return np.diag((1 - h_t**2).mean(0)) @ W_hh
#: step_jacobian without the slope | J | J05
def step_jacobian(h_t, W_hh):
    return np.repeat(W_hh[None], len(h_t), axis=0)
#: step_jacobian transposed at the end | J | J03
def step_jacobian(h_t, W_hh):
    J = np.zeros((len(h_t), *W_hh.shape))
    for n, h in enumerate(h_t):
        J[n] = (np.diag(1 - h**2) @ W_hh).T
    return J
#: step_jacobian slope on the columns | J | J02
def step_jacobian(h_t, W_hh):
    return np.stack([W_hh @ np.diag(1 - h**2) for h in h_t])
#: step_jacobian transposed matrix, slope on rows | J | J01
def step_jacobian(h_t, W_hh):
    return (1 - h_t**2)[:, :, None] * W_hh.T
#: step_jacobian one minus h | J | J07
def step_jacobian(h_t, W_hh):
    return np.einsum("ni,ij->nij", 1 - h_t, W_hh)
#: step_jacobian last sample for all | J | -
def step_jacobian(h_t, W_hh):
    J = np.zeros((len(h_t), *W_hh.shape))
    for n in range(len(h_t)):
        J[:] = np.diag(1 - h_t[n] ** 2) @ W_hh
    return J
#: step_jacobian tanh of the state again | J | J06
def step_jacobian(h_t, W_hh):
    return (1 - np.tanh(h_t) ** 2)[..., None] * W_hh
#: gradient_norms starts at the step before | norms | N11
def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    norms = np.zeros(T)
    g = dh_last
    for t in reversed(range(T)):
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
        norms[t] = np.linalg.norm(g)
    return norms
#: gradient_norms slope of the wrong step | norms | N10
def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    norms = np.zeros(T)
    g = dh_last
    norms[-1] = np.linalg.norm(g)
    for t in range(T - 2, -1, -1):
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
        norms[t] = np.linalg.norm(g)
    return norms
#: gradient_norms one norm a sample | norms | N13
def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    norms = []
    g = dh_last
    for t in reversed(range(T)):
        norms.append(np.linalg.norm(g, axis=1))
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return np.stack(norms[::-1])
#: gradient_norms appended and not turned round | norms | N06
def gradient_norms(dh_last, h, W_hh):
    norms = []
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms.append(np.linalg.norm(g))
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return np.array(norms)
#: gradient_norms spectral norm | norms | N22
def gradient_norms(dh_last, h, W_hh):
    norms = np.zeros(h.shape[1])
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms[t] = np.linalg.norm(g, 2)
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return norms
#: gradient_norms relative to the last | norms | N18
def gradient_norms(dh_last, h, W_hh):
    norms = np.zeros(h.shape[1])
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms[t] = np.linalg.norm(g)
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return norms / norms[-1]
#: gradient_norms no slope at all | norms | N09
def gradient_norms(dh_last, h, W_hh):
    norms = np.zeros(h.shape[1])
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms[t] = np.linalg.norm(g)
        g = g @ W_hh
    return norms
#: gradient_norms sum of absolute values | norms | N19
def gradient_norms(dh_last, h, W_hh):
    norms = np.zeros(h.shape[1])
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms[t] = np.abs(g).sum()
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return norms
#: gradient_norms buffer of integers | norms | -
def gradient_norms(dh_last, h, W_hh):
    norms = np.arange(h.shape[1])
    g = dh_last
    for t in reversed(range(h.shape[1])):
        norms[t] = np.linalg.norm(g)
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return norms
#: clip_by_global_norm each by itself | clipped | G03
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    out = []
    for g in grads:
        n = np.linalg.norm(g)
        out.append(g * (max_norm / n) if n > max_norm else g)
    return out, norm
#: clip_by_global_norm always scales | clipped | G02
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    return [g * max_norm / norm for g in grads], norm
#: clip_by_global_norm norm after clipping | norm | G04
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    if norm > max_norm:
        grads = [g * max_norm / norm for g in grads]
        norm = max_norm
    return grads, float(norm)
#: clip_by_global_norm no square root | clipped norm | G06
def clip_by_global_norm(grads, max_norm):
    norm = float(sum((g**2).sum() for g in grads))
    s = min(1.0, max_norm / norm)
    return [g * s for g in grads], norm
#: clip_by_global_norm comparison the wrong way | clipped | G13
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    if norm < max_norm:
        return [g * max_norm / norm for g in grads], norm
    return list(grads), norm
#: clip_by_global_norm inverse factor | clipped | G11
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    if norm > max_norm:
        return [g * norm / max_norm for g in grads], norm
    return list(grads), norm
#: clip_by_global_norm largest entry | clipped norm | G09
def clip_by_global_norm(grads, max_norm):
    norm = float(max(np.abs(g).max() for g in grads))
    s = min(1.0, max_norm / norm)
    return [g * s for g in grads], norm
#: clip_by_global_norm largest norm | clipped norm | G15
def clip_by_global_norm(grads, max_norm):
    norm = float(max(np.linalg.norm(g) for g in grads))
    s = min(1.0, max_norm / norm)
    return [g * s for g in grads], norm
#: clip_by_global_norm one flat array | clipped norm | -
def clip_by_global_norm(grads, max_norm):
    flat = np.concatenate([g.ravel() for g in grads])
    norm = float(np.linalg.norm(flat))
    return flat * min(1.0, max_norm / norm), norm
#: clip_by_global_norm only the list | clipped norm | -
def clip_by_global_norm(grads, max_norm):
    norm = float(np.sqrt(sum((g**2).sum() for g in grads)))
    return [g * min(1.0, max_norm / norm) for g in grads]
#: clip_by_global_norm the first array is left out | clipped norm | -
def clip_by_global_norm(grads, max_norm):
    norm = 0.0
    for i in range(1, len(grads)):
        norm += (grads[i] ** 2).sum()
    norm = float(np.sqrt(norm))
    return [g * min(1.0, max_norm / norm) for g in grads], norm
#: clip_by_global_norm in place and nothing given back | clipped norm | -
def clip_by_global_norm(grads, max_norm):
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    for g in grads:
        g *= min(1.0, max_norm / norm)
#: gradient_norms samples added up first | norms | N23
def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    out = np.zeros(T)
    g = dh_last
    for t in range(T - 1, -1, -1):
        out[t] = np.linalg.norm(g.sum(0))
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return out
#: gradient_norms dh_last comes in at every step | norms | N24
def gradient_norms(dh_last, h, W_hh):
    T = h.shape[1]
    out = np.zeros(T)
    g = np.zeros_like(dh_last)
    for t in range(T - 1, -1, -1):
        g = g + dh_last
        out[t] = np.linalg.norm(g)
        g = (g * (1 - h[:, t] ** 2)) @ W_hh
    return out
