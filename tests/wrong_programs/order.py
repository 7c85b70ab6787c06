#: same_bag_pair different bags | pair | -
def same_bag_pair():
    return np.array([0, 1, 2]), np.array([0, 1, 1])
#: same_bag_pair the same order | pair | -
def same_bag_pair():
    return np.array([0, 1, 2]), np.array([0, 1, 2])
#: same_bag_pair words | pair | -
def same_bag_pair():
    return ["dog", "bites", "man"], ["man", "bites", "dog"]
#: first_word_sentences the middle tells | sentences | -
def first_word_sentences():
    return ["she spoke french in paris", "she spoke italian in rome"]
#: first_word_sentences one sentence | sentences | -
def first_word_sentences():
    return ["french was what she heard in paris"]
#: first_word_sentences the ending stands in the middle | sentences | -
def first_word_sentences():
    return ["french in paris she heard in paris", "italian in rome she heard in rome"]
#: first_word_sentences same first word, two endings | sentences | -
def first_word_sentences():
    return ["she was born in paris", "she was born in rome"]
#: same_bag_pair tokens below zero | pair | -
def same_bag_pair():
    return np.array([-1, -2]), np.array([-2, -1])
#: first_word_sentences the first word comes back at the end | sentences | -
def first_word_sentences():
    return ["paris is called paris", "rome is called rome"]
