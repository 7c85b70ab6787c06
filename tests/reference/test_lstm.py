import numpy as np
import torch
from memnet.lstm import lstm_backward, lstm_forward, lstm_step, lstm_step_backward, pack_lstm_weights
from torch import nn


def draw_lstm(draw, size):
    """x, h0, c0, W_xh, W_hh, b."""
    N, T, D, H = size
    return draw(N, T, D), draw(N, H), draw(N, H), draw(4 * H, D), draw(4 * H, H), draw(4 * H)


def torch_step(x_t, h_prev, c_prev, W_xh, W_hh, b):
    """The cell written out in torch: it gives the gates, and autograd gives the gradients."""
    i, f, g, o = (x_t @ W_xh.T + h_prev @ W_hh.T + b).chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c_t = f * c_prev + i * g
    return o * c_t.tanh(), c_t, torch.cat([i, f, g, o], dim=1)


def test_lstm_step_is_torchs_cell(size, draw, agree, leaf):
    x, h0, c0, W_xh, W_hh, b = draw_lstm(draw, size)
    leaves = [leaf(array) for array in (x[:, 0], h0, c0, W_xh, W_hh, b)]
    x_t, h_prev, c_prev, *weights = leaves
    names = ("weight_ih", "weight_hh", "bias_ih")
    weights = dict(zip(names, weights, strict=True), bias_hh=torch.zeros(4 * size[3]).double())
    cell = nn.LSTMCell(size[2], size[3]).double()
    expected = torch.func.functional_call(cell, weights, (x_t, (h_prev, c_prev)))
    h_t, c_t, gates = lstm_step(x[:, 0], h0, c0, W_xh, W_hh, b)
    agree(h_t, expected[0])
    agree(c_t, expected[1])
    agree(gates, torch_step(*leaves)[2])


def test_lstm_forward_is_torchs_lstm(size, draw, agree, leaf, torch_rnn):
    x, h0, c0, *weights = draw_lstm(draw, size)
    leaves = [leaf(array) for array in (x, h0, c0, *weights)]
    states, (h_last, c_last) = torch_rnn(nn.LSTM, leaves[0], leaves[1:3], *leaves[3:])
    h, c, gates = lstm_forward(x, h0, c0, *weights)
    agree(h, states)
    agree(h[:, -1], h_last[0])
    agree(c[:, -1], c_last[0])
    x_leaf, h_t, c_t, *rest = leaves
    for t in range(size[1]):
        h_t, c_t, gates_t = torch_step(x_leaf[:, t], h_t, c_t, *rest)
        agree(c[:, t], c_t)
        agree(gates[:, t], gates_t)


def test_two_chunks_equal_one_pass(draw, agree):
    x, h0, c0, *weights = draw_lstm(draw, (3, 8, 4, 5))
    first = lstm_forward(x[:, :3], h0, c0, *weights)
    second = lstm_forward(x[:, 3:], first[0][:, -1], first[1][:, -1], *weights)
    for a, b, whole in zip(first, second, lstm_forward(x, h0, c0, *weights), strict=True):
        agree(np.concatenate([a, b], axis=1), whole)


def test_extreme_inputs_neither_overflow_nor_warn(draw, agree, leaf):
    x, h0, c0, *weights = draw_lstm(draw, (3, 8, 4, 5))
    h_t, c_t, gates = lstm_step(1e6 * x[:, 0], h0, c0, *weights)
    expected = torch_step(*map(leaf, (1e6 * x[:, 0], h0, c0, *weights)))
    for actual, tensor in zip((h_t, c_t, gates), expected, strict=True):
        agree(actual, tensor)


def test_lstm_step_backward_is_autograd(size, draw, agree, leaf):
    x, h0, c0, W_xh, W_hh, b = draw_lstm(draw, size)
    dh_t, dc_t = draw(*h0.shape), draw(*h0.shape)
    leaves = [leaf(array) for array in (x[:, 0], h0, c0, W_xh, W_hh, b)]
    h_t, c_t, gates = torch_step(*leaves)
    torch.autograd.backward([h_t, c_t], [leaf(dh_t), leaf(dc_t)])
    forward = c_t.detach().numpy(), gates.detach().numpy()
    grads = lstm_step_backward(dh_t, dc_t, x[:, 0], h0, c0, *forward, W_xh, W_hh)
    assert len(grads) == 6
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


def test_lstm_backward_is_autograd_through_torchs_lstm(size, draw, agree, leaf, torch_rnn):
    x, h0, c0, W_xh, W_hh, b = draw_lstm(draw, size)
    dh, dc_last = draw(*x.shape[:2], size[3]), draw(*h0.shape)
    leaves = [leaf(array) for array in (x, h0, c0, W_xh, W_hh, b)]
    states, (_, c_last) = torch_rnn(nn.LSTM, leaves[0], leaves[1:3], *leaves[3:])
    torch.autograd.backward([states, c_last], [leaf(dh), leaf(dc_last[np.newaxis])])
    forward = lstm_forward(x, h0, c0, W_xh, W_hh, b)
    for array in forward:
        array.setflags(write=False)
    grads = lstm_backward(dh, dc_last, x, h0, c0, *forward, W_xh, W_hh)
    assert len(grads) == 6
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


def test_packed_weights_do_what_the_four_matrices_do(size, draw, agree):
    N, _, D, H = size
    W_f, W_i, W_C, W_o = (draw(H, H + D) for _ in range(4))
    b_f, b_i, b_C, b_o = (draw(H) for _ in range(4))
    x_t, h_prev, c_prev = draw(N, D), draw(N, H), draw(N, H)
    hx = np.concatenate([h_prev, x_t], axis=1)

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    c_t = sigmoid(hx @ W_f.T + b_f) * c_prev + sigmoid(hx @ W_i.T + b_i) * np.tanh(hx @ W_C.T + b_C)
    h_t = sigmoid(hx @ W_o.T + b_o) * np.tanh(c_t)

    W_xh, W_hh, b = pack_lstm_weights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o)
    assert (W_xh.shape, W_hh.shape, b.shape) == ((4 * H, D), (4 * H, H), (4 * H,))
    actual = lstm_step(x_t, h_prev, c_prev, W_xh, W_hh, b)
    agree(actual[0], h_t)
    agree(actual[1], c_t)
