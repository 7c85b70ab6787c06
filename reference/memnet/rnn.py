"""The simple recurrent cell run forward: a step, a sequence, scores, loss, padding. Imports numpy only.

Axes: N batch, T timesteps, D input features, H hidden units, V classes. Arrays are float64 and batch first.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np


def rnn_step(
    x_t: np.ndarray, h_prev: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Advance the hidden state of a whole batch by one timestep.

    Inputs:
        x_t     (N, D) float64: what each sample reads at this timestep
        h_prev  (N, H) float64: the state before the step
        W_xh    (H, D) float64: weights from input to state
        W_hh    (H, H) float64: weights from state to state, W_hh[i, j] leads from unit j to unit i
        b       (H,) float64: bias

    Returns:
        h_t     (N, H) float64: the state after the step

    Equation, for one sample with x_t and h as columns:
        h_t = tanh(W_xh x_t + W_hh h_{t-1} + b)

    Example:
        One feature, one unit: tanh(0.25 * 2 + 0.8 * 0.5 - 0.1) = tanh(0.8) = 0.6640.

    >>> W_xh, W_hh, b = np.array([[0.25]]), np.array([[0.8]]), np.array([-0.1])
    >>> rnn_step(np.array([[2.0]]), np.array([[0.5]]), W_xh, W_hh, b).round(4).tolist()
    [[0.664]]

    Watch out:
        W_hh is square, so a product with it turned the wrong way has the right shape and the wrong numbers.

    Hint:
        In a batch the samples are rows. On which side do the weights stand then, and how must they be
        turned?
    """
    # BEGIN SOLUTION
    # Rows of samples instead of columns: W v becomes v W^T.
    return np.tanh(x_t @ W_xh.T + h_prev @ W_hh.T + b)
    # END SOLUTION


def rnn_forward(
    x: np.ndarray, h0: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Run the cell over whole sequences and keep the state after every timestep.

    Inputs:
        x     (N, T, D) float64: the inputs
        h0    (N, H) float64: the state before the first timestep
        W_xh  (H, D) float64: weights from input to state, the same at every t
        W_hh  (H, H) float64: weights from state to state, the same at every t
        b     (H,) float64: bias

    Returns:
        h     (N, T, H) float64: h[:, t] is the state after x[:, t] was read

    Equation, for one sample:
        h[t] = tanh(W_xh x[t] + W_hh h[t-1] + b), where h0 stands for h[-1]

    Example:
        The step of rnn_step and one more with x = 0: tanh(0.25 * 0 + 0.8 * 0.6640 - 0.1) = tanh(0.4312) =
        0.4063.

    >>> W_xh, W_hh, b = np.array([[0.25]]), np.array([[0.8]]), np.array([-0.1])
    >>> rnn_forward(np.array([[[2.0], [0.0]]]), np.array([[0.5]]), W_xh, W_hh, b).round(4).tolist()
    [[[0.664], [0.4063]]]

    Watch out:
        h0 is not one of the T states returned. And in Python an index of -1 is not "the one before the
        first".

    Hint:
        Each state waits for the one before it. Which part of the step waits for nothing, and could be
        computed for all timesteps together?
    """
    # BEGIN SOLUTION
    T = x.shape[1]
    # The inputs are all known, so their share of every step is made at once; only W_hh has to wait.
    a_x = x @ W_xh.T + b
    h = np.empty_like(a_x)
    h_t = h0
    for t in range(T):
        h_t = np.tanh(a_x[:, t] + h_t @ W_hh.T)
        h[:, t] = h_t
    return h
    # END SOLUTION


def output_head(h: np.ndarray, W_hy: np.ndarray, b_y: np.ndarray) -> np.ndarray:
    """Turn the state at every timestep into one score a class.

    Inputs:
        h     (N, T, H) float64: states
        W_hy  (V, H) float64: weights from state to scores
        b_y   (V,) float64: bias

    Returns:
        y     (N, T, V) float64: scores

    Equation, for one sample:
        y[t] = W_hy h[t] + b_y

    Example:
        One unit, two classes: 2 * 0.5 + 0.1 = 1.1 and -1 * 0.5 + 0 = -0.5.

    >>> output_head(np.array([[[0.5]]]), np.array([[2.0], [-1.0]]), np.array([0.1, 0.0])).round(4).tolist()
    [[[1.1, -0.5]]]

    Watch out:
        Scores are raw: any real number. The softmax belongs to the loss.
    """
    # BEGIN SOLUTION
    return h @ W_hy.T + b_y
    # END SOLUTION


def sequence_loss(y: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> tuple[float, np.ndarray]:
    """Average the cross-entropy over the positions that count, and give its gradient for the scores.

    Inputs:
        y        (N, T, V) float64: raw scores
        targets  (N, T) int: the right class of each position; where mask is False, any number, even -1
        mask     (N, T) bool: True where a position counts, False on padding

    Returns:
        loss     float: the mean over all kept positions of the whole batch; 0.0 where none is kept
        dy       (N, T, V) float64: dL/dy, with zeros at every position that is not kept

    Equation:
        p[n, t] = softmax(y[n, t]), over the classes
        loss = -(1/K) * sum over the K kept (n, t) of log p[n, t, target]
        dL/dy[n, t, v] = (p[n, t, v] - [v is the target]) / K at kept positions

    Example:
        Scores 2 and 0, target 0: p = (0.8808, 0.1192), so the loss is -log 0.8808 = 0.1269. The second
        position is padding: K = 1.

    >>> y = np.array([[[2.0, 0.0], [5.0, 7.0]]])
    >>> loss, dy = sequence_loss(y, np.array([[0, -1]]), np.array([[True, False]]))
    >>> round(loss, 4), dy.round(4).tolist()
    (0.1269, [[[-0.1192, 0.1192], [0.0, 0.0]]])

    Watch out:
        exp(1000) overflows, and scores of 1000 are graded. A target at a masked position may lie outside
        0..V-1.

    Hint:
        Which number can be taken off all scores of one position without changing their softmax? And does log
        p need p at all?
    """
    # BEGIN SOLUTION
    dy = np.zeros_like(y)
    # Only kept positions are looked at from here on, so nothing that stands on padding can do harm.
    scores, classes = y[mask], targets[mask]  # (K, V), (K,)
    K = len(classes)
    if K == 0:
        return 0.0, dy
    scores = scores - scores.max(axis=1, keepdims=True)  # the largest is 0: exp cannot overflow
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    right = (np.arange(K), classes)
    loss = -log_p[right].mean()
    d_scores = np.exp(log_p)
    d_scores[right] -= 1.0
    dy[mask] = d_scores / K
    return float(loss), dy
    # END SOLUTION


def rnn_forward_masked(
    x: np.ndarray, lengths: np.ndarray, h0: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Run the cell over padded sequences, so that padding leaves the state as it is.

    Inputs:
        x        (N, T, D) float64: the inputs; x[n, t] is padding where t >= lengths[n], and may be anything
        lengths  (N,) int: how many timesteps of each sample are real, 0 to T
        h0       (N, H) float64: the state before the first timestep
        W_xh     (H, D) float64: weights from input to state
        W_hh     (H, H) float64: weights from state to state
        b        (H,) float64: bias

    Returns:
        h        (N, T, H) float64: the state after every timestep; on padding, the state carried on
        h_last   (N, H) float64: the state after each sample's last real timestep; h0 where its length is 0

    Equation, for sample n:
        h[t] = tanh(W_xh x[t] + W_hh h[t-1] + b)  where t < lengths[n]
        h[t] = h[t-1]                             elsewhere, and h0 stands for h[-1]

    Example:
        The first step of rnn_forward's example is real; the 7 after it is padding.

    >>> W_xh, W_hh, b = np.array([[0.25]]), np.array([[0.8]]), np.array([-0.1])
    >>> x, h0 = np.array([[[2.0], [7.0]]]), np.array([[0.5]])
    >>> h, h_last = rnn_forward_masked(x, np.array([1]), h0, W_xh, W_hh, b)
    >>> h.round(4).tolist(), h_last.round(4).tolist()
    ([[[0.664], [0.664]]], [[0.664]])

    Watch out:
        Carried on means neither zero nor updated. The state that enters the next step must be the carried
        one too.

    Hint:
        At one t some samples are still running and others have ended. How does one choose row by row between
        two arrays? And once padding carries the state on, where does the last real state of every sample end
        up?
    """
    # BEGIN SOLUTION
    T = x.shape[1]
    a_x = x @ W_xh.T + b
    h = np.empty_like(a_x)
    h_t = h0.copy()
    for t in range(T):
        running = (t < lengths)[:, np.newaxis]
        h_t = np.where(running, np.tanh(a_x[:, t] + h_t @ W_hh.T), h_t)
        h[:, t] = h_t
    # Padding carried every state to the end, so the end holds each sample's last real one.
    return h, h_t
    # END SOLUTION
