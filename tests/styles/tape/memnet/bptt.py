import numpy as np

from .tape import Value, gradients


def states(x, h0, h, W_xh, W_hh, k=None):
    """The states again as values; what went into each tanh is not needed, its value and slope are known from h."""
    b = Value(np.zeros(h.shape[2]))
    x, h0, W_xh, W_hh = map(Value, (x, h0, W_xh, W_hh))
    prev, out = h0, []
    for t in range(h.shape[1]):
        if k and t % k == 0 and t:
            prev = Value(prev.data)
        a = x[:, t] @ W_xh.T + prev @ W_hh.T + b
        prev = a.at(h[:, t], 1 - h[:, t] ** 2)
        out.append(prev)
    return out, (x, h0, W_xh, W_hh, b)


def rnn_backward(dh, x, h0, h, W_xh, W_hh):
    out, leaves = states(x, h0, h, W_xh, W_hh)
    return gradients(out, dh.swapaxes(0, 1), leaves)


def rnn_step_backward(dh_t, x_t, h_prev, h_t, W_xh, W_hh):
    dx, *others = rnn_backward(dh_t[:, None], x_t[:, None], h_prev, h_t[:, None], W_xh, W_hh)
    return dx[:, 0], *others


def rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k):
    out, leaves = states(x, h0, h, W_xh, W_hh, k)
    return gradients(out, dh.swapaxes(0, 1), leaves)[2:]


def output_head_backward(dy, h, W_hy):
    flat, W, b = Value(h.reshape(-1, h.shape[2])), Value(W_hy), Value(np.zeros(len(W_hy)))
    dh, dW, db = gradients([flat @ W.T + b], [dy.reshape(-1, dy.shape[2])], [flat, W, b])
    return dh.reshape(h.shape), dW, db


def embedding_backward(dx, tokens, V):
    E = Value(np.zeros((V, dx.shape[2])))
    return gradients([E[tokens]], [dx], [E])[0]
