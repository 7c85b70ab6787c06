"""What a report on a question says, as lines of text for a terminal. Imports the standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

WORDS = {
    "passed": "right", "wrong": "wrong", "crashed": "stopped with an error", "timed_out": "took too long",
    "over_memory": "used too much memory", "not_implemented": "not written yet", "missing": "missing",
    "forbidden": "not allowed", "grader_error": "could not be judged; this is not your fault",
    "unchecked": "not checked",
}  # fmt: skip


IN_PLACE = "changes its input in place"


def explain(report: Mapping[str, Any], *, hidden: bool = False, most: int = 2) -> list[str]:
    """What is wrong with a question, the most telling cases first: lines for a terminal.

    report: the question's part of a record. hidden: tell of hidden cases too (staff only). most: cases that are told.
    """
    if report["verdict"] in ("passed", "not_implemented"):
        return _warnings(report, hidden)
    told, others = telling_cases(report, hidden=hidden, most=most)
    lines = [] if report["verdict"] == "missing" or len(report["outputs"]) == 1 else [_shares(report)]
    for case in told:
        lines += _explain_case(case)
    if others:
        lines.append(f"also not right: {', '.join(case['name'] for case in others)}")
    return lines + _warnings(report, hidden)


def telling_cases(report: Mapping[str, Any], *, hidden: bool = False, most: int = 2) -> tuple[list[Any], list[Any]]:
    """The cases that say most of what is wrong, and the others that are not right: plain ones before edge cases."""
    shown = [case for case in report["cases"] if case["verdict"] != "passed" and (hidden or not case["hidden"])]
    told = ([case for case in shown if case["plain"]] or shown)[:most]
    return told, [case for case in shown if case not in told]


def _shares(report: Mapping[str, Any]) -> str:
    parts = [f"{output['name']} {output['earned']:.3g} of {output['possible']:.3g}" for output in report["outputs"]]
    return "points: " + ", ".join(parts)


def _explain_case(case: Mapping[str, Any]) -> Iterator[str]:
    yield f"case {case['name']}: {WORDS[case['verdict']]}"
    yield from (f"  {line.strip()}" for line in case["text"].splitlines())
    yield from (f"  {line}" for line in case["trace"].splitlines())
    hints: dict[str, list[str]] = {}
    wrong = [value for value in case["values"] if not value["right"]]
    findings = dict.fromkeys(finding for value in wrong for finding in value["findings"])  # each once
    yield from (f"  {finding}" for finding in findings)
    for value in wrong:
        if value["hint"]:
            hints.setdefault(value["hint"], []).append(value["name"])
    for hint, names in hints.items():
        yield f"  Hint ({', '.join(names)}): {hint}"
    if case["hint"]:
        yield f"  Hint: {case['hint']}"


def _warnings(report: Mapping[str, Any], hidden: bool) -> list[str]:
    found = [w for case in report["cases"] if hidden or not case["hidden"] for w in case["warnings"]]
    first = next((text for text in found if text.startswith(IN_PLACE)), "")  # later cases call arrays by names of their own
    return [f"Note: {text}" for text in dict.fromkeys(found) if text == first or not text.startswith(IN_PLACE)]


def question_lines(report: Mapping[str, Any], *, detailed: bool) -> list[str]:
    """One question as lines of a terminal: mark, name, points, verdict, and what is wrong."""
    verdict = report["verdict"]
    mark = {"passed": "✓", "not_implemented": "·", "unchecked": "?"}.get(verdict, "✗")
    word = "" if verdict == "passed" else WORDS[verdict]
    points = f"{report['earned']:g} / {report['possible']:g}"
    first = f"  {mark} {report['number']:<3} {report['name']:<26} {points:>9}   {word}".rstrip()
    if verdict == "unchecked":
        return [first + ": this question needs torch, which is not installed (pip install torch)"]
    return [first, *(f"        {line}" for line in explain(report, most=9 if detailed else 1))]
