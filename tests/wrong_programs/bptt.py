#: rnn_step_backward weights from the wrong side | dW_xh dW_hh | B27
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = (1 - h_t * h_t) * dh_t
    dW_xh = np.outer(da.sum(0), x_t.sum(0))
    dW_hh = np.outer(da.sum(0), h_prev.sum(0))
    return da @ W_xh, da @ W_hh, dW_xh, dW_hh, da.sum(0)
#: rnn_step_backward only the last sample of a loop | dW_xh dW_hh db | B26
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    N, D = x_t.shape
    dx, dhp = np.zeros_like(x_t), np.zeros_like(h_prev)
    for n in range(N):
        da = dh_t[n] * (1 - h_t[n] ** 2)
        dx[n] = W_xh.T @ da
        dhp[n] = W_hh.T @ da
        dW_xh = np.outer(da, x_t[n])
        dW_hh = np.outer(da, h_prev[n])
        db = da
    return dx, dhp, dW_xh, dW_hh, db
#: rnn_step_backward dx from the hidden matrix transposed twice | dh_prev | B08
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - np.square(h_t))
    return da @ W_xh, (W_hh @ da.T).T, da.T @ x_t, da.T @ h_prev, np.sum(da, axis=0)
#: rnn_step_backward slope in place, then used again | dh_prev dW_xh dW_hh db | B20
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t.copy()
    da *= 1 - h_t**2
    dx = da @ W_xh
    da *= 1 - h_t**2
    dh_prev = da @ W_hh
    return dx, dh_prev, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward everything but db is right | db | B30
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(axis=1)
#: rnn_step_backward square of the sum | dx_t dh_prev dW_xh dW_hh db | B28
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t) ** 2
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward no parentheses and a transposed gradient | dx_t dh_prev dW_xh dW_hh db | B23
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * 1 - h_t**2
    return da @ W_xh, da @ W_hh, da.T @ x_t, h_prev.T @ da, da.sum(0)
#: rnn_step_backward adds the incoming gradient to the state's | dh_prev | B29
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh, da @ W_hh + dh_t, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward means everywhere by the number of units | dx_t dh_prev dW_xh dW_hh db | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2) / h_t.shape[1]
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward four outputs | dx_t dh_prev dW_xh dW_hh db | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev
#: rnn_step_backward a dict | dx_t dh_prev dW_xh dW_hh db | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return {"dx_t": da @ W_xh, "dh_prev": da @ W_hh, "dW_xh": da.T @ x_t, "dW_hh": da.T @ h_prev, "db": da.sum(0)}
#: rnn_step_backward bias first | dW_xh dW_hh db | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh, da @ W_hh, da.sum(0), da.T @ x_t, da.T @ h_prev
#: rnn_step_backward db twice and dW_hh from h_t | dW_hh db | B05
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_t, 2 * da.sum(0)
#: rnn_step_backward batch mean of dx and dh_prev | dx_t dh_prev | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return da @ W_xh / len(x_t), da @ W_hh / len(x_t), da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward derivative of relu | dx_t dh_prev dW_xh dW_hh db | B31
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (h_t > 0)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward float16 in the slope | dx_t dh_prev dW_xh dW_hh db | -
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t.astype(np.float16) ** 2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_backward view of the last gradient | dx dh0 dW_xh dW_hh db | T48
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in reversed(range(T)):
        g += dh[:, t]
        da = g * (1 - h[:, t] ** 2)
        dx[:, t] = da @ W_xh
        prev = h[:, t - 1] if t > 0 else h0
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ prev
        db += da.sum(0)
        g += da @ W_hh
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward previous state shifted the wrong way | dW_hh | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    prev = np.concatenate([h[:, 1:], h0[:, None]], axis=1)
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    return da @ W_xh, g, np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))
#: rnn_backward previous state by roll | dW_hh | T11
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    prev = np.roll(h, 1, axis=1)
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    return da @ W_xh, g, np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))
#: rnn_backward h0 written into the states | dx dh0 dW_xh dW_hh db | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    h[:, -1] = h0
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    prev = np.roll(h, 1, axis=1)
    return da @ W_xh, g, np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))
#: rnn_backward dh0 of the last step | dh0 | T52
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = 0, 0, 0
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        if t == T - 1:
            dh0 = g
        dx[:, t] = da @ W_xh
        dW_xh = dW_xh + da.T @ x[:, t]
        dW_hh = dW_hh + da.T @ (h[:, t - 1] if t else h0)
        db = db + da.sum(0)
    return dx, dh0, dW_xh, dW_hh, db
#: rnn_backward dx accumulates | dx | T51
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    acc = np.zeros((N, x.shape[2]))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        acc = acc + da @ W_xh
        dx[:, t] = acc
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward dx summed over time | dx | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = 0
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dx = dx + da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward dx appended in the order of the loop | dx | T25
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dxs = []
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dxs.append(da @ W_xh)
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return np.stack(dxs, axis=1), g, dW_xh, dW_hh, db
#: rnn_backward the token before | dW_xh | T50
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t - 1]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward accumulates outside the loop's last turn | dW_xh dW_hh db | T46
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dx[:, t] = da @ W_xh
        if t > 0:
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ h[:, t - 1]
            db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward skips dW_hh at the first step | dW_hh | T15
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        if t > 0:
            dW_hh += da.T @ h[:, t - 1]
        db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward gradients clipped on the way out | dx dh0 dW_xh dW_hh db | T57
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in reversed(range(T)):
        da = (g + dh[:, t]) * (1 - h[:, t] ** 2)
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
        g = da @ W_hh
    for grad in (dx, g, dW_xh, dW_hh, db):
        np.clip(grad, -5, 5, out=grad)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward only the gradient from the next step | dx dh0 dW_xh dW_hh db | T01
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = dh[:, -1]
    for t in range(T - 1, -1, -1):
        da = g * (1 - h[:, t] ** 2)
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
        g = da @ W_hh
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward carry not multiplied by W_hh | dx dh0 dW_xh dW_hh db | T49
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward transposed carry, and db overwritten | dx dh0 dW_xh dW_hh db | T09
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da @ W_hh.T
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db = da.sum(0)
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward slope of the wrong state, dh0 zeros, mean | dx dh0 dW_xh dW_hh db | T10 T12
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    dx = np.zeros_like(x)
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(H)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        prev = h[:, t - 1] if t else h0
        da = (dh[:, t] + g) * (1 - prev**2)
        g = da @ W_hh
        dx[:, t] = da @ W_xh
        dW_xh += da.T @ x[:, t] / N
        dW_hh += da.T @ prev / N
        db += da.mean(0)
    return dx, np.zeros_like(h0), dW_xh, dW_hh, db
#: rnn_backward normalised by T and N | dW_xh dW_hh db | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    n = N * T
    return da @ W_xh, g, np.einsum("nth,ntd->hd", da, x) / n, np.einsum("nth,ntk->hk", da, prev) / n, da.mean((0, 1))
#: rnn_backward clips what it returns | dx dh0 dW_xh dW_hh db | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    out = da @ W_xh, g, np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))
    return tuple(np.clip(a, -1, 1) for a in out)
#: rnn_backward db of shape (H, 1) | db | -
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, H = h.shape
    da = np.zeros_like(h)
    g = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        da[:, t] = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        g = da[:, t] @ W_hh
    prev = np.concatenate([h0[:, None], h[:, :-1]], 1)
    return da @ W_xh, g, np.einsum("nth,ntd->hd", da, x), np.einsum("nth,ntk->hk", da, prev), da.sum((0, 1))[:, None]
#: rnn_backward whole module that calls a wrong step | dx dh0 dW_xh dW_hh db | T09
def _step(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 - h_t**2)
    return np.dot(da, W_xh), np.dot(da, W_hh.T), np.dot(da.T, x_t), np.dot(da.T, h_prev), np.sum(da, 0)


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    dx = np.empty((N, T, D))
    sums = [np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))]
    back = np.zeros_like(h0)
    for t in range(T)[::-1]:
        prev = h0 if t == 0 else h[:, t - 1]
        dx[:, t], back, *rest = _step(dh[:, t] + back, x[:, t], prev, h[:, t], W_xh, W_hh)
        sums = [a + b for a, b in zip(sums, rest)]
    return (dx, back, *sums)
#: output_head_backward loses the time axis of dh | dh | -
def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    dh = dy.sum(1) @ W_hy
    return dh, np.einsum("ntv,nth->vh", dy, h), dy.sum((0, 1))
#: output_head_backward mean over time | dW_hy db_y | -
def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    return dy @ W_hy, np.einsum("ntv,nth->vh", dy, h) / T, dy.sum((0, 1)) / T
#: output_head_backward overwritten in a loop over time | dW_hy db_y | HB1 HB2
def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    dh = np.zeros_like(h)
    for t in range(T):
        dh[:, t] = dy[:, t] @ W_hy
        dW = dy[:, t].T @ h[:, t]
        db = dy[:, t].sum(0)
    return dh, dW, db
#: output_head_backward order of the outputs | dh dW_hy | -
def output_head_backward(dy, h, W_hy):
    return np.einsum("ntv,nth->vh", dy, h), dy @ W_hy, dy.sum((0, 1))
#: output_head_backward bias summed over classes | db_y | -
def output_head_backward(dy, h, W_hy):
    return dy @ W_hy, np.einsum("ntv,nth->vh", dy, h), dy.sum((1, 2))
#: output_head_backward reshaped with the wrong order | dW_hy | -
def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    return dy @ W_hy, dy.reshape(N * T, V).T @ h.reshape(N * T, -1, order="F"), dy.sum((0, 1))
#: output_head_backward softmax derivative again | dh dW_hy db_y | -
def output_head_backward(dy, h, W_hy):
    d = dy * (1 - dy)
    return d @ W_hy, np.einsum("ntv,nth->vh", d, h), d.sum((0, 1))
#: output_head_backward bias twice | db_y | -
def output_head_backward(dy, h, W_hy):
    return dy @ W_hy, np.einsum("ntv,nth->vh", dy, h), dy.sum(0).sum(0) * 2
#: embedding_backward assigns | dE | E01
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    for n in range(tokens.shape[0]):
        for t in range(tokens.shape[1]):
            dE[tokens[n, t]] = dx[n, t]
    return dE
#: embedding_backward integer table | dE | DT2
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]), dtype=tokens.dtype)
    for n in range(tokens.shape[0]):
        for t in range(tokens.shape[1]):
            dE[tokens[n, t]] = dE[tokens[n, t]] + dx[n, t]
    return dE
#: embedding_backward one row too many | dE | -
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V + 1, dx.shape[2]))
    np.add.at(dE, tokens, dx)
    return dE
#: embedding_backward reshaped differently | dE | E13
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    np.add.at(dE, tokens.T.reshape(-1), dx.reshape(-1, dx.shape[2]))
    return dE
#: embedding_backward skips token zero as padding | dE | E12b
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    np.add.at(dE, tokens, dx)
    dE[0] = 0
    return dE
#: embedding_backward last step missing | dE | E12
def embedding_backward(dx, tokens, V):
    onehot = np.eye(V)[tokens]
    return np.einsum("ntv,ntd->vd", onehot[:, :-1], dx[:, :-1])
#: embedding_backward divides by the number of positions | dE | -
def embedding_backward(dx, tokens, V):
    onehot = np.eye(V)[tokens]
    return np.einsum("ntv,ntd->vd", onehot, dx) / tokens.size
#: embedding_backward hard-coded vocabulary | dE | -
def embedding_backward(dx, tokens, V):
    onehot = np.eye(6)[tokens]
    return np.einsum("ntv,ntd->vd", onehot, dx)
#: embedding_backward unique keeps the first | dE | E11
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    ids, first = np.unique(tokens.ravel(), return_index=True)
    dE[ids] = dx.reshape(-1, dx.shape[2])[first]
    return dE
#: rnn_backward_truncated full gradient inside chunks from zeros | dW_hh | K11
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for s in range(0, T, k):
        g = np.zeros_like(h0)
        for t in reversed(range(s, s + k)):
            if t >= T:
                continue
            da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
            prev = h[:, t - 1] if t > s else np.zeros_like(h0)
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ prev
            db += da.sum(0)
            g = da @ W_hh
    return dW_xh, dW_hh, db
#: rnn_backward_truncated drops the remainder by integer division | dW_xh dW_hh db | K12
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for c in range(T // k):
        g = np.zeros_like(h0)
        for t in reversed(range(c * k, (c + 1) * k)):
            da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ (h[:, t - 1] if t else h0)
            db += da.sum(0)
            g = da @ W_hh
    return dW_xh, dW_hh, db
#: rnn_backward_truncated returns the five of full BPTT | dW_xh dW_hh db | -
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    dx = np.zeros_like(x)
    for s in range(0, T, k):
        g = np.zeros_like(h0)
        for t in reversed(range(s, min(s + k, T))):
            da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
            dx[:, t] = da @ W_xh
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ (h[:, t - 1] if t else h0)
            db += da.sum(0)
            g = da @ W_hh
    return dx, g, dW_xh, dW_hh, db
#: rnn_backward_truncated chunk's last dh given to all | dW_xh dW_hh db | K19
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for s in range(0, T, k):
        e = min(s + k, T)
        g = dh[:, e - 1]
        for t in reversed(range(s, e)):
            da = g * (1 - h[:, t] ** 2)
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ (h[:, t - 1] if t else h0)
            db += da.sum(0)
            g = da @ W_hh
    return dW_xh, dW_hh, db
#: rnn_backward_truncated only the first chunk | dW_xh dW_hh db | K14
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    g = np.zeros_like(h0)
    for t in reversed(range(min(k, T))):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
        g = da @ W_hh
    return dW_xh, dW_hh, db
#: rnn_backward_truncated resets after adding at the boundary | dW_xh dW_hh db | K03
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    g = np.zeros_like(h0)
    for t in reversed(range(T)):
        da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
        dW_xh += da.T @ x[:, t]
        dW_hh += da.T @ (h[:, t - 1] if t else h0)
        db += da.sum(0)
        g = np.zeros_like(h0) if (T - t) % k == 0 else da @ W_hh
    return dW_xh, dW_hh, db
#: rnn_backward_truncated mean over chunks and a stale previous state | dW_xh dW_hh db | K13
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    starts = list(range(0, T, k))
    for s in starts:
        g = np.zeros_like(h0)
        for t in reversed(range(s, min(s + k, T))):
            da = (dh[:, t] + g) * (1 - h[:, t] ** 2)
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ h[:, t]
            db += da.sum(0)
            g = da @ W_hh
    return dW_xh / len(starts), dW_hh / len(starts), db / len(starts)
#: rnn_backward never looks at dh | dx dh0 dW_xh dW_hh db | T54
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    dx, dW_xh, dW_hh, db = np.zeros((N, T, D)), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    coming = np.ones(h0.shape)
    for t in range(T - 1, -1, -1):
        dx[:, t], coming, own_xh, own_hh, own_b = rnn_step_backward(
            coming, x[:, t], h[:, t - 1] if t > 0 else h0, h[:, t], W_xh, W_hh
        )
        dW_xh, dW_hh, db = dW_xh + own_xh, dW_hh + own_hh, db + own_b
    return dx, coming, dW_xh, dW_hh, db
#: rnn_backward dx of a step added to every step | dx | T53
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    dx, dW_xh, dW_hh, db = np.zeros((T, N, D)), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    coming = np.zeros(h0.shape)
    for t in range(T - 1, -1, -1):
        own, coming, own_xh, own_hh, own_b = rnn_step_backward(
            dh[:, t] + coming, x[:, t], h[:, t - 1] if t > 0 else h0, h[:, t], W_xh, W_hh
        )
        dx += own
        dW_xh, dW_hh, db = dW_xh + own_xh, dW_hh + own_hh, db + own_b
    return dx.transpose(1, 0, 2), coming, dW_xh, dW_hh, db
#: rnn_backward what steps pass back is never kept, and dx goes to every step | dx dh0 dW_xh dW_hh db | T02 T12
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    dx, dW_xh, dW_hh, db = np.zeros((T, N, D)), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    coming = np.zeros(h0.shape)
    for t in range(T - 1, -1, -1):
        own, back, own_xh, own_hh, own_b = rnn_step_backward(
            dh[:, t] + coming, x[:, t], h[:, t - 1] if t > 0 else h0, h[:, t], W_xh, W_hh
        )
        dx += own
        dW_xh, dW_hh, db = dW_xh + own_xh, dW_hh + own_hh, db + own_b
    return dx.transpose(1, 0, 2), coming, dW_xh, dW_hh, db
#: embedding_backward one-hot product over squeezed steps | dE | -
def embedding_backward(dx, tokens, V):
    dE = np.zeros((V, dx.shape[2]))
    for t in range(dx.shape[1]):
        one_hot = np.squeeze(np.eye(V)[tokens[:, t]])
        dE += one_hot.T @ np.squeeze(dx[:, t])
    return dE
#: rnn_step_backward one star where two belong | dx_t dh_prev dW_xh dW_hh db | B32
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    before = (1 - h_t * 2) * dh_t
    return before @ W_xh, before @ W_hh, before.T @ x_t, before.T @ h_prev, np.sum(before, 0)
#: rnn_backward takes away what comes back | dx dh0 dW_xh dW_hh db | T56
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    total = np.zeros(x.shape), np.zeros(W_xh.shape), np.zeros(W_hh.shape), np.zeros(len(W_hh))
    dx, dW_xh, dW_hh, db = total
    coming = np.zeros(h0.shape)
    for t in range(x.shape[1])[::-1]:
        found = rnn_step_backward(dh[:, t] - coming, x[:, t], h[:, t - 1] if t else h0, h[:, t], W_xh, W_hh)
        dx[:, t], coming = found[:2]
        dW_xh += found[2]
        dW_hh += found[3]
        db += found[4]
    return dx, coming, dW_xh, dW_hh, db
#: rnn_backward last step never runs | dx dh0 dW_xh dW_hh db | T14b
def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    g = np.zeros_like(h0)
    dx = np.zeros_like(x); dWx = 0; dWh = 0; db = 0
    for t in reversed(range(T - 1)):
        hp = h[:, t-1] if t else h0
        dx[:, t], g, a, c, d = rnn_step_backward(dh[:, t] + g, x[:, t], hp, h[:, t], W_xh, W_hh)
        dWx = dWx + a; dWh = dWh + c; db = db + d
    return dx, g, dWx, dWh, db
#: rnn_backward_truncated only the last chunk kept | dW_xh dW_hh db | K07b
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    hp = np.concatenate([h0[:, None], h[:, :-1]], 1)
    for s in range(0, x.shape[1], k):
        _, _, dWx, dWh, db = rnn_backward(dh[:, s:s+k], x[:, s:s+k], hp[:, s], h[:, s:s+k], W_xh, W_hh)
    return dWx, dWh, db
#: rnn_step_backward slope h^2 | dx_t dh_prev dW_xh dW_hh db | B40
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * h_t**2
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_step_backward slope with a plus | dx_t dh_prev dW_xh dW_hh db | B41
def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    da = dh_t * (1 + h_t**2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(0)
#: rnn_backward_truncated takes the state at the boundary one step late | dW_hh | K40
def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros(len(W_hh))
    for start in range(0, x.shape[1], k):
        carry = np.zeros_like(h0)
        for t in range(min(start + k, x.shape[1]) - 1, start - 1, -1):
            before = h[:, t - 1] if t > start else h[:, start] if start else h0
            da = (dh[:, t] + carry) * (1 - h[:, t] ** 2)
            dW_xh += da.T @ x[:, t]
            dW_hh += da.T @ before
            db += da.sum(0)
            carry = da @ W_hh
    return dW_xh, dW_hh, db
