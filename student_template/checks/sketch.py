"""Pictures of where a wrong value is wrong, as SVG, from the few numbers that a record keeps. Standard library only.

A grader's page and a notebook draw the same: `pictures(case)` takes a case of a record. Each picture says in words
what it shows, and has its numbers as a table. Colours follow the page's, where it names any, and its light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

WIDTH = 400  # of a drawing, in its own units: about a phone's, so that text 13 of them high can be read there
LEFT, RIGHT = 0, 396
TEXT = 'font-size="13" font-family="system-ui, sans-serif" fill="currentColor"'
WRONG, RIGHT_COLOUR = "var(--none, #d5484a)", "var(--full, #1d8a68)"
LEAST = 1e-7  # an error that has the lowest bar; none is judged wrong far below it
Number = float | None


@dataclass(frozen=True)
class Picture:
    """A drawing. title: its caption. svg: the element. says: what it shows, in words. head, rows: its numbers."""

    title: str
    svg: str
    says: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def pictures(case: Mapping[str, Any]) -> list[Picture]:
    """What can be drawn of a case of a record that is not right; nothing if it keeps no numbers for it."""
    profiles = {value["name"]: value["profile"] for value in case["values"] if value.get("profile")}
    found = []
    by_time: dict[tuple[int, int], dict[str, Sequence[Number]]] = {}
    by_gate: dict[str, dict[str, Sequence[Number]]] = {}
    for name, profile in profiles.items():
        if "steps" in profile:
            by_time.setdefault((len(profile["steps"]), profile["every"]), {})[name] = profile["steps"]
        if "blocks" in profile and 0 in profile["blocks"]:  # wrong in some blocks alone: that says where to look
            by_gate.setdefault(profile["gates"], {})[name] = profile["blocks"]
    for (count, every), rows in by_time.items():
        found.append(bars("Error by timestep t", "t", step_names(count, every), rows))
    for gates, rows in by_gate.items():
        found.append(bars("Error by gate block", "block", tuple(gates), rows))
    found += [_norms(name, profile) for name, profile in profiles.items() if _differ(profile)]
    return found


def step_names(count: int, every: int) -> tuple[str, ...]:
    """Names of the entries of a profile: ``0, 1, 2`` or, of groups, ``0-3, 4-7``."""
    if every == 1:
        return tuple(str(t) for t in range(count))
    return tuple(f"{t * every}-{(t + 1) * every - 1}" for t in range(count))


def number(value: Number) -> str:
    """A number of a profile as text."""
    return "not finite" if value is None else f"{value:.3g}"


# ---------------------------------------------------------------- errors as bars


def bars(title: str, axis: str, columns: Sequence[str], rows: Mapping[str, Sequence[Number]]) -> Picture:
    """A row of bars for each value: how large its error is in each column, on a logarithmic scale.

    A right column has a thin line in the place of a bar, one that holds nan or inf a bar with a cross.
    """
    height, parts = 0, list[str]()
    for name, errors in rows.items():
        height += 18
        worst = "nan or inf" if None in errors else f"largest error {number(max(map(_size, errors)))}"
        name_text = f'<tspan font-family="ui-monospace, monospace">{escape(name)}</tspan>'
        parts.append(f'<text x="{LEFT}" y="{height}" {TEXT}>{name_text} <tspan opacity=".75">{worst}</tspan></text>')
        height += 40
        parts += _row(errors, height)
        height += 4
    parts += _ticks(columns, height + 14)
    says = f"{title}, relative to the largest value expected. " + " ".join(
        f"{name}: {_in_words(axis, columns, errors)}." for name, errors in rows.items()
    )
    table = tuple((column, *(number(errors[i]) for errors in rows.values())) for i, column in enumerate(columns))
    return Picture(title, svg(height + 20, says, parts), says, (axis, *rows), table)


def _row(errors: Sequence[Number], base: int) -> Iterator[str]:
    step = (RIGHT - LEFT) / len(errors)
    wide = max(step * 0.8, 1)
    for i, error in enumerate(errors):
        x = LEFT + i * step + (step - wide) / 2
        if error == 0:
            yield rect(x, base - 2, wide, 2, RIGHT_COLOUR)
            continue
        tall = 30.0 if error is None else 4 + 26 * _share(error)
        yield rect(x, base - tall, wide, tall, WRONG)
        if error is None:
            yield _cross(x, base - tall, wide, tall)


def _share(error: float) -> float:
    """How high the bar of an error is, between 0 and 1: from `LEAST` to ten times the largest value expected."""
    return min(max(math.log10(error / LEAST) / math.log10(10 / LEAST), 0.0), 1.0)


def _cross(x: float, y: float, wide: float, tall: float) -> str:
    path = f"M{x:.1f} {y:.1f}l{wide:.1f} {tall:.1f}m0 {-tall:.1f}l{-wide:.1f} {tall:.1f}"
    return f'<path d="{path}" stroke="var(--paper, #fff)" fill="none"/>'


def _ticks(columns: Sequence[str], y: int, left: int = LEFT) -> Iterator[str]:
    """The names of some columns, as many as there is room for."""
    step = (RIGHT - left) / len(columns)
    longest = max(map(len, columns)) * 8 + 8
    every = max(1, math.ceil(longest / step))
    for i in range(0, len(columns), every):
        yield f'<text x="{left + (i + 0.5) * step:.1f}" y="{y}" text-anchor="middle" {TEXT}>{escape(columns[i])}</text>'


def _in_words(axis: str, columns: Sequence[str], errors: Sequence[Number]) -> str:
    wrong = [column for column, error in zip(columns, errors, strict=True) if error != 0]
    if len(wrong) == len(columns):
        where = f"wrong at every {axis}" if len(wrong) > 1 else f"wrong at {axis} {wrong[0]}"
    elif len(wrong) > 5:
        where = f"wrong at {len(wrong)} of {len(columns)}, first at {axis} {wrong[0]}"
    else:
        where = f"wrong at {axis} {', '.join(wrong)} alone" if wrong else "right"
    if None in errors:
        return f"{where}, with values that are not finite"
    worst = max(range(len(errors)), key=lambda i: _size(errors[i]))
    return f"{where}, largest error {number(errors[worst])} at {axis} {columns[worst]}"


def _size(value: Number) -> float:
    return float("inf") if value is None else value


# ---------------------------------------------------------------- norms as lines


def _differ(profile: Mapping[str, Any]) -> bool:
    """Whether norms by timestep say something: there are several, and one is off by more than a tenth."""
    mine, wanted = profile.get("norms", ((), ()))
    pairs = list(zip(mine, wanted, strict=True))
    return len(pairs) > 2 and any(a is None or b is None or abs(a - b) > 0.1 * max(a, b) for a, b in pairs)


def _norms(name: str, profile: Mapping[str, Any]) -> Picture:
    mine, wanted = profile["norms"]
    what = name if name.startswith("norm") else f"norm of {name}"
    return lines(f"{what[0].upper()}{what[1:]} by timestep t", "t", step_names(len(mine), profile["every"]),
                 {"expected": wanted, "yours": mine})  # fmt: skip


def lines(title: str, axis: str, columns: Sequence[str], series: Mapping[str, Sequence[Number]]) -> Picture:
    """One line each for two series of numbers that are not negative, on a logarithmic scale.

    The first is dashed with hollow marks, the second whole with full ones. A number that is 0 or not finite has no mark.
    """
    drawn = [value for values in series.values() for value in values if value]
    low, high = (math.floor(math.log10(min(drawn))), math.ceil(math.log10(max(drawn)))) if drawn else (0, 1)
    high = max(high, low + 1)
    top, base = 26, 150
    parts = list(_scale(low, high, top, base))
    styles = (("currentColor", 'stroke-dasharray="5 4"', "none"), (WRONG, "", WRONG))
    for i, ((name, values), (colour, dash, fill)) in enumerate(zip(series.items(), styles, strict=False)):
        at = LEFT + 40 + i * 110
        parts.append(f'<path d="M{at} 10h24" stroke="{colour}" stroke-width="2" {dash}/>'
                     f'<circle cx="{at + 12}" cy="10" r="3.5" stroke="{colour}" fill="{fill}"/>'
                     f'<text x="{at + 30}" y="14" {TEXT}>{escape(name)}</text>')  # fmt: skip
        points = [_point(j, value, len(values), low, high, top, base) for j, value in enumerate(values)]
        parts += _line(points, colour, dash, fill)
    parts += _ticks(columns, base + 16, LEFT + 40)
    says = f"{title}, on a logarithmic scale. " + " ".join(f"{_ends(n, axis, columns, v)}." for n, v in series.items())
    table = tuple((column, *(number(values[i]) for values in series.values())) for i, column in enumerate(columns))
    return Picture(title, svg(base + 22, says, parts), says, (axis, *series), table)


def _scale(low: int, high: int, top: int, base: int) -> Iterator[str]:
    for power in range(low, high + 1, max(1, math.ceil((high - low) / 4))):
        y = base - (power - low) / (high - low) * (base - top)
        label = f"{10.0**power:g}" if -3 <= power <= 3 else f"1e{power}"
        yield f'<path d="M{LEFT + 40} {y:.1f}H{RIGHT}" stroke="currentColor" opacity=".2"/>'
        yield f'<text x="{LEFT + 34}" y="{y + 4:.1f}" text-anchor="end" {TEXT}>{label}</text>'


def _point(i: int, value: Number, count: int, low: int, high: int, top: int, base: int) -> tuple[float, float] | None:
    if not value:
        return None
    step = (RIGHT - LEFT - 40) / count
    return LEFT + 40 + (i + 0.5) * step, base - (math.log10(value) - low) / (high - low) * (base - top)


def _line(points: Sequence[tuple[float, float] | None], colour: str, dash: str, fill: str) -> Iterator[str]:
    path, pen = "", "M"
    for point in points:
        path += f"{pen}{point[0]:.1f} {point[1]:.1f}" if point else ""
        pen = "L" if point else "M"
    if path:
        yield f'<path d="{path}" stroke="{colour}" stroke-width="2" fill="none" {dash}/>'
    for point in filter(None, points):
        yield f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3.5" stroke="{colour}" fill="{fill}"/>'


def _ends(name: str, axis: str, columns: Sequence[str], values: Sequence[Number]) -> str:
    first, last = f"{number(values[0])} at {axis} {columns[0]}", f"{number(values[-1])} at {axis} {columns[-1]}"
    return f"{name}: from {first} to {last}"


# ---------------------------------------------------------------- the element


def svg(height: float, says: str, parts: Sequence[str], width: int = WIDTH) -> str:
    """A drawing as an element that stands alone, with what it says as its text alternative."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img" '
            f'aria-label="{escape(says)}" style="width:100%;max-width:{width * 1.1:g}px;height:auto">'
            + "".join(parts) + "</svg>")  # fmt: skip


def rect(x: float, y: float, wide: float, tall: float, colour: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{tall:.1f}" fill="{colour}"/>'
