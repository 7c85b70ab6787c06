import numpy as np

from .cells import LSTMCell


def lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    cell = LSTMCell(W_xh, W_hh, b)
    gates = cell.gates(x_t, h_prev)
    c_t = cell.new_cell(gates, c_prev)
    return cell.output(gates, c_t), c_t, gates


def lstm_forward(x, h0, c0, W_xh, W_hh, b):
    states = [(h0, c0, None)]
    for x_t in x.transpose(1, 0, 2):
        states.append(lstm_step(x_t, *states[-1][:2], W_xh, W_hh, b))
    h, c, gates = (np.stack(part, axis=1) for part in zip(*states[1:]))
    return h, c, gates


def lstm_step_backward(dh_t, dc_t, x_t, h_prev, c_prev, c_t, gates, W_xh, W_hh):
    cell = LSTMCell(W_xh, W_hh)
    dx_t, dh_prev, dc_prev = cell.back(dh_t, dc_t, x_t, h_prev, c_prev, gates)
    return dx_t, dh_prev, dc_prev, cell.dW_xh, cell.dW_hh, cell.db


def lstm_backward(dh, dc_last, x, h0, c0, h, c, gates, W_xh, W_hh):
    """h and c are not used: the gates and the first states give them again."""
    cell = LSTMCell(W_xh, W_hh)
    T = x.shape[1]
    hs, cs = [h0], [c0]
    for t in range(T):
        cs.append(cell.new_cell(gates[:, t], cs[-1]))
        hs.append(cell.output(gates[:, t], cs[-1]))
    dx = np.empty_like(x)
    carry_h, carry_c = np.zeros_like(h0), dc_last
    for t in reversed(range(T)):
        dx[:, t], carry_h, carry_c = cell.back(dh[:, t] + carry_h, carry_c, x[:, t], hs[t], cs[t], gates[:, t])
    return dx, carry_h, carry_c, cell.dW_xh, cell.dW_hh, cell.db


def pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o):
    H = b_f.size
    gates = [W_i, W_f, W_C, W_o]
    W_xh = np.concatenate([W[:, H:] for W in gates])
    W_hh = np.concatenate([W[:, :H] for W in gates])
    return W_xh, W_hh, np.ravel([b_i, b_f, b_C, b_o])
