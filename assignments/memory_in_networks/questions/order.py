"""Part A: what order gives that a bag of words does not. Judged by properties: there are many right answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograder.checks.question import Case, Mistake, Question


def _embedding(rng: np.random.Generator, sizes: Any) -> dict[str, Any]:
    """What the judge's own recurrence is made of: a vector a token, and a rotation of the state a step."""
    tokens = np.round(rng.standard_normal((sizes["V"], sizes["H"])), 4)
    turn = np.linalg.qr(rng.standard_normal((sizes["H"], sizes["H"])))[0]
    return {"embedding": tokens, "turn": np.round(turn, 6)}


def _sentences(*lines: str) -> Any:
    return lambda: list(lines)


QUESTIONS = (
    Question(
        "same_bag_pair", number="A1", module="order", points=2, minutes=5,
        calls=("a, b = same_bag_pair()",),
        outputs={"pair": "any"},
        verdict="same_bag_pair",
        draw=_embedding,
        oracle=lambda: (np.array([3, 1, 2]), np.array([2, 1, 3])),
        cases=(Case("order", V=64, H=5), Case("order again", V=64, H=7, hidden=True)),
        mistakes=(
            Mistake("A-same", "Are your two sequences different at all?",
                    lambda: (np.array([1, 2, 3]), np.array([1, 2, 3]))),
            Mistake("A-bag", "Count each token in both: a bag of words must not tell them apart.",
                    lambda: (np.array([1, 2, 3]), np.array([1, 2, 4]))),
            Mistake("A-counts", "The same tokens, but not equally often: a bag keeps counts.",
                    lambda: (np.array([1, 1, 2]), np.array([1, 2, 2]))),
            Mistake("A-length", "A bag of words keeps the number of words too.",
                    lambda: (np.array([1, 2]), np.array([2, 1, 2]))),
            Mistake("A-floats", "Tokens are integers.",
                    lambda: (np.array([0.5, 1.5]), np.array([1.5, 0.5]))),
            Mistake("A-negative", "A token id is a row of a table: which numbers can be rows?",
                    lambda: (np.array([-1, 1]), np.array([1, -1]))),
        ),
    ),
    Question(
        "first_word_sentences", number="A2", module="order", points=4, minutes=15,
        calls=("sentences = first_word_sentences()",),
        outputs={"sentences": "any"},
        verdict="first_word_sentences",
        oracle=_sentences(
            "Sailors watch the harbour lights for ships",
            "Shepherds watch the harbour lights for sheep",
        ),
        cases=(Case("sentences"), Case("sentences again", hidden=True)),
        mistakes=(
            Mistake("MT7", "A model that forgot the first word still gets it: pair sentences that differ only in "
                    "their first and last word.",
                    _sentences("cats chase mice at night", "dogs guard houses by day")),
            Mistake("MT8", "Undetermined even with memory: the first word must fix the last.",
                    _sentences("today we eat warm bread", "today we eat warm soup")),
            Mistake("A-one", "One sentence shows nothing: what would the other ending be?",
                    _sentences("sailors watch the lights for ships")),
            Mistake("A-short", "There is nothing to remember across: put words between the first and the last.",
                    _sentences("cats meow loudly", "dogs bark loudly")),
            Mistake("A-copy", "The ending already stands in the middle; no memory of the first word is needed.",
                    _sentences("sailors love ships or sheep so ships", "shepherds love ships or sheep so sheep")),
            Mistake("A-again", "The ending repeats the first word. What does the first word tell about another word?",
                    _sentences("ships are called ships", "boats are called boats")),
        ),
    ),
)  # fmt: skip
