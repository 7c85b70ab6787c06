import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import memnet
import numpy as np
import pytest
from memnet.bptt import rnn_backward
from memnet.memory_budget import best_interval, rnn_backward_checkpointed, stored_states
from memnet.rnn import rnn_forward
from torch import nn

INTERVALS = [1, 2, 3, 5, 7, 8, 100]  # of T = 8: whole segments, ragged ends, one segment, more than there is


def draw_rnn(draw, size):
    """dh_last, then x, h0, W_xh, W_hh, b."""
    N, T, D, H = size
    return draw(N, H), [draw(N, T, D), draw(N, H), draw(H, D), draw(H, H), draw(H)]


@pytest.mark.parametrize("k", INTERVALS)
def test_checkpointing_is_autograd_through_torchs_rnn(size, draw, agree, leaf, torch_rnn, k):
    dh_last, inputs = draw_rnn(draw, size)
    leaves = [leaf(array) for array in inputs]
    states, _ = torch_rnn(nn.RNN, leaves[0], [leaves[1]], *leaves[2:])
    states[:, -1].backward(leaf(dh_last))
    grads = rnn_backward_checkpointed(dh_last, *inputs, k)
    assert len(grads) == 5
    for grad, tensor in zip(grads, leaves, strict=True):
        agree(grad, tensor.grad)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 49, 50, 99, 100, 101])
def test_checkpointing_is_backpropagation_through_time(draw, agree, k):
    dh_last, inputs = draw_rnn(draw, (3, 100, 4, 5))
    x, h0, W_xh, W_hh, b = inputs
    x = 0.01 * x
    b, W_hh = 0.01 * b, np.eye(5) + 0.01 * W_hh  # small states that last: the gradient reaches the beginning
    h, dh = rnn_forward(x, h0, W_xh, W_hh, b), np.zeros((3, 100, 5))
    dh[:, -1] = dh_last
    expected = rnn_backward(dh, x, h0, h, W_xh, W_hh)
    assert np.abs(expected[1]).max() > 1e-3
    for grad, full in zip(rnn_backward_checkpointed(dh_last, x, h0, W_xh, W_hh, b, k), expected, strict=True):
        agree(grad, full)


@pytest.mark.parametrize("k", [1, 3, 8])
def test_results_are_new_arrays(draw, k):
    dh_last, inputs = draw_rnn(draw, (3, 8, 4, 5))
    for grad in rnn_backward_checkpointed(dh_last, *inputs, k):
        assert not any(np.shares_memory(grad, given) for given in (dh_last, *inputs))


# ---------------------------------------------------------------- memory, as it is seen from outside

SIZE = dict(zip("NTDHk", (8, 4096, 3, 256, 64), strict=True))
PROGRAM = """
import sys
import numpy as np

def status(name):
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(name))

def full(dtype):
    def backward(dh_last, x, h0, W_xh, W_hh, b, k):
        (N, T, D), H = x.shape, len(b)
        h = np.empty((T + 1, N, H), dtype)
        h_t = h[0] = h0
        for t in range(T):
            h_t = h[t + 1] = np.tanh(x[:, t] @ W_xh.T + h_t @ W_hh.T + b)
        dx, dW_xh, dW_hh, db = np.empty(x.shape), np.zeros((H, D)), np.zeros((H, H)), np.zeros(H)
        for t in reversed(range(T)):
            h_t, h_prev = h[t + 1].astype(float), h[t].astype(float)
            dx[:, t], dh_last, *shares = rnn_step_backward(dh_last, x[:, t], h_prev, h_t, W_xh, W_hh)
            for total, share in zip((dW_xh, dW_hh, db), shares, strict=True):
                total += share
        return dx, dh_last, dW_xh, dW_hh, db
    return backward

def kept_by_views(dh_last, x, h0, W_xh, W_hh, b, k):
    kept = [h0]
    for start in range(0, x.shape[1], k):
        kept.append(rnn_forward(x[:, start : start + k], kept[-1], W_xh, W_hh, b)[:, -1])

name, N, T, D, H, k = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(23)
shapes = (N, H), (N, T, D), (N, H), (H, D), (H, H), (H,)
inputs = [0.9 / np.sqrt(H) * rng.standard_normal(shape) for shape in shapes]
inputs[4] @ inputs[4]  # BLAS takes its own working memory at its first large product
before = status("VmSize")
from memnet.bptt import rnn_step_backward
from memnet.memory_budget import rnn_backward_checkpointed
from memnet.rnn import rnn_forward
run = {"checkpointed": rnn_backward_checkpointed, "float64": full(float), "float16": full(np.float16),
       "views": kept_by_views}[name]
run(*inputs, k)
print(status("VmPeak") - before)
"""


@pytest.fixture(scope="module")
def peaks():
    """Bytes by which the address space of a fresh process grew while it ran, for each of four ways."""
    quiet = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "NUMPY_MADVISE_HUGEPAGE": "0"}
    environment = {**os.environ, **quiet, "PYTHONPATH": str(Path(memnet.__file__).parent.parent)}
    runs = {}
    for name in ("checkpointed", "float64", "float16", "views"):
        command = [sys.executable, "-c", PROGRAM, name, *map(str, SIZE.values())]
        runs[name] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    return {name: int(run.communicate(timeout=60)[0]) for name, run in runs.items()}


def budget():
    """The formula that students read."""
    formula = re.search(r"\d \* \(.+\) \+ 2\^20", inspect.getdoc(rnn_backward_checkpointed)).group()
    values = {**SIZE, "S": stored_states(SIZE["T"], SIZE["k"])}
    return eval(formula.replace("^", "**"), values)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("checkpointed", 0.1, 0.6), ("float64", 4, 9), ("float16", 1.25, 4), ("views", 4, 9)],
)
def test_the_budget_stands_between_checkpoints_and_full_storage(peaks, name, least, most):
    assert least < peaks[name] / budget() < most


# ---------------------------------------------------------------- what the trade costs


def count_states(T, k):
    """The most states held at any moment, by going through the motions."""
    kept, most = 0, 0
    segments = [range(T)[start : start + k] for start in range(0, T, k)]
    for _ in segments:
        kept += 1
    for segment in segments:
        most = max(most, kept + len(segment))
    return most


def test_stored_states_counts_checkpoints_and_one_segment():
    for T in range(1, 40):
        for k in range(1, 45):
            assert stored_states(T, k) == count_states(T, k)
            assert type(stored_states(T, k)) is int


def test_stored_states_is_exact_for_large_numbers():
    assert stored_states(10**17 + 1, 10) == 10**16 + 1 + 10


def test_best_interval_is_the_first_of_the_best():
    for T in range(1, 10_001):
        k = np.arange(1, T + 1)
        assert best_interval(T) == 1 + np.argmin(-(-T // k) + k)


def test_best_interval_is_an_int_of_python():
    assert type(best_interval(100)) is int
