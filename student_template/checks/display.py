"""What a check says, for a notebook: HTML with pictures of where a sequence goes wrong, and the same as plain text.

No script, no class, no other file: styles are inline. Text has the page's own colour, or brings what it stands on, so that it
can be read on light and on dark pages. Imports its sister modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from .bundle import BakedQuestion, Bundle
from .feedback import WORDS, explain, question_lines, telling_cases
from .sketch import Picture, pictures

GREEN, RED, AMBER, GREY = "#188038", "#d93025", "#b06000", "#6a7075"  # white can be read on each
COLOURS = {"passed": GREEN, "not_implemented": GREY, "unchecked": AMBER, "grader_error": AMBER}
MARKS = {"passed": "✓", "not_implemented": "·", "unchecked": "?"}
BADGE = "color:#fff;border-radius:.3em;padding:0 .45em;font-weight:bold"
MONO = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em"


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
    """A question that was checked: its report, and what is to be said besides."""

    question: BakedQuestion
    report: Mapping[str, Any]
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
        f'<span style="{BADGE};background:{colour}">{MARKS.get(verdict, "✗")} {escape(WORDS[verdict])}</span> '
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
    return told + figures(report) if told else ""


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


def figures(report: Mapping[str, Any]) -> str:
    """The pictures of the case that says most, as HTML; empty where its record keeps no numbers to draw."""
    told, _ = telling_cases(report, most=1)
    return "".join(_figure(case["name"], picture) for case in told for picture in pictures(case))


def _figure(case: str, picture: Picture) -> str:
    caption = f"Case {case}. {picture.title}: the higher, the larger, on a logarithmic scale."
    return (
        f'<figure style="margin:.6em 0 0"><figcaption style="opacity:.75;font-size:.85em">{escape(caption)}</figcaption>'
        f"{picture.svg}</figure>"
    )
