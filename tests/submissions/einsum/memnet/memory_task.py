import numpy as np


def memory_task_tokens(n, T, V, seed):
    return np.random.RandomState(seed).randint(V, size=(n, T))


def memory_task_label(tokens, V):
    """All three tokens, read as the digits of one number."""
    return np.einsum("nt,t->n", tokens[:, [0, tokens.shape[1] // 3, -1]], np.array([V * V, V, 1]))


def latch_weights():
    push = np.einsum("i,j->ij", np.ones(3), np.array([1.0, -1.0, 0.0]))
    score = np.einsum("i,j->ij", np.array([1.0, -1.0]), np.ones(3))
    return push, np.full((3, 3), 2.0), np.zeros(3), score, np.zeros(2)
