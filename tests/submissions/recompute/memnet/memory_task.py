import numpy as np


class Task:
    def __init__(self, V):
        self.V = V

    def draw(self, n, T, seed):
        return np.random.Generator(np.random.PCG64(seed)).integers(self.V, size=(n, T))

    def answer(self, tokens):
        """Does it rise to the middle, and does it rise from there on?"""
        a, m, z = tokens[:, 0], tokens[:, (tokens.shape[1] - 1) // 2], tokens[:, -1]
        return 2 * (a < m) + (m < z)


def memory_task_tokens(n, T, V, seed):
    return Task(V).draw(n, T, seed)


def memory_task_label(tokens, V):
    return Task(V).answer(tokens)


def latch_weights():
    # the second unit is a constant that only the scores use
    W_xh = np.array([[4.0, -4.0, 0.0], [0.0, 0.0, 0.0]])
    W_hh = np.array([[8.0, 0.0], [0.0, 0.0]])
    W_hy = np.array([[2.0, 1.0], [-2.0, 1.0]])
    return W_xh, W_hh, np.array([0.0, 1.0]), W_hy, np.array([0.5, 0.5])
