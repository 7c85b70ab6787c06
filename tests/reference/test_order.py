from collections import Counter, defaultdict

import numpy as np
from memnet.order import first_word_sentences, same_bag_pair
from memnet.rnn import rnn_forward


def test_the_pair_is_one_bag_in_two_orders():
    a, b = same_bag_pair()
    assert a.ndim == b.ndim == 1
    assert np.issubdtype(a.dtype, np.integer)
    assert np.issubdtype(b.dtype, np.integer)
    assert a.min() >= 0
    assert Counter(a.tolist()) == Counter(b.tolist())
    assert a.tolist() != b.tolist()


def test_a_recurrent_state_tells_the_pair_apart(draw):
    a, b = same_bag_pair()
    table, W_xh, W_hh, bias = draw(a.max() + 1, 4), draw(5, 4), draw(5, 5), draw(5)
    h = rnn_forward(table[np.stack([a, b])], np.zeros((2, 5)), W_xh, W_hh, bias)
    assert np.abs(h[0, -1] - h[1, -1]).max() > 1e-2


def test_the_first_word_decides_the_last_and_the_middle_does_not():
    sentences = [sentence.split() for sentence in first_word_sentences()]
    assert len(sentences) >= 2
    endings, endings_after_first = defaultdict(set), defaultdict(set)
    for first, *middle, last in sentences:
        assert len(middle) >= 2
        assert last not in middle
        assert last != first
        endings[tuple(middle)].add(last)
        endings_after_first[first, tuple(middle)].add(last)
    assert all(len(found) >= 2 for found in endings.values())
    assert all(len(found) == 1 for found in endings_after_first.values())


def test_the_sentences_are_plain_lower_case_words():
    for sentence in first_word_sentences():
        assert all(word.isalpha() and word.islower() for word in sentence.split(" "))
