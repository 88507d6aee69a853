"""How far a run is that another process trains, read from its folder."""

from __future__ import annotations

import csv
import json

from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.out_of_fold import OutOfFold
from crosslevel.runs.records import Log


class Progress:
    """What the files of a run say while it is trained.

    Args:
        run: Its folder, which may be empty yet.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self._epochs = 0

    def read(self) -> tuple[float, str]:
        """Return the share of epochs that are done, and what to say; "" before there is any."""
        rows = _rows(self.run)
        if not self._epochs:
            try:
                self._epochs = self.run.config().epochs
            except InputError:  # not written yet
                return 0.0, ""
        if not rows and (folds := sorted((self.run.path / "folds").glob("*/config.yaml"))):
            return 0.0, f"Fold {len(folds)}, which scores masks that it does not learn from"
        share = min(1.0, len(rows) / self._epochs)
        dice = _best(rows)
        seen = "" if dice is None else f", best validation Dice {dice:.1f}"
        return share, f"Epoch {len(rows)} of {self._epochs}{seen}"

    def score(self) -> tuple[float | None, int, str]:
        """Return Dice, ×100, the number of images it is the mean of, and what they are."""
        file = self.run.out_of_fold_file
        if file.is_file():
            found = OutOfFold.from_json(file.read_text())
            return found.dice, found.num_masks, "masks, out of fold"
        split = json.loads(self.run.split_file.read_text())
        return _best(_rows(self.run)), len(split.get("val", [])), "validation images"


def _rows(run: RunFolder) -> list[dict[str, str]]:
    if not run.log_file.is_file():
        return []
    with run.log_file.open(newline="") as file:
        return list(csv.DictReader(file))


def _best(rows: list[dict[str, str]]) -> float | None:
    found = [100 * float(row[Log.VAL_DICE]) for row in rows if row.get(Log.VAL_DICE)]
    return max(found, default=None)
