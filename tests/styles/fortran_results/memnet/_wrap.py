"""Arrays come in and go out with the first axis running fastest."""

import functools

import numpy as np


def turned(value):
    if isinstance(value, np.ndarray):
        return np.asfortranarray(value)
    if isinstance(value, list | tuple):
        return type(value)(turned(item) for item in value)
    return value


def wrap(function):
    @functools.wraps(function)
    def wrapped(*args):
        return turned(function(*turned(args)))

    return wrapped
