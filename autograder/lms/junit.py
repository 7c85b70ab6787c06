"""JUnit XML, which CI systems show: a suite a submission, a test a question. Imports the standard library.

The layout is pytest's xunit2: points stand in properties of each test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from ..checks.feedback import WORDS, explain
from ..grading.names import plain_text
from ..grading.policy import answers, possible, score
from .students import Record

MAX_OUTPUT = 10_000
ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot hold
ATTRIBUTE = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}


def junit_xml(records: Sequence[Record], name: str) -> str:
    """Return all records as one document; without times, so that the same records give the same bytes."""
    return "\n".join(_lines(sorted(records, key=lambda record: str(record["submission"])), name)) + "\n"


def _lines(records: Sequence[Record], name: str) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield f"<testsuites {_attributes({'name': name})}>"
    for record in records:
        questions = record["questions"]
        errors = sum(question["verdict"] == "grader_error" for question in questions)
        wrong = sum(question["verdict"] != "passed" for question in questions) - errors
        facts = {
            "name": record["submission"],
            "errors": errors,
            "failures": wrong,
            "skipped": 0,
            "tests": len(questions) + len(answers(record)),
        }
        yield f"  <testsuite {_attributes(facts)}>"
        yield from _properties(4, {"total": score(record), "possible": possible(record), "status": record["status"]})
        for question in questions:
            yield from _case(record, question)
        for answer in answers(record):
            yield from _written(record, answer)
        if record["problem"]:
            yield f"    <system-err>{_text(record['problem'])}</system-err>"
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(record: Record, question: Mapping[str, Any]) -> Iterator[str]:
    yield f"    <testcase {_attributes({'classname': record['submission'], 'name': question['name']})}>"
    yield from _properties(6, {"points": question["earned"], "possible": question["possible"], "number": question["number"]})
    verdict = question["verdict"]
    if verdict != "passed":
        kind = "error" if verdict == "grader_error" else "failure"
        said = _attributes({"message": WORDS[verdict]})
        yield f"      <{kind} {said}>{_text(chr(10).join(explain(question)))}</{kind}>"
    yield "    </testcase>"


def _written(record: Record, answer: Mapping[str, Any]) -> Iterator[str]:
    """An answer that people graded: it has points, and neither passes nor fails."""
    yield f"    <testcase {_attributes({'classname': record['submission'], 'name': answer['name']})}>"
    yield from _properties(6, {"points": answer["earned"], "possible": answer["possible"], "number": answer["number"]})
    if answer["comment"]:
        yield f"      <system-out>{_text(answer['comment'])}</system-out>"
    yield "    </testcase>"


def _properties(indent: int, values: Mapping[str, object]) -> Iterator[str]:
    space = " " * indent
    yield f"{space}<properties>"
    for name, value in values.items():
        yield f"{space}  <property {_attributes({'name': name, 'value': value})}/>"
    yield f"{space}</properties>"


def _attributes(values: Mapping[str, object]) -> str:
    return " ".join(f'{name}="{escape(_legal(str(value)), ATTRIBUTE)}"' for name, value in values.items())


def _text(text: str) -> str:
    return escape(_legal(plain_text(text, MAX_OUTPUT)))


def _legal(text: str) -> str:
    return ILLEGAL.sub("�", text)
