import numpy as np

from .nets import Linear, Loss, Tanh


class Functions:
    """The functions of this module."""

    def rnn_step(self, x_t, h_prev, W_xh, W_hh, b):
        return Tanh(W_xh, W_hh, b)(x_t, h_prev)

    def rnn_forward(self, x, h0, W_xh, W_hh, b):
        return self.rnn_forward_masked(x, np.full(len(x), x.shape[1]), h0, W_xh, W_hh, b)[0]

    def output_head(self, h, W_hy, b_y):
        return Linear(W_hy, b_y)(h)

    def sequence_loss(self, y, targets, mask):
        dy = np.zeros(y.shape)
        if not mask.any():
            return 0.0, dy
        loss = Loss(y[mask])
        dy[mask] = loss.back(targets[mask])
        return loss.value(targets[mask]), dy

    def rnn_forward_masked(self, x, lengths, h0, W_xh, W_hh, b):
        cell, h, state = Tanh(W_xh, W_hh, b), np.zeros((*x.shape[:2], len(b))), np.array(h0)
        for t in range(x.shape[1]):
            live = lengths > t
            state = np.where(live[:, None], cell(x[:, t], state), state)
            h[:, t] = state
        return h, state


_functions = Functions()
rnn_step, rnn_forward = _functions.rnn_step, _functions.rnn_forward
output_head, sequence_loss = _functions.output_head, _functions.sequence_loss
rnn_forward_masked = _functions.rnn_forward_masked
