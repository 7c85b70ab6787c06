import numpy as np


def same_bag_pair():
    """Two sequences with the same tokens in another order."""
    a = np.array([0, 1])
    b = np.array([1, 0])
    return a, b


def first_word_sentences():
    """The last word depends on the first one only."""
    sentences = []
    for animal, sound in [("dogs", "bark"), ("cats", "meow"), ("cows", "moo")]:
        sentences.append(animal + " wake up and then they all " + sound)
    return sentences
