"""The LSTM: one step, a sequence, and the way back through both. Imports numpy only.

Axes: N batch, T timesteps, D input features, H hidden units. The four gates lie side by side in 4H columns,
in torch's order: i (input), f (forget), g (candidate), o (output). dv means dL/dv and has the shape of v.
Give new arrays back. Changing an input in place earns a warning, and so does a float32 result; neither costs
points.
"""

import numpy as np

# BEGIN SOLUTION
from .shared import previous, sigmoid, weight_gradients


def _cell(a: np.ndarray, c_prev: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(h_t, c_t, gates) from what the four gates are given, a (N, 4H)."""
    H = c_prev.shape[1]
    gates = sigmoid(a)
    gates[:, 2 * H : 3 * H] = np.tanh(a[:, 2 * H : 3 * H])  # g is the one that is no sigmoid
    i, f, g, o = np.split(gates, 4, axis=1)
    c_t = f * c_prev + i * g
    return o * np.tanh(c_t), c_t, gates


def _cell_backward(
    dh_t: np.ndarray, dc_t: np.ndarray, c_prev: np.ndarray, c_t: np.ndarray, gates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(da (N, 4H), dc_prev (N, H)), the way back through `_cell`."""
    i, f, g, o = np.split(gates, 4, axis=1)
    tanh_c = np.tanh(c_t)
    dc = dc_t + dh_t * o * (1.0 - tanh_c**2)  # c_t acts on the next step, and on h_t
    da = np.concatenate(
        [
            dc * g * i * (1.0 - i),
            dc * c_prev * f * (1.0 - f),
            dc * i * (1.0 - g**2),
            dh_t * tanh_c * o * (1.0 - o),
        ],
        axis=1,
    )
    return da, dc * f


# END SOLUTION


def lstm_step(
    x_t: np.ndarray,
    h_prev: np.ndarray,
    c_prev: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
    b: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Advance the hidden state and the cell state of a whole batch by one timestep.

    Inputs:
        x_t     (N, D) float64: what each sample reads at this timestep
        h_prev  (N, H) float64: the hidden state before the step
        c_prev  (N, H) float64: the cell state before the step
        W_xh    (4H, D) float64: weights from input to gates, rows in the order i, f, g, o
        W_hh    (4H, H) float64: weights from hidden state to gates, rows in the same order
        b       (4H,) float64: bias, in the same order

    Returns:
        h_t     (N, H) float64: the hidden state after the step
        c_t     (N, H) float64: the cell state after the step
        gates   (N, 4H) float64: i, f, g, o side by side, after their nonlinearity

    Equation, for one sample, with ⊙ for the product entry by entry:
        a = W_xh x_t + W_hh h_prev + b, cut into a_i, a_f, a_g, a_o
        i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
        c_t = f ⊙ c_prev + i ⊙ g
        h_t = o ⊙ tanh(c_t)

    Example:
        One feature, one unit: a = (1, 2, 0.5, 0), so i = 0.7311, f = 0.8808, g = 0.4621, o = 0.5. Then c_t =
        0.8808 * (-1) + 0.7311 * 0.4621 = -0.5430 and h_t = 0.5 * tanh(-0.5430) = -0.2476.

    >>> W_xh, W_hh = np.array([[0.0], [1.0], [1.0], [-1.0]]), np.array([[2.0], [0.0], [-1.0], [0.0]])
    >>> x_t, h_prev, c_prev = np.array([[1.0]]), np.array([[0.5]]), np.array([[-1.0]])
    >>> b = np.array([0.0, 1.0, 0.0, 1.0])
    >>> [out.round(4).tolist() for out in lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b)]
    [[[-0.2476]], [[-0.543]], [[0.7311, 0.8808, 0.4621, 0.5]]]

    Watch out:
        Other courses order the gates i, f, o, g or f, i, o, g. Each gate is a block of H neighbouring
        columns, not every fourth column. exp(-a) overflows where a is very negative.

    Hint:
        One product can serve all four gates. How can a sigmoid be written so that no exp can overflow?
        Compare its curve with that of tanh.
    """
    # BEGIN SOLUTION
    return _cell(x_t @ W_xh.T + h_prev @ W_hh.T + b, c_prev)
    # END SOLUTION


def lstm_forward(
    x: np.ndarray, h0: np.ndarray, c0: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run the LSTM over whole sequences and keep both states and the gates of every timestep.

    Inputs:
        x      (N, T, D) float64: the inputs
        h0     (N, H) float64: the hidden state before the first timestep
        c0     (N, H) float64: the cell state before the first timestep
        W_xh   (4H, D) float64: weights from input to gates, rows in the order i, f, g, o
        W_hh   (4H, H) float64: weights from hidden state to gates, rows in the same order
        b      (4H,) float64: bias, in the same order

    Returns:
        h      (N, T, H) float64: h[:, t] is the hidden state after x[:, t] was read
        c      (N, T, H) float64: the cell states, likewise
        gates  (N, T, 4H) float64: the gates of every timestep, after their nonlinearity

    Equation:
        h[t], c[t], gates[t] = lstm_step of x[t], h[t-1] and c[t-1], where h0 and c0 stand for h[-1] and c[-1]

    Example:
        One unit without weights, with b = 0: every i, f and o is 0.5 and every g is 0, so the cell halves at
        each step, from 8 to 4 to 2, and h = 0.5 * tanh(c) = 0.4997, 0.4820.

    >>> x, h0, c0 = np.ones((1, 2, 1)), np.zeros((1, 1)), np.array([[8.0]])
    >>> h, c, gates = lstm_forward(x, h0, c0, np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4))
    >>> h.round(4).tolist(), c.tolist()
    ([[[0.4997], [0.482]]], [[[4.0], [2.0]]])

    Watch out:
        Two states go from step to step. c[:, t-1] at t = 0 is the last slot, not c0.

    Hint:
        As in rnn_forward: which part of all the gates is known before the first step?
    """
    # BEGIN SOLUTION
    N, T, _ = x.shape
    # The inputs are all known, so what they send to every gate is made at once; each step puts the gates in its place.
    gates = x @ W_xh.T + b
    h = np.empty((N, T, h0.shape[1]), gates.dtype)
    c = np.empty_like(h)
    h_t, c_t = h0, c0
    W_hh_T = W_hh.T.copy()  # turned once, not again at every step
    for t in range(T):
        h_t, c_t, gates[:, t] = _cell(gates[:, t] + h_t @ W_hh_T, c_t)
        h[:, t], c[:, t] = h_t, c_t
    return h, c, gates
    # END SOLUTION


def lstm_step_backward(
    dh_t: np.ndarray,
    dc_t: np.ndarray,
    x_t: np.ndarray,
    h_prev: np.ndarray,
    c_prev: np.ndarray,
    c_t: np.ndarray,
    gates: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss back through one step of the LSTM.

    Inputs:
        dh_t     (N, H) float64: dL/dh_t, all of it
        dc_t     (N, H) float64: what later steps send into c_t; the way through h_t is not in it
        x_t      (N, D) float64: what the step read
        h_prev   (N, H) float64: the hidden state before the step
        c_prev   (N, H) float64: the cell state before the step
        c_t      (N, H) float64: the cell state after the step
        gates    (N, 4H) float64: i, f, g, o of the step, after their nonlinearity
        W_xh     (4H, D) float64: weights from input to gates, rows in the order i, f, g, o
        W_hh     (4H, H) float64: weights from hidden state to gates, rows in the same order

    Returns:
        dx_t     (N, D) float64: dL/dx_t
        dh_prev  (N, H) float64: dL/dh_prev
        dc_prev  (N, H) float64: dL/dc_prev
        dW_xh    (4H, D) float64: dL/dW_xh, added up over the batch
        dW_hh    (4H, H) float64: dL/dW_hh, added up over the batch
        db       (4H,) float64: dL/db, added up over the batch

    Equation:
        the step was c_t = f ⊙ c_prev + i ⊙ g and h_t = o ⊙ tanh(c_t), with a as in lstm_step, and
        tanh'(a) = 1 - tanh(a)^2        sigmoid'(a) = sigmoid(a) * (1 - sigmoid(a))
        once dL/da is known for all 4H rows, the rest goes as in rnn_step_backward

    Example:
        The step of lstm_step, with dh_t = 1 and dc_t = 0.5. tanh(c_t) = -0.4952, so all that reaches c_t is
        0.5 + 1 * 0.5 * (1 - 0.4952^2) = 0.8774, and dc_prev = 0.8774 * 0.8808 = 0.7728. The gate i gets
        0.8774 * 0.4621 * 0.7311 * (1 - 0.7311) = 0.0797 at its a.

    >>> W_xh, W_hh = np.array([[0.0], [1.0], [1.0], [-1.0]]), np.array([[2.0], [0.0], [-1.0], [0.0]])
    >>> x_t, h_prev, c_prev = np.array([[1.0]]), np.array([[0.5]]), np.array([[-1.0]])
    >>> i, f, g, o = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(-2.0)), np.tanh(0.5), 0.5
    >>> c_t, gates = np.array([[i * g - f]]), np.array([[i, f, g, o]])
    >>> dh_t, dc_t = np.array([[1.0]]), np.array([[0.5]])
    >>> grads = lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh)
    >>> dx_t, dh_prev, dc_prev, dW_xh, dW_hh, db = [grad.round(4).tolist() for grad in grads]
    >>> dx_t, dh_prev, dc_prev, db
    ([[0.5361]], [[-0.345]], [[0.7728]], [0.0797, -0.0921, 0.5044, -0.1238])

    Watch out:
        The gates come after their nonlinearity: no second sigmoid. Add to dc_t in a new array: `+=` would
        change the caller's, which earns a warning.

    Hint:
        By how many ways does c_t reach the loss? Settle that before any gate. Which of the four gates never
        touches c_t? Which of them is no sigmoid?
    """
    # BEGIN SOLUTION
    da, dc_prev = _cell_backward(dh_t, dc_t, c_prev, c_t, gates)
    return da @ W_xh, da @ W_hh, dc_prev, da.T @ x_t, da.T @ h_prev, da.sum(axis=0)
    # END SOLUTION


def lstm_backward(
    dh: np.ndarray,
    dc_last: np.ndarray,
    x: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    gates: np.ndarray,
    W_xh: np.ndarray,
    W_hh: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take the gradient of the loss back through all timesteps of the LSTM.

    Inputs:
        dh       (N, T, H) float64: dh[:, t] is what the loss of step t itself sends into h[:, t]
        dc_last  (N, H) float64: what the loss sends into the last cell state, not by way of the last h
        x        (N, T, D) float64: the inputs
        h0       (N, H) float64: the hidden state before the first timestep
        c0       (N, H) float64: the cell state before the first timestep
        h        (N, T, H) float64: the hidden states of the forward pass
        c        (N, T, H) float64: the cell states of the forward pass
        gates    (N, T, 4H) float64: i, f, g, o of every timestep, after their nonlinearity
        W_xh     (4H, D) float64: weights from input to gates, rows in the order i, f, g, o
        W_hh     (4H, H) float64: weights from hidden state to gates, rows in the same order

    Returns:
        dx       (N, T, D) float64: dL/dx
        dh0      (N, H) float64: dL/dh0
        dc0      (N, H) float64: dL/dc0
        dW_xh    (4H, D) float64: dL/dW_xh, added up over batch and timesteps
        dW_hh    (4H, H) float64: dL/dW_hh, added up over batch and timesteps
        db       (4H,) float64: dL/db, added up over batch and timesteps

    Equation:
        every step goes back as in lstm_step_backward, from the last to the first
        step t takes dh_t = dh[t] + (dh_prev of step t+1) and dc_t = (dc_prev of step t+1)
        the last step takes dh_t = dh[T-1] and dc_t = dc_last
        dL/dW = the sum over t of what step t alone contributes

    Example:
        lstm_forward's example with dh = 0 and dc_last = 1: nothing but the forget gates stands in the way,
        so dc0 = 0.5 * 0.5 * 1.

    >>> x, h0, c0 = np.ones((1, 2, 1)), np.zeros((1, 1)), np.array([[8.0]])
    >>> c, gates = np.array([[[4.0], [2.0]]]), np.array([[[0.5, 0.5, 0.0, 0.5]] * 2])
    >>> h, W = 0.5 * np.tanh(c), np.zeros((4, 1))
    >>> grads = lstm_backward(np.zeros((1, 2, 1)), np.ones((1, 1)), x, h0, c0, h, c, gates, W, W)
    >>> dx, dh0, dc0, dW_xh, dW_hh, db = [grad.round(4).tolist() for grad in grads]
    >>> dc0, db
    ([[0.25]], [0.0, 2.0, 0.75, 0.0])

    Watch out:
        dh is not what steps pass to each other, and the cell has no dh of its own: dc_last comes in once, at
        the end. h[:, t-1] and c[:, t-1] at t = 0 are the last slots.

    Hint:
        Two gradients go back from step to step. Which of them is added to something that comes in from
        outside at every t, and which is handed on as it is?
    """
    # BEGIN SOLUTION
    c_prev = previous(c0, c)
    da = np.empty_like(gates)
    carry_h, carry_c = np.zeros_like(h0), dc_last
    for t in reversed(range(x.shape[1])):
        da[:, t], carry_c = _cell_backward(dh[:, t] + carry_h, carry_c, c_prev[:, t], c[:, t], gates[:, t])
        carry_h = da[:, t] @ W_hh
    return da @ W_xh, carry_h, carry_c, *weight_gradients(da, x, previous(h0, h))
    # END SOLUTION


def pack_lstm_weights(
    W_f: np.ndarray,
    b_f: np.ndarray,
    W_i: np.ndarray,
    b_i: np.ndarray,
    W_C: np.ndarray,
    b_C: np.ndarray,
    W_o: np.ndarray,
    b_o: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rearrange the lesson's four gate matrices into the layout of torch, which lstm_step uses.

    Inputs:
        W_f, b_f  (H, H+D) and (H,) float64: forget gate, acting on [h_prev, x_t], the state first
        W_i, b_i  (H, H+D) and (H,) float64: input gate, likewise
        W_C, b_C  (H, H+D) and (H,) float64: candidate, called C-tilde in the lesson and g here
        W_o, b_o  (H, H+D) and (H,) float64: output gate

    Returns:
        W_xh      (4H, D) float64: the columns that act on x_t, rows in the order i, f, g, o
        W_hh      (4H, H) float64: the columns that act on h_prev, rows in the same order
        b         (4H,) float64: the biases, in the same order

    Equation, for each gate:
        W [h_prev, x_t] + b = (first H columns of W) h_prev + (other D columns of W) x_t + b

    Example:
        One feature, one unit; tens act on x.

    >>> W_f, W_i = np.array([[2.0, 20.0]]), np.array([[1.0, 10.0]])
    >>> W_C, W_o = np.array([[3.0, 30.0]]), np.array([[4.0, 40.0]])
    >>> b_f, b_i, b_C, b_o = np.array([0.2]), np.array([0.1]), np.array([0.3]), np.array([0.4])
    >>> [out.tolist() for out in pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o)]
    [[[10.0], [20.0], [30.0], [40.0]], [[1.0], [2.0], [3.0], [4.0]], [0.1, 0.2, 0.3, 0.4]]

    Watch out:
        The arguments come in the lesson's order, forget gate first; the result does not. H and D may differ.
    """
    # BEGIN SOLUTION
    H = len(b_f)
    W = np.concatenate([W_i, W_f, W_C, W_o])
    return W[:, H:], W[:, :H], np.concatenate([b_i, b_f, b_C, b_o])
    # END SOLUTION
