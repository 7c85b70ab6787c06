import numpy as np
import torch
from memnet.gru import gru_step
from torch import nn


def draw_gru(draw, size):
    """x_t, h_prev, W_xh, W_hh, b_x, b_h."""
    N, _, D, H = size
    return draw(N, D), draw(N, H), draw(3 * H, D), draw(3 * H, H), draw(3 * H), draw(3 * H)


def test_gru_step_is_torchs_cell(size, draw, agree, leaf):
    inputs = draw_gru(draw, size)
    x_t, h_prev, *weights = map(leaf, inputs)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    cell = nn.GRUCell(size[2], size[3]).double()
    expected = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (x_t, h_prev))
    h_t, _ = gru_step(*inputs)
    agree(h_t, expected)


def test_gates_are_r_z_n_after_their_nonlinearity(size, draw, agree, leaf):
    inputs = draw_gru(draw, size)
    x_t, h_prev, W_xh, W_hh, b_x, b_h = map(leaf, inputs)
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (
        (v @ W.T + b).chunk(3, dim=1) for v, W, b in ((x_t, W_xh, b_x), (h_prev, W_hh, b_h))
    )
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    agree(gru_step(*inputs)[1], torch.cat([r, z, torch.tanh(x_n + r * h_n)], dim=1))


def test_an_open_update_gate_keeps_the_state(draw):
    x_t, h_prev, W_xh, W_hh, b_x, b_h = draw_gru(draw, (3, 1, 4, 5))
    wide_open = b_x + np.repeat([0.0, 1e4, 0.0], 5)
    h_t, _ = gru_step(x_t, h_prev, W_xh, W_hh, wide_open, b_h)
    assert np.array_equal(h_t, h_prev)
    assert not np.shares_memory(h_t, h_prev)
