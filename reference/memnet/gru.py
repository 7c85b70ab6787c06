"""One step of the GRU. Imports numpy only.

Axes: N batch, D input features, H hidden units. The gates lie side by side in 3H columns, in torch's order:
r (reset), z (update), n (candidate).
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np

# BEGIN SOLUTION
from .shared import sigmoid

# END SOLUTION


def gru_step(
    x_t: np.ndarray,
    h_prev: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_x: np.ndarray,
    b_h: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Advance the state of a whole batch of GRUs by one timestep.

    Inputs:
        x_t     (N, D) float64: what each sample reads at this timestep
        h_prev  (N, H) float64: the state before the step
        W_xh    (3H, D) float64: weights from input to gates, rows in the order r, z, n
        W_hh    (3H, H) float64: weights from state to gates, rows in the same order
        b_x     (3H,) float64: bias on the side of the input, in the same order
        b_h     (3H,) float64: bias on the side of the state, in the same order

    Returns:
        h_t     (N, H) float64: the state after the step
        gates   (N, 3H) float64: r, z, n side by side, after their nonlinearity

    Equation, for one sample, with the rows of all weights cut into three, ⊙ entry by entry:
        r = sigmoid(W_xr x_t + b_xr + W_hr h_prev + b_hr)
        z = sigmoid(W_xz x_t + b_xz + W_hz h_prev + b_hz)
        n = tanh(W_xn x_t + b_xn + r ⊙ (W_hn h_prev + b_hn))
        h_t = (1 - z) ⊙ n + z ⊙ h_prev

    Example:
        One feature, one unit: r = sigmoid(0) = 0.5, z = sigmoid(1) = 0.731, n = tanh(1 + 0.5 * (0.5 + 0.5))
        = 0.905, h_t = 0.269 * 0.905 + 0.731 * 0.5 = 0.609.

    >>> x_t, h_prev = np.array([[1.0]]), np.array([[0.5]])
    >>> W_xh, W_hh = np.array([[1.0], [0.0], [1.0]]), np.array([[0.0], [2.0], [1.0]])
    >>> b_x, b_h = np.array([-1.0, 1.0, 0.0]), np.array([0.0, -1.0, 0.5])
    >>> [out.round(4).tolist() for out in gru_step(x_t, h_prev, W_xh, W_hh, b_x, b_h)]
    [[[0.609]], [[0.5, 0.7311, 0.9051]]]

    Watch out:
        There are two GRUs. In this one, which is torch's, r acts after the product with W_hn, and on b_hn as
        well; elsewhere it acts on h_prev before the product. Some courses order the gates z, r, n, or swap z
        and 1 - z.

    Hint:
        If z is 1 everywhere, what should h_t be? If r is 0 everywhere, may n depend on h_prev?
    """
    # BEGIN SOLUTION
    H = h_prev.shape[1]
    # Two products, kept apart because r stands between their candidate columns.
    a_x = x_t @ W_xh.T + b_x
    a_h = h_prev @ W_hh.T + b_h
    rz = sigmoid(a_x[:, : 2 * H] + a_h[:, : 2 * H])
    r, z = np.split(rz, 2, axis=1)
    n = np.tanh(a_x[:, 2 * H :] + r * a_h[:, 2 * H :])
    h_t = (1.0 - z) * n + z * h_prev
    return h_t, np.concatenate([rz, n], axis=1)
    # END SOLUTION
