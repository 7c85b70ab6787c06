"""Arrays are transposed, copied and transposed back; results are every other column of a larger array, backwards."""

import functools

import numpy as np


def transposed_copy(value):
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value.T).T
    if isinstance(value, list | tuple):
        return type(value)(transposed_copy(item) for item in value)
    return value


def sparse(value):
    if isinstance(value, np.ndarray) and value.ndim:
        wide = np.full((*value.shape[:-1], 2 * value.shape[-1]), -7, value.dtype)
        view = wide[..., ::2][..., ::-1]
        view[...] = value
        return view
    if isinstance(value, list | tuple):
        return type(value)(sparse(item) for item in value)
    return value


def wrap(function):
    @functools.wraps(function)
    def wrapped(*args):
        return sparse(function(*transposed_copy(args)))

    return wrapped
