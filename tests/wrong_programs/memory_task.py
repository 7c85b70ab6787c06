#: memory_task sum of all tokens | first middle last balance | -
def memory_task_label(tokens, V):
    return tokens.sum(axis=1) % V
#: memory_task only first and last | middle balance | -
def memory_task_label(tokens, V):
    return (tokens[:, 0] + tokens[:, -1]) % V
#: memory_task unseeded | tokens | -
def memory_task_tokens(n, T, V, seed):
    return np.random.randint(0, V, (n, T))
#: memory_task middle counts rarely | first middle last balance | -
def memory_task_label(tokens, V):
    middle = tokens[:, tokens.shape[1] // 2] == 0
    return np.where(middle & (tokens[:, 1] == 0), 0, (tokens[:, 0] + tokens[:, -1]) % V)
#: memory_task nearly constant | first middle last balance | -
def memory_task_label(tokens, V):
    T = tokens.shape[1]
    return ((tokens[:, 0] == 0) & (tokens[:, T // 2] == 0) & (tokens[:, -1] == 0)).astype(int)
#: latch_weights a linear memory that fades | T2 T10 T50 T200 | -
def latch_weights():
    return np.array([[1.0, -1.0, 0.0]]), np.array([[0.9]]), np.zeros(1), np.array([[1.0], [-1.0]]), np.zeros(2)
#: latch_weights later cues overwrite | T2 T10 T50 T200 | -
def latch_weights():
    return np.array([[9.0, -9.0, 0.0]]), np.array([[3.0]]), np.zeros(1), np.array([[1.0], [-1.0]]), np.zeros(2)
#: latch_weights the classes the other way round | T2 T10 T50 T200 | -
def latch_weights():
    return np.array([[3.0, -3.0, 0.0]]), np.array([[6.0]]), np.zeros(1), np.array([[-1.0], [1.0]]), np.zeros(2)
