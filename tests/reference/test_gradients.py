import numpy as np
import pytest
import torch
from memnet.gradients import clip_by_global_norm, gradient_norms, step_jacobian
from memnet.rnn import rnn_forward
from torch.autograd.functional import jacobian


def draw_rnn(draw, size):
    N, T, D, H = size
    x, h0, W_xh, W_hh, b = draw(N, T, D), draw(N, H), draw(H, D), draw(H, H), draw(H)
    return x, h0, W_xh, W_hh, b, rnn_forward(x, h0, W_xh, W_hh, b)


def test_step_jacobian_is_torchs(size, draw, agree, leaf):
    x, h0, *weights, h = draw_rnn(draw, size)
    W_xh, W_hh, b = map(leaf, weights)
    each = [
        jacobian(lambda h_prev, n=n: torch.tanh(W_xh @ leaf(x[n, 0]) + W_hh @ h_prev + b), leaf(h0[n]))
        for n in range(size[0])
    ]
    agree(step_jacobian(h[:, 0], weights[1]), torch.stack(each))


def test_gradient_norms_are_those_of_autograd(size, draw, agree, leaf):
    x, h0, *weights, h = draw_rnn(draw, size)
    dh_last = draw(size[0], size[3])
    W_xh, W_hh, b = map(leaf, weights)
    states = [leaf(h0)]
    for t in range(size[1]):
        states.append(torch.tanh(leaf(x[:, t]) @ W_xh.T + states[-1] @ W_hh.T + b))
    for state in states[1:]:
        state.retain_grad()
    states[-1].backward(leaf(dh_last))
    expected = torch.stack([state.grad.norm() for state in states[1:]])
    agree(gradient_norms(dh_last, h, weights[1]), expected)


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 2.7])
def test_clip_by_global_norm_is_torchs_up_to_its_epsilon(draw, agree, leaf, max_norm):
    grads = [draw(5, 4), draw(5, 5), draw(5)]
    parameters = [leaf(np.zeros_like(grad)) for grad in grads]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = torch.tensor(grad.copy())
    total = torch.nn.utils.clip_grad_norm_(parameters, max_norm).item()
    assert total > max_norm
    clipped, norm = clip_by_global_norm(grads, max_norm)
    assert type(norm) is float
    assert norm == pytest.approx(total, rel=1e-12)
    for grad, parameter in zip(clipped, parameters, strict=True):
        agree(grad, parameter.grad * ((total + 1e-6) / total))  # torch divides by total + 1e-6
    assert clip_by_global_norm(clipped, max_norm)[1] == pytest.approx(max_norm, rel=1e-12)


@pytest.mark.parametrize("max_norm", [5.0, 5.1, 1e9])
def test_short_gradients_come_back_as_equal_copies(max_norm):
    grads = [np.array([3.0]), np.array([[4.0]])]
    clipped, norm = clip_by_global_norm(grads, max_norm)
    assert norm == 5.0
    assert clipped is not grads
    for new, old in zip(clipped, grads, strict=True):
        assert np.array_equal(new, old)
        assert not np.shares_memory(new, old)


def test_zero_gradients_stay_zero():
    clipped, norm = clip_by_global_norm([np.zeros((2, 3)), np.zeros(2)], 1.0)
    assert norm == 0.0
    assert [grad.shape for grad in clipped] == [(2, 3), (2,)]
    assert not any(grad.any() for grad in clipped)
