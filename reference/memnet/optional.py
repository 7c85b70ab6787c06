"""Optional questions: a whole GRU, two directions, two layers, linear recurrences, optimal checkpoints.

Imports numpy, and math.comb, which counts the ways to choose k of n.

Axes: N batch, T timesteps, D input features, H hidden units. Arrays are float64 and batch first. dv means
dL/dv, in the shape of v.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

from math import comb

import numpy as np

# BEGIN SOLUTION
from .shared import previous, sigmoid, weight_gradient


def _masked_states(
    x: np.ndarray,
    lengths: np.ndarray,
    h_t: np.ndarray,
    weights: tuple[np.ndarray, np.ndarray, np.ndarray],
    order: range,
) -> np.ndarray:
    """(N, T, H): the states of a simple RNN that reads x in the given order and steps over padding."""
    W_xh, W_hh, b = weights
    a_x = x @ W_xh.T + b
    h = np.empty_like(a_x)
    for t in order:
        running = (t < lengths)[:, np.newaxis]
        h_t = np.where(running, np.tanh(a_x[:, t] + h_t @ W_hh.T), h_t)
        h[:, t] = h_t
    return h


def _longest(slots: int, repeats: int) -> int:
    """How many steps can be reversed with so many slots if no step is run more than `repeats` times."""
    return comb(slots + repeats, slots) if repeats >= 0 else 0


def _first_stop(steps: int, slots: int) -> int:
    """How far to run from the first of `steps` steps, whose state is stored, to where the next state is stored.

    What lies beyond is reversed with one slot less, at most r times over; after that, what lies before with
    all the slots, at most r-1 times over. Each part must fit, and the shorter the part before the better.
    """
    r = 0
    while _longest(slots, r) < steps:
        r += 1
    return max(1, _longest(slots, r - 2), steps - _longest(slots - 1, r))


# END SOLUTION


def gru_forward(
    x: np.ndarray, h0: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b_x: np.ndarray, b_h: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Run the GRU over whole sequences and keep the state and the gates of every timestep.

    Inputs:
        x      (N, T, D) float64: the inputs
        h0     (N, H) float64: the state before the first timestep
        W_xh   (3H, D) float64: weights from input to gates, rows in the order r, z, n
        W_hh   (3H, H) float64: weights from state to gates, rows in the same order
        b_x    (3H,) float64: bias on the side of the input, in the same order
        b_h    (3H,) float64: bias on the side of the state, in the same order

    Returns:
        h      (N, T, H) float64: h[:, t] is the state after x[:, t] was read
        gates  (N, T, 3H) float64: r, z, n of every timestep, after their nonlinearity

    Equation:
        h[t], gates[t] = gru_step of x[t] and h[t-1], where h0 stands for h[-1]

    Example:
        One unit without weights and biases: r = z = 0.5 and n = 0, so the state halves at each step.

    >>> x, h0 = np.ones((1, 2, 1)), np.array([[8.0]])
    >>> h, gates = gru_forward(x, h0, np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3))
    >>> h.tolist(), gates.tolist()
    ([[[4.0], [2.0]]], [[[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]])

    Watch out:
        h[:, t-1] at t = 0 is the last slot, not h0. b_h takes part at every step, and in the candidate r
        acts on it too.
    """
    # BEGIN SOLUTION
    N, T, _ = x.shape
    H = h0.shape[1]
    gates = x @ W_xh.T + b_x  # what x sends to them; each step puts the gates themselves in its place
    r, z, n = np.split(gates, 3, axis=2)  # views, not copies
    h = np.empty((N, T, H), gates.dtype)
    h_t = h0
    W_hh_T = W_hh.T.copy()  # turned once, not again at every step
    for t in range(T):
        a_h = h_t @ W_hh_T + b_h
        gates[:, t, : 2 * H] = sigmoid(gates[:, t, : 2 * H] + a_h[:, : 2 * H])  # r and z
        n[:, t] = np.tanh(n[:, t] + r[:, t] * a_h[:, 2 * H :])
        h_t = (1.0 - z[:, t]) * n[:, t] + z[:, t] * h_t
        h[:, t] = h_t
    return h, gates
    # END SOLUTION


def gru_backward(
    dh: np.ndarray,
    x: np.ndarray,
    h0: np.ndarray,
    h: np.ndarray,
    gates: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b_h: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss back through all timesteps of the GRU.

    Inputs:
        dh     (N, T, H) float64: dh[:, t] is what the loss of step t itself sends into h[:, t]
        x      (N, T, D) float64: the inputs
        h0     (N, H) float64: the state before the first timestep
        h      (N, T, H) float64: the states of the forward pass
        gates  (N, T, 3H) float64: r, z, n of every timestep, after their nonlinearity
        W_xh   (3H, D) float64: weights from input to gates, rows in the order r, z, n
        W_hh   (3H, H) float64: weights from state to gates, rows in the same order
        b_h    (3H,) float64: bias on the side of the state, in the same order

    Returns:
        dx     (N, T, D) float64: dL/dx
        dh0    (N, H) float64: dL/dh0
        dW_xh  (3H, D) float64: dL/dW_xh, added up over batch and timesteps
        dW_hh  (3H, H) float64: dL/dW_hh, added up over batch and timesteps
        db_x   (3H,) float64: dL/db_x, added up over batch and timesteps
        db_h   (3H,) float64: dL/db_h, added up over batch and timesteps

    Equation, for one step, with ⊙ entry by entry and dh_t = dh[t] + (what step t+1 passes back):
        the step was h_t = (1 - z) ⊙ n + z ⊙ h_prev and n = tanh(W_xn x_t + b_xn + r ⊙ (W_hn h_prev + b_hn)),
        with r and z as in gru_step
        tanh'(a) = 1 - tanh(a)^2        sigmoid'(a) = sigmoid(a) * (1 - sigmoid(a))

    Example:
        gru_forward's example, with 1 sent in at the end: half of it takes the straight way at each step, so
        dh0 = 0.25. At z of the last step h_prev - n = 4 arrives, times 0.5 * (1 - 0.5); at z of the first
        step 0.5 * 8, times 0.25.

    >>> x, h0, h = np.ones((1, 2, 1)), np.array([[8.0]]), np.array([[[4.0], [2.0]]])
    >>> gates, W, b_h = np.array([[[0.5, 0.5, 0.0]] * 2]), np.zeros((3, 1)), np.zeros(3)
    >>> dh = np.array([[[0.0], [1.0]]])
    >>> dx, dh0, dW_xh, dW_hh, db_x, db_h = gru_backward(dh, x, h0, h, gates, W, W, b_h)
    >>> dh0.tolist(), db_x.tolist(), db_h.tolist()
    ([[0.25]], [0.0, 2.0, 0.75], [0.0, 2.0, 0.375])

    Watch out:
        The two sides differ in the rows of n, where r stands between them: db_h is not db_x. b_h comes in
        because a derivative needs a number that the gates do not hold.

    Hint:
        By how many ways does h_prev reach h_t? What is the derivative of n with respect to r, and which
        product must be made again to have it?
    """
    # BEGIN SOLUTION
    T, H = h.shape[1:]
    h_prev = previous(h0, h)
    r, z, n = np.split(gates, 3, axis=2)
    h_n = h_prev @ W_hh[2 * H :].T + b_h[2 * H :]  # what r was multiplied by
    da_x, da_h = np.empty_like(gates), np.empty_like(gates)
    carry = np.zeros_like(h0)
    for t in reversed(range(T)):
        r_t, z_t, n_t = r[:, t], z[:, t], n[:, t]
        dh_t = dh[:, t] + carry
        da_n = dh_t * (1.0 - z_t) * (1.0 - n_t**2)
        da_r = da_n * h_n[:, t] * r_t * (1.0 - r_t)
        da_z = dh_t * (h_prev[:, t] - n_t) * z_t * (1.0 - z_t)
        da_x[:, t] = np.concatenate([da_r, da_z, da_n], axis=1)
        da_h[:, t] = np.concatenate([da_r, da_z, da_n * r_t], axis=1)
        carry = dh_t * z_t + da_h[:, t] @ W_hh
    dW_xh, dW_hh = weight_gradient(da_x, x), weight_gradient(da_h, h_prev)
    return da_x @ W_xh, carry, dW_xh, dW_hh, da_x.sum(axis=(0, 1)), da_h.sum(axis=(0, 1))
    # END SOLUTION


def bidirectional_forward(
    x: np.ndarray,
    lengths: np.ndarray,
    h0: np.ndarray,
    h0_back: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b: np.ndarray,
    W_xh_back: np.ndarray,
    W_hh_back: np.ndarray,
    b_back: np.ndarray,
) -> np.ndarray:
    """Read padded sequences forwards with one cell and backwards with another, and join their states.

    Inputs:
        x          (N, T, D) float64: the inputs; x[n, t] is padding where t >= lengths[n], and may be anything
        lengths    (N,) int: how many timesteps of each sample are real, 0 to T
        h0         (N, H) float64: the state of the forward cell before it reads
        h0_back    (N, H) float64: the state of the backward cell before it reads
        W_xh       (H, D) float64: forward cell, weights from input to state
        W_hh       (H, H) float64: forward cell, weights from state to state
        b          (H,) float64: forward cell, bias
        W_xh_back  (H, D) float64: backward cell, weights from input to state
        W_hh_back  (H, H) float64: backward cell, weights from state to state
        b_back     (H,) float64: backward cell, bias

    Returns:
        h          (N, T, 2H) float64: at [n, t], the forward state after token t was read, then the backward
                   state after token t was read; on padding, what each carried there: the forward one its last
                   state, the backward one h0_back

    Equation, for sample n, with f the first H columns and g the other H:
        f[t] = tanh(W_xh x[t] + W_hh f[t-1] + b)                 where t < lengths[n]
        f[t] = f[t-1]                                            elsewhere, and h0 stands for f[-1]
        g[t] = tanh(W_xh_back x[t] + W_hh_back g[t+1] + b_back)  where t < lengths[n]
        g[t] = g[t+1]                                            elsewhere, and h0_back stands for g[T]

    Example:
        Two units that add up what they read, nearly: tanh of a small number is about that number. The third
        timestep is padding.

    >>> x, lengths = np.array([[[0.01], [0.02], [9.0]]]), np.array([2])
    >>> zero, one = np.zeros((1, 1)), np.eye(1)
    >>> bidirectional_forward(x, lengths, zero, zero, one, one, zero[0], one, one, zero[0]).round(3).tolist()
    [[[0.01, 0.03], [0.03, 0.02], [0.03, 0.0]]]

    Watch out:
        The backward cell begins at each sample's own last token, not at the end of the array. Column t must
        describe token t in both halves.

    Hint:
        Must anything be reversed at all? Which state does the backward cell hold when it comes to a sample's
        last real token, if padding carries it on?
    """
    # BEGIN SOLUTION
    T = x.shape[1]
    forward = _masked_states(x, lengths, h0, (W_xh, W_hh, b), range(T))
    # From the end of the array the padding comes first, and leaves h0_back as it is.
    backward = _masked_states(x, lengths, h0_back, (W_xh_back, W_hh_back, b_back), range(T)[::-1])
    return np.concatenate([forward, backward], axis=2)
    # END SOLUTION


def two_layer_forward(
    x: np.ndarray,
    h0: np.ndarray,
    W_xh_1: np.ndarray,
    W_hh_1: np.ndarray,
    b_1: np.ndarray,
    W_xh_2: np.ndarray,
    W_hh_2: np.ndarray,
    b_2: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Run two simple recurrent layers, the second of which reads the states of the first.

    Inputs:
        x       (N, T, D) float64: the inputs of the first layer
        h0      (2, N, H) float64: the state of each layer before the first timestep
        W_xh_1  (H, D) float64: first layer, weights from input to state
        W_hh_1  (H, H) float64: first layer, weights from state to state
        b_1     (H,) float64: first layer, bias
        W_xh_2  (H, H) float64: second layer, weights from the first layer's state to the second's
        W_hh_2  (H, H) float64: second layer, weights from state to state
        b_2     (H,) float64: second layer, bias

    Returns:
        h       (N, T, H) float64: the states of the second layer
        h_last  (2, N, H) float64: the state of each layer after the last timestep

    Equation, for one sample, with f the states of the first layer and h those of the second:
        f[t] = tanh(W_xh_1 x[t] + W_hh_1 f[t-1] + b_1), where h0[0] stands for f[-1]
        h[t] = tanh(W_xh_2 f[t] + W_hh_2 h[t-1] + b_2), where h0[1] stands for h[-1]

    Example:
        One step of one unit a layer: f = tanh(1 * 0.5 + 1 * 0.3) = 0.664, and h = tanh(1 * 0.664 + 1 *
        (-0.2)) = 0.4334.

    >>> x, h0, one, b = np.array([[[0.5]]]), np.array([[[0.3]], [[-0.2]]]), np.eye(1), np.zeros(1)
    >>> h, h_last = two_layer_forward(x, h0, one, one, b, one, one, b)
    >>> h.round(4).tolist(), h_last.round(4).tolist()
    ([[[0.4334]]], [[[0.664]], [[0.4334]]])

    Watch out:
        Each layer has an initial state of its own. h_last is layers first, not batch first, as in torch.
    """
    # BEGIN SOLUTION
    lengths = np.full(len(x), x.shape[1])
    layer_1 = _masked_states(x, lengths, h0[0], (W_xh_1, W_hh_1, b_1), range(x.shape[1]))
    layer_2 = _masked_states(layer_1, lengths, h0[1], (W_xh_2, W_hh_2, b_2), range(x.shape[1]))
    return layer_2, np.stack([layer_1[:, -1], layer_2[:, -1]])
    # END SOLUTION


def linear_scan(a: np.ndarray, b: np.ndarray, h0: np.ndarray) -> np.ndarray:
    """Run a recurrence without a nonlinearity, one timestep after the other.

    Inputs:
        a    (N, T, H) float64: how much of the state is kept at each timestep
        b    (N, T, H) float64: what is added at each timestep
        h0   (N, H) float64: the state before the first timestep

    Returns:
        h    (N, T, H) float64: h[:, t] is the state after timestep t

    Equation, with ⊙ entry by entry:
        h[t] = a[t] ⊙ h[t-1] + b[t], where h0 stands for h[-1]

    Example:
        One unit from 4: 0.5 * 4 + 1 = 3, then 2 * 3 + 0 = 6, then 0 * 6 - 1 = -1.

    >>> a, b = np.array([[[0.5], [2.0], [0.0]]]), np.array([[[1.0], [0.0], [-1.0]]])
    >>> linear_scan(a, b, np.array([[4.0]])).tolist()
    [[[3.0], [6.0], [-1.0]]]

    Watch out:
        a[:, t] acts on the state that enters step t, not on the one that leaves it.
    """
    # BEGIN SOLUTION
    h = np.empty_like(a)
    h_t = h0
    for t in range(a.shape[1]):
        h_t = a[:, t] * h_t + b[:, t]
        h[:, t] = h_t
    return h
    # END SOLUTION


def linear_scan_parallel(a: np.ndarray, b: np.ndarray, h0: np.ndarray) -> np.ndarray:
    """Run the recurrence of linear_scan in about log2(T) rounds, each of which treats all timesteps at once.

    Inputs:
        a    (N, T, H) float64: how much of the state is kept at each timestep
        b    (N, T, H) float64: what is added at each timestep
        h0   (N, H) float64: the state before the first timestep

    Returns:
        h    (N, T, H) float64: what linear_scan returns, up to rounding

    Equation, with ⊙ entry by entry:
        a step is the map h -> a ⊙ h + b, and one step after another is such a map again:
            first (a1, b1), then (a2, b2): h -> (a2 ⊙ a1) ⊙ h + (a2 ⊙ b1 + b2)
        let (A[t], B[t]) be the map of the last w timesteps up to and with t, or of all of them if there are
        fewer; at first w = 1, and each round doubles w until it reaches T

    Example:
        linear_scan's example. After one round, w = 2, and the map of the first two timesteps is h -> 2 * 0.5
        * h + (2 * 1 + 0) = h + 2, which takes 4 to 6.

    >>> a, b = np.array([[[0.5], [2.0], [0.0]]]), np.array([[[1.0], [0.0], [-1.0]]])
    >>> linear_scan_parallel(a, b, np.array([[4.0]])).tolist()
    [[[3.0], [6.0], [-1.0]]]

    Watch out:
        Dividing by the product of all a looks shorter, but a may be 0, and the product of many small numbers
        is 0. No loop over timesteps: T = 1000 takes 10 rounds. A round must read the A of the round before
        it, not its own.

    Hint:
        Which slice of the array holds, for every t from w on, the map that ends where the one at t begins?
        This works because composing maps is associative. Why would tanh spoil it?
    """
    # BEGIN SOLUTION
    A, B = a.copy(), b.copy()
    B[:, 0] += A[:, 0] * h0  # the first step's map now starts from the state itself
    w = 1
    while w < A.shape[1]:
        # From t = w on: the map up to t-w, then the one from there to t. The right sides are complete before
        # anything is written, and B goes first, for it needs the old A.
        B[:, w:] = A[:, w:] * B[:, :-w] + B[:, w:]
        A[:, w:] = A[:, w:] * A[:, :-w]
        w *= 2
    return B
    # END SOLUTION


def checkpoint_schedule(T: int, slots: int) -> np.ndarray:
    """Plan how to take the gradient back through T steps when only so many states can be stored.

    Inputs:
        T        int: timesteps, at least 1
        slots    int: how many states can be stored at the same time, at least 1

    Returns:
        actions  (K, 2) int: rows (code, t), carried out from the first to the last

    Equation, where s[t] is the state before step t. There is one current state besides the stored ones; at the
    start it is s[0], and nothing is stored:
        (0, t)  store: the current state, which must be s[t], is stored as well; a slot must be free
        (1, t)  advance: from the current state s[j] with j < t run steps j..t-1; the current state is then s[t]
        (2, t)  back: take the gradient back through step t; the current state must be s[t], and stays
        (3, t)  restore: the current state is replaced by a copy of s[t], which must be stored, and stays stored
        (4, t)  free: s[t], which must be stored, gives up its slot
        the steps go back in the order T-1, T-2, ..., 0
        all advances together run as few steps as can be: r * T - comb(S+r, r-1), with S = slots and r the
        smallest number with comb(S+r, S) >= T; for T = 1 that is r = 0, and no step is run

    Example:
        Two steps with one slot: (0, 0), (1, 1), (2, 1), (3, 0), (2, 0) runs one step. Three steps with one
        slot take 2 + 1 = 3, with two slots 2.

    >>> actions = checkpoint_schedule(3, 2).tolist()
    >>> [t for code, t in actions if code == 2]
    [2, 1, 0]
    >>> current = steps = 0
    >>> for code, t in actions:
    ...     steps += t - current if code == 1 else 0
    ...     current = t
    >>> steps
    2

    Watch out:
        s[0] takes a slot like every other, and it is lost if it is not stored before the first advance. What
        step t itself computes on its way back is part of (2, t) and counts as no step. Equal distances
        between the stored states are not best.

    Hint:
        With S slots, say the first state after s[0] is stored y steps on. What remains is two problems of
        the same kind: with how many steps and how many slots each? The best y may be searched for.
    """
    # BEGIN SOLUTION
    store, advance, back, restore, free = range(5)
    actions, stored, current = [(store, 0)], [0], 0
    for last in reversed(range(T)):
        if current != stored[-1]:
            current = stored[-1]
            actions.append((restore, current))
        while current < last:
            # The slots not in use, and the one that holds the current state.
            current += _first_stop(last + 1 - current, slots - len(stored) + 1)
            actions.append((advance, current))
            if current < last:
                stored.append(current)
                actions.append((store, current))
        actions.append((back, last))
        if stored[-1] == last:
            actions.append((free, stored.pop()))
    return np.array(actions)
    # END SOLUTION
