"""What a page shows of one run, read from its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from crosslevel.config import TrainConfig
from crosslevel.errors import InputError
from crosslevel.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """One evaluated run.

    Attributes:
        name: How the page calls it.
        config: What was trained.
        log: One row for each epoch.
        per_image: One row for each test case, indexed by its id.
        summary: Means and how they were made.
        predictions: Folder with `<id>.png` for each test case.
    """

    name: str
    config: TrainConfig
    log: pd.DataFrame
    per_image: pd.DataFrame
    summary: dict[str, Any]
    predictions: Path

    @property
    def num_steps(self) -> int:
        """Training steps."""
        return int(self.log["step"].iloc[-1])

    @property
    def seconds(self) -> float:
        """Time spent training."""
        return float(self.log["seconds"].iloc[-1])


def read_run(path: Path, name: str, predictions: Path) -> FinishedRun:
    """Read an evaluated run.

    Raises:
        InputError: If it was not trained or not evaluated.
    """
    folder = RunFolder(path)
    config = folder.config()
    for needed, command in ((folder.log_file, "train"), (folder.summary_file, "evaluate")):
        if not needed.is_file():
            raise InputError(f"{needed} is missing: run `crosslevel {command}` first.")
    return FinishedRun(
        name=name,
        config=config,
        log=pd.read_csv(folder.log_file),
        per_image=pd.read_csv(folder.per_image_file, dtype={"id": str}).set_index("id"),
        summary=json.loads(folder.summary_file.read_text()),
        predictions=predictions,
    )
