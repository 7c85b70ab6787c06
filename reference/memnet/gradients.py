"""How gradients shrink and grow on their way back through time. Imports numpy only.

Axes: N batch, T timesteps, H hidden units. Arrays are float64 and batch first.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np


def step_jacobian(h_t: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """Give the matrix of derivatives of one state with respect to the state before it, for every sample.

    Inputs:
        h_t   (N, H) float64: the state after the step
        W_hh  (H, H) float64: weights from state to state

    Returns:
        J     (N, H, H) float64: J[n, i, j] = d h_t[n, i] / d h_prev[n, j]

    Equation:
        the step was h_t = tanh(a) with a_i = sum_j W_hh[i, j] h_prev_j + terms without h_prev,
        and tanh'(a) = 1 - tanh(a)^2

    Example:
        One unit with h_t = tanh(0.8) and W_hh = 0.8: (1 - 0.664^2) * 0.8 = 0.447.

    >>> step_jacobian(np.tanh([[0.8]]), np.array([[0.8]])).round(4).tolist()
    [[[0.4472]]]

    Watch out:
        Both state axes have length H, so a transposed Jacobian looks right. i belongs to what comes out.

    Hint:
        The slope of the tanh differs from unit to unit. Does it go with the row or with the column of W_hh?
    """
    # BEGIN SOLUTION
    # The slope belongs to the unit that was squashed, so it scales rows.
    return (1.0 - h_t**2)[:, :, np.newaxis] * W_hh
    # END SOLUTION


def gradient_norms(dh_last: np.ndarray, h: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    """Measure how much of a gradient that enters at the last state arrives at each earlier one.

    Inputs:
        dh_last  (N, H) float64: dL/dh at the last timestep; no other step has a loss of its own
        h        (N, T, H) float64: the states of the forward pass
        W_hh     (H, H) float64: weights from state to state

    Returns:
        norms    (T,) float64: norms[t] is the norm of dL/dh[:, t]

    Equation, for one sample, with J[t] the Jacobian of step t:
        g[T-1] = dh_last, and g[t-1] = J[t]^T g[t]
        norms[t] = square root of the sum of the squares of g[t], over batch and units together

    Example:
        The two states of rnn_forward's example, 0.6640 and 0.4063, with W_hh = 0.8: one step back leaves 0.8
        * (1 - 0.4063^2) = 0.6679 of the gradient.

    >>> dh_last, h, W_hh = np.array([[1.0]]), np.array([[[0.6640], [0.4063]]]), np.array([[0.8]])
    >>> gradient_norms(dh_last, h, W_hh).round(4).tolist()
    [0.6679, 1.0]

    Watch out:
        One number a timestep, not one a sample, and not an average over samples. The last entry is the norm
        of dh_last itself.

    Hint:
        Which state does J[t] depend on: the one it leads from or the one it leads to? No Jacobian has to be
        built.
    """
    # BEGIN SOLUTION
    T = h.shape[1]
    norms = np.empty(T, dh_last.dtype)
    g = dh_last
    for t in reversed(range(T)):
        norms[t] = np.linalg.norm(g)  # of a matrix: the square root of its sum of squares
        g = (g * (1.0 - h[:, t] ** 2)) @ W_hh
    return norms
    # END SOLUTION


def clip_by_global_norm(grads: list[np.ndarray], max_norm: float) -> tuple[list[np.ndarray], float]:
    """Shorten a set of gradients so that their common norm is at most max_norm, keeping their direction.

    Inputs:
        grads     list of float64 arrays of any shapes
        max_norm  float: the largest norm allowed, above 0

    Returns:
        clipped   list of float64 arrays with the same shapes, in the same order; equal to grads where
                  norm <= max_norm
        norm      float: the norm of all of grads together, before clipping

    Equation:
        norm = square root of the sum of the squares of all entries of all arrays
        clipped = grads * max_norm / norm, where norm > max_norm

    Example:
        Gradients 3 and 4 have norm 5. With max_norm = 1 both are divided by 5.

    >>> clipped, norm = clip_by_global_norm([np.array([3.0]), np.array([[4.0]])], 1.0)
    >>> [grad.round(4).tolist() for grad in clipped], round(norm, 4)
    ([[0.6], [[0.8]]], 5.0)

    Watch out:
        Gradients may all be zero. torch adds 1e-6 to the norm before it divides; here the clipped norm is
        max_norm exactly. The list and arrays that came in stay as they are, or you get a warning.

    Hint:
        Is the norm of several arrays the sum of their norms? Does clipping every entry by itself keep the
        direction?
    """
    # BEGIN SOLUTION
    norm = float(np.sqrt(sum(np.sum(grad**2) for grad in grads)))
    scale = max_norm / norm if norm > max_norm else 1.0
    return [grad * scale for grad in grads], norm
    # END SOLUTION
