"""Time the reference forward and backward against torch.nn on the CPU, one thread each, in one process: ratios.

    python tests/benchmarks/reference_speed.py [--seconds 1.0] [--sizes tiny small lab classroom wide long]

Above 1 the reference is the faster one. The two sides take turns, so that both meet the same load of the machine,
and the medians of their processor times are divided. What is timed is checked first: both sides give the same numbers, in the
dtype of their inputs. Imports numpy, torch and the reference.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# Thread counts are read when the libraries are loaded, so they are set before the imports.
os.environ |= {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "reference"))

import numpy as np
import torch
from memnet.bptt import rnn_backward
from memnet.lstm import lstm_backward, lstm_forward
from memnet.optional import gru_backward, gru_forward
from memnet.rnn import rnn_forward

SIZES = {  # N, T, D, H
    "tiny": (2, 5, 3, 4),
    "small": (8, 20, 8, 16),
    "lab": (32, 50, 16, 32),
    "classroom": (64, 100, 64, 128),
    "wide": (32, 50, 128, 256),
    "long": (4, 1000, 16, 32),
}
CELLS = {"RNN": (torch.nn.RNN, 1), "LSTM": (torch.nn.LSTM, 4), "GRU": (torch.nn.GRU, 3)}
Run = Callable[[], tuple[np.ndarray, ...]]


def weights_of(net: torch.nn.Module) -> list[np.ndarray]:
    """W_xh, W_hh, b_x, b_h."""
    return [parameter.detach().numpy().copy() for parameter in net.parameters()]


def numpy_side(cell: str, net: torch.nn.Module, x: np.ndarray, dh: np.ndarray) -> Run:
    """The reference with the same weights: a program that returns h, dx and dW_hh."""
    W_xh, W_hh, b_x, b_h = weights_of(net)
    h0 = np.zeros((len(x), dh.shape[2]), x.dtype)

    def rnn() -> tuple[np.ndarray, ...]:
        h = rnn_forward(x, h0, W_xh, W_hh, b_x + b_h)
        dx, _, _, dW_hh, _ = rnn_backward(dh, x, h0, h, W_xh, W_hh)
        return h, dx, dW_hh

    def lstm() -> tuple[np.ndarray, ...]:
        h, c, gates = lstm_forward(x, h0, h0, W_xh, W_hh, b_x + b_h)
        dx, _, _, _, dW_hh, _ = lstm_backward(dh, h0, x, h0, h0, h, c, gates, W_xh, W_hh)
        return h, dx, dW_hh

    def gru() -> tuple[np.ndarray, ...]:
        h, gates = gru_forward(x, h0, W_xh, W_hh, b_x, b_h)
        dx, _, _, dW_hh, _, _ = gru_backward(dh, x, h0, h, gates, W_xh, W_hh, b_h)
        return h, dx, dW_hh

    return {"RNN": rnn, "LSTM": lstm, "GRU": gru}[cell]


def torch_side(net: torch.nn.Module, x: np.ndarray, dh: np.ndarray) -> Run:
    """torch's own forward and backward: a program that returns h, dx and dW_hh."""
    inputs, sent_in = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dh)

    def run() -> tuple[np.ndarray, ...]:
        inputs.grad = None
        net.zero_grad(set_to_none=True)
        h, _ = net(inputs)
        h.backward(sent_in)
        return h.detach().numpy(), inputs.grad.numpy(), net.weight_hh_l0.grad.numpy()

    return run


def timed(run: Run) -> float:
    """Processor seconds of one run: other programs on the machine do not count."""
    begun = time.process_time()
    run()
    return time.process_time() - begun


def agree(ours: Run, theirs: Run, dtype: type) -> None:
    """Raise AssertionError unless both sides compute the same in `dtype`: a fast wrong program would be no news."""
    bound = 1e-4 if dtype is np.float32 else 1e-9
    for one, other in zip(ours(), theirs(), strict=True):
        assert one.dtype == other.dtype == dtype
        error = np.abs(one - other).max() / np.abs(other).max()
        assert error <= bound, f"the two sides differ by {error:.1e}"


def compare(cell: str, size: tuple[int, int, int, int], dtype: type, seconds: float) -> tuple[float, float]:
    """Median seconds of the reference and of torch."""
    N, T, D, H = size
    torch.manual_seed(0)
    net = CELLS[cell][0](D, H, batch_first=True).to(torch.float32 if dtype is np.float32 else torch.float64)
    rng = np.random.default_rng(0)
    x, dh = rng.standard_normal((N, T, D)).astype(dtype), rng.standard_normal((N, T, H)).astype(dtype)
    ours, theirs = numpy_side(cell, net, x, dh), torch_side(net, x, dh)
    agree(ours, theirs, dtype)
    pairs: list[tuple[float, float]] = []
    begun = time.perf_counter()
    while len(pairs) < 9 or time.perf_counter() - begun < seconds:
        pairs.append((timed(ours), timed(theirs)))
    own, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    return own, other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each pair is measured")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"numpy {np.__version__}, torch {torch.__version__}, one thread; torch time / reference time of medians")
    print(f"{'size':<10}{'N, T, D, H':<19}{'dtype':<9}" + "".join(f"{cell:>22}" for cell in CELLS))
    for name in options.sizes:
        for dtype in (np.float64, np.float32):
            cells = []
            for cell in CELLS:
                own, other = compare(cell, SIZES[name], dtype, options.seconds)
                cells.append(f"{other / own:8.2f} ({own * 1e3:7.2f} ms)")
            sizes = ", ".join(map(str, SIZES[name]))
            print(f"{name:<10}{sizes:<19}{np.dtype(dtype).name:<9}" + "".join(f"{c:>22}" for c in cells))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
