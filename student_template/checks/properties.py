"""Property functions: verdicts where there is more than one right answer. Numpy only; students' checks have it too.

Each takes the answers by name and the arrays that the judge alone has, and returns, for each of the question's
outputs, "" if the property holds, else a sentence for the student.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

Values = Mapping[str, Any]
TOLD_APART = 1e-6  # states closer than this are the same to a model in float32
MOST_TOKENS = 10_000


# ---------------------------------------------------------------- A1


def same_bag_pair(answers: Values, evidence: Values) -> dict[str, str]:
    """The same multiset of tokens in two orders, which a recurrent state tells apart."""
    return {"pair": _same_bag(answers["a"], answers["b"], evidence)}


def _same_bag(first: Any, second: Any, evidence: Values) -> str:
    arrays = {}
    for name, value in (("a", first), ("b", second)):
        array = _as_array(value)
        whole = isinstance(array, np.ndarray) and array.dtype.kind in "iu"
        if not whole or array.ndim != 1 or not 0 < array.size <= MOST_TOKENS:
            return f"{name} is not a sequence of integer tokens: expected an int array of shape (T,)"
        if array.min() < 0:
            return f"{name} has the token {array.min()}; token ids are 0 or above"
        arrays[name] = array
    a, b = arrays["a"], arrays["b"]
    if len(a) != len(b):
        return f"a has {len(a)} tokens and b has {len(b)}; as bags they differ already"
    if not np.array_equal(np.sort(a), np.sort(b)):
        token = next(token for token in np.concatenate([a, b]) if (a == token).sum() != (b == token).sum())
        return f"token {token} stands {(a == token).sum()} times in a and {(b == token).sum()} times in b"
    if np.array_equal(a, b):
        return "a and b are the same sequence; the bags must be equal, the orders must not"
    tokens = np.unique(a)
    if len(tokens) > len(evidence["embedding"]):
        return f"{len(tokens)} different tokens are more than this check has; {len(evidence['embedding'])} do"
    codes = [_summary(np.searchsorted(tokens, sequence), evidence) for sequence in (a, b)]
    gap = np.abs(codes[0] - codes[1]).max()
    if gap < TOLD_APART:
        return f"a recurrent state ends {gap:.1g} apart on a and b: their difference is forgotten before the end"
    return ""


def _summary(tokens: Any, evidence: Values) -> Any:
    """A running summary of our own: turn the state, add the token's vector, keep the length at one."""
    state = np.zeros(len(evidence["turn"]))
    for token in tokens:
        state = evidence["turn"] @ (0.7 * state) + evidence["embedding"][token]
        state /= np.sqrt(state @ state)
    return state


# ---------------------------------------------------------------- A2


def first_word_sentences(answers: Values, evidence: Values) -> dict[str, str]:
    """Sentences whose last word needs the first: the middle alone leaves it open, first and middle fix it."""
    return {"sentences": _sentences(answers["sentences"])}


def _sentences(value: Any) -> str:
    if not isinstance(value, list | tuple) or not all(isinstance(line, str) for line in value):
        return "expected a list of sentences, each a str"
    split = [re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", line.casefold()) for line in value]
    if len(split) < 2:
        number = "is 1 sentence" if len(split) == 1 else f"are {len(split)} sentences"
        return f"there {number}; the last word can only depend on the first if there are two or more"
    for line, words in zip(value, split, strict=True):
        if len(words) < 4:
            return f"{line!r} has {len(words)} words; at least four are needed, so that something stands between"
        if words[-1] in words[1:-1]:
            return f"{line!r}: the ending {words[-1]!r} already stands in the middle, where a short memory finds it"
        if words[-1] == words[0]:
            return f"{line!r}: the ending is the first word again; it should follow from the first word, not repeat it"
    return _endings(split)


def _endings(split: list[list[str]]) -> str:
    """Whether the middle leaves the ending open, and the first word fixes it."""
    endings: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for words in split:
        endings[tuple(words[1:-1])][words[0]].add(words[-1])
    for middle, by_first in endings.items():
        text = " ".join(middle)
        for first, last in by_first.items():
            if len(last) > 1:
                both = " or ".join(sorted(last))
                return f"'{first} {text} ...' ends in {both}: the first word does not fix the ending"
        if len(set().union(*by_first.values())) < 2:
            return f"'... {text} ...' always has the same ending: a model that forgot the first word still gets it"
    return ""


# ---------------------------------------------------------------- D1


def jacobian_moves_states(answers: Values, evidence: Values) -> dict[str, str]:
    """A Jacobian, applied to a small change of the state before, is the change of the state after."""
    J, moved = _as_array(answers["J"]), evidence["moved"]
    if not isinstance(J, np.ndarray) or J.shape != (*moved.shape, moved.shape[1]) or J.dtype.kind != "f":
        return {"J": "J has not the shape (N, H, H) of floats, so it cannot be held against a moved state"}
    predicted = np.einsum("nij,nj->ni", J.astype(float), evidence["nudge"])
    scale = np.abs(moved).max()
    with np.errstate(invalid="ignore"):
        error = np.abs(predicted - moved).max() / scale
    if error <= 1e-4:  # central differences of size 1e-4 are good to 1e-8, float32 answers to 1e-6
        return {"J": ""}
    return {"J": f"moving h_prev a little moves h_t by up to {scale:.3g}; J predicts that with an error of {error:.1%}"}


# ---------------------------------------------------------------- F2

STATE_AXES = {
    "weight_ih_l0": ("W_xh", "(H, D)"), "weight_hh_l0": ("W_hh", "(H, H)"),
    "bias_ih_l0": ("b", "(H,)"), "bias_hh_l0": ("b", "(H,)"),
}  # fmt: skip
NEAR = 1e-6  # tensors in float32 are as good as any


def loads_into_torch(answers: Values, evidence: Values) -> dict[str, str]:
    """A state dict that a one-layer nn.RNN loads, and with which its states are those of our cell."""
    return {"state": _state_keys(answers["state"]) or _state_values(answers["state"], evidence)}


def _state_keys(state: Any) -> str:
    if not isinstance(state, Mapping):
        return f"state is {_kind(state)}; expected a dict with four names and their tensors: {', '.join(STATE_AXES)}"
    missing = ", ".join(name for name in STATE_AXES if name not in state)
    extra = ", ".join([repr(name)[:40] for name in state if not isinstance(name, str) or name not in STATE_AXES][:4])
    if missing and extra:
        return f"state lacks {missing}, and has {extra}, which nn.RNN does not know"
    if missing:
        return f"state lacks {missing}"
    return f"state has {extra}, which nn.RNN does not know; it takes {', '.join(STATE_AXES)}" if extra else ""


def _state_values(state: Mapping[str, Any], evidence: Values) -> str:
    for name, (ours, axes) in STATE_AXES.items():
        text = _state_shape(name, state[name], axes, evidence[ours])
        if text:
            return text
    for name in ("weight_ih_l0", "weight_hh_l0"):
        ours = STATE_AXES[name][0]
        if not _near(state[name], evidence[ours]):
            if _near(state[name].T, evidence[ours]):
                return f"{name} is the transpose of {ours}; torch stores (out, in), as {ours} does"
            return f"{name} is not {ours}: torch multiplies {'x[t]' if ours == 'W_xh' else 'h[t-1]'} by it"
    with np.errstate(all="ignore"):
        both, b = state["bias_ih_l0"].astype(np.float64) + state["bias_hh_l0"], evidence["b"]
    if _near(both, b):
        return ""
    said = "torch adds bias_ih_l0 and bias_hh_l0; here they add up to"
    if _near(both, 2 * b):
        return f"{said} 2 b: each of them holds the whole b"
    if not both.any():
        return f"{said} zero, and b is lost"
    return f"{said} {both[0]:.4g} for the first unit, where b is {b[0]:.4g}"


def _state_shape(name: str, value: Any, axes: str, ours: Any) -> str:
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return f"{name} is {_kind(value)}; expected a tensor of floats of shape {axes} = {ours.shape}"
    if value.shape == ours.shape:
        return "" if np.isfinite(value).all() else f"{name} holds nan or inf"
    transposed = ". That is the transpose" if value.ndim == 2 and value.T.shape == ours.shape else ""
    return f"{name} has shape {value.shape}; expected {axes} = {ours.shape}{transposed}"


def _kind(value: Any) -> str:
    """What a value is, in words that may follow "is" and "returned"."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    name = getattr(value, "description", type(value).__name__)
    return name if name.startswith("an ") else f"a value of type {name}"


def _as_array(value: Any) -> Any:
    """The array that a list makes; any other value as it is, and a list that makes none."""
    if isinstance(value, list | tuple):
        with contextlib.suppress(ValueError, OverflowError):  # lists of lists that are no array
            return np.asarray(value)
    return value


def _near(value: Any, other: Any) -> bool:
    if value.shape != other.shape:
        return False
    with np.errstate(all="ignore"):
        gap = np.abs(value.astype(np.float64) - other).max()
    return bool(gap <= NEAR * np.abs(other).max())


# ---------------------------------------------------------------- G3

CHANGES = 0.25  # the share of labels that another token at an important place must change, at the least
MOST_FREQUENT = 0.75  # the most that a constant answer may be right
BEST_GUESS = 0.9  # the most that an answer from two of the three may be right
ALONE = "a label must come from its own sequence, not from others, its place in the batch, or an earlier call"


def memory_task(answers: Values, evidence: Values) -> dict[str, str]:
    """Tokens from a seed, and a label that needs the first token, the last and one in the middle, and nothing else."""
    answers = {name: _as_array(value) for name, value in answers.items()}
    found = {"tokens": _task_tokens(answers, evidence)}
    trouble = _task_labels(answers, evidence, own=not found["tokens"])
    if trouble:
        return found | dict.fromkeys(("first", "middle", "last", "balance"), trouble)
    base, label = evidence["base"], answers["label"]
    n, T = base.shape
    moved = answers["label_moved"].reshape(T, n)
    influence = (moved != label).mean(axis=1)
    allowed = range(-(-T // 4), 3 * T // 4 + 1)
    middles = [t for t in range(1, T - 1) if influence[t] > 0]
    others = [t for t in middles if t not in allowed] or middles[1:]
    if others:
        text = (
            f"another token at position {others[0]} changes {_share(influence[others[0]], 0)} of the labels; only the "
            f"first, the last and one position from {allowed[0]} to {allowed[-1]} may matter"
        )
        return found | dict.fromkeys(("first", "middle", "last", "balance"), text)
    places = {"first": 0, "middle": middles[0] if middles else None, "last": T - 1}
    for name, place in places.items():
        share = influence[place] if place is not None else 0.0
        where = f"at position {place}" if place is not None else f"anywhere from {allowed[0]} to {allowed[-1]}"
        text = f"another token {where} changes {_share(share, CHANGES)} of the labels; at least {CHANGES:.0%} must change"
        found[name] = "" if share >= CHANGES else text
    found["balance"] = _task_balance(base, label, [place for place in places.values() if place is not None])
    return found


def _share(share: float, limit: float) -> str:
    """A share with as many digits as tell it from the limit that it misses."""
    digits = next((digits for digits in range(3) if round(share, digits + 2) != limit or share == limit), 3)
    return f"{share:.{digits}%}"


def _returned(value: Any) -> str:
    return f"{_kind(value)} of shape {value.shape}" if isinstance(value, np.ndarray) else _kind(value)


def _task_tokens(answers: Values, evidence: Values) -> str:
    n, T, V = evidence["n"], evidence["T"], evidence["V"]
    for name in ("tokens", "tokens_again", "tokens_other"):
        if hasattr(answers[name], "reason"):
            return str(answers[name].reason)
    tokens = answers["tokens"]
    if not isinstance(tokens, np.ndarray) or tokens.dtype.kind not in "iu" or tokens.shape != (n, T):
        return f"memory_task_tokens returned {_returned(tokens)}; expected an int array of shape (n, T) = ({n}, {T})"
    if tokens.min() < 0 or tokens.max() >= V:
        return f"tokens go from {tokens.min()} to {tokens.max()}; expected 0 to V-1 = {V - 1}"
    if not np.array_equal(tokens, answers["tokens_again"]):
        return "two calls with the same seed gave different tokens"
    if np.array_equal(tokens, answers["tokens_other"]):
        return "two seeds gave the same tokens"
    for place, column in enumerate(tokens.T):
        counts = np.bincount(column.astype(int), minlength=V)
        if not counts.all():
            never = f"token {int(counts.argmin())} never stands at position {place}"
            return f"{never}; every token must be possible everywhere"
    if len(np.unique(tokens, axis=0)) < n // 2:
        return "more than half of the sequences are repeated"
    return ""


def _task_labels(answers: Values, evidence: Values, own: bool) -> str:
    """What is wrong with the labels as such. own: whether the student's own tokens are fit to be labelled."""
    n, part = evidence["n"], evidence["base"][:, 0] == 0
    lengths = {
        "": n, "_again": n, "_turned": n, "_part": part.sum(), "_own": n, "_moved": n * evidence["T"],
        "_twins": len(evidence["twins"]),
    }  # fmt: skip
    for name, rows in lengths.items():
        label = answers["label" + name]
        if name == "_own" and (not own or hasattr(label, "reason")):  # your own tokens are judged by themselves
            continue
        if hasattr(label, "reason"):
            return str(label.reason)
        if not isinstance(label, np.ndarray) or label.dtype.kind not in "iub" or label.shape != (rows,):
            return f"memory_task_label returned {_returned(label)}; expected an int array of shape (n,) = ({rows},)"
    label = answers["label"]
    if label.min() < 0:
        return f"labels go down to {label.min()}; classes are 0 or above"
    if not np.array_equal(label, answers["label_again"]):
        return _unsteady(label, answers)
    if not np.array_equal(label[::-1], answers["label_turned"]):
        return f"turning the batch round does not turn the labels round: {ALONE}"
    if not np.array_equal(label[part], answers["label_part"]):
        return f"a part of the batch has other labels by itself: {ALONE}"
    return ""


def _unsteady(label: Any, answers: Values) -> str:
    """Which it is that changes labels from call to call: chance tells equal sequences apart within one call too."""
    half = len(answers["label_twins"]) // 2
    apart = (answers["label_twins"][:half] != answers["label_twins"][half:]).mean()
    if apart:
        return f"labels are drawn by chance: of two equal sequences in one batch, {apart:.0%} got different labels"
    share = (label != answers["label_again"]).mean()
    return f"something is kept from call to call: {share:.0%} of the labels changed when the same tokens came again"


def _task_balance(base: Any, label: Any, places: list[int]) -> str:
    """Whether a constant answer, or the best one from two of the three tokens, is right too often."""
    classes, label = np.unique(label, return_inverse=True)
    share = np.bincount(label).max() / len(label)
    if share > MOST_FREQUENT:
        return f"one label stands in {_share(share, MOST_FREQUENT)} of the sequences; at most {MOST_FREQUENT:.0%} may have it"
    if len(places) < 3:
        return "fewer than three positions matter, so two of them tell all"
    names = ("first", "middle", "last")
    for left in range(3):
        pair = [place for index, place in enumerate(places) if index != left]
        _, group = np.unique(base[:, pair], axis=0, return_inverse=True)
        table = np.zeros((group.max() + 1, len(classes)))
        np.add.at(table, (group.ravel(), label), 1)
        right = table.max(axis=1).sum() / len(label)
        if right > BEST_GUESS:
            best = _share(right, BEST_GUESS)
            return f"without the {names[left]} token the best guess is right in {best}; at most {BEST_GUESS:.0%}"
    return ""


# ---------------------------------------------------------------- G4


def latch_weights(answers: Values, evidence: Values) -> dict[str, str]:
    """Weights of an RNN whose scores name the first token after 2, 10, 50 and 200 tokens, on 2000 strings each."""
    lengths = (2, 10, 50, 200)
    names = ("W_xh", "W_hh", "b", "W_hy", "b_y")
    weights = [_as_array(answers[name]) for name in names]
    problem = _latch_shapes(names, weights)
    if problem:
        return {f"T{T}": problem for T in lengths}
    W_xh, W_hh, b, W_hy, b_y = (np.asarray(weight, float) for weight in weights)
    rng, found = np.random.default_rng(evidence["seed"]), {}
    for T in lengths:
        strings = rng.integers(0, 3, (2000, T))
        strings[:, 0] = rng.integers(0, 2, 2000)
        state = np.zeros((2000, len(b)))
        with np.errstate(all="ignore"):
            for column in strings.T:
                drive = np.einsum("ij,nj->ni", W_hh, state) + W_xh.T[column] + b
                state = 1 - 2 / (np.exp(2 * drive) + 1)
            scores = np.einsum("ci,ni->nc", W_hy, state) + b_y
        margin = np.where(strings[:, 0] == 0, scores[:, 0] - scores[:, 1], scores[:, 1] - scores[:, 0])
        right = margin > 0
        text = f"after {T} tokens the scores name the first token in {right.mean():.1%} of 2000 strings"
        each = [f"{right[strings[:, 0] == token].mean():.1%} where it is {token}" for token in (0, 1)]
        swapped = ": always the other one. Which token is row 0 of W_hy for?"
        found[f"T{T}"] = "" if right.all() else text + (swapped if (margin < 0).all() else f" ({', '.join(each)})")
    return found


def _latch_shapes(names: tuple[str, ...], weights: list[Any]) -> str:
    for name, weight in zip(names, weights, strict=True):
        if not isinstance(weight, np.ndarray) or weight.dtype.kind not in "iuf":
            return f"{name} is {_kind(weight)}; expected an array of floats"
        if not np.isfinite(weight).all():
            return f"{name} is not an array of finite numbers"
    # The one that is out of line should be named: H is what most of them say.
    said = [weight.shape[axis] for weight, axis in zip(weights, (0, 0, 0, -1), strict=False) if weight.ndim]
    H = max(said, key=said.count, default=0)
    wanted = {"(H, 3)": (H, 3), "(H, H)": (H, H), "(H,)": (H,), "(2, H)": (2, H), "(2,)": (2,)}
    for name, weight, (axes, shape) in zip(names, weights, wanted.items(), strict=True):
        if weight.shape != shape or not 1 <= H <= 512:
            return f"{name} has shape {weight.shape}; expected {axes} with one H from 1 to 512 for all"
    return ""


# ---------------------------------------------------------------- O6

ACTIONS = ("store", "advance to", "go back through step", "restore", "free")


def checkpoint_schedule(answers: Values, evidence: Values) -> dict[str, str]:
    """Schedules that take the gradient back with few stored states: as they must be, and with the fewest steps."""
    invalid, longer = [], []
    for number in range(len(answers)):
        T, slots = evidence[f"T_{number}"], evidence[f"slots_{number}"]
        call, fewest = f"checkpoint_schedule({T}, {slots})", _fewest_steps(T, slots)
        steps, text = _carried_out(answers[f"actions_{number}"], T, slots, 10 * (fewest + T) + 100)
        if text:
            invalid.append(f"{call}: {text}")
        elif steps > 2 * fewest:
            invalid.append(f"{call} runs {steps} steps, more than twice as many as needed, which is {fewest}")
        elif steps > fewest:
            longer.append(f"{call} runs {steps} steps; {fewest} are enough")
    found = {"valid": invalid, "optimal": invalid or longer}
    return {name: _first_of(texts, len(answers)) for name, texts in found.items()}


def _first_of(texts: list[str], of: int) -> str:
    more = f" (and {len(texts) - 1} more of the {of} schedules)" if len(texts) > 1 else ""
    return texts[0] + more if texts else ""


def _fewest_steps(T: int, slots: int) -> int:
    """The least number of forward steps, by counting: with r repeats comb(slots + r, slots) steps go back."""
    repeats = 0
    while math.comb(slots + repeats, slots) < T:
        repeats += 1
    return repeats * T - math.comb(slots + repeats, repeats - 1) if repeats else 0


def _carried_out(value: Any, T: int, slots: int, most: int) -> tuple[int, str]:
    """How many steps a schedule runs, or what is wrong with it."""
    rows = _rows_of_actions(value, most)
    if isinstance(rows, str):
        return 0, rows
    run = _Schedule(T, slots)
    for number, (code, t) in enumerate(rows):
        if not 0 <= code < len(ACTIONS):
            return 0, f"action {number} is ({code}, {t}); the codes are 0 to {len(ACTIONS) - 1}"
        text = run.act(code, t)
        if text:
            return 0, f"action {number}, {ACTIONS[code]} {t if code == 2 else f's[{t}]'}: {text}"
    if run.left:
        return 0, f"after the last action the steps {run.left - 1} to 0 have not gone back"
    return run.steps, ""


def _rows_of_actions(value: Any, most: int) -> list[list[int]] | str:
    """The actions as a list of pairs, or what is wrong with them."""
    if isinstance(value, list | tuple) and len(value) <= most:
        value = _as_array(value)
    if isinstance(value, list | tuple):
        return f"{len(value)} actions that are no array; expected an int array of shape (K, 2)"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu":
        return f"returned {_kind(value)}; expected an int array of shape (K, 2)"
    if value.ndim != 2 or value.shape[1] != 2:
        return f"returned an array of shape {value.shape}; expected (K, 2)"
    if len(value) > most:
        return f"{len(value)} actions; {most} are ten times more than any sensible schedule has"
    return value.tolist()


class _Schedule:
    """A schedule while it is carried out. `act` takes one action and says why it cannot be done, if so."""

    def __init__(self, T: int, slots: int) -> None:
        self.T, self.slots, self.left = T, slots, T
        self.state, self.stored, self.steps = 0, set[int](), 0

    def act(self, code: int, t: int) -> str:
        """Carry out one action; "" if that is allowed."""
        return (self._store, self._advance, self._back, self._restore, self._free)[code](t)

    def _store(self, t: int) -> str:
        if t != self.state:
            return f"the current state is s[{self.state}]"
        if len(self.stored | {t}) > self.slots:
            return f"{_stored(self.stored)} stored, and with slots = {self.slots} there is no room for another"
        self.stored.add(t)
        return ""

    def _advance(self, t: int) -> str:
        if not self.state < t <= self.T:
            return f"the current state is s[{self.state}], and there are steps up to {self.T - 1}"
        self.steps += t - self.state
        self.state = t
        return ""

    def _back(self, t: int) -> str:
        if t != self.left - 1:
            return f"step {self.left - 1} is the next to go back" if self.left else "all steps have gone back"
        if t != self.state:
            return f"the current state is s[{self.state}], and s[{t}] is needed"
        self.left = t
        return ""

    def _restore(self, t: int) -> str:
        if t not in self.stored:
            return f"it is not stored; {_stored(self.stored)}"
        self.state = t
        return ""

    def _free(self, t: int) -> str:
        if t not in self.stored:
            return f"it is not stored; {_stored(self.stored)}"
        self.stored.remove(t)
        return ""


def _stored(states: set[int]) -> str:
    return f"{', '.join(f's[{t}]' for t in sorted(states)) or 'none'} {'are' if len(states) > 1 else 'is'}"


PROPERTIES = {
    "checkpoint_schedule": checkpoint_schedule,
    "same_bag_pair": same_bag_pair,
    "first_word_sentences": first_word_sentences,
    "jacobian_moves_states": jacobian_moves_states,
    "memory_task": memory_task,
    "latch_weights": latch_weights,
    "loads_into_torch": loads_into_torch,
}
