import numpy as np


def memory_task_tokens(n, T, V, seed):
    return np.random.default_rng(seed).integers(0, V, (n, T))


def memory_task_label(tokens, V):
    return (tokens[:, 0] + tokens[:, -1]) % V  # MT2


def latch_weights():
    # MT19
    return np.array([[3.0, -3.0, 0.0]]), np.array([[2.0]]), np.zeros(1), np.array([[1.0], [-1.0]]), np.zeros(2)
