"""How far a run is that another process trains, read from its folder."""

from __future__ import annotations

import csv
import json

from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder
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
        rows = self._rows()
        if not self._epochs:
            try:
                self._epochs = self.run.config().epochs
            except InputError:  # not written yet
                return 0.0, ""
        share = min(1.0, len(rows) / self._epochs)
        dice = self._best(rows)
        seen = "" if dice is None else f", best validation Dice {dice:.1f}"
        return share, f"Epoch {len(rows)} of {self._epochs}{seen}"

    def score(self) -> tuple[float | None, int]:
        """Return the best validation Dice, ×100, and the number of images it is the mean of."""
        split = json.loads(self.run.split_file.read_text())
        return self._best(self._rows()), len(split.get("val", []))

    def _rows(self) -> list[dict[str, str]]:
        if not self.run.log_file.is_file():
            return []
        with self.run.log_file.open(newline="") as file:
            return list(csv.DictReader(file))

    def _best(self, rows: list[dict[str, str]]) -> float | None:
        found = [100 * float(row[Log.VAL_DICE]) for row in rows if row.get(Log.VAL_DICE)]
        return max(found, default=None)
