#: rnn_backward_checkpointed loses the carry between segments | dx dh0 dW_xh dW_hh db | C02
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    N, T, D = x.shape
    cps, h = [], h0
    for t in range(T):
        if t % k == 0:
            cps.append(h)
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    dx = np.zeros_like(x)
    A, B, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b)
    for j in reversed(range(len(cps))):
        lo, hi = j * k, min(j * k + k, T)
        hs = [cps[j]]
        for t in range(lo, hi):
            hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
        g = dh_last if hi == T else np.zeros_like(dh_last)
        for t in reversed(range(lo, hi)):
            da = g * (1 - hs[t - lo + 1] ** 2)
            dx[:, t] = da @ W_xh
            A += da.T @ x[:, t]
            B += da.T @ hs[t - lo]
            db += da.sum(0)
            g = da @ W_hh
    return dx, g, A, B, db
#: rnn_backward_checkpointed states recomputed from h0 each time | dx dh0 dW_xh dW_hh db | -
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    N, T, D = x.shape
    dx = np.zeros_like(x)
    A, B, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b)
    g = dh_last
    for lo in reversed(range(0, T, k)):
        hi = min(lo + k, T)
        hs = [h0]
        for t in range(lo, hi):
            hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
        for t in reversed(range(lo, hi)):
            da = g * (1 - hs[t - lo + 1] ** 2)
            dx[:, t] = da @ W_xh
            A += da.T @ x[:, t]
            B += da.T @ hs[t - lo]
            db += da.sum(0)
            g = da @ W_hh
    return dx, g, A, B, db
#: rnn_backward_checkpointed last ragged segment dropped | dx dh0 dW_xh dW_hh db | C08
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    N, T, D = x.shape
    cps, h = [], h0
    for t in range(T):
        if t % k == 0:
            cps.append(h)
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    dx = np.zeros_like(x)
    A, B, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b)
    g = dh_last
    for j in reversed(range(T // k)):
        lo, hi = j * k, j * k + k
        hs = [cps[j]]
        for t in range(lo, hi):
            hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
        for t in reversed(range(lo, hi)):
            da = g * (1 - hs[t - lo + 1] ** 2)
            dx[:, t] = da @ W_xh
            A += da.T @ x[:, t]
            B += da.T @ hs[t - lo]
            db += da.sum(0)
            g = da @ W_hh
    return dx, g, A, B, db
#: rnn_backward_checkpointed keeps everything | dx dh0 dW_xh dW_hh db | -
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    N, T, D = x.shape
    hs = [h0]
    for t in range(T):
        hs.append(np.tanh(x[:, t] @ W_xh.T + hs[-1] @ W_hh.T + b))
    dx = np.zeros_like(x)
    A, B, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b)
    g = dh_last
    for t in reversed(range(T)):
        da = g * (1 - hs[t + 1] ** 2)
        dx[:, t] = da @ W_xh
        A += da.T @ x[:, t]
        B += da.T @ hs[t]
        db += da.sum(0)
        g = da @ W_hh
    return dx, g, A, B, db
#: stored_states floor division | stored best | M10
def stored_states(T, k):
    return T // k + k
#: stored_states forgets the segment | stored best | M02 M06
def stored_states(T, k):
    return -(-T // k)
#: stored_states true division | stored best | M11
def stored_states(T, k):
    return T / k + k
#: stored_states interval: floor of the square root | best | -
def best_interval(T):
    return int(np.sqrt(T)) - 1
#: stored_states interval: half of T | best | -
def best_interval(T):
    return T // 2
#: stored_states one state left out | stored | M12
def stored_states(T, k):
    return -(-T // k) + min(k, T) - 1
#: rnn_backward_checkpointed dh_last comes in at every step | dx dh0 dW_xh dW_hh db | C15
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    T = x.shape[1]
    kept = []
    h = h0
    for t in range(T):
        if t % k == 0:
            kept.append(h)
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
    dx = np.zeros_like(x); A = np.zeros_like(W_xh); B = np.zeros_like(W_hh); C = np.zeros_like(b)
    g = np.zeros_like(dh_last)
    for s in range(0, T, k)[::-1]:
        seg = [kept.pop()]
        for t in range(s, min(s + k, T)):
            seg.append(np.tanh(x[:, t] @ W_xh.T + seg[-1] @ W_hh.T + b))
        for t in range(min(s + k, T) - 1, s - 1, -1):
            da = (g + dh_last) * (1 - seg[t - s + 1] ** 2)
            dx[:, t] = da @ W_xh
            A += da.T @ x[:, t]; B += da.T @ seg[t - s]; C += da.sum(0)
            g = da @ W_hh
    return dx, g, A, B, C
#: rnn_backward_checkpointed keeps a state after its step instead of before it | dx dh0 dW_xh dW_hh db | C16
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    T, kept, h = x.shape[1], [], h0
    for t in range(T):
        h = np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)
        if t % k == 0:
            kept.append(h)
    dx, g = np.zeros_like(x), dh_last
    dW_xh, dW_hh, db = np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b)
    for lo in reversed(range(0, T, k)):
        states = [kept.pop()]
        for t in range(lo, min(lo + k, T)):
            states.append(np.tanh(x[:, t] @ W_xh.T + states[-1] @ W_hh.T + b))
        for t in reversed(range(lo, min(lo + k, T))):
            da = g * (1 - states.pop() ** 2)
            dx[:, t] = da @ W_xh
            dW_xh, dW_hh, db = dW_xh + da.T @ x[:, t], dW_hh + da.T @ states[-1], db + da.sum(0)
            g = da @ W_hh
    return dx, g, dW_xh, dW_hh, db
