"""The bench: methods x labelled draws x seeds on one data set, with equal everything else.

Each cell is a run folder of its own, trained and scored by processes of their own, so the bench
can be stopped at any moment and repeated: finished cells stay, the one under way goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from crosslevel.bench.grid import ABLATIONS, Grid, PlannedRun, configure_cell, has_one_draw
from crosslevel.bench.workers import ProcessWorkers, Workers, tells_memory
from crosslevel.config.files import to_yaml
from crosslevel.config.train import TrainConfig
from crosslevel.data.annotations.settling import with_their_classes
from crosslevel.data.cases import usable_cases
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.methods import source_hash
from crosslevel.methods.build import build_method, with_all_args, with_later_args
from crosslevel.report.bench import bench_notes, bench_table, to_markdown
from crosslevel.report.comparison import write_report
from crosslevel.runs.collect import Collection, collect
from crosslevel.runs.folder import RunFolder, open_run
from crosslevel.runs.records import plain_row_name
from crosslevel.system.console import Reporter
from crosslevel.system.devices import this_place
from crosslevel.system.files import write_text
from crosslevel.training.plan import common_precision

TABLE_1 = ("supervised", "uamt", "urpc", *ABLATIONS, "clcc")
"""The rows of the paper's first table, in its order."""


def run_grid(
    grid: Grid,
    data: Path,
    out: Path,
    base: TrainConfig,
    *,
    jobs: int = 1,
    workers: Workers | None = None,
    reporter: Reporter | None = None,
) -> list[str]:
    """Train and score every cell that is not finished.

    Args:
        grid: What is compared.
        data: The data set.
        out: Folder of the bench.
        base: What all cells share.
        jobs: Cells at a time; each gets an equal part of the cores.
        workers: Who does them; processes on this machine if left out.
        reporter: Who tells the user; silent if left out.

    Returns:
        One line for each cell that failed; the others are finished.

    Raises:
        InputError: If the grid is empty, a cell's configuration is wrong or not that of the run in
            its folder, or (where nothing is set aside) the images are not those of runs already
            begun, before any is run.
        DataError: If the data cannot be listed.
        Interrupted: After SIGINT; cells under way have saved where they were.
    """
    reporter = reporter or Reporter(quiet=True)
    if warning := base.model.warning:
        reporter.say(f"warning: {warning}")
    if not tells_memory():
        reporter.say("Peak memory is left out: this system does not tell it of another process.")
    cells = grid.cells(out)
    _check(cells, jobs, base)
    base = with_their_classes(base, data, reporter)
    cases = usable_cases(data, skip_bad=base.skip_bad, reading=base.reading, layout=base.layout)
    configs = _configure_all(cells, base, reporter)
    if not (base.split or base.skip_bad):
        _check_images(out, {case.id for case in cases})
    for cell, config in configs.items():
        write_text(cell.config_file, to_yaml(config))
    open_cells = [cell for cell in cells if not cell.is_finished]
    threads = max(1, torch.get_num_threads() // jobs)  # of the cores this process may use
    failures = []
    with (
        reporter.task("Benchmark", len(cells), len(cells) - len(open_cells)) as advance,
        workers or ProcessWorkers(jobs, threads) as at_work,
    ):
        for cell, problem in at_work.run(open_cells, data):
            advance(1, str(cell))
            if problem:
                failures.append(problem)
                reporter.say(f"failed: {problem}")
            elif workers is not None:  # which may take days
                write_results(grid, out)
    return failures


def _check(cells: Sequence[PlannedRun], jobs: int, base: TrainConfig) -> None:
    if not cells or jobs < 1:
        raise InputError("A bench needs at least one row, one draw, one seed and one job.")
    if len({cell.folder for cell in cells}) < len(cells):
        raise InputError("Two rows of the bench have one name: give each row once.")
    if has_one_draw(base) and len({cell.draw for cell in cells}) > 1:
        what = "A given split fixes the labelled images" if base.split else "All masks are used"
        raise InputError(
            f"{what}, so its draws would be one run several times: use --draws 1 and more --seeds, "
            "or a --labelled below 1 without --split."
        )
    if base.draw or base.seed:
        raise InputError(
            f"draw is {base.draw} and seed {base.seed}, but a bench counts both from 0: use "
            "--draws and --seeds, and leave the two out or, with a --config that has them, at 0."
        )


def _configure_all(
    cells: Sequence[PlannedRun], base: TrainConfig, reporter: Reporter
) -> dict[PlannedRun, TrainConfig]:
    """Return what each cell trains; what cannot be trained, or not go on, is refused here."""
    runs = [RunFolder(cell.folder) for cell in cells]
    begun = (run.config() for run in runs if run.config_file.is_file())
    base = replace(base, precision=common_precision(base, begun, this_place()))
    configs = {cell: with_all_args(configure_cell(base, cell)) for cell in cells}
    for cell, config in configs.items():
        build_method(config)
        if RunFolder(cell.folder).config_file.is_file():
            open_run(
                cell.folder, config, with_later_args
            )  # refuses a cell of another configuration
            _warn_of_another_source(cell, config, reporter)
    return configs


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


def _warn_of_another_source(cell: PlannedRun, config: TrainConfig, reporter: Reporter) -> None:
    begun = RunFolder(cell.folder).environment().method_source
    if begun and begun != source_hash(config.method):
        reporter.say(
            f"warning: the file of {config.method} has changed since {cell} was begun; its "
            "runs will not be of one method. Use another --out to train them all anew."
        )


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
    names = [*map(plain_row_name, grid.rows), *found.rows]
    rows = {name: found.rows[name] for name in names if name in found.rows}
    collection = Collection(rows, found.missing)
    table = bench_table(collection.runs, paper)
    write_text(out / "table.csv", table.to_csv(index=False))
    write_text(out / "table.md", to_markdown(table, bench_notes(collection.runs, paper)))
    write_report(out / "report.html", collection, paper=paper, title=f"Benchmark {out.name}")
    return table
