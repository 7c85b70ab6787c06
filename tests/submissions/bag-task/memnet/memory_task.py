import numpy as np


def memory_task_tokens(n, T, V, seed):
    return np.random.default_rng(seed).integers(0, V, (n, T))


def memory_task_label(tokens, V):
    """The sum of all tokens: every one of them matters, and their order does not."""
    return tokens.sum(axis=1) % V


def latch_weights():
    W_xh = np.array([[1.0, -1.0, 0.0]])
    return W_xh, np.array([[0.9]]), np.zeros(1), np.array([[1.0], [-1.0]]), np.zeros(2)
