"""Figures of a comparison, made of files; each returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosslevel.data.reading import read_case, read_case_mask, read_mask
from crosslevel.images.overlay import draw_outlines
from crosslevel.runs.finished import FinishedRun
from crosslevel.types import Case, Classes

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
HARD_QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.5)
TRUTH_COLOUR, PREDICTION_COLOUR = (118, 255, 3), (0, 229, 255)


def typical_cases(runs: Sequence[FinishedRun], quantiles: Sequence[float] = QUANTILES) -> list[str]:
    """Return ids of cases of all runs at these quantiles of their mean Dice, from hard to easy.

    A rule, so that nobody picks the pictures by hand.
    """
    dice = pd.concat([run.dice for run in runs], axis=1, join="inner").mean(axis=1)
    ordered = dice.sort_values(kind="stable").index
    places = {round(q * (len(ordered) - 1)) for q in quantiles}
    return [str(ordered[place]) for place in sorted(places)]


def most_disputed(runs: Sequence[FinishedRun], number: int) -> list[str]:
    """Return ids of the cases whose Dice differs most between the runs; none of a single run."""
    if len(runs) < 2:
        return []
    dice = pd.concat([run.dice for run in runs], axis=1, join="inner")
    spread = (dice.max(axis=1) - dice.min(axis=1)).sort_values(kind="stable", ascending=False)
    return [str(name) for name in spread.index[:number]]


def qualitative(runs: Sequence[FinishedRun], cases: Sequence[Case], classes: Classes) -> Figure:
    """Return the paper's Figure 3: image, truth, and each method's mask, one case a row.

    Args:
        runs: The methods, in order of the columns.
        cases: The rows.
        classes: How masks are read.
    """
    titles = ["Image", "Truth", *(run.name for run in runs)]
    figure = Figure(figsize=(2.1 * len(titles), 2.15 * len(cases)), layout="constrained")
    axes = figure.subplots(len(cases), len(titles), squeeze=False)
    for row, case in zip(axes, cases, strict=True):
        for axis, panel in zip(row, _panels(runs, case, classes), strict=True):
            axis.imshow(panel)
            axis.set_xticks([])
            axis.set_yticks([])
        for axis, run in zip(row[2:], runs, strict=True):
            axis.set_xlabel(f"Dice {100 * run.dice.to_dict()[case.id]:.0f}")
        row[0].set_ylabel(case.id, fontsize="small")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure


def _panels(runs: Sequence[FinishedRun], case: Case, classes: Classes) -> list[NDArray[np.uint8]]:
    how = runs[0].config.reading
    image = read_case(case, how)
    truth = read_case_mask(case, classes, how)
    predictions = [read_prediction(run.predictions / f"{case.id}.png", classes) for run in runs]
    return [
        image,
        draw_outlines(image, truth, [TRUTH_COLOUR]),
        *(draw_outlines(image, mask, [PREDICTION_COLOUR]) for mask in predictions),
    ]


def read_prediction(path: Path, classes: Classes) -> NDArray[np.uint8]:
    """Return a written mask as class indices (H, W)."""
    written = {name: index for index, name in enumerate(classes.values, start=1)}
    return read_mask(path, Classes(dict(written)))
