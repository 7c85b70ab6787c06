"""Which submissions are alike: shown to people who judge, never a penalty. Imports copydetect, an extra, where it is needed.

Programs are text that is cut into tokens; nothing of them is run. Names, comments and layout make no difference, and what
is alike because it was given out, or is what the reference does, is left out.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from markupsafe import Markup

from .reports import ENVIRONMENT, spreadsheet_safe

TOKENS = 25  # that must be alike in a row to count: copydetect's own default
FEWEST = 100  # tokens of a pair: about seven lines; with fewer, two stubs with a line in each would be all alike
LONGEST_MODULE = 40_000  # characters that are compared: of an honest module, all; hostile text takes long to cut
LONGEST = 150_000  # of a submission
AROUND = 3  # lines that are shown before and after what is marked
BLOCK = 4096  # fingerprints counted at a time

Array = np.ndarray[Any, Any]
Progress = Callable[[str], None]


class SimilarityError(Exception):
    """Similarity cannot be looked for; the message says what to do."""


@dataclass(frozen=True)
class Program:
    """A submission's modules as one text, with a line above each that names it."""

    name: str
    text: str


@dataclass(frozen=True)
class Pair:
    """Two programs that are alike. shares: of each, how much is in the other. tokens: alike. marks: of each, from where
    to where in its text."""

    one: Program
    other: Program
    shares: tuple[float, float]
    tokens: int
    marks: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]


def program(name: str, sources: Mapping[str, bytes]) -> Program:
    """The program of a submission."""
    parts = [f"# {module}.py\n{data.decode('utf-8', 'replace')[:LONGEST_MODULE]}\n" for module, data in sorted(sources.items())]
    return Program(name, "".join(parts).replace("\r\n", "\n").replace("\r", "\n")[:LONGEST])


def engine() -> Any:
    """The package copydetect. Raises SimilarityError where it is not installed."""
    try:
        import copydetect
    except ImportError:
        raise SimilarityError("copydetect is not installed; pip install 'memory-in-networks[similarity]'") from None
    return copydetect


def compare(
    programs: Sequence[Program], given: Iterable[str], *, least: float, most: int, fewest: int = FEWEST,
    progress: Progress = lambda name: None,
) -> list[Pair]:  # fmt: skip
    """The pairs that are most alike, the most alike first.

    given: programs that everybody has or may arrive at. least: the share of one program that must be in the other.
    most: pairs that are compared in full. fewest: tokens that a pair must have in common.
    """
    detect = engine()
    known = frozenset[Any]().union(*(_fingerprint(detect, text, ()).hashes for text in given))
    prints = []
    for one in programs:
        prints.append(np.array(sorted(_fingerprint(detect, one.text, known).hashes), np.int64))
        progress(one.name)
    whole = functools.cache(lambda i: _fingerprint(detect, programs[i].text, known))  # large: only of those that matter
    found = []
    for i, j in _candidates(prints, least / 2, most):
        tokens, shares, marks = detect.compare_files(whole(i), whole(j))
        first, second = (min(1.0, round(float(share), 4)) for share in shares)
        if max(first, second) >= least and tokens >= fewest:
            spans = (_spans(marks[0]), _spans(marks[1]))
            found.append(Pair(programs[i], programs[j], (first, second), int(tokens), spans))
    return sorted(found, key=lambda pair: (-max(pair.shares), -pair.tokens, pair.one.name, pair.other.name))


def _fingerprint(detect: Any, text: str, known: Collection[Any]) -> Any:
    """A program's fingerprint without what is known. copydetect's own way of leaving it out counts repetitions wrongly."""
    found = detect.CodeFingerprint("program.py", TOKENS, 1, fp=io.StringIO(text))
    found.hash_idx = {key: places for key, places in found.hash_idx.items() if key not in known}
    found.hashes = set(found.hash_idx)
    found.token_coverage = detect.utils.get_token_coverage(found.hash_idx, TOKENS, len(found.filtered_code))
    return found


def _candidates(prints: Sequence[Array], least: float, most: int) -> list[tuple[int, int]]:
    """The pairs worth comparing: those that share the most fingerprints, as a part of what the smaller one has."""
    sizes = np.array([len(keys) for keys in prints])
    owner = np.repeat(np.arange(len(prints)), sizes)
    _, column, times = np.unique(np.concatenate(prints), return_inverse=True, return_counts=True)
    number = np.cumsum(times > 1) - 1  # of the fingerprints that several have
    owner, column = owner[times[column] > 1], number[column[times[column] > 1]]
    counts = np.zeros((len(prints), len(prints)), np.float32)
    for start in range(0, int(number[-1]) + 1 if len(number) else 0, BLOCK):
        here = (column >= start) & (column < start + BLOCK)
        block = np.zeros((len(prints), BLOCK), np.float32)
        block[owner[here], column[here] - start] = 1
        counts += block @ block.T
    smaller = np.minimum(sizes[:, None], sizes[None, :])
    shares = np.triu(counts / np.maximum(smaller, 1), 1)
    pairs = np.argwhere(shares >= max(least, 1e-9))
    ranked = sorted(pairs.tolist(), key=lambda pair: (-float(shares[pair[0], pair[1]]), pair))
    return [(i, j) for i, j in ranked[:most]]


def _spans(slices: Any) -> tuple[tuple[int, int], ...]:
    if not len(slices):
        return ()
    return tuple((int(start), int(end)) for start, end in zip(slices[0], slices[1], strict=True))


# ---------------------------------------------------------------- what people read


def pairs_csv(pairs: Sequence[Pair]) -> str:
    """A row a pair."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["one", "other", "share of one", "share of other", "tokens"])
    for pair in pairs:
        names = (spreadsheet_safe(pair.one.name), spreadsheet_safe(pair.other.name))
        writer.writerow([*names, *(f"{share:.4f}" for share in pair.shares), pair.tokens])
    return buffer.getvalue()


def index_page(pairs: Sequence[Pair], *, title: str, compared: int, least: float) -> str:
    """The list of pairs, each with a link to ``pairs/NUMBER.html``."""
    return ENVIRONMENT.get_template("similar.html").render(title=title, pairs=pairs, compared=compared, least=least)


def pair_page(pair: Pair, *, title: str) -> str:
    """Two programs side by side, with what is alike marked."""
    both = zip((pair.one, pair.other), pair.shares, pair.marks, strict=True)
    sides = [(program.name, share, marked(program.text, spans)) for program, share, spans in both]
    return ENVIRONMENT.get_template("pair.html").render(title=title, sides=sides, tokens=pair.tokens)


def marked(text: str, spans: Sequence[tuple[int, int]]) -> Markup:
    """A text as HTML, with some parts of it marked, and of long stretches between them their ends alone."""
    parts, at = [], 0
    for start, end in sorted(spans):
        start, end = max(start, at), min(end, len(text))
        if start < end:
            parts += [_between(text[at:start]), f"<mark>{escape(text[start:end])}</mark>"]
            at = end
    return Markup("".join([*parts, _between(text[at:])]))


def _between(text: str) -> str:
    lines = text.split("\n")
    if len(lines) <= 2 * AROUND + 2:
        return escape(text)
    left_out = f"<i>… {len(lines) - 2 * AROUND} lines …</i>"
    return "\n".join([*map(escape, lines[:AROUND]), left_out, *map(escape, lines[-AROUND:])])


JPLAG = """\
What JPlag (https://github.com/jplag/JPlag) needs to compare these submissions. Here, with its jar:

    java -jar jplag.jar --language python3 --base-code base submissions

base/ holds what students were given and the reference solution: keep this folder among staff.
"""
