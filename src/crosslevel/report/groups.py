"""The Dice of each group of images (patient, sequence), where the data say which there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crosslevel.report.drawing import Rows
from crosslevel.report.page import Section
from crosslevel.runs.compare import paired_difference
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import PerImage, scored

MOST_GROUPS = 30
"""Groups on a page; those of the lowest mean Dice."""


def group_sections(rows: Rows) -> list[Section]:
    """Return a section with the groups of each row, the worst first; none without groups.

    Groups are those of a row's first run: runs of one row are scored on the same images.
    """
    found = {name: _by_group(runs) for name, runs in rows.items()}
    found = {name: table for name, table in found.items() if len(table)}
    if not found:
        return []
    shown = pd.concat([_shown(name, table) for name, table in found.items()])
    if len(rows) == 1:
        shown = shown.drop(columns="Row")
    notes = [_note(name, table) for name, table in found.items()]
    return [
        Section(
            "Groups",
            (
                "A group is a patient or a sequence: its images lie on one side of the split, and "
                "are more alike than others. Dice is ×100: the mean of a group's images (over the "
                "runs of a row), and its worst image.",
            ),
            table=shown,
            notes=notes,
        )
    ]


def _by_group(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return number of images, mean and worst Dice of each group, the lowest mean first."""
    tables = [scored(run.per_image) for run in runs if PerImage.GROUP in run.per_image]
    if not tables:
        return pd.DataFrame()
    of_runs = pd.concat([table[PerImage.DICE] for table in tables], axis=1, join="inner")
    dice = 100 * of_runs.mean(axis=1)
    groups = dice.groupby(tables[0][PerImage.GROUP].reindex(dice.index))
    return groups.agg(["size", "mean", "min", "idxmin"]).sort_values("mean", kind="stable")


def _shown(row: str, table: pd.DataFrame) -> pd.DataFrame:
    lowest = table.head(MOST_GROUPS)
    return pd.DataFrame(
        {
            "Row": row,
            "Group": lowest.index,
            "Images": lowest["size"].map(str),
            "Mean Dice": lowest["mean"].map("{:.1f}".format),
            "Worst": lowest["min"].map("{:.1f}".format),
            "Worst image": lowest["idxmin"],
        }
    )


def _note(row: str, table: pd.DataFrame) -> str:
    means = table["mean"].to_numpy(np.float64) / 100
    note = f"{row}: mean over {len(means)} groups {100 * means.mean():.1f}"
    if len(means) > 1:
        found = paired_difference(means, np.zeros_like(means))
        low, high = max(0.0, found.low), min(100.0, found.high)
        note += f" (95 % interval over the groups {low:.1f} to {high:.1f})"
    left = len(means) - MOST_GROUPS
    more = f" {left} groups of higher Dice are not shown." if left > 0 else ""
    return f"{note}.{more}"
