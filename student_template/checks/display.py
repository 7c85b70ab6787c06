"""What a check says, for a notebook: HTML with a picture of where a sequence goes wrong, and the same as plain text.

No script, no class, no other file: styles are inline, and colours can be read on light and on dark pages. Imports numpy
and its sister modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from .bundle import BakedQuestion, Bundle
from .compare import as_array, leaves
from .feedback import WORDS, explain, question_lines
from .judge import Outcome, owner
from .question import parse_spec

GREEN, RED, AMBER, GREY = "#1e8e3e", "#d93025", "#b06000", "#80868b"
COLOURS = {"passed": GREEN, "not_implemented": GREY, "unchecked": AMBER, "grader_error": AMBER}
MARKS = {"passed": "✓", "not_implemented": "·", "unchecked": "?"}
MONO = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em"
MOST_ROWS, WIDTH = 14, 560  # of a picture


@dataclass(frozen=True)
class Said:
    """What a notebook shows: `html` where pages are shown, `text` elsewhere. right: whether all of it passed."""

    text: str
    html: str
    right: bool = False

    def __repr__(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html


@dataclass(frozen=True)
class Checked:
    """A question that was checked: its report, what its cases gave, and what is to be said besides."""

    question: BakedQuestion
    report: Mapping[str, Any]
    outcomes: Sequence[Outcome] = ()
    notes: Sequence[str] = ()


# ---------------------------------------------------------------- messages and checks


def message(title: str, lines: Iterable[str] = (), *, colour: str = AMBER, right: bool = False) -> Said:
    """A note with a title and some lines, none of which is HTML."""
    lines = list(lines)
    text = "\n".join([title, *(f"  {line}" for line in lines)])
    return Said(text, _box(colour, f"<b>{escape(title)}</b>" + "".join(map(_line, lines))), right)


def one(checked: Checked) -> Said:
    """All that there is to say of one question, with the picture."""
    report = checked.report
    html = _box(COLOURS.get(report["verdict"], RED), f"<div>{_head(checked)}</div>{_details(checked, most=9)}")
    text = "\n".join(line.strip() if index == 0 else line for index, line in enumerate(_text_lines(checked, detailed=True)))
    return Said(text, html, report["verdict"] == "passed")


def several(bundle: Bundle, found: Sequence[Checked], *, everything: bool) -> Said:
    """A line a question, part by part; what is wrong unfolds below its line."""
    text, html, part = [f"{bundle.title}, public checks of {bundle.package}/"], [f"<b>{escape(bundle.title)}</b>"], ""
    for checked in found:
        if checked.question.part != part:
            part = checked.question.part
            title = f"{part}  {bundle.parts.get(part, '')}"
            text.append(f"\n{title}")
            html.append(f'<div style="margin-top:.6em;font-weight:bold">{escape(title)}</div>')
        text += _text_lines(checked, detailed=False)
        told = _details(checked, most=2)
        html.append(
            f'<details><summary style="cursor:pointer">{_head(checked)}</summary><div style="padding-left:1.4em">{told}</div>'
            "</details>" if told else f'<div style="padding-left:1em">{_head(checked)}</div>'
        )  # fmt: skip
    total = _total(bundle, found, everything)
    right = all(checked.report["verdict"] == "passed" for checked in found)
    closing = f'<div style="margin-top:.6em;border-top:1px solid {GREY};padding-top:.4em">{escape(total)}</div>'
    return Said("\n".join([*text, "", total]), _box(GREEN if right else GREY, "".join(html) + closing), right)


def _total(bundle: Bundle, found: Sequence[Checked], everything: bool) -> str:
    earned = sum(checked.report["earned"] for checked in found)
    possible = sum(checked.report["possible"] for checked in found if not checked.report["optional"])
    text = f"{earned:g} of {possible:g} points by the public checks. Grading adds hidden cases of the same kind."
    if everything and bundle.written:
        numbers = " and ".join(written.number for written in bundle.written)
        text += f" {numbers} are read and graded by people: {bundle.possible_written:g} points more."
    return text


def _text_lines(checked: Checked, *, detailed: bool) -> list[str]:
    return [*question_lines(checked.report, detailed=detailed), *(f"        {note}" for note in checked.notes)]


def _head(checked: Checked) -> str:
    report, verdict = checked.report, checked.report["verdict"]
    colour = COLOURS.get(verdict, RED)
    points = f"{report['earned']:g} / {report['possible']:g} point{'s' if report['possible'] != 1 else ''}"
    return (
        f'<span style="color:{colour};font-weight:bold">{MARKS.get(verdict, "✗")} {escape(WORDS[verdict])}</span> '
        f'<b>{escape(report["number"])} <span style="{MONO}">{escape(report["name"])}</span></b> '
        f'<span style="opacity:.75">{points}</span>'
    )


def _details(checked: Checked, most: int) -> str:
    """What is wrong, as HTML; empty if there is nothing to say."""
    report = checked.report
    if report["verdict"] == "unchecked":
        lines = ["This question needs torch, which is not installed: %pip install torch"]
    else:
        lines = explain(report, most=most)
    told = "".join(map(_line, [*lines, *checked.notes]))
    return told + picture(checked.question, checked.outcomes) if told else ""


def _line(text: str) -> str:
    """A line of feedback. Hints and notes stand out; all else keeps its columns, because it may be code."""
    bare = text.strip()
    if bare.startswith("Hint"):
        style = f"margin:.4em 0;padding:.3em .7em;border-left:3px solid {AMBER};background:rgba(176,96,0,.12)"
    elif text.startswith("case "):
        style = "margin-top:.5em;font-weight:bold"
    elif bare.startswith(("Note:", "You ")):
        style = "margin-top:.4em"
    else:
        style = f"{MONO};white-space:pre-wrap;overflow-wrap:anywhere"
        bare = text
    return f'<div style="{style}">{escape(bare)}</div>'


def _box(colour: str, inside: str) -> str:
    return (
        f'<div style="border-left:5px solid {colour};background:rgba(128,134,139,.08);padding:.6em 1em;margin:.3em 0;'
        f'line-height:1.45;max-width:60em">{inside}</div>'
    )


# ---------------------------------------------------------------- where it goes wrong


@dataclass(frozen=True)
class Row:
    """Errors of one output, or of one gate block of it: one a timestep, one a block, or one in all.

    what: "t", "block" or "" for what the columns are. errors: relative to the largest value expected; what is at
    most `bound` is right.
    """

    label: str
    what: str
    columns: tuple[str, ...]
    errors: tuple[float, ...]
    bound: float

    @property
    def wrong(self) -> tuple[str, ...]:
        """The columns that are wrong."""
        return tuple(name for name, error in zip(self.columns, self.errors, strict=True) if not error <= self.bound)


def picture(question: BakedQuestion, outcomes: Sequence[Outcome]) -> str:
    """The errors of the first case that is wrong, by timestep and gate block, as SVG; empty where no array is compared."""
    wrong = [outcome for outcome in outcomes if outcome.verdict == "wrong" and not outcome.case.verdict]
    wrong.sort(key=lambda outcome: outcome.case.costs < 1.0)  # plain cases first
    for outcome in wrong[:1]:
        rows = error_rows(question, outcome)
        if any(row.what for row in rows) and any(row.wrong for row in rows):
            return _draw(outcome.case.name, rows[:MOST_ROWS])
    return ""


def error_rows(question: BakedQuestion, outcome: Outcome) -> list[Row]:
    """How far every compared array of a case is off, cut by timestep and by gate block."""
    rows = []
    for name, expected in outcome.case.expected.items():
        spec = parse_spec(question.outputs[owner(name, question.outputs)])
        got = dict(leaves(name, outcome.answer.values.get(name), expected))
        for leaf, wanted in leaves(name, expected):
            given, bound = as_array(got.get(leaf)), outcome.case.tolerances[leaf][1]
            wanted = np.asarray(wanted)
            if given is None or given.shape != wanted.shape or given.dtype.kind == "c":
                rows.append(Row(leaf, "", ("",), (math.inf,), bound))
            else:
                axes = spec.axes if len(spec.axes) == wanted.ndim else ("",) * wanted.ndim
                rows += _cut(leaf, axes, question.gates, _errors(wanted, given), bound)
    return rows


def _errors(wanted: Any, given: Any) -> Any:
    """|given - wanted| relative to the largest wanted; infinite where only one of them is a number."""
    with np.errstate(all="ignore"):
        wanted, given = wanted.astype(np.float64), given.astype(np.float64)
        off = np.abs(given - wanted)
        scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0) or 1.0
        same = (given == wanted) | (np.isnan(given) & np.isnan(wanted))
        return np.where(same, 0.0, np.where(np.isfinite(off), off / scale, np.inf))


def _cut(leaf: str, axes: Sequence[str], gates: str, errors: Any, bound: float) -> list[Row]:
    time = axes.index("T") if "T" in axes else None
    blocks = f"{len(gates)}H"
    gate = axes.index(blocks) if gates and blocks in axes else None
    if time is not None:
        parts = [(leaf, errors)] if gate is None else [
            (f"{leaf}, {name}", part) for name, part in zip(gates, np.split(errors, len(gates), gate), strict=True)
        ]  # fmt: skip
        steps = tuple(map(str, range(errors.shape[time])))
        return [Row(label, "t", steps, _most(part, time), bound) for label, part in parts]
    if gate is not None:
        found = tuple(float(part.max(initial=0.0)) for part in np.split(errors, len(gates), gate))
        return [Row(leaf, "block", tuple(gates), found, bound)]
    return [Row(leaf, "", ("",), (float(errors.max(initial=0.0)),), bound)]


def _most(errors: Any, axis: int) -> tuple[float, ...]:
    other = tuple(index for index in range(errors.ndim) if index != axis)
    return tuple(float(error) for error in errors.max(axis=other, initial=0.0))


def _height(error: float, bound: float) -> float:
    """Of a bar, between 0 and 1: the logarithm of the error, from 1e-4 or its bound to 1."""
    if not math.isfinite(error):
        return 1.0
    low = math.log10(min(max(bound, 1e-4), 0.1))
    return min(1.0, max(0.15, 1 - math.log10(max(error, 1e-300)) / low))


def _draw(case: str, rows: Sequence[Row]) -> str:
    cell = max(5.0, min(24.0, WIDTH / max(len(row.columns) for row in rows)))
    left = 16 + 7.2 * max(len(row.label) for row in rows)
    top, parts = 4.0, []
    for row in rows:
        parts.append(_draw_row(row, left, top, cell))
        top += 38 if row.what else 26
    width = left + cell * max(len(row.columns) for row in rows) + 16
    width, tall = max(width, 420.0), top + 4
    told = "; ".join(map(_alt, rows))
    caption = (
        f"Case {case}. A green dot is right; a red bar is wrong, and at full height it is off by the size of the values "
        "themselves. The scale is logarithmic."
    )
    return (
        f'<figure style="margin:.6em 0 0"><svg role="img" aria-label="{escape(told)}" width="{width:.0f}" height="{tall:.0f}" '
        f'viewBox="0 0 {width:.0f} {tall:.0f}" style="max-width:100%;height:auto" fill="currentColor" font-size="12" '
        f'font-family="ui-monospace,Menlo,Consolas,monospace"><title>{escape(told)}</title>{"".join(parts)}</svg>'
        f'<figcaption style="opacity:.75;font-size:.85em">{escape(caption)}</figcaption></figure>'
    )


def _draw_row(row: Row, left: float, top: float, cell: float) -> str:
    base = top + 20
    width = cell * len(row.columns)
    parts = [
        f'<text x="{left - 8:.1f}" y="{base - 4:.1f}" text-anchor="end">{escape(row.label)}</text>',
        f'<line x1="{left:.1f}" x2="{left + width:.1f}" y1="{base:.1f}" y2="{base:.1f}" stroke="currentColor" opacity=".4"/>',
    ]
    every = math.ceil((8 + 6 * len(row.columns[-1])) / cell)
    first = row.columns.index(row.wrong[0]) if row.wrong and row.what else -1
    for index, (name, error) in enumerate(zip(row.columns, row.errors, strict=True)):
        x = left + cell * index
        if error <= row.bound:
            parts.append(f'<circle cx="{x + cell / 2:.1f}" cy="{base - 4:.1f}" r="2.2" fill="{GREEN}"/>')
        else:
            tall = 18 * _height(error, row.bound)
            parts.append(f'<rect x="{x + cell * 0.15:.1f}" y="{base - tall:.1f}" width="{cell * 0.7:.1f}" height="{tall:.1f}" '
                         f'fill="{RED}"/>')  # fmt: skip
        if index == first or (index % every == 0 and (first < 0 or abs(index - first) >= every)):
            parts.append(_tick(f"t={name}" if row.what == "t" and index == 0 else name, x + cell / 2, base, index == first))
    return "".join(parts)


def _tick(text: str, x: float, base: float, first_wrong: bool) -> str:
    """The name of a column; that of the first wrong one stands out."""
    style = f'fill="{RED}" font-weight="bold"' if first_wrong else 'opacity=".75"'
    return f'<text x="{x:.1f}" y="{base + 12:.1f}" text-anchor="middle" font-size="10" {style}>{escape(text)}</text>'


def _alt(row: Row) -> str:
    if not row.wrong:
        return f"{row.label} is right"
    if not row.what:
        return f"{row.label} is wrong"
    if len(row.wrong) == len(row.columns):
        return f"{row.label} is wrong at every {row.what}"
    return f"{row.label} is wrong at {row.what} = {', '.join(row.wrong)}"
