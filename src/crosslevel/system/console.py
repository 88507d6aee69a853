"""What the user sees while work goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

QUIET_SECONDS = 10.0
"""Off a terminal, at most one line of progress in this time, and one at the end."""
SPEED_SECONDS = 120.0
"""On a terminal, the time left is estimated from this much of the past."""

Show = Callable[[int, int | None, str], None]
"""Shows how much is done, of how much if that is known, and a note."""


class Advance:
    """How work in progress tells how far it is.

    Args:
        show: Shows it.
        total: Parts there are.
        done: Parts done already.
    """

    def __init__(self, show: Show, total: int, done: int = 0) -> None:
        self._show, self._total, self._done = show, total, done
        show(done, total, "")

    def __call__(self, parts: int = 1, note: str = "") -> None:
        """Say that `parts` more are done; `note` says what was seen last."""
        self._done += parts
        self._show(self._done, self._total, note)


class Reporter:
    """Says lines and shows progress; library functions get one and print nothing themselves.

    Args:
        quiet: Say nothing at all (the default of the Python functions).
        console: Where to; standard error if left out.
    """

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, quiet=quiet, highlight=False)

    def say(self, line: str) -> None:
        """Show one line, kept on the screen."""
        self._console.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Advance]:
        """Progress of `total` parts, of which `done` are done already."""
        with self._shown(name, _parts, MofNCompleteColumn()) as show:
            yield Advance(show, total, done)

    @contextmanager
    def bytes_task(self, name: str) -> Iterator[Callable[[int, int | None], None]]:
        """Progress of one file after another, told as the bytes done and of how many, if known."""
        with self._shown(name, _bytes, DownloadColumn(), TransferSpeedColumn()) as show:
            yield lambda done, total: show(done, total, "")

    @contextmanager
    def _shown(
        self, name: str, amount: Callable[[int, int | None], str], *columns: ProgressColumn
    ) -> Iterator[Show]:
        if not self._console.is_interactive:
            yield _Lines(self.say, name, amount)
            return
        note = Column(ratio=1)  # takes what the others leave, and wraps in there
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=12),
            *columns,
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", markup=False, table_column=note),
            console=self._console,
            expand=True,
            speed_estimate_period=SPEED_SECONDS,
        ) as progress:
            task = progress.add_task(name, total=None, note="")
            yield lambda done, total, note: progress.update(
                task, completed=done, total=total, note=note
            )


class _Lines:
    """A `Show` in plain lines; starts again when the total changes or less is done than before."""

    def __init__(
        self, say: Callable[[str], None], name: str, amount: Callable[[int, int | None], str]
    ) -> None:
        self._say, self._name, self._amount = say, name, amount
        self._said = time.monotonic()
        self._start, self._first = self._said, 0
        self._seen: tuple[int, int | None] | None = None

    def __call__(self, done: int, total: int | None, note: str) -> None:
        now = time.monotonic()
        if self._seen is None or total != self._seen[1] or done < self._seen[0]:
            self._start, self._first = now, done
        is_more = self._seen is not None and self._seen != (done, total)
        self._seen = done, total
        is_news = done == total and done > self._first and is_more
        if is_news or now - self._said >= QUIET_SECONDS:
            self._said = now
            words = (self._name, self._amount(done, total), note, self._time(now, done, total))
            self._say("  ".join(filter(None, words)))

    def _time(self, now: float, done: int, total: int | None) -> str:
        elapsed = now - self._start
        if done == total:
            return f"in {duration(elapsed)}"
        if total is None or done == self._first:
            return ""
        return f"{duration(elapsed / (done - self._first) * (total - done))} left"


def _parts(done: int, total: int | None) -> str:
    return f"{done}/{total}"


def _bytes(done: int, total: int | None) -> str:
    return decimal(done) if total is None else f"{decimal(done)} of {decimal(total)}"


def duration(seconds: float) -> str:
    """Return seconds as a person says them.

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
