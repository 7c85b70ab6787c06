import numpy as np


def _product(axes, *arrays):
    return np.einsum(axes, *arrays, optimize=True)


def _walk(x, h, W_xh, W_hh, b):
    """The state that goes in, then the state after every step of x, one at a time."""
    yield h
    for x_t in x.swapaxes(0, 1):
        h = np.tanh(_product("nd,id->ni", x_t, W_xh) + _product("nj,ij->ni", h, W_hh) + b)
        yield h


def _last(states):
    for h in states:
        pass
    return h


def rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k):
    parts = np.split(x, range(k, x.shape[1], k), axis=1)
    first = [h0]
    for part in parts[:-1]:
        first += [_last(_walk(part, first[-1], W_xh, W_hh, b))]
    dx, sums = [], [0, 0, 0]
    for part, h in zip(parts[::-1], first[::-1]):
        h = np.stack([*_walk(part, h, W_xh, W_hh, b)])
        da = 1 - np.square(h[1:])
        for slope in da[::-1]:
            slope *= dh_last
            dh_last = _product("ni,ij->nj", slope, W_hh)
        dx.append(_product("tni,id->ntd", da, W_xh))
        own = (_product("tni,ntd->id", da, part), _product("tni,tnj->ij", da, h[:-1]), _product("tni->i", da))
        sums = [total + share for total, share in zip(sums, own)]
    return np.concatenate(dx[::-1], axis=1), dh_last, *sums


def stored_states(T, k):
    return (T + k - 1) // k + (k if k < T else T)


def best_interval(T):
    counts = [stored_states(T, k) for k in range(1, T + 1)]
    return 1 + counts.index(min(counts))
