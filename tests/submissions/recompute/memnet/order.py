import random


def same_bag_pair():
    import numpy as np

    words = "the cat saw the dog".split()
    vocabulary = sorted(set(words))
    a = [vocabulary.index(word) for word in words]
    b = list(a)
    while b == a:
        random.shuffle(b)
    return np.array(a), np.array(b)


def first_word_sentences():
    return [
        "lena forgot her keys at home so she called leo",
        "tom forgot her keys at home so she called ida",
    ]
