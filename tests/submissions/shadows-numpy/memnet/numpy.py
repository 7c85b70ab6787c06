# tried to write my own, do not use
def tanh(a):
    raise NotImplementedError("later")
