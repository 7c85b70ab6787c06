"""The memory budget: store few states, recompute the rest. Imports numpy only.

Axes: N batch, T timesteps, D input features, H hidden units. dv means dL/dv, in the shape of v.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np

# BEGIN SOLUTION
from .shared import weight_gradients


def _states(
    x: np.ndarray, h_first: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """(T+1, N, H): the state before the first timestep of x, then the state after each."""
    h = np.empty((x.shape[1] + 1, *h_first.shape), h_first.dtype)
    h[0] = h_first
    for t in range(x.shape[1]):
        h[t + 1] = np.tanh(x[:, t] @ W_xh.T + h[t] @ W_hh.T + b)
    return h


def _segment_backward(
    dh_last: np.ndarray, x: np.ndarray, h_first: np.ndarray, weights: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, ...]:
    """(dx, dh_first, dW_xh, dW_hh, db) of one segment. The states made here are gone when it returns."""
    W_xh, W_hh, _ = weights
    h = _states(x, h_first, *weights)
    da = np.empty_like(h[1:])  # time first, as h is: neither need be copied to be cut into rows below
    carry = dh_last
    for t in reversed(range(len(da))):
        da[t] = carry * (1.0 - h[t + 1] ** 2)
        carry = da[t] @ W_hh
    return (da @ W_xh).swapaxes(0, 1), carry, *weight_gradients(da, x.swapaxes(0, 1), h[:-1])


# END SOLUTION


def rnn_backward_checkpointed(
    dh_last: np.ndarray,
    x: np.ndarray,
    h0: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the exact gradient back through all timesteps while storing a state only every k steps.

    Inputs:
        dh_last  (N, H) float64: dL/dh at the last timestep; no other step has a loss of its own
        x        (N, T, D) float64: the inputs
        h0       (N, H) float64: the state before the first timestep
        W_xh     (H, D) float64: weights from input to state
        W_hh     (H, H) float64: weights from state to state
        b        (H,) float64: bias
        k        int: steps a segment, at least 1: 0..k-1, k..2k-1, ..., and the last segment may be shorter

    Returns:
        dx       (N, T, D) float64: dL/dx
        dh0      (N, H) float64: dL/dh0
        dW_xh    (H, D) float64: dL/dW_xh, added up over batch and timesteps
        dW_hh    (H, H) float64: dL/dW_hh, added up over batch and timesteps
        db       (H,) float64: dL/db, added up over batch and timesteps

    Equation:
        the gradient is that of rnn_backward, with dh_last at the last timestep and 0 at all others
        forward:  keep the states before steps 0, k, 2k, ... and let all others go
        backward: from the last segment to the first, recompute the states of one segment from the one that
                  was kept, and take the gradient back through it
        budget in bytes, for all that is allocated during the call, the results included, where T is large:
            8 * (4 * S * N*H + 2 * N*T*D + 4 * H*(H + D + 1)) + 2^20, with S = stored_states(T, k)

    Example:
        The two steps of rnn_forward's example, with 1 sent in at the end and k = 1. Step 1: dL/da = 1 -
        0.406^2 = 0.835, and 0.8 * 0.835 = 0.668 goes back into the segment before, where dL/da = 0.668 * (1
        - 0.664^2) = 0.373.

    >>> x, h0 = np.array([[[2.0], [0.0]]]), np.array([[0.5]])
    >>> W_xh, W_hh, b = np.array([[0.25]]), np.array([[0.8]]), np.array([-0.1])
    >>> grads = rnn_backward_checkpointed(np.array([[1.0]]), x, h0, W_xh, W_hh, b, 1)
    >>> dx, dh0, dW_xh, dW_hh, db = [grad.round(4).tolist() for grad in grads]
    >>> dx, dh0, dW_xh, dW_hh, db
    ([[[0.0933], [0.2087]]], [[0.2987]], [[0.7468]], [[0.7411]], [1.2083])

    Watch out:
        This is not truncation: the gradient crosses every boundary between segments. N*T*H numbers anywhere
        break the budget, the product of all inputs with W_xh as well as the states. A slice is a view: one
        state cut out of a large array keeps all of that array in memory.

    Hint:
        What does a segment need from the one after it, and what from the one before it? Write down, for T =
        8 and k = 3, which states exist while the middle segment goes back.
    """
    # BEGIN SOLUTION
    weights = W_xh, W_hh, b
    segments = [slice(start, start + k) for start in range(0, x.shape[1], k)]
    kept = [h0]  # the state before each segment
    for segment in segments[:-1]:
        kept.append(_states(x[:, segment], kept[-1], *weights)[-1].copy())  # a view would keep all the others
    dx = np.empty_like(x)
    dW = [np.zeros_like(W) for W in weights]
    carry = dh_last
    for segment in reversed(segments):
        dx[:, segment], carry, *shares = _segment_backward(carry, x[:, segment], kept.pop(), weights)
        for total, share in zip(dW, shares, strict=True):
            total += share
    return dx, carry, *dW
    # END SOLUTION


def stored_states(T: int, k: int) -> int:
    """Count the states that are stored at the worst moment when a state is kept every k steps.

    Inputs:
        T    int: timesteps, at least 1
        k    int: steps a segment, at least 1, and possibly more than T

    Returns:
        S    int: how many states are stored at the moment when there are most of them

    Equation:
        kept for the whole way forward: the states before steps 0, k, 2k, ..., as far as there are such steps
        on top of those, when the last full segment has been recomputed: the state after each of its steps
        a segment has k steps, or T where k > T
        S = the two together; each state counts once for every time it is stored

    Example:
        T = 10 and k = 4: the states before steps 0, 4 and 8, and 4 of a segment.

    >>> stored_states(10, 4), stored_states(100, 10), stored_states(100, 100)
    (7, 20, 101)

    Watch out:
        The last segment may be shorter than the others, and it needs a starting state like every other. The
        division must not pass through a float that rounds.

    Hint:
        How many segments do 10 steps make when k is 3, 4, 5, 9, 10 and 11?
    """
    # BEGIN SOLUTION
    return -(-T // k) + min(k, T)  # // rounds down, and down on the negative side is up
    # END SOLUTION


def best_interval(T: int) -> int:
    """Find the interval at which the fewest states are stored.

    Inputs:
        T    int: timesteps, at least 1

    Returns:
        k    int: the number in 1..T with the smallest stored_states(T, k); the smallest of several

    Equation:
        stored_states(T, k) <= stored_states(T, j) for every j in 1..T, and < for every j below k

    Example:
        For T = 4 the intervals 1, 2, 3 and 4 store 5, 4, 5 and 5 states.

    >>> best_interval(4), best_interval(100)
    (2, 10)

    Watch out:
        Rounding the square root of T is close, and not right for every T: several intervals may tie.

    Hint:
        stored_states is the sum of two parts, one that shrinks as k grows and one that grows. Forget that
        numbers are whole: where is the sum smallest? How far around that place must you look?
    """
    # BEGIN SOLUTION
    # T/k + k is smallest at the square root of T and the same at k as at T/k: the first of the best is at
    # or below it, and rounding up reaches the next whole number. min takes the first of several.
    return min(range(1, int(T**0.5) + 2), key=lambda k: stored_states(T, k))
    # END SOLUTION
