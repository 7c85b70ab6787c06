"""Shows how far long work is: a bar with an estimate on a terminal, plain lines elsewhere. Imports rich."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

NAME_SHOWN = 30  # characters of a submission's name
WORTH_SAYING = 10.0  # seconds after which it is said who is waited for
HISTORY = 3600.0  # seconds of the past that an estimate is made from: one slow program must not make it jump


class Steps:
    """Counts what is done. `done` of `total` were done before: they make the bar longer, not the estimate shorter."""

    def __init__(self, total: int, done: int = 0) -> None:
        self.total, self.done, self.before = total, done, done

    def __call__(self, name: str) -> None:
        """One more is done; where that is more than was thought, the total was too small."""
        self.done += 1
        self.total = max(self.total, self.done)
        self.show(name)

    def watch(self, name: str, seconds: float) -> None:
        """Someone has been under way for so long."""
        if seconds >= WORTH_SAYING:
            self.wait(f"{name[:NAME_SHOWN]} for {seconds:.0f} s")

    def show(self, name: str) -> None:
        """Show a step."""

    def wait(self, text: str) -> None:
        """Show who is waited for."""


class _Bar(Steps):
    def __init__(self, progress: Progress, what: str, total: int, done: int) -> None:
        super().__init__(total, done)
        self._progress = progress
        self._task = progress.add_task(what, total=total, completed=done, at="")

    def show(self, name: str) -> None:
        self._progress.update(self._task, advance=1, total=self.total, at=name[:NAME_SHOWN])

    def wait(self, text: str) -> None:
        self._progress.update(self._task, at=text)


class _Lines(Steps):
    """A line every tenth part; who is waited for is said on a terminal alone."""

    def __init__(self, console: Console, what: str, total: int, done: int) -> None:
        super().__init__(total, done)
        self._console, self._what, self._begun = console, what, time.monotonic()

    def show(self, name: str) -> None:
        if self.done == self.total or self.done * 10 // self.total != (self.done - 1) * 10 // self.total:
            left = estimate(time.monotonic() - self._begun, self.done - self.before, self.total - self.done)
            self._console.print(f"{self._what}: {self.done} of {self.total}, about {left:.0f} s left", markup=False)


def estimate(seconds: float, done: int, left: int) -> float:
    """The seconds that are left, from those that were taken for what this run did itself."""
    return seconds / done * left if done else 0.0


@contextlib.contextmanager
def progress(console: Console, what: str, total: int, done: int = 0) -> Iterator[Steps]:
    """Yield what counts the steps. `done`: how many of `total` were done before."""
    if not console.is_terminal:
        yield _Lines(console, what, total, done)
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[at]}", markup=False),  # a submission's name
    )
    with Progress(*columns, console=console, transient=True, speed_estimate_period=HISTORY) as bar:
        yield _Bar(bar, what, total, done)
