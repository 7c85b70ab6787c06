"""How far long work is: lines that come every tenth part, a bar on a terminal, estimates that are not fooled."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from autograder.commands import progress as module
from autograder.commands.progress import WORTH_SAYING, estimate, progress

Make = Callable[[], tuple[Console, io.StringIO]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time as the lines see it: what the list holds."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def plain() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200), file


def terminal() -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=200, force_terminal=True), file


def shown(file: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


@pytest.mark.parametrize(
    ("seconds", "done", "left", "expected"), [(0.0, 0, 10, 0.0), (10.0, 0, 10, 0.0), (10.0, 5, 10, 20.0), (10.0, 5, 0, 0.0)]
)
def test_estimate(seconds: float, done: int, left: int, expected: float) -> None:
    assert estimate(seconds, done, left) == expected


def test_a_line_every_tenth_part_with_what_is_left(clock: list[float]) -> None:
    console, file = plain()
    with progress(console, "grading", 40) as step:
        for number in range(40):
            clock[0] += 2.0
            step(f"student-{number}")
    lines = file.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "grading: 4 of 40, about 72 s left"
    assert lines[-1] == "grading: 40 of 40, about 0 s left"


@pytest.mark.parametrize(("total", "lines"), [(1, 1), (3, 3), (10, 10), (11, 10), (19, 10)])
def test_few_steps_have_a_line_each_and_the_last_one_is_said(total: int, lines: int) -> None:
    console, file = plain()
    with progress(console, "baking", total) as step:
        for number in range(total):
            step(str(number))
    found = file.getvalue().splitlines()
    assert len(found) == lines
    assert found[-1].startswith(f"baking: {total} of {total}, ")


def test_what_was_done_before_makes_no_estimate_shorter(clock: list[float]) -> None:
    console, file = plain()
    with progress(console, "grading", 100, 90) as step:
        for _ in range(10):
            clock[0] += 5.0
            step("x")
    first = file.getvalue().splitlines()[0]
    assert first == "grading: 100 of 100, about 0 s left"
    console, file = plain()
    with progress(console, "grading", 10, 8) as step:
        clock[0] += 30.0
        step("x")
    assert file.getvalue() == "grading: 9 of 10, about 30 s left\n"


@pytest.mark.parametrize("make", [plain, terminal])
def test_nothing_to_do_says_nothing_and_more_than_was_thought_is_no_error(make: Make) -> None:
    console, file = make()
    with progress(console, "grading", 0):
        pass
    assert "of 0" not in shown(file)
    console, file = make()
    with progress(console, "proving", 0) as step:
        step("one")
        step("two")
    with progress(console, "proving", 2) as step:
        for name in "abc":
            step(name)
        assert (step.done, step.total) == (3, 3)
    assert "about -" not in shown(file)
    assert "3 of 2" not in shown(file)
    assert "3/2" not in shown(file)


def test_a_pipe_is_not_told_who_is_waited_for() -> None:
    console, file = plain()
    with progress(console, "grading", 10) as step:
        step.watch("student-017", 10 * WORTH_SAYING)
    assert file.getvalue() == ""


def test_a_terminal_has_a_bar_with_who_is_at_work() -> None:
    console, file = terminal()
    with progress(console, "grading", 10, 4) as step:
        step("[red]student-017[/red]" + "x" * 40)
        step.watch("student-018", WORTH_SAYING - 0.1)
        step.watch("student-019" + "y" * 40, WORTH_SAYING + 2)
    text = shown(file)
    assert "grading" in text
    assert "5/10" in text
    assert "student-018" not in text
    assert ("student-019" + "y" * 40)[:30] + " for 12 s" in text
    assert "y" * 20 not in text


def test_names_are_no_markup_and_capped_on_a_terminal() -> None:
    console, file = terminal()
    with progress(console, "grading", 2) as step:
        step("[red]student-017[/red]" + "x" * 40)
    assert "[red]student-017[/red]xxxxxxxx" in shown(file)
    assert "x" * 9 not in shown(file)


def test_what_goes_wrong_inside_leaves_the_bar() -> None:
    console, file = terminal()

    def interrupted() -> None:
        with progress(console, "grading", 2) as step:
            step("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert file.getvalue().endswith(("\x1b[?25h", "\x1b[2K"))  # the cursor is shown again, the bar wiped
