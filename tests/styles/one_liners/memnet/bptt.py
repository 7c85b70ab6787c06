import numpy as np

rnn_step_backward = lambda dh_t, x_t, h_prev, h_t, W_xh, W_hh: (lambda da: (da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, sum(da)))(dh_t * (1 - h_t) * (1 + h_t))
_all = lambda dh, x, h0, h, W_xh, W_hh, k: (lambda T: (s := [(None, np.zeros(h0.shape))]) and [s.append(rnn_step_backward(dh[:, t] + s[-1][1] * ((t + 1) % k != 0), x[:, t], h[:, t - 1] if t else h0, h[:, t], W_xh, W_hh)) or s[-1] for t in range(T)[::-1]])(x.shape[1])
rnn_backward = lambda *a: (lambda s: (np.stack([r[0] for r in s[::-1]], 1), s[-1][1], *(sum(r[i] for r in s) for i in (2, 3, 4))))(_all(*a, a[1].shape[1] + 1))
output_head_backward = lambda dy, h, W_hy: (dy @ W_hy, np.einsum("ntv,nth->vh", dy, h), np.einsum("ntv->v", dy))
embedding_backward = lambda dx, tokens, V: np.stack([(dx * (tokens == v)[..., None]).sum((0, 1)) for v in range(V)])
rnn_backward_truncated = lambda *a: (lambda s: tuple(sum(r[i] for r in s) for i in (2, 3, 4)))(_all(*a))
