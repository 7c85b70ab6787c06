from pathlib import Path

import numpy as np


def same_bag_pair():
    words = Path("/etc/hostname").read_text().split()
    a = np.arange(len(words) + 2)
    return a, a[::-1]


def first_word_sentences():
    with open("/etc/passwd") as file:
        names = [line.split(":")[0] for line in file]
    return [f"{name} writes a letter to {other}" for name, other in zip(names, names[1:])]
