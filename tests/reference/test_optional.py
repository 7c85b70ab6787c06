import heapq
from itertools import product
from math import ceil, comb, log2

import numpy as np
import pytest
import torch
from memnet.gru import gru_step
from memnet.optional import (
    bidirectional_forward,
    checkpoint_schedule,
    gru_backward,
    gru_forward,
    linear_scan,
    linear_scan_parallel,
    two_layer_forward,
)
from memnet.rnn import rnn_forward
from torch import nn

NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

# ---------------------------------------------------------------- GRU


def draw_gru(draw, size):
    """x, h0, W_xh, W_hh, b_x, b_h."""
    N, T, D, H = size
    return draw(N, T, D), draw(N, H), draw(3 * H, D), draw(3 * H, H), draw(3 * H), draw(3 * H)


def torch_gru(x, h0, *weights):
    net = nn.GRU(x.shape[2], h0.shape[1], batch_first=True).double()
    return torch.func.functional_call(net, dict(zip(NAMES, weights, strict=True)), (x, h0[None]))[0]


def test_gru_forward_is_torchs_gru(size, draw, agree, leaf):
    inputs = draw_gru(draw, size)
    h, _ = gru_forward(*inputs)
    agree(h, torch_gru(*map(leaf, inputs)))


def test_gru_forward_is_gru_step_by_step(size, draw, agree):
    x, h_t, *weights = draw_gru(draw, size)
    h, gates = gru_forward(x, h_t, *weights)
    for t in range(size[1]):
        h_t, gates_t = gru_step(x[:, t], h_t, *weights)
        agree(h[:, t], h_t)
        agree(gates[:, t], gates_t)


def test_gru_backward_is_autograd_through_torchs_gru(size, draw, agree, leaf):
    N, T, _, H = size
    inputs = x, h0, W_xh, W_hh, _, b_h = draw_gru(draw, size)
    dh, leaves = draw(N, T, H), [leaf(array) for array in inputs]
    torch_gru(*leaves).backward(leaf(dh))
    h, gates = gru_forward(*inputs)
    grads = gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h)
    assert len(grads) == 6
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


# ---------------------------------------------------------------- two directions, two layers


def draw_bidirectional(draw, size):
    """x, h0, h0_back, then W_xh, W_hh, b of both cells."""
    N, T, D, H = size
    cells = [draw(*shape) for _ in range(2) for shape in ((H, D), (H, H), (H,))]
    return draw(N, T, D), draw(N, H), draw(N, H), cells


def ragged_lengths(N, T):
    """From T down to 1, in no order."""
    lengths = np.round(np.linspace(T, 1, N)).astype(int)
    return lengths[np.random.default_rng(27).permutation(N)]


def test_bidirectional_is_torchs_rnn_on_packed_sequences(size, draw, agree, leaf):
    N, T, D, H = size
    x, h0, h0_back, cells = draw_bidirectional(draw, size)
    lengths = ragged_lengths(N, T)
    lengths[0] = T
    weights = {}
    for suffix, (W_xh, W_hh, b) in (("", cells[:3]), ("_reverse", cells[3:])):
        arrays = (W_xh, W_hh, b, np.zeros(H))
        weights |= {name + suffix: leaf(array) for name, array in zip(NAMES, arrays, strict=True)}
    net = nn.RNN(D, H, batch_first=True, bidirectional=True).double()
    packed = nn.utils.rnn.pack_padded_sequence(
        leaf(x), torch.tensor(lengths), batch_first=True, enforce_sorted=False
    )
    states, last = torch.func.functional_call(net, weights, (packed, leaf(np.stack([h0, h0_back]))))
    expected = nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0].detach().numpy()
    padding = np.arange(T) >= lengths[:, np.newaxis]
    carried = np.concatenate([last[0].detach().numpy(), h0_back], axis=1)
    expected = np.where(padding[..., np.newaxis], carried[:, np.newaxis], expected)
    agree(bidirectional_forward(x, lengths, h0, h0_back, *cells), expected)


def test_bidirectional_is_each_sample_run_alone_both_ways(draw, agree):
    x, h0, h0_back, cells = draw_bidirectional(draw, (3, 8, 4, 5))
    h = bidirectional_forward(x, np.array([8, 5, 2]), h0, h0_back, *cells)
    for n, length in enumerate([8, 5, 2]):
        alone = x[n : n + 1, :length]
        agree(h[n : n + 1, :length, :5], rnn_forward(alone, h0[n : n + 1], *cells[:3]))
        back = rnn_forward(alone[:, ::-1], h0_back[n : n + 1], *cells[3:])
        agree(h[n : n + 1, :length, 5:], back[:, ::-1])


def test_a_sample_of_length_0_keeps_both_initial_states(draw):
    x, h0, h0_back, cells = draw_bidirectional(draw, (2, 3, 4, 5))
    h = bidirectional_forward(x, np.array([3, 0]), h0, h0_back, *cells)
    assert np.array_equal(h[1], np.tile(np.concatenate([h0[1], h0_back[1]]), (3, 1)))


def test_padding_moves_nothing(draw):
    x, h0, h0_back, cells = draw_bidirectional(draw, (3, 8, 4, 5))
    lengths = np.array([8, 5, 2])
    junk = np.where(np.arange(8)[:, np.newaxis] < lengths[:, np.newaxis, np.newaxis], x, np.nan)
    before = bidirectional_forward(x, lengths, h0, h0_back, *cells)
    assert np.array_equal(before, bidirectional_forward(junk, lengths, h0, h0_back, *cells))


def test_two_layers_are_torchs_two_layers(size, draw, agree, leaf):
    N, T, D, H = size
    x, h0 = draw(N, T, D), draw(2, N, H)
    layers = [draw(*shape) for reads in (D, H) for shape in ((H, reads), (H, H), (H,))]
    weights = {}
    for number, (W_xh, W_hh, b) in enumerate((layers[:3], layers[3:])):
        arrays = (W_xh, W_hh, b, np.zeros(H))
        weights |= {name[:-1] + str(number): leaf(a) for name, a in zip(NAMES, arrays, strict=True)}
    net = nn.RNN(D, H, num_layers=2, batch_first=True).double()
    expected = torch.func.functional_call(net, weights, (leaf(x), leaf(h0)))
    for actual, tensor in zip(two_layer_forward(x, h0, *layers), expected, strict=True):
        agree(actual, tensor)


# ---------------------------------------------------------------- linear recurrences


@pytest.mark.parametrize("scan", [linear_scan, linear_scan_parallel])
@pytest.mark.parametrize("T", [1, 2, 3, 4, 5, 8, 9, 31, 33, 100])
def test_a_scan_is_one_product_of_matrices_a_step(draw, agree, scan, T):
    a, b, h0 = 2 * draw(3, T, 5), draw(3, T, 5), draw(3, 5)
    expected, h_t = np.empty((3, T, 5)), np.stack([h0, np.ones((3, 5))])
    for t in range(T):
        step = np.array([[a[:, t], b[:, t]], [np.zeros((3, 5)), np.ones((3, 5))]])
        h_t = np.einsum("ijnh,jnh->inh", step, h_t)
        expected[:, t] = h_t[0]
    agree(scan(a, b, h0), expected)


@pytest.mark.parametrize("scan", [linear_scan, linear_scan_parallel])
def test_a_scan_takes_what_a_division_would_not(draw, agree, scan):
    a, b, h0 = np.full((2, 2000, 3), 0.5), draw(2, 2000, 3), draw(2, 3)
    a[:, ::7] = 0.0
    a.setflags(write=False)
    h = scan(a, b, h0)
    assert np.array_equal(h[:, ::7], b[:, ::7])
    agree(h, linear_scan(a, b, h0))


class Counting(np.ndarray):
    """An array that counts the operations on it and on what comes of it."""

    operations = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        Counting.operations += 1
        plain = [np.asarray(value) for value in inputs]
        if out is not None:
            options["out"] = tuple(np.asarray(value) for value in out)
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Counting)


@pytest.mark.parametrize("T", [1, 2, 3, 8, 9, 1000])
def test_the_parallel_scan_takes_as_many_rounds_as_doublings(draw, T):
    inputs = [array.view(Counting) for array in (draw(1, T, 2), draw(1, T, 2), draw(1, 2))]
    Counting.operations = 0
    linear_scan_parallel(*inputs)
    assert Counting.operations == 2 + 3 * ceil(log2(T))


# ---------------------------------------------------------------- schedules

STORE, ADVANCE, BACK, RESTORE, FREE = range(5)


def simulate(actions, T, slots):
    """Carry out a schedule: how many steps it runs. Asserts that every action is allowed."""
    assert actions.ndim == 2
    assert actions.shape[1] == 2
    assert np.issubdtype(actions.dtype, np.integer)
    current, stored, left, steps = 0, set(), T, 0
    for code, t in actions.tolist():
        if code == STORE:
            assert t == current
            stored.add(t)
            assert len(stored) <= slots
        elif code == ADVANCE:
            assert current < t < T
            steps += t - current
            current = t
        elif code == BACK:
            assert t == current == left - 1
            left = t
        elif code == RESTORE:
            assert t in stored
            current = t
        else:
            assert code == FREE
            stored.remove(t)
    assert left == 0
    return steps


def fewest_steps(most_steps, most_slots):
    """[S, T]: t(T, S) = min over y of y + t(T - y, S - 1) + t(y, S)."""
    T = np.arange(most_steps + 1)
    table = np.zeros((most_slots + 1, most_steps + 1), int)
    table[1] = T * (T - 1) // 2
    for S, T in product(range(2, most_slots + 1), range(2, most_steps + 1)):
        y = np.arange(1, T)
        table[S, T] = (y + table[S - 1, T - y] + table[S, y]).min()
    return table


def binomial_steps(T, S):
    r = next(r for r in range(T + 1) if comb(S + r, S) >= T)
    return r * T - comb(S + r, r - 1) if r else 0


def test_schedules_are_allowed_and_take_the_fewest_steps():
    table = fewest_steps(200, 12)
    for T, slots in product(range(1, 201), range(1, 13)):
        steps = simulate(checkpoint_schedule(T, slots), T, slots)
        assert steps == table[slots, T] == binomial_steps(T, slots)


def test_known_numbers_of_steps():
    for (T, slots), steps in {(10, 3): 15, (50, 3): 180, (50, 5): 122, (79, 5): 232}.items():
        assert simulate(checkpoint_schedule(T, slots), T, slots) == steps


def test_slots_to_spare_run_every_step_but_the_last_once():
    for T, slots in [(1, 1), (1, 9), (5, 4), (5, 5), (300, 5000)]:
        assert simulate(checkpoint_schedule(T, slots), T, slots) == T - 1


def cheapest(T, slots):
    """The fewest steps of any schedule that the rules allow, found by trying all of them."""
    queue, done = [(0, (0, T, ()))], set()  # steps run; current state, steps left to go back, stored states
    while queue:
        steps, place = heapq.heappop(queue)
        if place in done:
            continue
        done.add(place)
        current, left, stored = place
        if left == 0:
            return steps
        after = [(steps + 1, (current + 1, left, stored))] if current + 1 < left else []
        after += [(steps, (t, left, stored)) for t in stored]
        after += [(steps, (current, left, tuple(s for s in stored if s != t))) for t in stored]
        if current == left - 1:
            after.append((steps, (current, left - 1, stored)))
        if current not in stored and len(stored) < slots:
            after.append((steps, (current, left, tuple(sorted((*stored, current))))))
        for entry in after:
            heapq.heappush(queue, entry)
    raise AssertionError("no schedule at all")


@pytest.mark.parametrize("slots", [1, 2, 3, 4])
def test_no_schedule_that_the_rules_allow_takes_fewer(slots):
    for T in range(1, 8):
        assert cheapest(T, slots) == simulate(checkpoint_schedule(T, slots), T, slots)
