"""Processes that train and score the cells of a bench, side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import cycle, islice
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Protocol

import torch

from crosslevel.bench.grid import PlannedRun
from crosslevel.errors import Interrupted
from crosslevel.system.parent import COMMAND_LINE


class Workers(Protocol):
    """Train and score the cells of a bench; used in a `with`."""

    def __enter__(self) -> Workers:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End, whatever is under way: it saves where it is."""

    def run(
        self, cells: Sequence[PlannedRun], data: Path
    ) -> Iterator[tuple[PlannedRun, str | None]]:
        """Yield each cell when it is done, with what went wrong if anything did."""


class ProcessWorkers:
    """Processes that train and score cells, at most `jobs` at a time.

    They end with this process, however it ends: each saves where it was. Where there are several
    GPUs, processes that run side by side see one each, or share them evenly.

    Args:
        jobs: Processes at a time.
        threads: Of each of them.
    """

    def __init__(self, jobs: int, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(jobs)
        self._places: SimpleQueue[dict[str, str]] = SimpleQueue()
        for place in islice(cycle(_gpus()), jobs):
            self._places.put(place)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopping = False

    def __enter__(self) -> ProcessWorkers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_stopping = True
        for process in list(self._running):
            _stop(process)
        self._pool.shutdown(cancel_futures=True)
        if kind is KeyboardInterrupt:
            raise Interrupted("Stopped; finished runs are kept. Repeat the command to go on.")

    def run(
        self, cells: Sequence[PlannedRun], data: Path
    ) -> Iterator[tuple[PlannedRun, str | None]]:
        """Yield each cell when it is done, with what went wrong if anything did."""
        futures = {self._pool.submit(self._run_cell, cell, data): cell for cell in cells}
        for future in as_completed(futures):
            yield futures[future], future.result()

    def _run_cell(self, cell: PlannedRun, data: Path) -> str | None:
        if self._is_stopping:
            return None
        words = ["train", "--data", str(data), "--out", str(cell.folder), "--evaluate"]
        words += ["--config", str(cell.config_file), "--threads", str(self._threads)]
        with cell.log_file.open("ab") as log:
            start = log.tell()
            exit_code, peak_bytes = self._run_command(words, log)
        if peak_bytes is not None:
            cell.remember_memory(peak_bytes)
        if not exit_code:
            return None
        said = cell.log_file.read_bytes()[start:].decode(errors="replace")
        reason = _reason(said) if exit_code > 0 else f"killed by {signal.Signals(-exit_code).name}"
        return f"{cell}: {reason} (exit code {exit_code}, see {cell.log_file})"

    def _run_command(self, words: Sequence[str], log: IO[bytes]) -> tuple[int, int | None]:
        place = self._places.get()
        try:
            return self._run_at(place, words, log)
        finally:
            self._places.put(place)

    def _run_at(
        self, place: dict[str, str], words: Sequence[str], log: IO[bytes]
    ) -> tuple[int, int | None]:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND_LINE, *words],
            env=os.environ | place,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE,  # it ends when this does
            start_new_session=True,  # Ctrl-C is passed on once, by us
        )
        self._running.add(process)
        if self._is_stopping:
            _stop(process)
        ended = _wait(process)
        self._running.discard(process)
        _stop(process)
        return ended


def tells_memory() -> bool:
    """Return whether the system tells the peak memory of a process that ended."""
    return hasattr(os, "wait4")


def _wait(process: subprocess.Popen[bytes]) -> tuple[int, int | None]:
    """Return the exit code, and the peak memory in bytes where the system tells it."""
    if not tells_memory():
        return process.wait(), None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, usage.ru_maxrss * unit


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that keeps the process going; it saves where it is."""
    assert process.stdin is not None, "started with a pipe"
    process.stdin.close()


def _reason(said: str) -> str:
    """Return the line in which a command said why it failed, else its last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    own = [line for line in lines if line.startswith("crosslevel: ")]
    return (own or lines)[-1].removeprefix("crosslevel: ")


def _gpus() -> list[dict[str, str]]:
    """Environments of processes that see one GPU each, of those this process may use."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = given.split(",") if given else map(str, range(torch.cuda.device_count()))
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names] or [{}]
