"""A task that takes memory, and a memory set by hand. Imports numpy only.

Axes: T timesteps, V vocabulary, H hidden units, n how many sequences.
"""

import numpy as np


def memory_task_tokens(n: int, T: int, V: int, seed: int) -> np.ndarray:
    """Draw the token sequences of your task.

    Question G3, 6 points, about 40 minutes.

    Inputs:
        n       int: how many sequences
        T       int: timesteps, at least 4
        V       int: vocabulary, at least 2
        seed    int: the same seed gives the same tokens, another seed gives others

    Returns:
        tokens  (n, T) int: token ids, 0 to V-1

    Equation:
        tokens = a function of n, T, V and seed, and of nothing else
        every token of the vocabulary can stand at every position

    Example:
        Two calls with one seed are the same; another seed is not.

    >>> tokens = memory_task_tokens(50, 9, 4, 7)
    >>> tokens.shape, set(tokens.ravel().tolist()) == {0, 1, 2, 3}
    ((50, 9), True)
    >>> again, other = memory_task_tokens(50, 9, 4, 7), memory_task_tokens(50, 9, 4, 8)
    >>> np.array_equal(tokens, again), np.array_equal(tokens, other)
    (True, False)

    Watch out:
        Tokens that occur at the three important positions only would give them away: a bag of words could
        find them without knowing where they stood.

    Hint:
        Which of numpy's random generators depends on nothing that was drawn before it was made?
    """
    raise NotImplementedError


def memory_task_label(tokens: np.ndarray, V: int) -> np.ndarray:
    """Give the answer to every sequence: it takes the first token, the last, and one in the middle.

    Question G3, 6 points, about 40 minutes.

    Inputs:
        tokens  (n, T) int: token ids, 0 to V-1, T at least 4
        V       int: vocabulary, at least 2

    Returns:
        label   (n,) int: the class of each sequence, 0 or above; how many classes there are is up to you

    Equation, with m one position in the middle, T/4 <= m <= 3T/4, the same for all sequences of length T:
        label = a function of tokens[0], tokens[m], tokens[T-1] and V, and of nothing else
        another token at 0 alone, or at m alone, or at T-1 alone: at least a quarter of all labels change
        the most frequent label stands in at most three quarters of all sequences
        who sees two of the three tokens and guesses as well as can be is right in at most nine tenths

    Example:
        "Is the first token equal to the last?" fails: no middle token moves it. The sum of all tokens fails:
        every token moves it.

    >>> tokens = memory_task_tokens(1000, 9, 4, 7)
    >>> label, (first, second) = memory_task_label(tokens, 4), tokens[:, :2].T
    >>> elsewhere = np.column_stack([first, (second + 1) % 4, tokens[:, 2:]])
    >>> label.shape, np.array_equal(memory_task_label(elsewhere, 4), label)
    ((1000,), True)
    >>> changed = memory_task_label(np.column_stack([(first + 1) % 4, tokens[:, 1:]]), 4) != label
    >>> bool(changed.mean() >= 0.25)
    True

    Watch out:
        The label of a sequence must not depend on the other sequences of the batch, nor on chance. "All
        three are equal" needs all three, and yet it nearly always says no.

    Hint:
        For each of the three: fix the other two and change it. How often does your answer change? Then, how
        often does each label occur?
    """
    raise NotImplementedError


def latch_weights() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Set the weights of a simple RNN by hand so that it never forgets the first token.

    Question G4, 3 points, about 20 minutes.

    Inputs:
        none; the network will read one-hot tokens, a = (1, 0, 0), b = (0, 1, 0), filler = (0, 0, 1)

    Returns:
        W_xh  (H, 3) float64: weights from input to state, H as you like, at least 1
        W_hh  (H, H) float64: weights from state to state
        b     (H,) float64: bias
        W_hy  (2, H) float64: weights from state to scores
        b_y   (2,) float64: bias of the scores

    Equation:
        h_t = tanh(W_xh x_t + W_hh h_{t-1} + b), with zeros before the first timestep
        y = W_hy h_T + b_y, where T is any length from 1 to 200
        the first token is a or b; every later one is a, b or filler, as chance has it
        y[0] > y[1] where the first token was a, y[1] > y[0] where it was b

    Example:
        After a, b, b, filler the scores must still say a, and after b, a, a, filler still b.

    >>> W_xh, W_hh, b, W_hy, b_y = latch_weights()
    >>> def first_token(tokens):
    ...     h = np.zeros(len(b))
    ...     for token in tokens:
    ...         h = np.tanh(W_xh[:, "ab-".index(token)] + W_hh @ h + b)
    ...     return "ab"[np.argmax(W_hy @ h + b_y)]
    >>> first_token("abb-"), first_token("baa-"), first_token("a" + "b" * 199), first_token("b" + "a-" * 99)
    ('a', 'b', 'a', 'b')

    Watch out:
        A later a or b looks like the first one; only the state it meets is different. A memory that fades by
        a hundredth a step is gone after 200.

    Hint:
        Take one unit and draw tanh(w * h) against h, for w = 0.5 and for a large w. At how many places does
        the curve cross the diagonal? How far may an input push a unit that sits at the outermost crossing
        before it falls to the other side?
    """
    raise NotImplementedError
