"""What a page shows of one run, read from its folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crosslevel.config.settled import SettledConfig
from crosslevel.data.sheet import DataSheet
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import (
    OUT_OF_FOLD,
    Cell,
    Environment,
    Log,
    PerImage,
    Summary,
    scored,
)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One evaluated run.

    Attributes:
        name: How the page calls it, or the row of a bench it belongs to.
        config: What was trained.
        log: One row for each epoch.
        per_image: One row for each test case, indexed by its id.
        summary: Means and how they were made.
        environment: Machine, versions and command, as the training wrote them.
        split: Case ids and image hashes of each part; None where no `split.json` came along.
        predictions: Folder with `<id>.png` for each test case.
        peak_bytes: Peak memory of its training, 0 if it was not measured.
        sheet: What its data were like at its start; None where an earlier version trained it.
    """

    name: str
    config: SettledConfig
    log: pd.DataFrame
    per_image: pd.DataFrame
    summary: Summary
    environment: Environment
    split: Split | None
    predictions: Path
    peak_bytes: int
    sheet: DataSheet | None = None

    @property
    def dice(self) -> pd.Series[float]:
        """Dice of each test case with foreground (of all, if none has any), by its id."""
        return scored(self.per_image)[PerImage.DICE]

    @property
    def cell(self) -> Cell:
        """Its place among the runs of its row."""
        return Cell(self.name, self.config.draw, self.config.seed)

    @property
    def label(self) -> str:
        """Name, draw and seed."""
        return str(self.cell)

    @property
    def num_steps(self) -> int:
        """Training steps."""
        return int(self.log[Log.STEP].iloc[-1])

    @property
    def seconds(self) -> float:
        """Time spent training."""
        return float(self.log[Log.SECONDS].iloc[-1])


def read_run(path: Path, name: str) -> FinishedRun:
    """Read an evaluated run.

    Raises:
        InputError: If it was not trained or not evaluated, or was adapted from another.
    """
    refuse_adapted(path)
    folder = RunFolder(path)
    config = folder.config()
    for needed, command in ((folder.log_file, "train"), (folder.summary_file, f"evaluate {path}")):
        if not needed.is_file():
            raise InputError(f"{needed} is missing: run `crosslevel {command}` first.")
    summary = folder.summary()
    try:
        log = pd.read_csv(folder.log_file)
        texts = {PerImage.ID: str, PerImage.GROUP: str}
        per_image = pd.read_csv(folder.per_image_file, dtype=texts)
        per_image = per_image.set_index(PerImage.ID)
    except (ValueError, KeyError) as error:
        raise InputError(
            f"A log or score file of {path} is damaged ({error}): repeat `crosslevel evaluate`."
        ) from error
    return FinishedRun(
        name=name,
        config=config,
        log=log,
        per_image=per_image,
        summary=summary,
        environment=_first_recorded(folder.environment(), summary.environment),
        split=read_split(folder.split_file),
        predictions=folder.predictions_folder,
        peak_bytes=peak_memory(path),
        sheet=folder.data_sheet(),
    )


def refuse_adapted(path: Path) -> None:
    """Refuse a run that has weights of another's training, and no log of its own.

    Raises:
        InputError: Saying how it is scored.
    """
    if RunFolder(path).adaptation_file.is_file():
        raise InputError(
            f"{path} was adapted, not trained: it has no training to show. "
            f"`crosslevel evaluate {path} --data DIR --subset all` prints its scores. Name the run "
            "that it was adapted from."
        )


def _first_recorded(own: Environment, of_evaluation: Environment) -> Environment:
    return own if own.recorded() else of_evaluation


def read_split(file: Path) -> Split | None:
    """Return the split of a run, if it came along."""
    return Split.load(file) if file.is_file() else None


def memory_file(run: Path) -> Path:
    """Beside a run of a bench: the peak memory of its processes, in bytes."""
    return run.with_name(run.name + ".memory")


def peak_memory(run: Path) -> int:
    """Return the highest peak over all restarts, 0 if none was recorded."""
    file = memory_file(run)
    return int(file.read_text()) if file.is_file() else 0


def scored_images(runs: Iterable[FinishedRun]) -> str:
    """Return what a page calls the images these runs were scored on."""
    subsets = {run.summary.subset for run in runs}
    return "out-of-fold images" if subsets == {OUT_OF_FOLD} else "test images"


def mean_over_runs(runs: Sequence[FinishedRun], column: str) -> pd.Series[float]:
    """Return a column of `per_image.csv`, averaged over runs, for each case that they score."""
    columns = [scored(run.per_image)[column] for run in runs]
    together = pd.concat(columns, axis=1, join="inner")
    mean: pd.Series[float] = together.mean(axis=1)
    return mean
