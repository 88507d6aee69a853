"""The Dice of each class, where a task has several."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crosslevel.report.drawing import Rows
from crosslevel.report.page import Section
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import class_dice, scored

_ABSENT = "absent"


def class_sections(rows: Rows) -> list[Section]:
    """Return a section with the Dice of each class in each row; none for a task of one class."""
    runs = [run for of_row in rows.values() for run in of_row]
    names = list(runs[0].config.mask_classes.names)
    if len(names) < 2:
        return []
    table = pd.DataFrame(
        [
            {"Row": row, **{f"{i} {name}": _shown(of_row, name) for i, name in enumerate(names, 1)}}
            for row, of_row in rows.items()
        ]
    )
    note = (
        "Dice ×100 of each class, mean over the images that have it, drawn or found, and over the "
        "runs of a row. Classes are in the order of their numbers in written masks."
    )
    return [Section("Classes", (note,), table=table)]


def _shown(runs: Sequence[FinishedRun], name: str) -> str:
    tables = [scored(run.per_image) for run in runs if class_dice(name) in run.per_image]
    columns = [table[class_dice(name)] for table in tables]
    means = [float(column.mean()) for column in columns if column.notna().any()]
    return f"{100 * sum(means) / len(means):.2f}" if means else _ABSENT
