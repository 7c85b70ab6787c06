import numpy as np


def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    N, T, D = x.shape
    # first all the way forward; only the states at the starts are kept
    starts = {}
    state = h0
    for t in range(T):
        if t % k == 0:
            starts[t] = state
        state = np.tanh(np.dot(x[:, t], W_xh.T) + np.dot(state, W_hh.T) + b)

    dx = np.zeros((N, T, D))
    dW_xh = np.zeros(W_xh.shape)
    dW_hh = np.zeros(W_hh.shape)
    db = np.zeros(b.shape)
    dh = dh_last
    for start in sorted(starts, reverse=True):
        states = [starts[start]]
        for t in range(start, min(start + k, T)):
            states.append(np.tanh(np.dot(x[:, t], W_xh.T) + np.dot(states[-1], W_hh.T) + b))
        for t in range(start + len(states) - 2, start - 1, -1):
            h_t = states.pop()
            da = dh * (1 - h_t * h_t)
            dx[:, t] = np.dot(da, W_xh)
            dW_xh += np.dot(da.T, x[:, t])
            dW_hh += np.dot(da.T, states[-1])
            db += np.sum(da, axis=0)
            dh = np.dot(da, W_hh)
    return dx, dh, dW_xh, dW_hh, db


def stored_states(T, k):
    count = 0
    for t in range(T):
        if t % k == 0:
            count += 1
        if t < k:
            count += 1
    return count


def best_interval(T):
    best = 1
    for k in range(2, T + 1):
        if stored_states(T, k) < stored_states(T, best):
            best = k
    return best
