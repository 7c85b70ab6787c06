"""What differs between two runs of the same class: who moved, by which case, and why. Sees records and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """One submission that is graded otherwise. total: before and after. why: what is not the same behind it."""

    submission: str
    total: tuple[float, float]
    why: tuple[str, ...]
    by: tuple[str, ...]  # a line a question, then one a case of it


def move(before: Record, after: Record) -> Move | None:
    """What moved between two records of one submission; None where points, verdicts and status are the same."""
    by = [line for pair in _pairs(before, after) for line in _question(*pair)]
    if before["status"] != after["status"]:
        by.insert(0, f"{before['status']} -> {after['status']}{_because(after['problem'])}")
    taken = tuple(record.get("policy", {}).get("penalty", 0.0) for record in (before, after))
    if taken[0] != taken[1]:
        by.append(f"penalty {taken[0]:g} -> {taken[1]:g}{_because('; '.join(after.get('policy', {}).get('why', ())))}")
    totals = (before["total"], after["total"])
    if not by and totals[0] == totals[1]:
        return None
    return Move(after["submission"], totals, reasons(before, after), tuple(by))


def reasons(before: Record, after: Record) -> tuple[str, ...]:
    """What is not the same behind two records: the submission, questions, the engine, what it runs on, the rules."""
    was, now = before.get("audit", {}), after.get("audit", {})
    found = []
    if before["content"] != after["content"]:
        same = was.get("modules") == now.get("modules")
        found.append("the submission changed" + (", though not its modules" if same else ""))
    questions = (was.get("questions", {}), now.get("questions", {}))
    changed = sorted(name for name in {*questions[0], *questions[1]} if questions[0].get(name) != questions[1].get(name))
    if changed:
        found.append(f"questions changed: {', '.join(changed)}")
    for key, name in (("engine", "the engine"), ("python", "Python"), ("numpy", "numpy")):
        if was.get(key) != now.get(key):
            found.append(f"{name} changed ({was.get(key)} -> {now.get(key)})")
    if before.get("isolation") != after.get("isolation"):
        found.append(f"the isolation changed ({before.get('isolation')} -> {after.get('isolation')})")
    if before.get("submitted_at") != after.get("submitted_at"):
        found.append("the time of handing in changed")
    return tuple(found)


def _pairs(before: Record, after: Record) -> Iterator[tuple[Record | None, Record | None]]:
    old = {question["name"]: question for question in before["questions"]}
    new = {question["name"]: question for question in after["questions"]}
    yield from ((old.get(name), new.get(name)) for name in {**old, **new})


def _question(before: Record | None, after: Record | None) -> list[str]:
    if before is None or after is None:
        there = before or after or {}
        word = "is no longer asked" if after is None else "is new"
        return [f"{there['name']} {word}: {there['earned']:g} of {there['possible']:g}"]
    cases = _cases(before, after)
    same = all(before[key] == after[key] for key in ("earned", "possible", "verdict"))
    if same and not cases:
        return []
    points = f"{before['earned']:g} -> {after['earned']:g} of {after['possible']:g}"
    return [f"{after['name']}: {points}, {before['verdict']} -> {after['verdict']}", *cases]


def _cases(before: Record, after: Record) -> list[str]:
    old = {case["name"]: case for case in before["cases"]}
    lines = []
    for case in after["cases"]:
        was = old.pop(case["name"], None)
        verdict = was["verdict"] if was else "not there"
        if verdict != case["verdict"]:
            hidden = ", hidden" if case["hidden"] else ""
            lines.append(f"  case {case['name']}{hidden}: {verdict} -> {case['verdict']}{_because(_finding(case))}")
    return [*lines, *(f"  case {name}: {case['verdict']} -> not there" for name, case in old.items())]


def _finding(case: Record) -> str:
    """The first thing that a case has to say."""
    findings = [finding for value in case["values"] for finding in value["findings"]]
    return str(case["text"] or next(iter(findings), ""))


def _because(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return f": {first}" if first else ""
