"""Backpropagation through time for the simple recurrent network. Imports numpy only.

Axes: N batch, T timesteps, D input features, H hidden units, V classes. dv means dL/dv, in the shape of v.
The arrays of the forward pass are given.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np

# BEGIN SOLUTION
from .shared import previous, weight_gradients


def _back_through_time(
    dh: np.ndarray, h: np.ndarray, W_hh: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """(da (N, T, H), dh0 (N, H)), with the gradient cut at the end of every chunk of k steps."""
    slope = 1.0 - h**2  # tanh'(a), written with h = tanh(a)
    da = np.empty_like(h)
    carry = np.zeros_like(h[:, 0])  # what step t+1 sends back to h[:, t]
    for t in reversed(range(h.shape[1])):
        if (t + 1) % k == 0:  # t is the last step of its chunk: step t+1 sends nothing back
            carry = np.zeros_like(carry)
        da[:, t] = (dh[:, t] + carry) * slope[:, t]
        carry = da[:, t] @ W_hh
    return da, carry


# END SOLUTION


def rnn_step_backward(
    dh_t: np.ndarray,
    x_t: np.ndarray,
    h_prev: np.ndarray,
    h_t: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss back through one step of the cell.

    Inputs:
        dh_t     (N, H) float64: dL/dh_t, all of it
        x_t      (N, D) float64: what the step read
        h_prev   (N, H) float64: the state before the step
        h_t      (N, H) float64: the state after the step
        W_xh     (H, D) float64: weights from input to state
        W_hh     (H, H) float64: weights from state to state

    Returns:
        dx_t     (N, D) float64: dL/dx_t
        dh_prev  (N, H) float64: dL/dh_prev
        dW_xh    (H, D) float64: dL/dW_xh, added up over the batch
        dW_hh    (H, H) float64: dL/dW_hh, added up over the batch
        db       (H,) float64: dL/db, added up over the batch

    Equation:
        the step was a = W_xh x_t + W_hh h_prev + b, h_t = tanh(a), and tanh'(a) = 1 - tanh(a)^2
        for any product a_i = sum_j W_ij v_j:
            dL/dv_j = sum_i W_ij dL/da_i      dL/dW_ij = sum over the batch of dL/da_i * v_j

    Example:
        The step of rnn_step, with dL/dh_t = 1: dL/da = 1 - 0.664^2 = 0.559, so dx_t = 0.25 * 0.559,
        dh_prev = 0.8 * 0.559, dW_xh = 0.559 * 2, dW_hh = 0.559 * 0.5, db = 0.559.

    >>> x_t, h_prev, h_t = np.array([[2.0]]), np.array([[0.5]]), np.tanh([[0.8]])
    >>> grads = rnn_step_backward(np.array([[1.0]]), x_t, h_prev, h_t, np.array([[0.25]]), np.array([[0.8]]))
    >>> [grad.round(4).tolist() for grad in grads]
    [[[0.1398]], [[0.4472]], [[1.1181]], [[0.2795]], [0.5591]]

    Watch out:
        Add over the batch, do not average: a 1/N belongs to the loss and is in dh_t already. h_t is what
        came out of the tanh; it must not go through a second one.

    Hint:
        All five outputs come from dL/da. Find that first, then let the shapes speak, except for W_hh: it is
        square.
    """
    # BEGIN SOLUTION
    da = dh_t * (1.0 - h_t**2)
    return da @ W_xh, da @ W_hh, da.T @ x_t, da.T @ h_prev, da.sum(axis=0)
    # END SOLUTION


def rnn_backward(
    dh: np.ndarray, x: np.ndarray, h0: np.ndarray, h: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss back through all timesteps.

    Inputs:
        dh     (N, T, H) float64: dh[:, t] is what the loss of step t itself sends into h[:, t]
        x      (N, T, D) float64: the inputs
        h0     (N, H) float64: the state before the first timestep
        h      (N, T, H) float64: the states of the forward pass
        W_xh   (H, D) float64: weights from input to state
        W_hh   (H, H) float64: weights from state to state

    Returns:
        dx     (N, T, D) float64: dL/dx
        dh0    (N, H) float64: dL/dh0
        dW_xh  (H, D) float64: dL/dW_xh, added up over batch and timesteps
        dW_hh  (H, H) float64: dL/dW_hh, added up over batch and timesteps
        db     (H,) float64: dL/db, added up over batch and timesteps

    Equation, for one sample:
        dL/dh[t] = dh[t] + (what step t+1 passes back to h[t]; nothing after the last step)
        dL/dW = the sum over t of what step t alone contributes, as in rnn_step_backward

    Example:
        The two steps of rnn_forward, with 1 sent in at both. Step 1: dL/da = 1 - 0.406^2 = 0.835, and 0.8 *
        0.835 = 0.668 goes back. Step 0: dL/da = (1 + 0.668) * (1 - 0.664^2) = 0.932.

    >>> x, h0 = np.array([[[2.0], [0.0]]]), np.array([[0.5]])
    >>> h = np.tanh([[[0.8], [0.8 * np.tanh(0.8) - 0.1]]])
    >>> grads = rnn_backward(np.ones((1, 2, 1)), x, h0, h, np.array([[0.25]]), np.array([[0.8]]))
    >>> dx, dh0, dW_xh, dW_hh, db = [grad.round(4).tolist() for grad in grads]
    >>> dx, dh0
    ([[[0.2331], [0.2087]]], [[0.746]])
    >>> dW_xh, dW_hh, db
    ([[1.8649]], [[1.0206]], [1.7673])

    Watch out:
        dh is not what steps pass to each other: it is given for every t, and the part from later steps is
        yours to add. Add it to a new array: writing it into dh changes the caller's data, which earns a
        warning.

    Hint:
        A state h[:, t] is used twice, by the loss of step t and by step t+1. In which direction must the
        loop run, and what is the previous state of step 0?
    """
    # BEGIN SOLUTION
    T = x.shape[1]
    da, dh0 = _back_through_time(dh, h, W_hh, k=T)  # one chunk: nothing is cut
    return da @ W_xh, dh0, *weight_gradients(da, x, previous(h0, h))
    # END SOLUTION


def output_head_backward(
    dy: np.ndarray, h: np.ndarray, W_hy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss from the scores back to the states and the weights of the output head.

    Inputs:
        dy     (N, T, V) float64: dL/dy, as sequence_loss gives it
        h      (N, T, H) float64: the states the scores were made from
        W_hy   (V, H) float64: weights from state to scores

    Returns:
        dh     (N, T, H) float64: what the loss of each step sends into its own state
        dW_hy  (V, H) float64: dL/dW_hy, added up over batch and timesteps
        db_y   (V,) float64: dL/db_y, added up over batch and timesteps

    Equation:
        the forward pass was y_v = sum_j W_hy[v, j] h_j + b_y[v], at every (n, t)

    Example:
        One unit, two classes: dh = 2 * 0.3 - 1 * (-0.3) = 0.9, and dW_hy = (0.3 * 0.5, -0.3 * 0.5).

    >>> dy, h, W_hy = np.array([[[0.3, -0.3]]]), np.array([[[0.5]]]), np.array([[2.0], [-1.0]])
    >>> [grad.round(4).tolist() for grad in output_head_backward(dy, h, W_hy)]
    [[[[0.9]]], [[0.15], [-0.15]], [0.3, -0.3]]

    Watch out:
        There is no tanh between h and y, and the 1/K of the mean is in dy already.

    Hint:
        Every (n, t) uses the same W_hy. Would it matter if batch and time were one long axis?
    """
    # BEGIN SOLUTION
    N, T, V = dy.shape
    dy_rows = dy.reshape(N * T, V)
    dW_hy = dy_rows.T @ h.reshape(N * T, -1)
    return dy @ W_hy, dW_hy, dy_rows.sum(axis=0)
    # END SOLUTION


def embedding_backward(dx: np.ndarray, tokens: np.ndarray, V: int) -> np.ndarray:
    """Take the gradient of the loss back from embedded tokens to the embedding table.

    Inputs:
        dx      (N, T, D) float64: dL/dx, where x[n, t] was row tokens[n, t] of the table E
        tokens  (N, T) int: token ids, 0 to V-1
        V       int: how many rows the table has

    Returns:
        dE      (V, D) float64: dL/dE, zero in the rows of tokens that do not occur

    Equation:
        dE[v] = sum of dx[n, t] over all (n, t) with tokens[n, t] = v

    Example:
        Token 2 is read twice, so its row gets 1 + 10.

    >>> embedding_backward(np.array([[[1.0], [10.0]]]), np.array([[2, 2]]), 3).tolist()
    [[0.0], [0.0], [11.0]]

    Watch out:
        Indexing an array with repeated rows and adding in place keeps only one of the additions. The page of
        np.add.at in numpy's documentation explains why.

    Hint:
        Try your line on the example. Do you get 11, or 10?
    """
    # BEGIN SOLUTION
    dE = np.zeros((V, dx.shape[2]), dx.dtype)
    np.add.at(dE, tokens, dx)  # unlike dE[tokens] += dx, it adds once for every repeat
    return dE
    # END SOLUTION


def rnn_backward_truncated(
    dh: np.ndarray, x: np.ndarray, h0: np.ndarray, h: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient back through time in chunks of k steps, and let none of it leave its chunk.

    Inputs:
        dh     (N, T, H) float64: dh[:, t] is what the loss of step t itself sends into h[:, t]
        x      (N, T, D) float64: the inputs
        h0     (N, H) float64: the state before the first timestep
        h      (N, T, H) float64: the states of the forward pass, which ran through without a break
        W_xh   (H, D) float64: weights from input to state
        W_hh   (H, H) float64: weights from state to state
        k      int: steps a chunk, at least 1; the chunks are 0..k-1, k..2k-1, ... and the last may be shorter

    Returns:
        dW_xh  (H, D) float64: truncated gradient of W_xh
        dW_hh  (H, H) float64: truncated gradient of W_hh
        db     (H,) float64: truncated gradient of b

    Equation:
        as in rnn_backward, but what step t+1 passes back to h[t] counts as 0 where t+1 = k, 2k, 3k, ...

    Example:
        rnn_backward's example with k = 1: 0.668 no longer reaches step 0, where dL/da = 1 - 0.664^2 = 0.559.
        So db = 0.559 + 0.835 = 1.394 instead of 1.767.

    >>> x, h0 = np.array([[[2.0], [0.0]]]), np.array([[0.5]])
    >>> h = np.tanh([[[0.8], [0.8 * np.tanh(0.8) - 0.1]]])
    >>> W_xh, W_hh = np.array([[0.25]]), np.array([[0.8]])
    >>> grads = rnn_backward_truncated(np.ones((1, 2, 1)), x, h0, h, W_xh, W_hh, 1)
    >>> [grad.round(4).tolist() for grad in grads]
    [[[1.1181]], [[0.8339]], [1.3939]]

    Watch out:
        Only the gradient is cut. The state is carried from chunk to chunk, so the first step of a chunk
        still has a real previous state. Chunks are counted from t = 0, not from the end.

    Hint:
        For T = 8 and k = 3, write down at which t the gradient from the next step must be missing. Then ask
        what your loop does for k >= T.
    """
    # BEGIN SOLUTION
    da, _ = _back_through_time(dh, h, W_hh, k)
    return weight_gradients(da, x, previous(h0, h))
    # END SOLUTION
