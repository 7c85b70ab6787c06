"""What several modules of the solution share. Imports numpy only."""

# BEGIN SOLUTION
import numpy as np


def previous(first: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The state that entered each step, (N, T, H): `first`, then all of `states` but the last."""
    return np.concatenate([first[:, np.newaxis], states[:, :-1]], axis=1)


def weight_gradients(
    da: np.ndarray, x: np.ndarray, h_prev: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dW_xh, dW_hh, db) from da (N, T, G*H), for any cell with a = W_xh x_t + W_hh h_{t-1} + b.

    Every sample and timestep uses the same weights, so their gradients add up. Side by side as N*T rows, that
    sum is one matrix product.
    """
    N, T, _ = da.shape
    da = da.reshape(N * T, -1)
    return da.T @ x.reshape(N * T, -1), da.T @ h_prev.reshape(N * T, -1), da.sum(axis=0)


# END SOLUTION
