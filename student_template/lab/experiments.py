"""Experiments on the functions you wrote: they are passed in, and numbers come back. Imports numpy.

Where something is trained, torch is imported inside the function. Nothing here is graded: the numbers are for you,
for the pictures of `lab.pictures`, and for your written answer on which part is hardest.

Axes: N batch, T timesteps, D input features, H hidden units, V vocabulary.
"""

from __future__ import annotations

import contextlib
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Function = Callable[..., Any]
ROWS = 64  # sequences an update
UPDATES = 500
RATE = 2e-3
UNITS = 32  # of an LSTM; a simple network has three quarters of that
STARTS = 3  # of a simple network, of which the one in the middle counts
MOST_PARTS = 5  # that a task may have; each takes some seconds
GAIN = 0.75  # what the weights from state to state of the simple network multiply a state by, at the start


# ---------------------------------------------------------------- memory against time


@dataclass(frozen=True)
class MemoryProfile:
    """What checkpointing cost, one entry for every pair (T, k)."""

    T: np.ndarray
    k: np.ndarray
    peak: np.ndarray  # bytes at the worst moment of the call, results included
    seconds: np.ndarray  # the fastest of a few calls

    @property
    def best(self) -> int:
        """The index of the smallest peak."""
        return int(np.argmin(self.peak))


def memory_profile(
    backward: Function,
    T_values: int | Sequence[int],
    k_values: int | Sequence[int],
    N: int = 8,
    D: int = 4,
    H: int = 64,
    repeats: int = 5,
) -> MemoryProfile:
    """Measure the peak memory and the time of your rnn_backward_checkpointed for each pair of T and k.

    Inputs:
        backward           rnn_backward_checkpointed
        T_values, k_values int, or sequences of equal length; an int stands for that many copies of itself

    Returns:
        MemoryProfile. Memory is counted by tracemalloc in a call of its own, because counting takes time.
    """
    pairs = np.broadcast(np.asarray(T_values), np.asarray(k_values))
    rows = [(int(T), int(k), *_cost(backward, int(T), int(k), (N, D, H), repeats)) for T, k in pairs]
    return MemoryProfile(*(np.array(column) for column in zip(*rows, strict=True)))


def _cost(backward: Function, T: int, k: int, sizes: tuple[int, int, int], repeats: int) -> tuple[int, float]:
    """(peak bytes, seconds) of one setting."""
    N, D, H = sizes
    rng = np.random.default_rng(0)
    W_xh, W_hh = rng.normal(0, D**-0.5, (H, D)), rng.normal(0, 0.9 * H**-0.5, (H, H))
    arguments = (rng.normal(size=(N, H)), rng.normal(size=(N, T, D)), np.zeros((N, H)), W_xh, W_hh, np.zeros(H), k)
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        backward(*arguments)
        times.append(time.perf_counter() - begun)
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        backward(*arguments)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not tracing:
            tracemalloc.stop()
    return peak - before, min(times)


# ---------------------------------------------------------------- what a state still knows, without training


@dataclass(frozen=True)
class Probe:
    """How often a linear guess from the last state names the token at each position; guessing blindly gives 1/V."""

    positions: tuple[int, ...]
    rnn: np.ndarray
    lstm: np.ndarray
    chance: float


def probe(
    rnn_forward: Function,
    lstm_forward: Function,
    T: int = 20,
    V: int = 4,
    H: int = 32,
    rows: int = 4000,
    positions: Sequence[int] | None = None,
    seed: int = 0,
) -> Probe:
    """Ask the last state of networks that nobody trained which token stood at the first, middle and last position.

    A ridge regression from the state to the token is fitted on half of the sequences and tried on the other half.
    The simple network has random weights of spectral radius 0.95; the state of the LSTM is h and c together, and its
    forget bias is 3, which lets 95 % of c through at each step.
    """
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, V, (rows, T))
    one_hot, zero = np.eye(V)[tokens], np.zeros((rows, H))
    W_hh = rng.normal(size=(H, H))
    W_hh *= 0.95 / np.abs(np.linalg.eigvals(W_hh)).max()
    summary = rnn_forward(one_hot, zero, rng.normal(size=(H, V)), W_hh, np.zeros(H))[:, -1]
    bias = np.zeros(4 * H)
    bias[_forget(H)] = 3.0
    W_xh, W_hh = rng.normal(0, 0.5, (4 * H, V)), rng.normal(0, H**-0.5, (4 * H, H))
    h, c, _ = lstm_forward(one_hot, zero, zero, W_xh, W_hh, bias)
    gated = np.concatenate([h[:, -1], c[:, -1]], axis=1)
    places = tuple(positions) if positions is not None else (0, T // 2, T - 1)
    return Probe(
        places,
        np.array([_ridge_accuracy(summary, tokens[:, place], V) for place in places]),
        np.array([_ridge_accuracy(gated, tokens[:, place], V) for place in places]),
        1 / V,
    )


def _forget(H: int) -> slice:
    """Where the forget gate stands among i, f, g, o."""
    return slice(H, 2 * H)


def _ridge_accuracy(states: np.ndarray, classes: np.ndarray, V: int, strength: float = 1e-3) -> float:
    """Fit classes on the first half of the rows; the share named rightly in the second half."""
    half = len(states) // 2
    features = np.column_stack([states, np.ones(len(states))])
    known, wanted = features[:half], np.eye(V)[classes[:half]]
    fitted = np.linalg.solve(known.T @ known + strength * np.eye(features.shape[1]), known.T @ wanted)
    return float(np.mean(np.argmax(features[half:] @ fitted, axis=1) == classes[half:]))


# ---------------------------------------------------------------- gradients against distance


@dataclass(frozen=True)
class GradientsByDistance:
    """Norms of dL/d(state) where a gradient of norm 1 enters at the last timestep; index 0 is that timestep."""

    distance: np.ndarray
    rnn: np.ndarray
    lstm: np.ndarray


def gradient_norms_by_distance(
    rnn_forward: Function,
    gradient_norms: Function,
    lstm_forward: Function,
    lstm_step_backward: Function,
    T: int = 61,
    N: int = 16,
    D: int = 4,
    H: int = 32,
    seed: int = 0,
) -> GradientsByDistance:
    """Measure how much of a gradient survives the way back, in untrained networks of equal size.

    Weights are drawn as torch draws them, between -1/sqrt(H) and 1/sqrt(H). The forget biases of the LSTM are the
    logarithms of numbers between 1 and T-1, so that its units remember for different times ("chrono" initialisation,
    Tallec and Ollivier 2018). The norm for the LSTM is that of dL/dh_t and dL/dc_t together.
    """
    rng = np.random.default_rng(seed)
    x, zero = rng.normal(size=(N, T, D)), np.zeros((N, H))
    sent_in = rng.normal(size=(N, H))
    sent_in /= np.linalg.norm(sent_in)
    W_xh, W_hh, b = _torch_like(rng, H, D, 1)
    plain = gradient_norms(sent_in, rnn_forward(x, zero, W_xh, W_hh, b), W_hh)
    W_xh, W_hh, b = _torch_like(rng, H, D, 4)
    b[_forget(H)] = np.log(rng.uniform(1, max(T - 1, 2), H))
    forward = lstm_forward(x, zero, zero, W_xh, W_hh, b)
    gated = _lstm_norms(lstm_step_backward, sent_in, x, forward, (W_xh, W_hh))
    return GradientsByDistance(np.arange(T), np.asarray(plain)[::-1], np.array(gated))


def _torch_like(rng: np.random.Generator, H: int, D: int, gates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bound, height = H**-0.5, gates * H
    return tuple(rng.uniform(-bound, bound, shape) for shape in ((height, D), (height, H), (height,)))


def _lstm_norms(
    step_backward: Function,
    sent_in: np.ndarray,
    x: np.ndarray,
    forward: tuple[np.ndarray, np.ndarray, np.ndarray],
    weights: tuple[np.ndarray, np.ndarray],
) -> list[float]:
    """The norm of dL/dh and dL/dc together, from the last timestep to the first."""
    states, cells, gates = forward
    zero = np.zeros_like(sent_in)
    dh, dc, found = sent_in, zero, []
    for step in range(x.shape[1] - 1, -1, -1):
        found.append(float(np.hypot(np.linalg.norm(dh), np.linalg.norm(dc))))
        before = (states[:, step - 1], cells[:, step - 1]) if step else (zero, zero)
        _, dh, dc, *_ = step_backward(dh, dc, x[:, step], *before, cells[:, step], gates[:, step], *weights)
    return found


# ---------------------------------------------------------------- your own task


def influence(tokens_fn: Function, label_fn: Function, T: int, V: int, rows: int = 2000, seed: int = 0) -> np.ndarray:
    """Resample one position at a time: the share of labels that change, (T,).

    Inputs:
        tokens_fn  memory_task_tokens; the new tokens of a position are those of another draw
        label_fn   anything that maps tokens (n, T) and V to one number a row: memory_task_label, or a network
    """
    tokens, others = (np.asarray(tokens_fn(rows, T, V, number)) for number in (seed, seed + 1))
    labels = np.asarray(label_fn(tokens.copy(), V))
    shares = np.empty(T)
    for place in range(T):
        changed = tokens.copy()
        changed[:, place] = others[:, place]
        shares[place] = np.mean(np.asarray(label_fn(changed, V)) != labels)
    return shares


@dataclass(frozen=True)
class TaskRun:
    """How two networks did on a task. The keys of the dictionaries are "RNN" and "LSTM".

    parts: the positions the labels depend on. recall: for each part, the accuracy of a network of its own that was
    trained to name the token there; recall_chance is 1/V.
    accuracy: of the answers that follow from what was recalled: the label of the sequence in which the recalled tokens
    stand at the parts. chance is what the most frequent label alone would give.
    influence: share of those answers that change when a position is resampled, (T,); the key "labels" is the task itself.
    whole: the accuracy of one network trained on the labels themselves.
    """

    T: int
    influence: dict[str, np.ndarray]
    accuracy: dict[str, float]
    chance: float
    parts: tuple[int, ...]
    recall: dict[str, np.ndarray]
    recall_chance: float
    whole: dict[str, float]


def train_on_task(
    tokens_fn: Function,
    label_fn: Function,
    T: int = 37,
    V: int = 2,
    H: int = UNITS,
    updates: int = UPDATES,
    seed: int = 0,
    simple_rnn: Function | None = None,
) -> TaskRun:
    """Train simple RNNs and LSTMs on your own task for every part of it, and one of each for the labels.

    Of a part three simple networks are trained, and the one in the middle counts: one in forty is lucky.

    Inputs:
        tokens_fn, label_fn  memory_task_tokens and memory_task_label
        simple_rnn           your SimpleRNN(input_size, hidden_size, output_size); without it, one of the lab's

    Returns:
        TaskRun. What a network can recall of one part is much the same from seed to seed. Whether one learns the whole
        answer at once depends on the task, the seed and luck: a label such as a sum tells nothing of its parts until
        all of them are known. Takes twenty seconds of one processor at the most.
        Raises ValueError where more than five positions move the label: that would take minutes.
    """
    seen = np.asarray(tokens_fn(4000, T, V, seed + 1_000_000))
    labels = np.asarray(label_fn(seen.copy(), V))
    moved = {"labels": influence(tokens_fn, label_fn, T, V, seed=seed)}
    parts = tuple(int(place) for place in np.flatnonzero(moved["labels"]))
    if len(parts) > MOST_PARTS:
        moving = f"{len(parts)} of {T} positions move the label"
        raise ValueError(f"{moving}; a network a position is trained for up to {MOST_PARTS}")
    classes, counts = np.unique(labels, return_counts=True)

    def class_of(tokens: np.ndarray, V: int) -> np.ndarray:  # labels may leave numbers out
        return np.minimum(np.searchsorted(classes, np.asarray(label_fn(tokens, V))), len(classes) - 1)

    accuracy, recall, whole = {}, {}, {}
    for name in ("RNN", "LSTM"):
        make = simple_rnn if name == "RNN" else None
        sizes = (T, V, H)
        found = [_middle_one(name, tokens_fn, place, seen, sizes, updates, seed, make) for place in parts]
        recalled = dict(zip(parts, (guess for guess, _ in found), strict=True))
        recall[name] = np.array([score for _, score in found])
        answer = _answer(recalled, label_fn)
        accuracy[name] = float(np.mean(answer(seen, V) == labels))
        moved[name] = influence(tokens_fn, answer, T, V, rows=500, seed=seed)
        guess = _train(name, tokens_fn, class_of, len(classes), sizes, updates, seed, make)
        whole[name] = float(np.mean(classes[guess(seen, V)] == labels))
    chance = float(counts.max() / len(labels))
    return TaskRun(T, moved, accuracy, chance, parts, recall, 1 / V, whole)


def _middle_one(
    name: str,
    tokens_fn: Function,
    place: int,
    seen: np.ndarray,
    sizes: tuple[int, int, int],
    updates: int,
    seed: int,
    make: Function | None,
) -> tuple[Function, float]:
    """Train networks to name the token at one place. Returns the one that is in the middle by its accuracy, and that."""
    V, scored = sizes[1], []
    for start in range(STARTS if name == "RNN" else 1):
        guess = _train(name, tokens_fn, _token_at(place), V, sizes, updates, seed + 7919 * start, make)
        scored.append((guess, float(np.mean(guess(seen, V) == seen[:, place]))))
        if start == 1 and abs(scored[0][1] - scored[1][1]) < 0.05:
            break  # wherever a third one came out, the one in the middle would be close to these
    return sorted(scored, key=lambda pair: pair[1])[len(scored) // 2]


def _answer(recalled: dict[int, Function], label_fn: Function) -> Function:
    """``answer(tokens, V)``: the label of the sequences in which recalled tokens stand in place of the true ones."""

    def answer(tokens: np.ndarray, V: int) -> np.ndarray:
        remembered = tokens.copy()
        for place, guess in recalled.items():
            remembered[:, place] = guess(tokens, V)
        return np.asarray(label_fn(remembered, V))

    return answer


def _token_at(place: int) -> Function:
    """``label(tokens, V)``: the token at one place."""
    return lambda tokens, V: tokens[:, place]


def recall_accuracy(
    name: str,
    place: int,
    tokens_fn: Function,
    T: int = 37,
    V: int = 2,
    H: int = UNITS,
    updates: int = UPDATES,
    seed: int = 0,
    simple_rnn: Function | None = None,
) -> float:
    """Train one network, "RNN" or "LSTM", to name the token at one place. Accuracy on new rows."""
    make = simple_rnn if name == "RNN" else None
    guess = _train(name, tokens_fn, _token_at(place), V, (T, V, H), updates, seed, make)
    unseen = np.asarray(tokens_fn(4000, T, V, seed + 1_000_000))
    return float(np.mean(guess(unseen, V) == unseen[:, place]))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: the products are small, and a second one costs more than it brings."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train(
    name: str,
    tokens_fn: Function,
    label_fn: Function,
    classes: int,
    sizes: tuple[int, int, int],
    updates: int,
    seed: int,
    make: Function | None,
) -> Function:
    """Train one network on fresh rows at every update. Returns ``guess(tokens, V) -> labels``."""
    import torch

    T, V, _ = sizes
    eye = torch.eye(V)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        scores, parameters = _network(name, sizes, classes, make)
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)
    batch = np.asarray(tokens_fn(ROWS * updates, T, V, seed))
    wanted = torch.as_tensor(np.array(label_fn(batch.copy(), V)), dtype=torch.int64)
    inputs = torch.as_tensor(batch.astype(np.int64), dtype=torch.int64)
    with _one_thread():
        for rows in torch.arange(len(batch)).split(ROWS):
            loss = torch.nn.functional.cross_entropy(scores(eye[inputs[rows]]), wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()

    def guess(tokens: np.ndarray, V: int) -> np.ndarray:
        with torch.no_grad(), _one_thread():
            return scores(eye[torch.as_tensor(tokens, dtype=torch.int64)]).argmax(1).numpy()

    return guess


def _network(name: str, sizes: tuple[int, int, int], classes: int, make: Function | None) -> tuple[Function, list[Any]]:
    """A network from one-hot tokens to scores, and its parameters as they start.

    W_hh of the simple network starts as a rotation times GAIN, so that a gradient shrinks at every step.
    How the LSTM starts is in `_start_lstm`.
    """
    import torch

    T, V, H = sizes
    if name == "RNN":  # of 37 tokens, 32 units learn to name the first on 3 of 20 seeds, 24 on 1
        H = 3 * H // 4
    if make:
        network = scores = make(V, H, classes)
        recurrent = network.rnn
    else:
        recurrent = (torch.nn.LSTM if name == "LSTM" else torch.nn.RNN)(V, H, batch_first=True)
        head = torch.nn.Linear(H, classes)
        network = torch.nn.ModuleList([recurrent, head])

        def scores(x: torch.Tensor) -> torch.Tensor:
            return head(recurrent(x)[0][:, -1])

    with torch.no_grad():
        if name == "LSTM":
            _start_lstm(recurrent, T)
        else:
            torch.nn.init.orthogonal_(recurrent.weight_hh_l0, gain=GAIN)
    return scores, list(network.parameters())


def _start_lstm(lstm: Any, T: int) -> None:
    """Let one half of the units keep, each for its own time up to T-1 steps, and the other half pass on.

    Keeping takes an open forget gate: its bias is the logarithm of the time ("chrono" initialisation). But what is
    kept is a sum over all that was read, and says little about where it stood. For that, the other half forgets
    its cells and rotates its state at each step, as the simple network does, with gates that let nearly all through.
    """
    import torch

    H = lstm.hidden_size
    keep = H // 2
    bias, square = lstm.bias_ih_l0, lstm.weight_hh_l0
    lstm.bias_hh_l0.zero_()
    bias.fill_(1.0)  # input and output gates open
    bias[2 * H : 3 * H] = 0.0
    bias[_forget(H)] = -1.0
    bias[H : H + keep] = torch.empty(keep).uniform_(1, max(T - 1, 2)).log()
    square.zero_()
    turn = torch.nn.init.orthogonal_(torch.empty(H - keep, H - keep), gain=1.8)
    square[2 * H + keep : 3 * H, keep:] = turn
