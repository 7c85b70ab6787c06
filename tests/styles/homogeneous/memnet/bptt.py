import numpy as np

from .rnn import augmented


def split(dW, D):
    return dW[:, :D], dW[:, D:-1], dW[:, -1]


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    D = x_t.shape[1]
    da = dh_t * (1 - h_t**2)
    dv = da @ np.hstack([W_xh, W_hh])
    return dv[:, :D], dv[:, D:], *split(da.T @ augmented(x_t, h_prev), D)


def matrices(dh, x, h0, h, W_hh, k):
    """All steps at once: the carry as one solve with a block matrix over time, a sample at a time."""
    N, T, H = h.shape
    slope = 1 - h**2
    da = np.empty((N, T, H))
    for n in range(N):
        A = np.eye(T * H)
        for t in range(T - 1):
            if (t + 1) % k:
                A[t * H : (t + 1) * H, (t + 1) * H : (t + 2) * H] = -(slope[n, t][:, None] * W_hh.T)
        da[n] = np.linalg.solve(A, (slope[n] * dh[n]).ravel()).reshape(T, H)
    return da


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    D = x.shape[2]
    da = matrices(dh, x, h0, h, W_hh, x.shape[1] + 1)
    before = np.concatenate([h0[:, None], h], axis=1)[:, :-1]
    flat = augmented(np.concatenate([x, before], axis=2).reshape(-1, D + h.shape[2]))
    return da @ W_xh, da[:, 0] @ W_hh, *split(da.reshape(-1, da.shape[2]).T @ flat, D)


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    D = x.shape[2]
    da = matrices(dh, x, h0, h, W_hh, k)
    before = np.insert(h, 0, h0, axis=1)[:, :-1]
    flat = augmented(np.concatenate([x, before], axis=2).reshape(-1, D + h.shape[2]))
    return split(da.reshape(-1, da.shape[2]).T @ flat, D)


def output_head_backward(dy, h, W_hy):
    rows = dy.reshape(-1, len(W_hy))
    both = rows.T @ augmented(h.reshape(-1, h.shape[2]))
    return (rows @ W_hy).reshape(h.shape), both[:, :-1], both[:, -1]


def embedding_backward(dx, tokens, V):
    order = np.argsort(tokens, axis=None, kind="stable")
    ids, starts = np.unique(tokens.ravel()[order], return_index=True)
    dE = np.zeros((V, dx.shape[2]))
    dE[ids] = np.add.reduceat(dx.reshape(-1, dx.shape[2])[order], starts)
    return dE
