"""Arrays are laid out anew, last axis fastest, and results can only be read."""

import functools

import numpy as np


def laid_out(value):
    if isinstance(value, np.ndarray):
        value = np.array(value, order="C")
        value.flags.writeable = False
        return value
    if isinstance(value, list | tuple):
        return type(value)(laid_out(item) for item in value)
    return value


def wrap(function):
    @functools.wraps(function)
    def wrapped(*args):
        return laid_out(function(*laid_out(args)))

    return wrapped
