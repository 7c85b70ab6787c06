"""Fixtures for the tests of the model solution: sizes, random inputs, one comparison. Torch is the judge."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

torch.set_num_threads(1)

# (N, T, D, H): the usual, then every axis 1 by itself, then all of them, then a longer one.
SIZES = [(3, 8, 4, 5), (1, 8, 4, 5), (3, 1, 4, 5), (2, 7, 1, 3), (4, 6, 3, 1), (1, 1, 1, 1), (6, 33, 7, 11)]


@pytest.fixture(params=SIZES, ids=lambda size: "N{}-T{}-D{}-H{}".format(*size))
def size(request: pytest.FixtureRequest) -> tuple[int, int, int, int]:
    return request.param


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    """draw(*shape): normal numbers, read-only, so that a function that changes its input raises."""
    rng = np.random.default_rng(20)

    def draw(*shape: int) -> np.ndarray:
        array = 0.6 * rng.standard_normal(shape)
        array.setflags(write=False)
        return array

    return draw


@pytest.fixture
def leaf() -> Callable[[np.ndarray], torch.Tensor]:
    """leaf(array): a tensor of its own that collects a gradient."""
    return lambda array: torch.tensor(array.copy(), requires_grad=True)


@pytest.fixture
def agree() -> Callable[[np.ndarray, torch.Tensor | np.ndarray], None]:
    """agree(actual, expected): same shape, float64, and the same up to 1e-12 of the largest entry."""

    def agree(actual: np.ndarray, expected: torch.Tensor | np.ndarray) -> None:
        if isinstance(expected, torch.Tensor):
            expected = expected.detach().numpy()
        assert isinstance(actual, np.ndarray)
        assert actual.dtype == np.float64
        assert actual.shape == expected.shape
        assert np.abs(actual - expected).max() <= 1e-12 * np.abs(expected).max()

    return agree


@pytest.fixture
def torch_rnn() -> Callable[..., tuple[torch.Tensor, torch.Tensor]]:
    """torch_rnn(kind, x, states, W_xh, W_hh, b): nn.RNN or nn.LSTM with our weights."""

    def run(kind: type, x, states, W_xh, W_hh, b):
        net = kind(x.shape[2], states[0].shape[1], batch_first=True).double()
        weights = {
            "weight_ih_l0": W_xh,
            "weight_hh_l0": W_hh,
            "bias_ih_l0": b,
            "bias_hh_l0": torch.zeros_like(b),
        }
        states = tuple(state[None] for state in states)
        return torch.func.functional_call(net, weights, (x, states if len(states) > 1 else states[0]))

    return run
