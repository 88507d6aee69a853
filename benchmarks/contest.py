"""Two contenders, each in a process of its own, taking turns.

What is timed is the CPU time of one thread, so that other work on the machine disturbs both less;
what it still does (caches, clock rate), turns share fairly.
"""

from __future__ import annotations

import math
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from benchmarks.machine import NUM_THREADS

RTOL = 1e-4
MIB = 2**20


class Disagreement(Exception):  # noqa: N818 - it is a result
    """The contenders do not compute the same, so that comparing their speed would mean nothing."""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        is_quick: Tiny sizes, one repeat: shows that everything runs, not how fast.
        is_full: Also what takes very long.
    """

    is_quick: bool = False
    is_full: bool = False

    @property
    def repeats(self) -> int:
        """Turns of each contender."""
        return 1 if self.is_quick else 5


class Contender(Protocol):
    """What a process measures."""

    def check(self) -> dict[str, float]:
        """Return what both contenders must agree on."""

    def run(self) -> object:
        """Return what is timed."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: medians, and how many times worse the plain one is.

    Attributes:
        what: What was measured.
        unit: Of `ours` and `plain`.
        ours: Median.
        plain: Median; None where nothing is compared.
        ratio: plain / ours for costs, ours / plain for rates: above 1, ours is better.
        samples: Every measurement, by contender.
    """

    what: str
    unit: str
    ours: float
    plain: float | None = None
    ratio: float | None = None
    samples: dict[str, list[float]] = field(default_factory=dict)

    def to_markdown(self) -> str:
        """Return a line of the table."""
        plain = "" if self.plain is None else f"{self.plain:.4g}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"| {self.what:58} | {self.ours:10.4g} | {plain:>10} | {self.unit} | {ratio} |"


class Worker:
    """A contender in a fresh process, built there.

    Args:
        build: A function of a module, which makes the contender.
        settings: Its arguments.
    """

    def __init__(self, build: Callable[..., Contender], settings: Mapping[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, build, dict(settings))
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join()

    def ask(self, what: str) -> Any:
        """Return the answer to "check", "run" (CPU seconds) or "peak" (bytes above the start)."""
        self._pipe.send(what)
        return self._pipe.recv()


def contest(
    what: str,
    ours: Callable[..., Contender],
    plain: Callable[..., Contender],
    settings: Mapping[str, Any],
    repeats: int,
    rtol: float = RTOL,
) -> list[Row]:
    """CPU time and peak memory of two contenders, once they agree.

    Args:
        what: The row's name.
        ours: Builds our contender.
        plain: Builds the other.
        settings: Arguments of both.
        repeats: Turns of each, after one that is not counted.
        rtol: How far their checks may differ.

    Raises:
        Disagreement: If their checks differ.
    """
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(build, settings))
            for name, build in (("ours", ours), ("plain", plain))
        }
        expect_agreement(workers["ours"].ask("check"), workers["plain"].ask("check"), rtol)
        turns: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(repeats + 1):
            for name, worker in workers.items():
                turns[name].append(worker.ask("run"))
        samples = {name: seconds[1:] for name, seconds in turns.items()}
        peaks = {name: [worker.ask("peak") / MIB] for name, worker in workers.items()}
    return [cost(f"{what}, time", "CPU s", samples), cost(f"{what}, peak memory", "MiB", peaks)]


def cost(what: str, unit: str, samples: dict[str, list[float]]) -> Row:
    """Return a row of something of which less is better."""
    ours, plain = (statistics.median(samples[name]) for name in ("ours", "plain"))
    ratio = plain / ours if ours else math.inf
    return Row(what=what, unit=unit, ours=ours, plain=plain, ratio=ratio, samples=samples)


def expect_agreement(
    ours: Mapping[str, float], plain: Mapping[str, float], rtol: float = RTOL
) -> None:
    """See that every number of ours is the plain one's, to a relative `rtol`.

    Raises:
        Disagreement: Naming the numbers that differ.
    """
    differing = [
        f"{name} is {value:.8g} here and {plain.get(name, math.nan):.8g} in the plain one"
        for name, value in ours.items()
        if not math.isclose(value, plain.get(name, math.nan), rel_tol=rtol, abs_tol=1e-7)
    ]
    if differing:
        raise Disagreement("; ".join(differing))


def _serve(pipe: Connection, build: Callable[..., Contender], settings: dict[str, Any]) -> None:
    import torch

    torch.set_num_threads(NUM_THREADS)
    contender = build(**settings)
    start = _peak()
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        if question == "check":
            pipe.send(contender.check())
        elif question == "run":
            before = time.process_time()
            contender.run()
            pipe.send(time.process_time() - before)
        else:
            pipe.send(_peak() - start)


def _peak() -> int:
    """Highest resident memory of this process, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss of a new process starts at its parent's
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
