"""Everything is computed in numpy's longest float and handed back in float64."""

import functools

import numpy as np


def to(value, dtype):
    if isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f":
        return value.astype(dtype)
    if isinstance(value, list | tuple):
        return type(value)(to(item, dtype) for item in value)
    return value


def wrap(function):
    if function.__module__.endswith(("simple_rnn", "memory_budget")):  # torch has no longer float, time is short
        return function

    @functools.wraps(function)
    def long(*args):
        return to(function(*to(args, np.longdouble)), np.float64)

    return long
