import numpy as np
import pytest
import torch
from memnet.rnn import output_head, rnn_forward, rnn_forward_masked, rnn_step, sequence_loss
from torch import nn


def draw_rnn(draw, size):
    N, T, D, H = size
    return draw(N, T, D), draw(N, H), draw(H, D), draw(H, H), draw(H)


def test_rnn_step_is_torchs_cell(size, draw, agree, leaf):
    x, h0, W_xh, W_hh, b = draw_rnn(draw, size)
    cell = nn.RNNCell(size[2], size[3]).double()
    weights = {
        "weight_ih": leaf(W_xh),
        "weight_hh": leaf(W_hh),
        "bias_ih": leaf(b),
        "bias_hh": torch.zeros(size[3]).double(),
    }
    expected = torch.func.functional_call(cell, weights, (leaf(x[:, 0]), leaf(h0)))
    agree(rnn_step(x[:, 0], h0, W_xh, W_hh, b), expected)


def test_rnn_forward_is_torchs_rnn(size, draw, agree, leaf, torch_rnn):
    x, h0, *weights = draw_rnn(draw, size)
    expected, _ = torch_rnn(nn.RNN, leaf(x), [leaf(h0)], *map(leaf, weights))
    agree(rnn_forward(x, h0, *weights), expected)


def test_two_chunks_equal_one_pass(draw, agree):
    x, h0, *weights = draw_rnn(draw, (3, 8, 4, 5))
    first = rnn_forward(x[:, :3], h0, *weights)
    second = rnn_forward(x[:, 3:], first[:, -1], *weights)
    agree(np.concatenate([first, second], axis=1), rnn_forward(x, h0, *weights))


def test_a_state_does_not_see_the_future(draw):
    x, h0, *weights = draw_rnn(draw, (3, 8, 4, 5))
    changed = x.copy()
    changed[:, 4] += 1
    before, after = rnn_forward(x, h0, *weights), rnn_forward(changed, h0, *weights)
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.isclose(before[:, 4:], after[:, 4:]).all(axis=2).any()


def test_arrays_need_not_be_contiguous(draw, agree):
    x, h0, *weights = draw_rnn(draw, (3, 8, 4, 5))
    strided = [np.repeat(array, 2, axis=-1)[..., ::2] for array in (x, h0, *weights)]
    agree(rnn_forward(*strided), rnn_forward(x, h0, *weights))
    agree(rnn_forward(np.asfortranarray(x), h0, *weights), rnn_forward(x, h0, *weights))


def test_output_head_is_torchs_linear(size, draw, agree, leaf):
    N, T, _, H = size
    h, W_hy, b_y = draw(N, T, H), draw(6, H), draw(6)
    agree(output_head(h, W_hy, b_y), nn.functional.linear(leaf(h), leaf(W_hy), leaf(b_y)))


def draw_loss(draw, size, V=6):
    N, T, *_ = size
    rng = np.random.default_rng(21)
    mask = rng.random((N, T)) < 0.6
    mask[0, 0] = True
    return draw(N, T, V), rng.integers(0, V, (N, T)), mask


@pytest.mark.parametrize("junk", [-1, -100, 6, 10**9])
def test_sequence_loss_is_torchs_cross_entropy(size, draw, agree, leaf, junk):
    y, targets, mask = draw_loss(draw, size)
    targets = np.where(mask, targets, junk)
    scores = leaf(y)
    expected = nn.functional.cross_entropy(scores[mask], torch.tensor(targets[mask]))
    expected.backward()
    loss, dy = sequence_loss(y, targets, mask)
    assert type(loss) is float
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    agree(dy, scores.grad)


def test_large_scores_stay_finite(draw, agree, leaf):
    y, targets, mask = draw_loss(draw, (3, 8, 4, 5))
    y = y + np.array([1000.0, -1000.0, 0.0, 0.0, 500.0, 0.0])
    scores = leaf(y)
    expected = nn.functional.cross_entropy(scores[mask], torch.tensor(targets[mask]))
    expected.backward()
    loss, dy = sequence_loss(y, targets, mask)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    agree(dy, scores.grad)


def test_a_masked_position_moves_nothing(draw):
    y, targets, mask = draw_loss(draw, (3, 8, 4, 5))
    changed = np.where(mask[..., np.newaxis], y, np.nan)
    loss, dy = sequence_loss(y, targets, mask)
    changed_loss, changed_dy = sequence_loss(changed, targets, mask)
    assert changed_loss == loss
    assert np.array_equal(changed_dy, dy)
    assert not dy[~mask].any()


def test_nothing_kept_gives_zeros(draw):
    y, targets, mask = draw_loss(draw, (3, 8, 4, 5))
    loss, dy = sequence_loss(y, targets, np.zeros_like(mask))
    assert type(loss) is float
    assert loss == 0.0
    assert dy.shape == y.shape
    assert not dy.any()


def ragged_lengths(N, T):
    """From T down, and 0 for the last of several samples."""
    return np.round(np.linspace(T, 0, N)).astype(int)


def test_rnn_forward_masked_is_each_sample_run_alone(size, draw, agree, leaf, torch_rnn):
    x, h0, *weights = draw_rnn(draw, size)
    N, T, _, H = size
    lengths = ragged_lengths(N, T)
    h, h_last = rnn_forward_masked(x, lengths, h0, *weights)
    expected, expected_last = np.empty((N, T, H)), np.empty((N, H))
    for n, length in enumerate(lengths):
        expected_last[n] = h0[n]
        if length:
            alone = leaf(x[n : n + 1, :length])
            states, last = torch_rnn(nn.RNN, alone, [leaf(h0[n : n + 1])], *map(leaf, weights))
            expected[n, :length], expected_last[n] = states[0].detach(), last[0, 0].detach()
        expected[n, length:] = expected_last[n]
    agree(h, expected)
    agree(h_last, expected_last)


def test_padding_moves_nothing(draw):
    x, h0, *weights = draw_rnn(draw, (3, 8, 4, 5))
    lengths = np.array([8, 5, 2])
    junk = np.where(np.arange(8)[:, np.newaxis] < lengths[:, np.newaxis, np.newaxis], x, np.nan)
    for before, after in zip(
        rnn_forward_masked(x, lengths, h0, *weights),
        rnn_forward_masked(junk, lengths, h0, *weights),
        strict=True,
    ):
        assert np.array_equal(before, after)


def test_full_lengths_change_nothing(draw, agree):
    x, h0, *weights = draw_rnn(draw, (3, 8, 4, 5))
    h, h_last = rnn_forward_masked(x, np.array([8, 8, 8]), h0, *weights)
    agree(h, rnn_forward(x, h0, *weights))
    agree(h_last, h[:, -1])
