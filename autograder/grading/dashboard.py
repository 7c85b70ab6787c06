"""A class on one page, from records alone: what is earned, what is hard, what goes wrong, and a way to each student.

Imports reports and the standard library. A record is read once and only `Facts` of it are kept, so that thousands fit.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..checks.feedback import WORDS
from ..checks.sketch import LEFT, RIGHT, TEXT, Picture, rect, svg
from .reports import ENVIRONMENT, Made, Record, Unnamed, cluster, csp_hash, made_mistakes, rank_mistakes, unnamed

# What went wrong other than by a wrong answer, as columns.
FAILURES = ("timed_out", "over_memory", "crashed", "forbidden", "missing", "not_implemented", "grader_error")
ALARMING = ("timed_out", "over_memory", "crashed", "forbidden")
FEW = 10  # submissions below which a correlation is not told
TELLS_NOTHING = 0.1  # a discrimination below is worth a look
MANY = 60  # rows of a list that a page shows; the command `mistakes` lists all
STRIPES = (
    '<defs><pattern id="some" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" fill="var(--paper, #fff)"/><rect width="2.5" height="5" fill="var(--part, #8a5a00)"/>'
    "</pattern></defs>"
)


@dataclass(frozen=True)
class Score:
    """A question in a record."""

    number: str
    earned: float
    possible: float
    optional: bool
    verdict: str


@dataclass(frozen=True)
class Facts:
    """What the page needs of a record. raw: points before rules such as a late penalty, which `total` is after; None where
    there are no rules. bundle: what it was judged by. written: points of answers that people graded."""

    name: str
    status: str
    problem: str
    total: float
    possible: float
    raw: float | None
    bundle: str
    written: float | None
    scores: Mapping[str, Score]
    mistakes: Made
    unnamed: Unnamed


def facts(record: Record) -> Facts:
    """The facts of a record."""
    scores = {
        question["name"]: Score(question["number"], question["earned"], question["possible"], question["optional"],
                                question["verdict"])
        for question in record["questions"]
    }  # fmt: skip
    written = record.get("written")
    by_hand = sum(answer["earned"] for answer in written) if written else None
    raw = record["policy"]["raw"] if "policy" in record else None
    return Facts(
        str(record["submission"]), record["status"], record["problem"], record["total"], record["possible"],
        raw, record["bundle"], by_hand, scores, made_mistakes(record), unnamed(record),
    )  # fmt: skip


def summary(class_facts: Sequence[Facts]) -> dict[str, Any]:
    """What a closing table says of a run: counts of status, quartiles of totals, and questions by mean share."""
    graded = [one for one in class_facts if one.status == "graded"]
    totals = sorted(one.total for one in graded)
    scores: dict[str, list[Score]] = {}
    for one in graded:
        for name, score in one.scores.items():
            scores.setdefault(name, []).append(score)
    return {
        "status": dict(Counter(one.status for one in class_facts)),
        "totals": [totals[round(q * (len(totals) - 1))] for q in (0.0, 0.25, 0.5, 0.75, 1.0)] if totals else [],
        "questions": {
            name: {"mean": sum(score.earned / score.possible for score in found) / len(found),
                   "verdicts": dict(Counter(score.verdict for score in found))}
            for name, found in scores.items()
        },
    }  # fmt: skip


def page(class_facts: Iterable[Facts], stems: Mapping[str, str], *, title: str, parts: Mapping[str, str]) -> str:
    """The page, self-contained: styles, pictures and a script that sorts and filters are in it.

    stems: for each submission the name of its feedback page, without ``.html``.
    """
    everybody = sorted(class_facts, key=lambda one: one.name)
    graded = [one for one in everybody if one.status == "graded"]
    questions = question_rows(graded)
    mistakes = rank_mistakes((one.name, one.mistakes) for one in everybody)[:MANY]
    clusters = cluster((one.name, one.unnamed) for one in everybody)[:MANY]
    links = {one.name: f"feedback/{quote(stems[one.name])}.html" for one in everybody}
    script = (Path(__file__).parent / "dashboard.js").read_text(encoding="utf-8")
    letters = [letter for letter in parts if any(row["number"].startswith(letter) for row in questions)]
    return ENVIRONMENT.get_template("dashboard.html").render(
        title=title, parts=parts, letters=letters, people=list(_people(everybody, letters, mistakes, clusters)),
        links=links, most=_most(questions), status=Counter(one.status for one in everybody), numbers_of_totals=spread(graded),
        pictures=[histogram(graded), shares(questions)] if graded else [], questions=questions, mistakes=mistakes,
        clusters=clusters, failures=[row for row in questions if row["failures"]], words=WORDS,
        kinds=[kind for kind in FAILURES if any(kind in row["failures"] for row in questions)],
        troubled=[one for one in everybody if one.status != "graded"],
        ruled=any(one.raw is not None for one in everybody), written=any(one.written is not None for one in everybody),
        script=script, script_hash=csp_hash(script), few=FEW, tells_nothing=TELLS_NOTHING,
    )  # fmt: skip


# ---------------------------------------------------------------- numbers


def spread(graded: Sequence[Facts]) -> dict[str, float]:
    """Lowest, quartiles, highest and mean of totals; {} if there are none."""
    totals = sorted(one.total for one in graded)
    if not totals:
        return {}
    at = {"lowest": 0.0, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75, "highest": 1.0}
    return {**{name: totals[round(q * (len(totals) - 1))] for name, q in at.items()}, "mean": statistics.fmean(totals)}


def question_rows(graded: Sequence[Facts]) -> list[dict[str, Any]]:
    """For each question, in order: points, difficulty, discrimination, and how many got all, some or none of them.

    difficulty: the share of its points that was lost on average. discrimination: the correlation between the points
    here and those in all other questions; None with few submissions, or where all earned the same.
    """
    names = dict.fromkeys(name for one in graded for name in one.scores)
    return [_question_row(name, [one for one in graded if name in one.scores]) for name in names]


def _most(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """The points that can be earned, and those of optional questions; None where nothing was graded."""
    sums = [sum(row["possible"] for row in rows if row["optional"] == optional) for optional in (False, True)]
    return (sums[0], sums[1]) if rows else None


def _question_row(name: str, having: Sequence[Facts]) -> dict[str, Any]:
    scores = [one.scores[name] for one in having]
    possible = scores[0].possible
    earned = [score.earned for score in scores]
    full = sum(score.earned >= score.possible for score in scores)
    none = sum(score.earned <= 0 for score in scores)
    mean = statistics.fmean(earned)
    elsewhere = [(one.total if one.raw is None else one.raw) - here for one, here in zip(having, earned, strict=True)]
    return {
        "name": name, "number": scores[0].number, "possible": possible, "optional": scores[0].optional, "mean": mean,
        "difficulty": 1 - mean / possible, "discrimination": correlation(earned, elsewhere),
        "full": full, "part": len(scores) - full - none, "none": none, "count": len(scores),
        "failures": {kind: count for kind, count in Counter(s.verdict for s in scores).items() if kind in FAILURES},
    }  # fmt: skip


def correlation(here: Sequence[float], elsewhere: Sequence[float]) -> float | None:
    """Pearson's, or None where it says nothing."""
    if len(here) < FEW or len(set(here)) == 1 or len(set(elsewhere)) == 1:
        return None
    return statistics.correlation(here, elsewhere)


def _people(
    everybody: Sequence[Facts],
    letters: Sequence[str],
    mistakes: Sequence[Mapping[str, Any]],
    clusters: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Rows of the table of submissions. marks: which of the mistakes and clusters listed are theirs."""
    marks: dict[str, list[str]] = {}
    for letter, rows in (("m", mistakes), ("c", clusters)):
        for i, row in enumerate(rows):
            for name in row["names"]:
                marks.setdefault(name, []).append(f"{letter}{i}")
    for one in everybody:
        sums = [sum(score.earned for score in one.scores.values() if score.number.startswith(letter)) for letter in letters]
        verdicts = Counter(score.verdict for score in one.scores.values())
        yield {
            "name": one.name, "status": one.status, "total": one.total, "raw": one.raw, "written": one.written,
            "sums": sums, "wrong": verdicts["wrong"], "failed": sum(verdicts[kind] for kind in ALARMING),
            "marks": " ".join(marks.get(one.name, ())),
        }  # fmt: skip


# ---------------------------------------------------------------- pictures


def histogram(graded: Sequence[Facts]) -> Picture:
    """How many submissions have which total."""
    most = max(*(one.possible for one in graded), *(one.total for one in graded), 1.0)
    width = next(w for w in _round_widths() if most / w <= 22)
    counts = [0] * (math.floor(most / width) + 1)
    for one in graded:
        counts[math.floor(max(one.total, 0.0) / width)] += 1
    tall, base, step = max(counts), 170, (RIGHT - LEFT) / len(counts)
    parts = []
    for i, count in enumerate(counts):
        high = 140 * count / tall
        if count:
            parts.append(rect(LEFT + i * step + 1, base - high, step - 2, high, "var(--bar, #4a78b5)"))
            if 7 * len(str(count)) < step or count == tall:  # else it would lie over its neighbour's
                parts.append(_label(LEFT + (i + 0.5) * step, base - high - 4, str(count), 'text-anchor="middle"', 11))
        if i % max(1, math.ceil(len(counts) / 8)) == 0 and LEFT + i * step < RIGHT - 25:
            parts.append(_label(LEFT + i * step, base + 16, f"{i * width:g}"))
    parts.append(f'<path d="M{LEFT} {base}H{RIGHT}" stroke="currentColor" opacity=".5"/>')
    at = {name: round(value, 2) for name, value in spread(graded).items()}
    says = (f"Histogram of the totals of {len(graded)} graded submissions: median {at['median']:g}, half of them between "
            f"{at['lower quartile']:g} and {at['upper quartile']:g}, from {at['lowest']:g} to {at['highest']:g}.")  # fmt: skip
    table = tuple((f"{i * width:g} to below {(i + 1) * width:g}", str(count)) for i, count in enumerate(counts))
    return Picture("Submissions by total points", svg(base + 22, says, parts), says, ("points", "submissions"), table)


def _round_widths() -> Iterator[float]:
    for power in range(-2, 7):
        yield from (base * 10.0**power for base in (1, 2, 5))


def shares(rows: Sequence[Mapping[str, Any]]) -> Picture:
    """For each question, how many earned all its points, some, or none: one bar each."""
    parts, y = [STRIPES], 20
    for i, (text, colour) in enumerate((("all points", "var(--full)"), ("some", "url(#some)"), ("none", "none"))):
        parts.append(_segment(LEFT + 30 + i * 110, 4, 20, colour))
        parts.append(_label(LEFT + 56 + i * 110, 15, text))
    for row in rows:
        parts.append(_label(LEFT, y + 14, row["number"]))
        x, scale = LEFT + 30.0, (RIGHT - LEFT - 30) / row["count"]
        for key, colour in (("full", "var(--full)"), ("part", "url(#some)"), ("none", "none")):
            if row[key]:
                parts.append(_segment(x, y + 4, row[key] * scale, colour))
                x += row[key] * scale
        y += 18
    hardest = sorted(rows, key=lambda row: -row["difficulty"])[:3]
    says = "Bars of how many submissions earned all, some or no points of each question. Hardest: " + ", ".join(
        f"{row['number']} {row['name']}, where {row['difficulty']:.0%} of the points were lost" for row in hardest
    ) + "."  # fmt: skip
    table = tuple((f"{r['number']} {r['name']}", str(r["full"]), str(r["part"]), str(r["none"])) for r in rows)
    return Picture("Who earned how much of each question", svg(y + 4, says, parts), says,
                   ("question", "all points", "some", "none"), table)  # fmt: skip


def _segment(x: float, y: float, wide: float, colour: str) -> str:
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="12" fill="{colour}" '
            'stroke="currentColor" stroke-width=".7"/>')  # fmt: skip


def _label(x: float, y: float, text: str, more: str = "", size: int = 13) -> str:
    style = TEXT.replace('"13"', f'"{size}"')
    return f'<text x="{x:.1f}" y="{y:.1f}" {more} {style}>{escape(text)}</text>'
