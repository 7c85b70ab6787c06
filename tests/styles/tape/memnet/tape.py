"""A small tape: values remember how they were made, and `gradients` walks back over them. Backward comes for free."""

import numpy as np


class Value:
    def __init__(self, data, parents=()):
        self.data, self.parents = np.asarray(data), parents

    def __add__(self, other):
        other = lift(other)
        return Value(self.data + other.data, ((self, lambda g: fit(g, self)), (other, lambda g: fit(g, other))))

    def __mul__(self, other):
        other = lift(other)
        return Value(
            self.data * other.data,
            ((self, lambda g: fit(g * other.data, self)), (other, lambda g: fit(g * self.data, other))),
        )

    def __matmul__(self, other):
        return Value(
            self.data @ other.data, ((self, lambda g: g @ other.data.T), (other, lambda g: self.data.T @ g))
        )

    @property
    def T(self):
        return Value(self.data.T, ((self, lambda g: g.T),))

    def __getitem__(self, key):
        def back(g):
            grad = np.zeros(self.data.shape)
            np.add.at(grad, key, g)
            return grad

        return Value(self.data[key], ((self, back),))

    def at(self, data, slope):
        """A function of this value, entry by entry, whose values and slopes are known."""
        return Value(data, ((self, lambda g: g * slope),))


def lift(value):
    return value if isinstance(value, Value) else Value(value)


def fit(g, value):
    """Undo broadcasting."""
    while g.ndim > value.data.ndim:
        g = g.sum(0)
    for axis, size in enumerate(value.data.shape):
        if size == 1 and g.shape[axis] > 1:
            g = g.sum(axis, keepdims=True)
    return g


def gradients(outputs, upstream, inputs):
    order, seen = [], set()

    def visit(value):
        if id(value) not in seen:
            seen.add(id(value))
            for parent, _ in value.parents:
                visit(parent)
            order.append(value)

    grads = {}
    for output, g in zip(outputs, upstream):
        visit(output)
        grads[id(output)] = grads.get(id(output), 0) + g
    for value in reversed(order):
        if id(value) in grads:
            for parent, back in value.parents:
                grads[id(parent)] = grads.get(id(parent), 0) + back(grads[id(value)])
    return tuple(grads.get(id(value), np.zeros(value.data.shape)) for value in inputs)
