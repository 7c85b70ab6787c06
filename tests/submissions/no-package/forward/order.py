import numpy as np


def same_bag_pair():
    return np.array([3, 1, 2]), np.array([2, 1, 3])


def first_word_sentences():
    return ["paul asked his own mother for mila", "rosa asked his own mother for yuri"]
