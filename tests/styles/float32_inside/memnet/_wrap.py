"""Everything is computed in float32 and handed back in float64."""

import functools

import numpy as np


def to(value, dtype):
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return value.astype(dtype)
    if isinstance(value, list | tuple):
        return type(value)(to(item, dtype) for item in value)
    return value


def wrap(function):
    @functools.wraps(function)
    def single(*args):
        return to(function(*to(args, np.float32)), np.float64)

    return single
