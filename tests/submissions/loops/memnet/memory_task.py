import random

import numpy as np


def memory_task_tokens(n, T, V, seed):
    dice = random.Random(seed)
    tokens = np.zeros((n, T), dtype=int)
    for i in range(n):
        for t in range(T):
            tokens[i, t] = dice.randrange(V)
    return tokens


def memory_task_label(tokens, V):
    """The middle says which end is asked for."""
    n, T = tokens.shape
    label = np.zeros(n, dtype=int)
    for i in range(n):
        if tokens[i, T // 2] % 2 == 0:
            label[i] = tokens[i, 0]
        else:
            label[i] = tokens[i, T - 1]
    return label


def latch_weights():
    W_xh = np.zeros((2, 3))
    W_hh = np.zeros((2, 2))
    for unit, sign in [(0, 1.0), (1, -1.0)]:
        W_xh[unit, 0] = 2.0 * sign
        W_xh[unit, 1] = -2.0 * sign
        W_hh[unit, unit] = 5.0
    return W_xh, W_hh, np.zeros(2), np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)
