"""Pytest as a grader for staff: ``pytest --submission=DIR`` lists one item a question and case.

The items run through the same sandbox and judge as `autograder grade`. Pytest never collects, imports or even looks
at files of the submission, conftest.py included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from .authoring.declare import AssignmentError, load_properties
from .checks.bundle import BakedCase, BakedQuestion, BundleError
from .checks.feedback import WORDS, explain
from .checks.judge import Outcome, Property, QuestionRun
from .checks.runner import Runner
from .commands.assignment import find_assignment, ready_bundle
from .commands.console import UsageError
from .grading import grade as grading
from .grading.intake import read_submission
from .grading.names import visible
from .grading.notebook_cells import with_cells
from .isolation.sandbox import SandboxRunner


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pytest's hook: the options."""
    group = parser.getgroup("autograder", "grade one submission")
    group.addoption("--submission", metavar="DIR", help="grade this folder or zip instead of collecting tests; "
                    "safest with an equals sign: --submission=DIR")  # fmt: skip
    group.addoption("--assignment", metavar="DIR", help="the assignment's folder (default: the only one)")
    group.addoption("--bundle", metavar="FILE", help="the bundle to grade with")
    group.addoption("--unsafe", action="store_true", help="run the submission without confinement")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Pytest's hook: refuse to begin where pytest would obey pytest.ini or conftest.py of the submission."""
    submission = early_config.known_args_namespace.submission
    if submission is None:
        return
    folder = Path(submission).resolve()

    def inside(path: Path) -> bool:
        return folder in (path.resolve(), *path.resolve().parents)

    if inside(early_config.invocation_params.dir):
        raise pytest.UsageError("pytest would run files of the submission from in here; go to another folder")
    # Before it knows the option, pytest takes a DIR that stands alone for tests, and looks there for settings.
    if inside(early_config.inipath or early_config.rootpath):
        raise pytest.UsageError(f"the submission has settings for pytest, which are not obeyed; write "
                                f"--submission={submission}, with an equals sign")  # fmt: skip
    # Nothing is collected from paths on the command line or in the settings: not even the project's own tests.
    early_config.known_args_namespace.file_or_dir = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Pytest's hook: with --submission there is one thing to collect, and it is no path."""
    if config.option.submission is not None:
        config.args = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> bool | None:
    """Pytest's hook: with --submission, its questions and cases are what there is to run."""
    config = session.config
    if config.option.submission is None:
        return None
    grading_session = _GradingSession(config)
    config.stash[_SESSION] = grading_session
    config.add_cleanup(grading_session.close)
    session.items = list(grading_session.items(session))
    found = pytest.CollectReport(grading_session.submission.name, "passed", None, list(session.items))
    config.hook.pytest_collectreport(report=found)
    config.hook.pytest_collection_modifyitems(session=session, config=config, items=session.items)
    config.hook.pytest_collection_finish(session=session)
    session.testscollected = len(session.items)
    return True


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Pytest's hook: what is graded, with what."""
    return [f"grading {visible(config.option.submission)}"] if config.option.submission is not None else []


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Pytest's hook: the points of the questions of which every case was run."""
    grading_session = config.stash.get(_SESSION, None)
    if grading_session is not None:
        for line in grading_session.points():
            terminalreporter.write_line(line)


class _GradingSession:
    """One submission, its bundle and its runner."""

    def __init__(self, config: pytest.Config) -> None:
        try:
            self.level = grading.isolation(config.option.unsafe)
            named = Path(config.option.assignment) if config.option.assignment else None
            assignment = find_assignment(named, Path(config.option.submission))
            given = Path(config.option.bundle) if config.option.bundle else None
            self.bundle, _ = ready_bundle(assignment, given)
            self.properties: Mapping[str, Property] = load_properties(assignment)
        except (grading.GradingError, UsageError, AssignmentError, BundleError) as error:
            raise pytest.UsageError(str(error)) from None
        path = Path(config.option.submission)
        if not path.exists():
            raise pytest.UsageError(f"{visible(str(path))}: there is no such submission")
        found = read_submission(visible(path.name), path, package=self.bundle.package)
        self.submission = with_cells(found, grading.asked_functions(self.bundle), self.bundle.package)
        if self.submission.problem:
            raise pytest.UsageError(f"{visible(str(path))}: {self.submission.problem}")
        self.runner: Runner = grading.make_runner(self.bundle, unsafe=config.option.unsafe)
        self.runner.open(self.submission.sources)
        self.runs: list[QuestionRun] = []

    def items(self, session: pytest.Session) -> Iterator[pytest.Item]:
        """A collector a question, an item a case."""
        root = _Node.from_parent(session, name=self.submission.name, nodeid=self.submission.name)
        for question in self.bundle.questions:
            run = QuestionRun(question, self.runner, self.properties)
            self.runs.append(run)
            node = _Node.from_parent(root, name=question.name)
            for case in question.cases:
                yield CaseItem.from_parent(node, name=case.name, run=run, case=case)

    def points(self) -> Iterator[str]:
        """A line for each question that was run whole, and their sum."""
        whole = [run.report() for run in self.runs if len(run.outcomes) == len(run.question.cases)]
        for report in whole:
            yield f"{report['number']:<3} {report['name']:<28} {report['earned']:>5g} / {report['possible']:g}"
        if not whole:
            return
        earned = sum(report["earned"] for report in whole)
        possible = sum(report["possible"] for report in whole if not report["optional"])
        yield f"{earned:g} of {possible:g} points, isolation: {self.level}"

    def close(self) -> None:
        """End the workers."""
        if isinstance(self.runner, SandboxRunner):
            self.runner.shut_down()
        self.runner.close()


_SESSION = pytest.StashKey[_GradingSession]()


class _Node(pytest.Collector):
    """The submission, or a question."""

    def collect(self) -> Iterator[pytest.Item]:
        """Nothing: items are made at once, with their parents."""
        return iter(())


class _CaseFailed(Exception):
    """A case is not passed; the text is what staff are shown."""


class CaseItem(pytest.Item):
    """One case of one question."""

    def __init__(self, *, run: QuestionRun, case: BakedCase, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.question_run = run
        self.case = case

    def runtest(self) -> None:
        """Run the case in a confined worker and judge it."""
        outcome = self.question_run.run(self.case)
        self.user_properties.append(("verdict", outcome.verdict))
        self.user_properties.append(("hidden", str(self.case.hidden).lower()))
        if outcome.verdict != "passed":
            raise _CaseFailed(self._text(outcome))

    def _text(self, outcome: Outcome) -> str:
        report = self.question_run.report([outcome])
        lines = explain(report, hidden=True)
        return "\n".join(lines) or f"case {self.case.name}: {WORDS[outcome.verdict]}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What pytest prints: the feedback, without a traceback of ours."""
        if isinstance(excinfo.value, _CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[str, None, str]:
        """Where pytest says that the item stands."""
        question: BakedQuestion = self.question_run.question
        return question.module, None, f"{question.name}, case {self.case.name}"
