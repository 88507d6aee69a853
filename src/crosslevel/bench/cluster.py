"""Cells of a bench on many machines: tasks of Ray, which finds a machine for each.

All machines see the data, and the folder of the bench, under the same paths. A machine that is lost
costs its cells what they did since their last checkpoint: another goes on with them.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from crosslevel.bench.grid import PlannedRun
from crosslevel.bench.workers import ProcessWorkers
from crosslevel.errors import InputError, Interrupted
from crosslevel.system.extras import require_extra

RETRIES = 5
"""Times that a cell is begun again, since its machine was lost."""
PATIENCE = 300.0
"""Seconds that a cell waits for a process which still writes in its folder, on a lost machine."""


class RayWorkers:
    """Trains and scores cells on the machines of a Ray cluster; use it in a `with`.

    Args:
        jobs: Cells at a time on each machine. Each gets an equal part of the cores of the machine
            that has the fewest, and of its GPUs, at most one.
        address: Of the cluster; "auto" for the one this machine belongs to, this machine alone if
            left out.

    Raises:
        InputError: If Ray is not installed; when it begins, if the cluster is not there.
    """

    def __init__(self, jobs: int, address: str | None = None) -> None:
        require_extra("cluster", "--engine ray")
        import ray

        self._ray: Any = ray
        self._jobs, self._address = jobs, address

    def __enter__(self) -> RayWorkers:
        try:
            _call(self._address)
            self._ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"No Ray cluster answers at {self._address or 'this machine'} ({error}): start one "
                "with `ray start --head` there, and `ray start --address …` on other machines."
            ) from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ray.shutdown()  # tasks end with it: each saves where it was
        if kind is KeyboardInterrupt:
            raise Interrupted("Stopped; finished runs are kept. Repeat the command to go on.")

    def run(
        self, cells: Sequence[PlannedRun], data: Path
    ) -> Iterator[tuple[PlannedRun, str | None]]:
        """Yield each cell when it is done, with what went wrong if anything did."""
        cores, gpus = self._share()
        do = self._ray.remote(complete).options(num_cpus=cores, num_gpus=gpus, max_retries=RETRIES)
        common = (data.resolve(), cores, Path.cwd())
        under_way = {do.remote(cell.absolute(), *common): cell for cell in cells}
        while under_way:
            [done, *_], _ = self._ray.wait(list(under_way))
            yield under_way.pop(done), self._problem(done)

    def _problem(self, done: Any) -> str | None:
        try:
            problem: str | None = self._ray.get(done)
        except self._ray.exceptions.RayError as error:
            return f"its machine was lost, {RETRIES + 1} times: {str(error).splitlines()[0]}"
        return problem

    def _share(self) -> tuple[int, float]:
        """Cores and GPUs of a cell."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        machines = [node for node in nodes if node.get("CPU")]
        if not machines:
            raise InputError("The Ray cluster has no machine with cores: add one.")
        cores = min(node["CPU"] for node in machines)
        gpus = min(node.get("GPU", 0) for node in machines)
        return max(1, int(cores // self._jobs)), min(1.0, gpus / self._jobs)


def _call(address: str | None) -> None:
    """See that somebody answers at HOST:PORT: Ray would try for minutes.

    Raises:
        OSError: If nobody does.
    """
    if address and (found := re.fullmatch(r"([\w.-]+):(\d+)", address)):
        socket.create_connection((found[1], int(found[2])), timeout=10).close()


def complete(cell: PlannedRun, data: Path, threads: int, folder: Path) -> str | None:
    """Train and score a cell on this machine, unless that is done; return what went wrong.

    Args:
        cell: With an absolute path.
        data: An absolute path.
        threads: Of the training.
        folder: That other paths of the configuration, of a split or of weights, are relative to.
    """
    if cell.is_finished:
        return None
    if folder.is_dir():
        os.chdir(folder)
    if not _is_free(cell.folder):
        return f"{cell}: another process has been writing in {cell.folder} for {PATIENCE:.0f} s"
    with ProcessWorkers(1, threads) as workers:
        [(_, problem)] = workers.run([cell], data)
    return problem


def _is_free(folder: Path) -> bool:
    """Wait until nobody writes in a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock").acquire(timeout=PATIENCE):
            return True
    except Timeout:
        return False
