"""What the user sees while work goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 10.0
"""Off a terminal, at most one line of progress in this time."""


class Reporter:
    """Says lines and shows progress; library functions get one and print nothing themselves.

    Args:
        quiet: Say nothing at all (the default of the Python functions).
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(file=sys.stderr, quiet=quiet, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line, kept on the screen."""
        self._console.print(line, markup=False)

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Progress of `total` parts, of which `done` are done already."""
        if not self._console.is_terminal:
            yield _Lines(self, name, total, done)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[note]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(name, total=total, completed=done, note="")
            yield _Bar(progress, task)


class Advance:
    """How work in progress tells how far it is."""

    def __call__(self, parts: int = 1, note: str = "") -> None:
        """`parts` more are done; `note` says what was seen last."""
        raise NotImplementedError


class _Bar(Advance):
    def __init__(self, progress: Progress, task: object) -> None:
        self._progress, self._task = progress, task

    def __call__(self, parts: int = 1, note: str = "") -> None:
        self._progress.update(self._task, advance=parts, note=note)  # type: ignore[arg-type]


class _Lines(Advance):
    def __init__(self, reporter: Reporter, name: str, total: int, done: int) -> None:
        self._reporter, self._name, self._total = reporter, name, total
        self._done = self._first = done
        self._start = self._said = time.monotonic()

    def __call__(self, parts: int = 1, note: str = "") -> None:
        self._done += parts
        now = time.monotonic()
        if now - self._said < QUIET_SECONDS and self._done < self._total:
            return
        self._said = now
        left = (now - self._start) / (self._done - self._first) * (self._total - self._done)
        self._reporter.say(
            f"{self._name}  {self._done}/{self._total}  {note}  {duration(left)} left"
        )


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    Example:
        >>> duration(42), duration(125), duration(7300)
        ('42 s', '2 min 5 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
