#: linear_scan by products and a division-free cumulative trick, sample by sample
def linear_scan(a, b, h0):
    out = []
    for A, B, h in zip(a, b, h0):
        rows = []
        for u, v in zip(A, B):
            rows.append(h := u * h + v)
        out.append(rows)
    return np.array(out)
#: two_layer_forward both layers in one loop
def two_layer_forward(x, h0, W_xh_1, W_hh_1, b_1, W_xh_2, W_hh_2, b_2):
    one, two = h0
    out = []
    for t in range(x.shape[1]):
        one = np.tanh(x[:, t] @ W_xh_1.T + one @ W_hh_1.T + b_1)
        two = np.tanh(one @ W_xh_2.T + two @ W_hh_2.T + b_2)
        out.append(two)
    return np.stack(out, 1), np.array([one, two])
#: bidirectional_forward sample by sample on the real tokens
def _go(x, h, W_xh, W_hh, b):
    states = []
    for x_t in x:
        states.append(h := np.tanh(W_xh @ x_t + W_hh @ h + b))
    return states


def bidirectional_forward(x, lengths, h0, h0_back, W_xh, W_hh, b, W_xh_back, W_hh_back, b_back):
    T, out = x.shape[1], []
    for n, L in enumerate(lengths.tolist()):
        there = _go(x[n, :L], h0[n], W_xh, W_hh, b)
        back = _go(x[n, :L][::-1], h0_back[n], W_xh_back, W_hh_back, b_back)[::-1]
        there += [there[-1] if there else h0[n]] * (T - L)
        back += [h0_back[n]] * (T - L)
        out.append(np.hstack([np.array(there), np.array(back)]))
    return np.stack(out)
#: checkpoint_schedule dynamic programming, lists of lists
from functools import lru_cache
@lru_cache(None)
def _cost(L, s):
    if L == 1: return 0, 0
    if s == 1: return L * (L - 1) // 2, 0
    return min((y + _cost(L - y, s - 1)[0] + _cost(y, s)[0], y) for y in range(1, L))
def checkpoint_schedule(T, slots):
    acts = [[0, 0]]
    def go(lo, L, s):
        if L == 1:
            acts.append([2, lo]); return
        if s == 1:
            for t in range(lo + L - 1, lo - 1, -1):
                if t != lo + L - 1: acts.append([3, lo])
                if t > lo: acts.append([1, t])
                acts.append([2, t])
            return
        y = _cost(L, s)[1]
        acts.append([1, lo + y]); acts.append([0, lo + y])
        go(lo + y, L - y, s - 1)
        acts.append([4, lo + y]); acts.append([3, lo])
        go(lo, y, s)
    go(0, T, slots)
    return acts
