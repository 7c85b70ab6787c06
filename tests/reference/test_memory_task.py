import numpy as np
import pytest
from memnet.memory_task import latch_weights, memory_task_label, memory_task_tokens
from memnet.rnn import output_head, rnn_forward

ROWS = 4000
TASKS = [(4, 2), (5, 3), (9, 5), (20, 4), (37, 2), (38, 6)]  # (T, V)


@pytest.fixture(params=TASKS, ids=lambda task: "T{}-V{}".format(*task))
def task(request):
    """tokens, labels, V."""
    T, V = request.param
    tokens = memory_task_tokens(ROWS, T, V, 24)
    tokens.setflags(write=False)
    return tokens, memory_task_label(tokens, V), V


def influence(tokens, label, V):
    """(T,): how many of all labels change when the token at one position becomes another one."""
    rng = np.random.default_rng(25)
    share = np.empty(tokens.shape[1])
    for t in range(tokens.shape[1]):
        changed = tokens.copy()
        changed[:, t] = (changed[:, t] + rng.integers(1, V, len(tokens))) % V
        share[t] = np.mean(memory_task_label(changed, V) != label)
    return share


def best_guess(seen, label):
    """How often somebody is right who sees these tokens only, and knows the task."""
    _, group = np.unique(seen, axis=0, return_inverse=True)
    counts = np.zeros((group.max() + 1, label.max() + 1))
    np.add.at(counts, (group.ravel(), label), 1)
    return counts.max(axis=1).sum() / len(label)


def test_tokens_are_of_the_vocabulary_at_every_position(task):
    tokens, _, V = task
    assert np.issubdtype(tokens.dtype, np.integer)
    for column in tokens.T:
        assert np.array_equal(np.unique(column), np.arange(V))


def test_tokens_depend_on_the_seed_alone():
    tokens = memory_task_tokens(50, 9, 4, 0)
    np.random.seed(1)  # what others draw has no say
    assert tokens.shape == (50, 9)
    assert np.array_equal(memory_task_tokens(50, 9, 4, 0), tokens)
    assert not np.array_equal(memory_task_tokens(50, 9, 4, 1), tokens)


def test_three_positions_decide_and_no_other(task):
    tokens, label, V = task
    T = tokens.shape[1]
    share = influence(tokens, label, V)
    decisive = np.flatnonzero(share)
    assert len(decisive) == 3
    assert (decisive[0], decisive[2]) == (0, T - 1)
    assert T / 4 <= decisive[1] <= 3 * T / 4
    assert (share[decisive] >= 0.25).all()


def test_no_two_parts_are_enough(task):
    tokens, label, V = task
    parts = tokens[:, np.flatnonzero(influence(tokens, label, V))]
    for missing in range(3):
        assert best_guess(np.delete(parts, missing, axis=1), label) <= 0.9
    assert best_guess(parts, label) == 1.0


def test_labels_are_balanced(task):
    _, label, _ = task
    assert label.min() >= 0
    shares = np.bincount(label) / len(label)
    assert len(shares) >= 2
    assert np.allclose(shares, 1 / len(shares), atol=0.05)


def test_a_label_belongs_to_its_row(task):
    tokens, label, V = task
    assert label.shape == (ROWS,)
    assert np.issubdtype(label.dtype, np.integer)
    assert np.array_equal(memory_task_label(tokens[::-1], V), label[::-1])
    for row in (0, 1, ROWS - 1):
        assert memory_task_label(tokens[row : row + 1], V) == label[row]


def scores(tokens):
    """(n, 2): what the latch says after the last of the tokens, 0 a, 1 b, 2 filler."""
    W_xh, W_hh, b, W_hy, b_y = latch_weights()
    h = rnn_forward(np.eye(3)[tokens], np.zeros((len(tokens), len(b))), W_xh, W_hh, b)
    return output_head(h[:, -1:], W_hy, b_y)[:, 0]


@pytest.mark.parametrize("T", [1, 2, 10, 50, 200])
def test_the_latch_holds_the_first_token_among_distractors(T):
    rng = np.random.default_rng(26)
    tokens = rng.integers(0, 3, (2000, T))
    tokens[:, 0] = rng.integers(0, 2, 2000)
    y = scores(tokens)
    assert np.array_equal(y.argmax(axis=1), tokens[:, 0])
    assert np.abs(y[:, 0] - y[:, 1]).min() > 1


@pytest.mark.parametrize("later", [0, 1, 2])
def test_the_latch_holds_against_the_same_token_for_ever(later):
    tokens = np.full((2, 200), later)
    tokens[:, 0] = [0, 1]
    assert scores(tokens).argmax(axis=1).tolist() == [0, 1]


def test_the_latch_has_the_shapes_of_the_cell():
    W_xh, W_hh, b, W_hy, b_y = latch_weights()
    H = len(b)
    assert (W_xh.shape, W_hh.shape, W_hy.shape, b_y.shape) == ((H, 3), (H, H), (2, H), (2,))
    assert all(array.dtype == np.float64 for array in latch_weights())
