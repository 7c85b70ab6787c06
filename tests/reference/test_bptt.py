import numpy as np
import pytest
import torch
from memnet.bptt import (
    embedding_backward,
    output_head_backward,
    rnn_backward,
    rnn_backward_truncated,
    rnn_step_backward,
)
from memnet.rnn import rnn_forward
from torch import nn


def draw_rnn(draw, size):
    N, T, D, H = size
    x, h0, W_xh, W_hh, b = draw(N, T, D), draw(N, H), draw(H, D), draw(H, H), draw(H)
    return x, h0, W_xh, W_hh, b, rnn_forward(x, h0, W_xh, W_hh, b), draw(N, T, H)


def test_rnn_step_backward_is_autograd(size, draw, agree, leaf):
    x, h0, W_xh, W_hh, b, h, dh = draw_rnn(draw, size)
    leaves = x_t, h_prev, W_ih, W_rec, bias = [leaf(array) for array in (x[:, 0], h0, W_xh, W_hh, b)]
    torch.tanh(x_t @ W_ih.T + h_prev @ W_rec.T + bias).backward(leaf(dh[:, 0]))
    grads = rnn_step_backward(dh[:, 0], x[:, 0], h0, h[:, 0], W_xh, W_hh)
    assert len(grads) == 5
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


def test_rnn_backward_is_autograd_through_torchs_rnn(size, draw, agree, leaf, torch_rnn):
    *inputs, h, dh = draw_rnn(draw, size)
    x, h0, W_xh, W_hh, _ = inputs
    leaves = [leaf(array) for array in inputs]
    states, _ = torch_rnn(nn.RNN, leaves[0], [leaves[1]], *leaves[2:])
    states.backward(leaf(dh))
    grads = rnn_backward(dh, x, h0, h, W_xh, W_hh)
    assert len(grads) == 5
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


def test_output_head_backward_is_autograd(size, draw, agree, leaf):
    N, T, _, H = size
    dy, h, W_hy, b_y = draw(N, T, 6), draw(N, T, H), draw(6, H), draw(6)
    leaves = [leaf(array) for array in (h, W_hy, b_y)]
    nn.functional.linear(*leaves).backward(leaf(dy))
    for grad, tensor in zip(output_head_backward(dy, h, W_hy), leaves, strict=True):
        agree(grad, tensor.grad)


@pytest.mark.parametrize("V", [2, 6, 50])
def test_embedding_backward_is_autograd(size, draw, agree, leaf, V):
    N, T, D, _ = size
    dx, tokens = draw(N, T, D), np.random.default_rng(22).integers(0, V, (N, T))
    table = leaf(draw(V, D))
    nn.functional.embedding(torch.tensor(tokens), table).backward(leaf(dx))
    agree(embedding_backward(dx, tokens, V), table.grad)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 7, 8, 100])
def test_rnn_backward_truncated_is_detach_between_chunks(size, draw, agree, leaf, torch_rnn, k):
    *inputs, h, dh = draw_rnn(draw, size)
    x, h0, W_xh, W_hh, _ = inputs
    weights = [leaf(array) for array in inputs[2:]]
    state, loss = leaf(h0), torch.zeros(())
    for start in range(0, size[1], k):
        chunk = slice(start, start + k)
        states, last = torch_rnn(nn.RNN, leaf(x[:, chunk]), [state], *weights)
        loss = loss + (states * leaf(dh[:, chunk])).sum()
        state = last[0].detach()
    loss.backward()
    grads = rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k)
    assert len(grads) == 3
    for grad, tensor in zip(grads, weights, strict=True):
        agree(grad, tensor.grad)


def test_truncation_changes_the_gradient_unless_one_chunk_holds_all(draw):
    x, h0, W_xh, W_hh, _, h, dh = draw_rnn(draw, (3, 8, 4, 5))
    full = rnn_backward(dh, x, h0, h, W_xh, W_hh)[2:]
    for k, same in [(3, False), (7, False), (8, True), (9, True)]:
        grads = rnn_backward_truncated(dh, x, h0, h, W_xh, W_hh, k)
        assert all(np.array_equal(a, b) is same for a, b in zip(grads, full, strict=True))
