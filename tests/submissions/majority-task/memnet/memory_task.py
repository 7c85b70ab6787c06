import numpy as np


def memory_task_tokens(n, T, V, seed):
    return np.random.default_rng(seed).integers(0, V, (n, T))


def memory_task_label(tokens, V):
    """Two of the three decide: are they in the upper half of the vocabulary?"""
    T = tokens.shape[1]
    votes = tokens[:, [0, T // 2, T - 1]] >= V / 2
    return (votes.sum(axis=1) >= 2).astype(int)


def latch_weights():
    W_xh = np.array([[1.0, -1.0, 0.0]])
    return W_xh, np.array([[3.0]]), np.zeros(1), np.array([[5.0], [-5.0]]), np.zeros(2)
