"""One function over many items, in threads where that is faster."""

from __future__ import annotations

import os
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SAMPLE = 32  # items done by one thread first, to see how long they take
_CHUNK = 16  # items handed to a thread at once
_LEAST_SECONDS = 5e-4


def map_files(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Results in the order of the items, of which only a few wait to be taken.

    Very small files are read faster by one thread: several would spend their time handing each
    other the interpreter.

    Args:
        function: Called from several threads; what it raises is raised here.
        items: What it is called with.
    """
    seconds = []
    for item in items[:_SAMPLE]:
        start = time.perf_counter()
        result = function(item)
        seconds.append(time.perf_counter() - start)
        yield result
    rest = items[_SAMPLE:]
    if not rest or statistics.median(seconds) < _LEAST_SECONDS:
        yield from map(function, rest)
    else:
        yield from _in_threads(function, rest)


def one_ahead(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in the order of the items; while one is used, a thread computes the next.

    Args:
        function: Called from one thread; what it raises is raised here.
        items: What it is called with.
    """
    with ThreadPoolExecutor(1) as pool:
        for result in ahead(pool, function, items, 2):
            yield result.result()


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T], most: int
) -> Iterator[Future[R]]:
    """Results in the order of the items, at most `most` of them begun and not yet taken.

    Args:
        pool: Its threads call the function.
        function: What it raises is raised by the `result` of its future.
        items: What it is called with.
        most: At least 1.
    """
    begun: deque[Future[R]] = deque()
    for item in items:
        if len(begun) == most:
            yield begun.popleft()
        begun.append(pool.submit(function, item))
    while begun:
        yield begun.popleft()


def _in_threads(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    def do(start: int) -> list[R]:
        return [function(item) for item in items[start : start + _CHUNK]]

    num_threads = num_usable_cores()
    with ThreadPoolExecutor(num_threads) as pool:
        for chunk in ahead(pool, do, range(0, len(items), _CHUNK), 2 * num_threads + 1):
            yield from chunk.result()


def num_usable_cores() -> int:
    """Return how many cores this process may use; a container or `taskset` may leave it few."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
