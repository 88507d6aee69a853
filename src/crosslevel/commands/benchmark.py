"""Compare methods over labelled draws with equal everything else; repeat the command to resume."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jsonargparse import ArgumentParser, Namespace

from crosslevel.commands.train import add_config_arguments, config_files, own_args, to_config
from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError, RunError

if TYPE_CHECKING:
    from crosslevel.bench.workers import Workers

EXAMPLE = """\
examples:
  crosslevel benchmark --data polyps --out bench --config small --methods supervised clcc
  crosslevel benchmark --data polyps --out every --config small --methods all --draws 2
  crosslevel benchmark --data Kvasir-SEG --out table1 --config kvasir --draws 3 --paper kvasir-seg
  crosslevel benchmark --data /shared/polyps --out /shared/bench --engine ray --address auto

methods may be those of `train`, and clcc_without_consistency, clcc_without_contrast,
supervised_ema (whose moving average is evaluated); "all" is every one of them, the most asked for
first; those that do not fit are named. supervised@enc starts from what `crosslevel pretrain
--out enc` wrote."""


def configure(parser: ArgumentParser) -> None:
    """Name the options; those of the configuration are shared by all runs."""
    parser.add_argument("--data", type=Path, required=True, help="folder or CSV with the images")
    parser.add_argument("--out", type=Path, required=True, help="folder of the bench")
    parser.add_argument(
        "--methods",
        nargs="+",
        type=str,
        default=[],
        help="rows, or all; the paper's Table 1 if left out, which needs a --config of the paper",
    )
    parser.add_argument(
        "--draws",
        type=int | None,
        help="labelled draws, from 0; 3 if left out, or 1 where all masks are used, or a --split",
    )
    parser.add_argument(
        "--seeds",
        type=int | None,
        help="seeds of each draw, from 0; 1 if left out, or 3 where draws do not differ and none "
        "are asked for; of several draws, the mean of the seeds counts as one run",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs at a time, on a GPU each if there are several"
    )
    parser.add_argument(
        "--engine",
        type=Literal["processes", "ray"],
        default="processes",
        help="who does the runs: processes of this machine, or the machines of a Ray cluster",
    )
    parser.add_argument(
        "--address",
        type=str | None,
        help="with --engine ray: of the cluster, or auto; this machine alone if left out",
    )
    parser.add_argument(
        "--paper", type=str | None, help="add the paper's figures for kvasir-seg or isic2018"
    )
    add_config_arguments(parser)


def run(arguments: Namespace) -> int:
    """Run what is missing, then write and print the table."""
    from crosslevel.data.cases import check_source

    check_source(arguments.data)
    from crosslevel.bench.grid import ALL, Grid, expand, fitting, method_of
    from crosslevel.bench.run import TABLE_1, run_grid, write_results
    from crosslevel.report.bench import check_paper
    from crosslevel.report.tables import to_text
    from crosslevel.system.console import Reporter

    check_paper(arguments.paper)
    config = to_config(arguments)
    reporter = Reporter()
    rows = expand(arguments.methods) or TABLE_1
    if ALL in arguments.methods:
        rows = fitting(rows, config, reporter.say)
    grid = Grid(rows, *_draws_and_seeds(arguments, config))
    _refuse_args_of_no_row(arguments, config, map(method_of, grid.rows))
    failures = run_grid(
        grid,
        arguments.data,
        arguments.out,
        config,
        jobs=arguments.jobs,
        workers=_workers(arguments),
        reporter=reporter,
    )
    if not any(cell.is_finished for cell in grid.cells(arguments.out)):
        raise RunError(
            f"None of these runs was finished, so no table was written: {len(failures)} failed, "
            f"their logs are in {arguments.out / 'runs'}."
        )
    print(to_text(write_results(grid, arguments.out, arguments.paper)))  # noqa: T201
    reporter.say(f"Done: {arguments.out / 'report.html'} and table.md")
    return 1 if failures else 0


def _draws_and_seeds(arguments: Namespace, config: TrainConfig) -> tuple[range, range]:
    """Return what is asked for; where nothing is, three runs of a row that differ."""
    from crosslevel.bench.grid import has_one_draw

    draws, seeds, is_one = arguments.draws, arguments.seeds, has_one_draw(config)
    if draws is None and seeds is None and is_one:
        seeds = 3
    if draws is None:
        draws = 1 if is_one else 3
    return range(draws), range(1 if seeds is None else seeds)


def _workers(arguments: Namespace) -> Workers | None:
    """Return those of another machine, None for processes of this one.

    Raises:
        InputError: For an address that nothing would be done with, or what Ray lacks.
    """
    if arguments.engine == "processes":
        if arguments.address:
            raise InputError("--address is of a Ray cluster: add --engine ray, or leave it out.")
        return None
    from crosslevel.bench.cluster import RayWorkers

    return RayWorkers(arguments.jobs, arguments.address)


def _refuse_args_of_no_row(
    arguments: Namespace, config: TrainConfig, methods: Iterable[str]
) -> None:
    """Refuse options that would be left out without a word."""
    rows = set(methods)
    given = own_args(arguments)
    if given and config.method not in rows:
        raise InputError(
            f"args {', '.join(given)} belong to {config.method}, which is not a row of this bench: "
            "name the method they are meant for with --method."
        )
    for file in config_files(arguments):
        if file.args and file.method != config.method and file.method in rows:
            raise InputError(
                f"--method {config.method} would leave out the args that --config has for the row "
                f"{file.method}: compare the two in benches of their own."
            )
