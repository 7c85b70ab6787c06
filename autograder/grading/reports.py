"""Pure functions from records to what people read: CSV, JSON, a page a student. They see records and nothing else.

Imports jinja2, whose autoescaping is on: a record carries text that students wrote.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from ..checks.feedback import WORDS, telling_cases
from ..checks.sketch import pictures

Record = Mapping[str, Any]


def grades_csv(records: Iterable[Record], questions: Sequence[str]) -> str:
    """``submission,status,total,possible`` and a column a question, one row a submission, in the order of names.

    Where rules such as a late penalty hold, ``raw,penalty,why`` say what became of the points. Answers that people graded
    have columns of their own at the end; the total is without them.
    """
    table = GradesTable(questions)
    for record in records:
        table.add(record)
    return table.text()


class GradesTable:
    """The table of `grades_csv`, a record at a time: a class need not fit into memory."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._questions = questions
        self._rows: list[tuple[str, list[str], Mapping[str, str]]] = []
        self._ruled = False
        self._by_hand: dict[str, str] = {}  # number -> name

    def add(self, record: Record) -> None:
        """Take a record's row."""
        self._ruled = self._ruled or "policy" in record
        written = record.get("written", ())
        self._by_hand |= {answer["number"]: answer["name"] for answer in written}
        answers = {answer["number"]: f"{answer['earned']:g}" for answer in written}
        self._rows.append((str(record["submission"]), _row(record, self._questions), answers))

    def text(self) -> str:
        """The table."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\r\n")
        rules = ["raw", "penalty", "why"] if self._ruled else []
        numbers = sorted(self._by_hand)
        names = [self._by_hand[number] for number in numbers]
        writer.writerow(["submission", "status", "total", "possible", *rules, *self._questions, *names])
        for _, row, answers in sorted(self._rows, key=lambda row: row[0]):
            writer.writerow([*row, *(answers.get(number, "") for number in numbers)])
        return buffer.getvalue()


def _row(record: Record, questions: Sequence[str]) -> list[str]:
    earned = {question["name"]: question["earned"] for question in record["questions"]}
    row = [spreadsheet_safe(record["submission"]), record["status"], f"{record['total']:g}", f"{record['possible']:g}"]
    if policy := record.get("policy"):
        row += [f"{policy['raw']:g}", f"{policy['penalty']:g}", spreadsheet_safe("; ".join(policy["why"]))]
    return [*row, *(f"{earned.get(name, 0.0):g}" for name in questions)]


def spreadsheet_safe(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    first = text.lstrip()[:1]  # some look past spaces, and take the wide forms of these signs for the signs
    return "'" + text if text[:1] in ("\t", "\r", "\n") or (first and first in "=+-@＝＋－＠") else text


def record_json(record: Record) -> str:
    """One record, for staff, hidden cases included: a line for each of its facts, and for each case of a question."""
    lines = [f"{_json(key)}: {_list(record[key], _question_json, '  ') if key == 'questions' else _json(record[key])}"
             for key in sorted(record)]  # fmt: skip
    return "{\n  " + ",\n  ".join(lines) + "\n}\n"


def _question_json(question: Record) -> str:
    rest = [f"{_json(key)}: {_json(question[key])}" for key in sorted(question) if key != "cases"]
    return "{" + ", ".join([*rest, f'"cases": {_list(question["cases"], _json, "    ")}']) + "}"


def _list(items: Sequence[Any], text: Callable[[Any], str], margin: str) -> str:
    lines = [f"\n{margin}  {text(item)}" for item in items]
    return f"[{','.join(lines)}\n{margin}]" if lines else "[]"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)  # indented by this module: json's own indent is slow


def feedback_page(record: Record, *, title: str, parts: Mapping[str, str], hidden_hints: bool = False) -> str:
    """The page that a student gets: self-contained HTML, without the numbers of hidden cases.

    hidden_hints: tell what the hidden cases hint at, which is for after the deadline.
    """
    return ENVIRONMENT.get_template("feedback.html").render(
        record=record,
        title=title,
        parts=[
            (letter, name, [q for q in record["questions"] if q["number"].startswith(letter)]) for letter, name in parts.items()
        ],
        words=WORDS,
        hidden_hints=hidden_hints,
    )


def _hints_of_hidden(question: Mapping[str, Any]) -> list[str]:
    """What the hidden cases hint at and the public ones do not, each once."""
    found: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for case in question["cases"]:
        hints = [*(value["hint"] for value in case["values"] if not value["right"]), case["hint"]]
        found[case["hidden"]].update(dict.fromkeys(filter(None, hints)))
    return [hint for hint in found[True] if hint not in found[False]]


def csp_hash(script: str) -> str:
    """What a page's content security policy calls a script that it lets run; no other one may."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _share(earned: float, possible: float) -> str:
    """How a score looks: full, part or none."""
    return "full" if earned >= possible else ("part" if earned > 0 else "none")


ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters["points"] = lambda value: f"{value:g}"
ENVIRONMENT.filters["word"] = lambda verdict: WORDS[verdict]
ENVIRONMENT.filters["pictures"] = pictures
ENVIRONMENT.globals["share"] = _share
ENVIRONMENT.globals["telling_cases"] = telling_cases
ENVIRONMENT.globals["hints_of_hidden"] = _hints_of_hidden


# ---------------------------------------------------------------- what a class gets wrong

Made = Mapping[tuple[str, str], str]  # (question, mistake) -> hint
Unnamed = Mapping[tuple[str, str, str, str], str]  # (question, value, case, fingerprint) -> finding


def frequent_mistakes(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Known mistakes by the number of submissions that make them, the most frequent first.

    Each with question, mistake, hint, count, an example, the first submission by name, and names, all of them.
    """
    return rank_mistakes((str(record["submission"]), made_mistakes(record)) for record in records)


def made_mistakes(record: Record) -> dict[tuple[str, str], str]:
    """The known mistakes of one submission: (question, mistake) -> hint."""
    return {
        (question["name"], value["mistake"]): value["hint"] for question, value in _wrong_values(record) if value["mistake"]
    }


def rank_mistakes(made: Iterable[tuple[str, Made]]) -> list[dict[str, Any]]:
    """The same as `frequent_mistakes`, from what `made_mistakes` gives for each submission."""
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for name, mistakes in made:
        for key, hint in mistakes.items():
            found.setdefault(key, (hint, set()))[1].add(name)
    rows = [
        {"question": question, "mistake": mistake, "hint": hint, **_people(names)}
        for (question, mistake), (hint, names) in found.items()
    ]
    return sorted(rows, key=lambda row: (-row["count"], row["question"], row["mistake"]))


def unexplained(records: Iterable[Record], least: int = 2) -> list[dict[str, Any]]:
    """Wrong answers that no known mistake explains and that several submissions share, the most frequent first.

    Two answers are the same if they agree to six digits on the first plain case where they are wrong. Each row has
    question, values (which are wrong in that way), case, count, finding, an example, the first by name, and names.
    least: how many submissions make a cluster.
    """
    return cluster(((str(record["submission"]), unnamed(record)) for record in records), least)


def same_errors(records: Sequence[Record], least: int = 2) -> list[dict[str, Any]]:
    """Errors that stop a question in several submissions, the most frequent first; those of the first plain case.

    Each with question, verdict, text, count, and an example: the first submission by name.
    """
    found: dict[tuple[str, str, str], set[str]] = {}
    for record in records:
        for question in record["questions"]:
            stopped = [case for case in question["cases"] if case["plain"] and case["verdict"] not in ("passed", "wrong")]
            for case in stopped[:1]:
                if case["verdict"] not in ("not_implemented", "missing") and case["text"]:
                    key = (question["name"], case["verdict"], case["text"])
                    found.setdefault(key, set()).add(str(record["submission"]))
    rows = [
        {"question": question, "verdict": verdict, "text": text, "count": len(names), "example": min(names)}
        for (question, verdict, text), names in found.items()
        if len(names) >= least
    ]
    return sorted(rows, key=lambda row: (-row["count"], row["question"], row["text"]))


def _wrong_values(record: Record) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for question in record["questions"]:
        for case in question["cases"]:
            yield from ((question, value) for value in case["values"] if not value["right"])


def unnamed(record: Record) -> dict[tuple[str, str, str, str], str]:
    """(question, value, case, fingerprint) -> finding, for each value that is wrong and never named."""
    named = {(question["name"], value["name"]) for question, value in _wrong_values(record) if value["mistake"]}
    found: dict[tuple[str, str], tuple[str, str, str]] = {}
    for question in record["questions"]:
        for case in question["cases"]:
            for value in case["values"] if case["plain"] else ():
                name = (question["name"], value["name"])
                if not value["right"] and name not in named:
                    finding = value["findings"][0] if value["findings"] else ""
                    found.setdefault(name, (case["name"], value["fingerprint"], finding))
    return {(*name, case, mark): finding for name, (case, mark, finding) in found.items()}


def cluster(found: Iterable[tuple[str, Unnamed]], least: int = 2) -> list[dict[str, Any]]:
    """The same as `unexplained`, from what `unnamed` gives for each submission."""
    clusters: dict[tuple[str, str, str, str], tuple[str, set[str]]] = {}
    for name, values in found:
        for key, finding in values.items():
            clusters.setdefault(key, (finding, set()))[1].add(name)
    together: dict[tuple[str, str, frozenset[str]], tuple[str, list[str]]] = {}
    for (question, leaf, case, _), (finding, names) in clusters.items():
        if len(names) >= least:
            together.setdefault((question, case, frozenset(names)), (finding, []))[1].append(leaf)
    rows = [
        {"question": question, "values": leaves, "case": case, "finding": finding, **_people(names)}
        for (question, case, names), (finding, leaves) in together.items()
    ]
    return sorted(rows, key=lambda row: (-row["count"], row["question"], row["values"]))


def _people(names: Collection[str]) -> dict[str, Any]:
    return {"count": len(names), "example": min(names), "names": sorted(names)}
