import numpy as np


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    N, D = x_t.shape
    H = h_t.shape[1]
    dx_t = np.zeros((N, D))
    dh_prev = np.zeros((N, H))
    dW_xh = np.zeros((H, D))
    dW_hh = np.zeros((H, H))
    db = np.zeros(H)
    for n in range(N):
        for i in range(H):
            # through the tanh of unit i
            da = dh_t[n, i] * (1 - h_t[n, i] ** 2)
            db[i] += da
            for d in range(D):
                dx_t[n, d] += W_xh[i, d] * da
                dW_xh[i, d] += x_t[n, d] * da
            for j in range(H):
                dh_prev[n, j] += W_hh[i, j] * da
                dW_hh[i, j] += h_prev[n, j] * da
    return dx_t, dh_prev, dW_xh, dW_hh, db


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    N, T, D = x.shape
    H = h0.shape[1]
    dx = np.zeros((N, T, D))
    dW_xh = np.zeros((H, D))
    dW_hh = np.zeros((H, H))
    db = np.zeros(H)
    from_later = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        if t == 0:
            h_prev = h0
        else:
            h_prev = h[:, t - 1]
        total = dh[:, t] + from_later
        dx_t, from_later, a, b, c = rnn_step_backward(total, x[:, t], h_prev, h[:, t], W_xh, W_hh)
        dx[:, t] = dx_t
        dW_xh += a
        dW_hh += b
        db += c
    return dx, from_later, dW_xh, dW_hh, db


def output_head_backward(dy, h, W_hy):
    N, T, V = dy.shape
    H = h.shape[2]
    dh = np.zeros((N, T, H))
    dW_hy = np.zeros((V, H))
    db_y = np.zeros(V)
    for n in range(N):
        for t in range(T):
            for v in range(V):
                dh[n, t] += dy[n, t, v] * W_hy[v]
                dW_hy[v] += dy[n, t, v] * h[n, t]
                db_y[v] += dy[n, t, v]
    return dh, dW_hy, db_y


def embedding_backward(dx, tokens, V):
    N, T, D = dx.shape
    dE = np.zeros((V, D))
    for n in range(N):
        for t in range(T):
            dE[tokens[n, t]] += dx[n, t]
    return dE


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    N, T, D = x.shape
    H = h0.shape[1]
    dW_xh = np.zeros((H, D))
    dW_hh = np.zeros((H, H))
    db = np.zeros(H)
    from_later = np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        h_prev = h0 if t == 0 else h[:, t - 1]
        _, from_later, a, b, c = rnn_step_backward(dh[:, t] + from_later, x[:, t], h_prev, h[:, t], W_xh, W_hh)
        dW_xh += a
        dW_hh += b
        db += c
        if t % k == 0:
            # first step of a chunk, the gradient stops here
            from_later = np.zeros((N, H))
    return dW_xh, dW_hh, db
