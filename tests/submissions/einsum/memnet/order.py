import numpy as np

SENTENCE = "{} is the month that comes right before {}"


def same_bag_pair():
    forward = np.arange(5)
    return forward, forward[::-1].copy()


def first_word_sentences():
    months = ["january", "february", "march", "april", "may"]
    return [SENTENCE.format(this, following) for this, following in zip(months, months[1:])]
