#: rnn_step_backward einsum
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = np.einsum("nh,nh->nh", dh_t, 1 - h_t * h_t)
    return (np.einsum("nh,hd->nd", da, W_xh), np.einsum("nh,hk->nk", da, W_hh), np.einsum("nh,nd->hd", da, x_t),
            np.einsum("nh,nk->hk", da, h_prev), np.einsum("nh->h", da))
#: rnn_step_backward sums of outer products
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = [g * (1 + s) * (1 - s) for g, s in zip(dh_t, h_t)]
    return (np.array([W_xh.T @ d for d in da]), np.array([W_hh.T @ d for d in da]),
            sum(np.outer(d, x) for d, x in zip(da, x_t)), sum(np.outer(d, p) for d, p in zip(da, h_prev)), sum(da))
#: rnn_step_backward works out the state's slope from exponentials
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t / np.cosh(np.arctanh(h_t)) ** 2
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, np.ones(len(da)) @ da
#: rnn_step_backward one product with the stacked inputs
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    D, da = x_t.shape[1], dh_t - dh_t * h_t**2
    both = da.T @ np.column_stack([x_t, h_prev, np.ones(len(da))])
    back = da @ np.hstack([W_xh, W_hh])
    return [back[:, :D], back[:, D:], both[:, :D], both[:, D:-1], both[:, -1]]
#: rnn_step_backward a named tuple in longdouble
from collections import namedtuple

Grads = namedtuple("Grads", "dx dh dW dU db")


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    dh_t, x_t, h_prev, h_t, W_xh, W_hh = (np.asarray(a, np.longdouble) for a in (dh_t, x_t, h_prev, h_t, W_xh, W_hh))
    da = dh_t * (1 - h_t**2)
    return Grads(da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, np.add.reduce(da, 0))
#: rnn_backward through step Jacobians
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    J = (1 - h**2)[..., None] * W_hh
    g, gs = np.zeros((N, H)), []
    for t in range(T - 1, -1, -1):
        total = dh[:, t] + g
        gs.insert(0, total * (1 - h[:, t] ** 2))
        g = np.einsum("ni,nij->nj", total, J[:, t])
    da = np.stack(gs, 1)
    prev = np.concatenate([h0[:, None], h], 1)[:, :T]
    return (da @ W_xh, g, np.tensordot(da, x, ([0, 1], [0, 1])), np.tensordot(da, prev, ([0, 1], [0, 1])),
            da.sum((0, 1)))
#: rnn_backward each loss on its own, added up
def _one(t, g, x, h0, h, W_xh, W_hh):
    dx, dW, dU, db = np.zeros_like(x), 0, 0, 0
    while t >= 0:
        da = g * (1 - h[:, t] ** 2)
        dx[:, t] += da @ W_xh
        dW, dU, db = dW + da.T @ x[:, t], dU + da.T @ (h[:, t - 1] if t else h0), db + da.sum(0)
        g, t = da @ W_hh, t - 1
    return dx, g, dW, dU, db


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    parts = [_one(t, dh[:, t], x, h0, h, W_xh, W_hh) for t in range(h.shape[1])]
    return tuple(sum(p) for p in zip(*parts))
#: rnn_backward recursion from the first step
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    if not h.shape[1]:
        return np.zeros_like(x), np.zeros_like(h0), np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    dx, back, dW, dU, db = rnn_backward(dh[:, 1:], x[:, 1:], h[:, 0], h[:, 1:], W_xh, W_hh)
    da = (dh[:, 0] + back) * (1 - h[:, 0] ** 2)
    return (np.concatenate([(da @ W_xh)[:, None], dx], 1), da @ W_hh, dW + da.T @ x[:, 0], dU + da.T @ h0,
            db + da.sum(0))
#: rnn_backward float32 buffers
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    f = np.float32
    dh, x, h0, h, W_xh, W_hh = dh.astype(f), x.astype(f), h0.astype(f), h.astype(f), W_xh.astype(f), W_hh.astype(f)
    dx, dW, dU, db, g = np.empty_like(x), np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh), f), 0
    for t in reversed(range(x.shape[1])):
        da = (dh[:, t] + g) * (f(1) - h[:, t] * h[:, t])
        g = da @ W_hh
        dx[:, t] = da @ W_xh
        dW += da.T @ x[:, t]
        dU += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return dx, g, dW, dU, db
#: rnn_backward solves the whole triangular system at once
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    da = np.empty((N, T, H))
    for n in range(N):
        A = np.eye(T * H)
        for t in range(T - 1):
            A[t * H : t * H + H, (t + 1) * H : (t + 2) * H] = -(1 - h[n, t] ** 2)[:, None] * W_hh.T
        da[n] = np.linalg.solve(A, ((1 - h[n] ** 2) * dh[n]).ravel()).reshape(T, H)
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    rows = da.reshape(-1, H)
    return da @ W_xh, da[:, 0] @ W_hh, rows.T @ x.reshape(N * T, -1), rows.T @ prev.reshape(N * T, H), rows.sum(0)
#: output_head_backward as a sum over steps
def output_head_backward(dy, h, W_hy):
    dW = sum(dy[:, t].T @ h[:, t] for t in range(dy.shape[1]))
    return np.stack([d @ W_hy for d in dy]), dW, np.add.reduce(dy, (0, 1))
#: output_head_backward in Fortran's order
def output_head_backward(dy, h, W_hy):
    rows, states = dy.reshape(-1, dy.shape[-1], order="F"), h.reshape(-1, h.shape[-1], order="F")
    return np.asfortranarray(dy @ W_hy), np.asfortranarray(rows.T @ states), rows.sum(axis=0)
#: embedding_backward one-hot product
def embedding_backward(dx, tokens, V):
    return np.eye(V)[tokens].reshape(-1, V).T @ dx.reshape(-1, dx.shape[-1])
#: embedding_backward bincount a column
def embedding_backward(dx, tokens, V):
    flat, rows = tokens.ravel(), dx.reshape(tokens.size, -1)
    return np.stack([np.bincount(flat, weights=column, minlength=V) for column in rows.T], axis=1)
#: embedding_backward sorted and reduced
def embedding_backward(dx, tokens, V):
    order = np.argsort(tokens, axis=None, kind="stable")
    ids, starts = np.unique(tokens.ravel()[order], return_index=True)
    dE = np.zeros((V, dx.shape[2]))
    dE[ids] = np.add.reduceat(dx.reshape(-1, dx.shape[2])[order], starts)
    return dE
#: embedding_backward dictionary of lists
from collections import defaultdict


def embedding_backward(dx, tokens, V):
    rows = defaultdict(list)
    for n, t in np.ndindex(*tokens.shape):
        rows[int(tokens[n, t])].append(dx[n, t])
    return np.array([np.sum(rows[v], axis=0) if v in rows else np.zeros(dx.shape[2]) for v in range(V)])
#: rnn_backward_truncated chunks by full backward on slices
def _full(dh, x, h0, h, W_xh, W_hh):
    dW, dU, db, g = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh)), 0
    for t in range(h.shape[1] - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dW, dU, db = dW + da.T @ x[:, t], dU + da.T @ (h[:, t - 1] if t else h0), db + da.sum(0)
    return dW, dU, db


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    cuts = [slice(s, s + k) for s in range(0, x.shape[1], k)]
    parts = [_full(dh[:, c], x[:, c], h[:, c.start - 1] if c.start else h0, h[:, c], W_xh, W_hh) for c in cuts]
    return tuple(map(sum, zip(*parts)))
#: rnn_backward_truncated all chunks side by side in one batch
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    H, C = h.shape[2], -(-T // k)
    pad = ((0, 0), (0, C * k - T), (0, 0))
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    dh, x, h, prev = (np.pad(a, pad).reshape(N * C, k, -1) for a in (dh, x, h, prev))
    g, da = np.zeros((N * C, H)), np.zeros((N * C, k, H))
    for t in range(k)[::-1]:
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    return np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))
#: rnn_backward_truncated all chunks as one larger batch
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, H = h.shape
    k = min(k, T)
    C = -(-T // k); P = C * k - T
    pad = lambda v: np.concatenate([v, np.zeros((N, P, v.shape[2]))], 1).reshape(N * C, k, -1)
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    dh_, x_, h_, p_ = map(pad, (dh, x, h, prev))
    g = 0
    da = np.zeros_like(h_)
    for t in range(k)[::-1]:
        da[:, t] = (dh_[:, t] + g) * (1 - h_[:, t] ** 2)
        g = da[:, t] @ W_hh
    r = lambda v: v.reshape(N * C * k, -1)
    return r(da).T @ r(x_), r(da).T @ r(p_), r(da).sum(0)
#: rnn_backward one sweep a loss, long doubles
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    L = np.longdouble
    N, T, H = h.shape
    D = (1 - h.astype(L) ** 2)
    prev = np.concatenate([h0[:, None], h[:, :-1]], axis=1)
    da = np.zeros((N, T, H), L)
    for s in range(T):
        g = dh[:, s].astype(L)
        for t in range(s, -1, -1):
            a = g * D[:, t]
            da[:, t] += a
            g = a @ W_hh
    dh0 = da[:, 0] @ W_hh
    f = np.float64
    return (da @ W_xh).astype(f), dh0.astype(f), np.tensordot(da, x, ((0, 1), (0, 1))).astype(f), np.tensordot(da, prev, ((0, 1), (0, 1))).astype(f), da.sum((0, 1)).astype(f)
