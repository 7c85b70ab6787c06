#: stored_states math.ceil and a minimum by sorting
import math


def stored_states(T, k):
    return math.ceil(T / k) + min(T, k)


def best_interval(T):
    return sorted((stored_states(T, k), k) for k in range(1, T + 1))[0][1]
#: rnn_backward_checkpointed keeps a dictionary of states
def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    def step(h, t):
        return np.tanh(x[:, t] @ W_xh.T + h @ W_hh.T + b)

    T, kept, h = x.shape[1], {0: h0}, h0
    for t in range(T - 1):
        h = step(h, t)
        if (t + 1) % k == 0:
            kept[t + 1] = h
    dx, dW, dU, db, g = np.zeros_like(x), np.zeros_like(W_xh), np.zeros_like(W_hh), np.zeros_like(b), dh_last
    while kept:
        start, h = kept.popitem()
        states = [h]
        for t in range(start, min(start + k, T)):
            states.append(step(states[-1], t))
        while len(states) > 1:
            da = g * (1 - states.pop() ** 2)
            t = start + len(states) - 1
            dx[:, t], g = da @ W_xh, da @ W_hh
            dW += da.T @ x[:, t]
            dU += da.T @ states[-1]
            db += da.sum(0)
    return dx, g, dW, dU, db
