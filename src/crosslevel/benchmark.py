"""The bench: methods x labelled draws x seeds on one data set, with equal everything else.

Each cell is a run folder of its own, trained and scored by processes of their own, so the bench
can be stopped at any moment and repeated: finished cells stay, the one under way goes on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import cycle, islice, product
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import pandas as pd
import torch

from crosslevel.config import Precision, TrainConfig, to_yaml
from crosslevel.console import Reporter
from crosslevel.data.cases import usable_cases
from crosslevel.data.split import Split
from crosslevel.errors import InputError, Interrupted
from crosslevel.files import write_text
from crosslevel.methods import source_hash
from crosslevel.precision import pick_device, resolve_precision
from crosslevel.report.bench import bench_notes, bench_table, to_markdown
from crosslevel.report.collect import Collection, collect
from crosslevel.report.comparison import write_report
from crosslevel.report.runs import memory_file, peak_memory
from crosslevel.run_folder import RunFolder, open_run
from crosslevel.training import build_method, with_all_args

ABLATIONS = {"clcc_without_consistency": "beta", "clcc_without_contrast": "alpha"}
"""Rows of the paper's table that leave out a term of Eq. 3, and the weight that is 0 in them."""
AVERAGED = "supervised_ema"
"""The supervised network whose moving average is evaluated: the fair opponent of EMA teachers."""
TABLE_1 = ("supervised", "uamt", "urpc", *ABLATIONS, "clcc")
"""The rows of the paper's first table, in its order."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the bench.

    Attributes:
        row: Name of its row: a method, or an ablation, or `AVERAGED`.
        draw: Which choice of labelled images.
        seed: Of everything random in training.
        folder: Its run folder.
    """

    row: str
    draw: int
    seed: int
    folder: Path

    @property
    def is_finished(self) -> bool:
        """True when it is trained and scored."""
        return RunFolder(self.folder).is_finished

    @property
    def name(self) -> str:
        """For a person."""
        return f"{self.row}, draw {self.draw}, seed {self.seed}"

    @property
    def config_file(self) -> Path:
        """The configuration it is started with."""
        return self._beside(".yaml")

    @property
    def log_file(self) -> Path:
        """What its processes said."""
        return self._beside(".log")

    def remember_memory(self, peak_bytes: int) -> None:
        """Keep the highest peak over all restarts."""
        write_text(memory_file(self.folder), f"{max(peak_memory(self.folder), peak_bytes)}\n")

    def _beside(self, ending: str) -> Path:
        return self.folder.with_name(self.folder.name + ending)


@dataclass(frozen=True, slots=True)
class Grid:
    """What is compared.

    Attributes:
        rows: Methods (or ablations), one row of the table each.
        draws: Labelled draws.
        seeds: Training seeds for each draw.
    """

    rows: Sequence[str]
    draws: Sequence[int] = (0,)
    seeds: Sequence[int] = (0,)

    def cells(self, out: Path) -> list[Cell]:
        """All cells; every row of one draw comes before the next draw, so a part is of use."""
        return [
            Cell(row, draw, seed, out / "runs" / f"{_plain(row)}-draw{draw}-seed{seed}")
            for seed, draw, row in product(self.seeds, self.draws, self.rows)
        ]


def _plain(row: str) -> str:
    """A row's name as a folder's: "my/file.py:Mine" becomes "Mine"."""
    return row.rpartition(":")[2]


def method_of(row: str) -> str:
    """The method that a row trains."""
    return {**dict.fromkeys(ABLATIONS, "clcc"), AVERAGED: "supervised"}.get(row, row)


def configure_cell(base: TrainConfig, cell: Cell) -> TrainConfig:
    """The configuration of a cell: the base with the row's method, draw and seed.

    The base's own `args` are kept for rows of its method, ablations among them.
    """
    method = method_of(cell.row)
    args = base.args if method == base.method else {}
    config = replace(base, method=method, args=args, draw=cell.draw, seed=cell.seed)
    if cell.row == AVERAGED:
        return replace(config, args={**args, "decay": args.get("decay") or 0.99})
    if cell.row in ABLATIONS:
        args = with_all_args(config).args
        stages = [{**stage, ABLATIONS[cell.row]: 0.0} for stage in args["stages"]]
        return replace(config, args={**args, "stages": stages})
    return config


def run_grid(
    grid: Grid,
    data: Path,
    out: Path,
    base: TrainConfig,
    *,
    jobs: int = 1,
    reporter: Reporter | None = None,
) -> list[str]:
    """Train and score every cell that is not finished.

    Args:
        grid: What is compared.
        data: The data set.
        out: Folder of the bench.
        base: What all cells share.
        jobs: Cells at a time; each gets an equal part of the cores.
        reporter: Who tells the user; silent if left out.

    Returns:
        One line for each cell that failed; the others are finished.

    Raises:
        InputError: If the system is Windows, the grid is empty, a cell's configuration is wrong
            or not that of the run in its folder, or (where nothing is set aside) the images are
            not those of runs already begun, before any is run.
        DataError: If the data cannot be listed.
        Interrupted: After SIGINT; cells under way have saved where they were.
    """
    reporter = reporter or Reporter(quiet=True)
    cells = grid.cells(out)
    _check(cells, jobs, base)
    cases = usable_cases(data, skip_bad=base.skip_bad)
    base = replace(base, precision=_one_precision(cells, base.precision))
    configs = {cell: with_all_args(configure_cell(base, cell)) for cell in cells}
    for cell, config in configs.items():
        build_method(config)
        if RunFolder(cell.folder).config_file.is_file():
            open_run(cell.folder, config)  # refuses a cell of another configuration
            _warn_of_another_source(cell, config, reporter)
    if not (base.split or base.skip_bad):
        _check_images(out, {case.id for case in cases})
    for cell, config in configs.items():
        write_text(cell.config_file, to_yaml(config))
    open_cells = [cell for cell in cells if not cell.is_finished]
    threads = max(1, torch.get_num_threads() // jobs)  # of the cores this process may use
    failures = []
    with (
        reporter.task("Benchmark", len(cells), len(cells) - len(open_cells)) as advance,
        Workers(jobs) as workers,
    ):
        for cell, problem in workers.run(open_cells, data, threads):
            advance(1, cell.name)
            if problem:
                failures.append(problem)
                reporter.say(f"failed: {problem}")
    return failures


def _check(cells: Sequence[Cell], jobs: int, base: TrainConfig) -> None:
    if not hasattr(os, "wait4"):
        raise InputError("A bench needs Linux or macOS: on Windows run it in WSL.")
    if not cells or jobs < 1:
        raise InputError("A bench needs at least one row, one draw, one seed and one job.")
    if len({cell.folder for cell in cells}) < len(cells):
        raise InputError("Two rows of the bench have one name: give each row once.")
    if base.split and len({cell.draw for cell in cells}) > 1:
        raise InputError("A given split fixes the labelled images: use --draws 1 with --split.")
    if base.draw or base.seed:
        raise InputError(
            f"draw is {base.draw} and seed {base.seed}, but a bench counts both from 0: use "
            "--draws and --seeds, and leave the two out or, with a --config that has them, at 0."
        )


def _check_images(out: Path, now: set[str]) -> None:
    """Refuse to go on with other images than before: another split would be drawn from them."""
    for run in map(RunFolder, sorted((out / "runs").glob("*/"))):
        if not run.config_file.is_file() or not run.split_file.is_file():
            continue
        before = Split.load(run.split_file).case_ids
        if before != now:
            raise InputError(
                f"{run.path} was trained when the data had other images ({len(now - before)} are "
                f"new, {len(before - now)} gone), so no other run can be compared with it: restore "
                "the images, or choose another --out."
            )


def _warn_of_another_source(cell: Cell, config: TrainConfig, reporter: Reporter) -> None:
    now = source_hash(config.method)
    if now != RunFolder(cell.folder).environment().get("method_source", now):
        reporter.say(
            f"warning: the file of {config.method} has changed since {cell.name} was begun; its "
            "runs will not be of one method. Use another --out to train them all anew."
        )


def _one_precision(cells: Sequence[Cell], precision: Precision) -> Precision:
    """One number format for all cells: that of a cell already begun, or measured once."""
    begun = [RunFolder(cell.folder) for cell in cells]
    for run in begun:
        if precision == "auto" and run.config_file.is_file():
            return run.config().precision
    return resolve_precision(precision, pick_device())


def write_results(grid: Grid, out: Path, paper: str | None = None) -> pd.DataFrame:
    """Write `table.md`, `table.csv` and `report.html` of all runs in the folder that are finished.

    Args:
        grid: Its rows come first, in their order.
        out: Folder of the bench.
        paper: A key of `PAPER`, for a column of its numbers.

    Raises:
        InputError: If no cell is finished, or `paper` is unknown.
    """
    found = collect([out])
    names = [*map(_plain, grid.rows), *found.rows]
    rows = {name: found.rows[name] for name in names if name in found.rows}
    collection = Collection(rows, found.missing)
    table = bench_table(collection.runs, paper)
    write_text(out / "table.csv", table.to_csv(index=False))
    write_text(out / "table.md", to_markdown(table, bench_notes(collection.runs, paper)))
    write_report(out / "report.html", collection, paper=paper, title=f"Benchmark {out.name}")
    return table


class Workers:
    """Processes that train and score cells, at most `jobs` at a time.

    They end with this process, however it ends: each saves where it was. Where there are several
    GPUs, processes that run side by side see one each, or share them evenly.

    Args:
        jobs: Processes at a time.
    """

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._places: SimpleQueue[dict[str, str]] = SimpleQueue()
        for place in islice(cycle(_gpus()), jobs):
            self._places.put(place)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopping = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_stopping = True
        for process in list(self._running):
            process.send_signal(signal.SIGINT)
        self._pool.shutdown(cancel_futures=True)
        if kind is KeyboardInterrupt:
            raise Interrupted("Stopped; finished runs are kept. Repeat the command to go on.")

    def run(
        self, cells: Sequence[Cell], data: Path, threads: int
    ) -> Iterator[tuple[Cell, str | None]]:
        """Each cell when it is done, with what went wrong if anything did."""
        futures = {self._pool.submit(self._run_cell, cell, data, threads): cell for cell in cells}
        for future in as_completed(futures):
            yield futures[future], future.result()

    def _run_cell(self, cell: Cell, data: Path, threads: int) -> str | None:
        if self._is_stopping:
            return None
        words = ["train", "--data", str(data), "--out", str(cell.folder), "--evaluate"]
        words += ["--config", str(cell.config_file), "--threads", str(threads)]
        with cell.log_file.open("ab") as log:
            start = log.tell()
            exit_code, peak_bytes = self._run_command(words, log)
        cell.remember_memory(peak_bytes)
        if not exit_code:
            return None
        said = cell.log_file.read_bytes()[start:].decode(errors="replace")
        reason = _reason(said) if exit_code > 0 else f"killed by {signal.Signals(-exit_code).name}"
        return f"{cell.name}: {reason} (exit code {exit_code}, see {cell.log_file})"

    def _run_command(self, words: Sequence[str], log: IO[bytes]) -> tuple[int, int]:
        place = self._places.get()
        process = subprocess.Popen(
            [sys.executable, "-m", "crosslevel", *words],
            env=os.environ | place,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is passed on once, by us
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self._running.add(process)
        _, status, usage = os.wait4(process.pid, 0)
        self._running.discard(process)
        self._places.put(place)
        process.returncode = os.waitstatus_to_exitcode(status)
        unit = 1 if sys.platform == "darwin" else 1024
        return process.returncode, usage.ru_maxrss * unit


def _reason(said: str) -> str:
    """The line in which a command said why it failed, else its last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it said nothing"]
    own = [line for line in lines if line.startswith("crosslevel: ")]
    return (own or lines)[-1].removeprefix("crosslevel: ")


def _gpus() -> list[dict[str, str]]:
    """Environments of processes that see one GPU each, of those this process may use."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = given.split(",") if given else map(str, range(torch.cuda.device_count()))
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names] or [{}]


def _end_with_parent() -> None:
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGINT)
