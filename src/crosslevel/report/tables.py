"""The table of a comparison, as text and as rows for a page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import SCORES

COLUMNS = {name: label for name, label in SCORES.items() if name != "assd_px"}


def comparison(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return a row for each run: mean scores on the test images, steps and minutes."""
    rows = []
    for run in runs:
        means = run.summary.mean
        row = {
            label: f"{means[name]:.2f}" if name in means else "" for name, label in COLUMNS.items()
        }
        row |= {"Steps": str(run.num_steps), "Minutes": f"{run.seconds / 60:.1f}"}
        rows.append({"Method": run.name, **row})
    return pd.DataFrame(rows)


def to_text(table: pd.DataFrame) -> str:
    """Return the table for a terminal."""
    return table.to_string(index=False)
