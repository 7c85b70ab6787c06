"""The same checks for pytest: one test a question."""

import pytest

from checks.checker import public_checker
from checks.feedback import question_lines

NAMES = [question.name for question in public_checker().bundle.questions]


@pytest.fixture(scope="module")
def checker():
    checker = public_checker()
    checker.read_modules()
    yield checker
    checker.runner.close()


@pytest.mark.parametrize("name", NAMES)
def test_question(checker, name):
    report = checker.check(name)
    text = "\n".join(question_lines(report, detailed=True))
    if report["verdict"] in ("not_implemented", "unchecked"):
        pytest.skip(text.strip())
    if report["verdict"] != "passed":
        pytest.fail(text, pytrace=False)
