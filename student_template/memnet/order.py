"""What order tells a model that counting words does not. Imports numpy only."""

import numpy as np


def same_bag_pair() -> tuple[np.ndarray, np.ndarray]:
    """Give two token sequences that a bag of words cannot tell apart and a recurrent state can.

    Question A1, 2 points, about 5 minutes.

    Inputs:
        none

    Returns:
        a  (T,) int: token ids, 0 or above, T at least 2
        b  (T,) int: every id of a, as often as in a, in another order

    Equation:
        count_a(v) = count_b(v) for every token v, and yet h_T(a) != h_T(b),
        where h_t = tanh(W_xh e(token_t) + W_hh h_{t-1} + bias) and e looks up the vector of a token

    Example:
        [1, 1, 0] and [1, 0, 0] are no pair: they share the tokens, but count_a(1) = 2 and count_b(1) = 1.
        One unit with h_t = tanh(x_t + h_{t-1}) and h_0 = 0 that reads 1, then 0, holds 0.7616, then 0.6420.
        What does it hold after 0, then 1?

    >>> a, b = same_bag_pair()
    >>> sorted(a.tolist()) == sorted(b.tolist()), a.tolist() == b.tolist()
    (True, False)

    Watch out:
        The states are compared after the last token. Where the sequences differ only long before that, the
        difference may have faded: keep them short.
    """
    raise NotImplementedError


def first_word_sentences() -> list[str]:
    """Write sentences whose last word cannot be predicted by a reader who has forgotten the first.

    Question A2, 4 points, about 15 minutes.

    Inputs:
        none

    Returns:
        sentences  list of str: at least two, each of at least four words, in lower case, one space between
                   words, no punctuation

    Equation:
        sentence = first word + middle + last word, where
        every middle occurs with at least two different last words: the middle alone says too little;
        first word and middle together occur with one last word only: remembering is enough;
        the last word is not in the middle

    Example:
        "cats chase small mice" and "dogs chase large cats" fail: the middle "chase small" comes with one
        ending only, so nobody needs the first word. "anna lost her keys" and "anna lost her phone" fail too:
        here not even a perfect memory finds the ending.

    >>> sentences = first_word_sentences()
    >>> len(sentences) >= 2 and all(len(sentence.split()) >= 4 for sentence in sentences)
    True

    Watch out:
        The rules hold for every sentence of the list. One sentence with a middle of its own spoils it.

    Hint:
        Begin with the middle. Which facts about the world tie one word to another, whatever stands between?
    """
    raise NotImplementedError
