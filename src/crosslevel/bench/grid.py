"""The cells of a bench: rows, labelled draws and seeds, and what each of them trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from crosslevel.config.train import TrainConfig
from crosslevel.errors import InputError
from crosslevel.methods import find_method, method_names
from crosslevel.methods.build import build_method, with_all_args
from crosslevel.runs.finished import memory_file, peak_memory
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import Cell
from crosslevel.system.files import write_text

ABLATIONS = {"clcc_without_consistency": "beta", "clcc_without_contrast": "alpha"}
"""Rows of the paper's table that leave out a term of Eq. 3, and the weight that is 0 in them."""
AVERAGED = "supervised_ema"
"""The supervised network whose moving average is evaluated: the fair opponent of EMA teachers."""
ALL, FIRST = "all", ("supervised", AVERAGED, "fixmatch", "clcc", "mean_teacher")
"""The word for every method, and its first rows."""
TILES = "tiles"
"""The option that all methods with tiles share."""
WEIGHTS = "@"
"""Between a method and the pretraining that its row starts from."""


@dataclass(frozen=True, slots=True)
class PlannedRun(Cell):
    """A cell of the bench with its place on disk.

    Attributes:
        parent: The folder of all run folders.
    """

    parent: Path

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return self.parent / self.folder_name

    def absolute(self) -> PlannedRun:
        """Return the same by a path that other machines understand."""
        return replace(self, parent=self.parent.resolve())

    @property
    def is_finished(self) -> bool:
        """True when it is trained and scored."""
        return RunFolder(self.folder).is_finished

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

    def cells(self, out: Path) -> list[PlannedRun]:
        """Return all cells, every row of a draw before the next draw, so that a part is of use."""
        places = product(self.seeds, self.draws, self.rows)
        return [PlannedRun(row, draw, seed, out / "runs") for seed, draw, row in places]


def has_one_draw(base: TrainConfig) -> bool:
    """Return whether every draw has the same labelled images: a split's, or all masks."""
    return base.split is not None or (isinstance(base.labelled, float) and base.labelled == 1)


def expand(rows: Sequence[str]) -> tuple[str, ...]:
    """Return the rows, "all" among them as every method that is not named besides.

    Those that others are compared with, and the most asked for, come first: a table of the first
    cells is of use.

    Example:
        >>> expand(["all"])[:4]
        ('supervised', 'supervised_ema', 'fixmatch', 'clcc')
    """
    if ALL not in rows:
        return tuple(rows)
    named = [row for row in rows if row != ALL]
    everything = dict.fromkeys([*FIRST, *method_names(), *ABLATIONS])
    return (*(row for row in everything if row not in named), *named)


def fitting(rows: Sequence[str], base: TrainConfig, say: Callable[[str], None]) -> tuple[str, ...]:
    """Return the rows that can be trained as the base says; the others are named with the reason.

    Args:
        rows: Of a bench.
        base: What all cells share.
        say: Told of each row that is left out.
    """
    fit = []
    for row in rows:
        try:
            build_method(with_all_args(configure_cell(base, Cell(row, 0, 0))))
            fit.append(row)
        except InputError as error:
            say(f"warning: {row} is left out: {error}")
    return tuple(fit)


def method_of(row: str) -> str:
    """Return the method that a row trains."""
    name = row.partition(WEIGHTS)[0]
    return {**dict.fromkeys(ABLATIONS, "clcc"), AVERAGED: "supervised"}.get(name, name)


def configure_cell(base: TrainConfig, cell: Cell) -> TrainConfig:
    """Return the configuration of a cell: the base with the row's method, draw and seed.

    Of a row "clcc@enc" the weights in the folder enc are where its backbone starts. The base's own
    `args` are kept for rows of its method, ablations among them. Rows of other methods that cut
    tiles have as many of them as the base: which numbers suit is a matter of the images' size.
    """
    row, _, weights = cell.row.partition(WEIGHTS)
    if weights:
        base = replace(base, model=replace(base.model, weights=weights))
    method = method_of(row)
    args = base.args if method == base.method else _shared_args(base, method)
    config = replace(base, method=method, args=args, draw=cell.draw, seed=cell.seed)
    if row == AVERAGED:
        return replace(config, args={**args, "decay": args.get("decay") or 0.99})
    if row in ABLATIONS:
        args = with_all_args(config).args
        stages = [{**stage, ABLATIONS[row]: 0.0} for stage in args["stages"]]
        return replace(config, args={**args, "stages": stages})
    return config


def _shared_args(base: TrainConfig, method: str) -> dict[str, Any]:
    """Return what another method than the base's takes over from its args."""
    if TILES not in {option.name for option in fields(find_method(method).Args)}:
        return {}
    args = with_all_args(base).args
    return {TILES: args[TILES]} if TILES in args else {}
