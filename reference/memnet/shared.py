"""What several modules of the solution share. Imports numpy only."""

# BEGIN SOLUTION
import numpy as np


def previous(first: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The state that entered each step, (N, T, H): `first`, then all of `states` but the last."""
    return np.concatenate([first[:, np.newaxis], states[:, :-1]], axis=1)


def sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-a)) by way of tanh, which cannot overflow."""
    return 0.5 * np.tanh(0.5 * a) + 0.5


def weight_gradients(
    da: np.ndarray, x: np.ndarray, h_prev: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dW_xh, dW_hh, db) from da (N, T, G*H), for any cell with a = W_xh x_t + W_hh h_{t-1} + b."""
    return weight_gradient(da, x), weight_gradient(da, h_prev), da.sum(axis=(0, 1))


def weight_gradient(da: np.ndarray, v: np.ndarray) -> np.ndarray:
    """dW (A, B) from da (N, T, A) and v (N, T, B), where a = W v at every sample and timestep.

    All of them use the same weights, so their gradients add up. Side by side as N*T rows, that sum is one
    matrix product.
    """
    da, v = da.reshape(-1, da.shape[2]), v.reshape(-1, v.shape[2])
    return (v.T @ da).T  # is da.T @ v, and takes the processor less time where A is larger than B


# END SOLUTION
