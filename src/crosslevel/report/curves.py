"""Learning curves: validation Dice of all rows together, losses of each row by itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crosslevel.report.drawing import SMALL_WIDTH, TEXT, Rows, draw
from crosslevel.report.page import Chart
from crosslevel.report.palette import DASHES, Mark, marks
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import Log

DECADE = 10.0
"""Losses that differ by more than this factor are drawn on a logarithmic axis."""


def validation_curves(rows: Rows) -> Chart | None:
    """Return validation Dice over the steps: the mean of each row's runs, and their range.

    None if no run was validated, as those with folds are not.
    """
    curves = {name: _validation(runs) for name, runs in rows.items()}
    if all(dice.empty for dice in curves.values()):
        return None
    look = marks(rows)

    def paint(axis: Axes) -> None:
        for name, dice in curves.items():
            colour = look[name].placeholder
            middle = dice.mean(axis=1)
            axis.plot(dice.index, middle, color=colour, linestyle=look[name].line)
            if dice.shape[1] > 1:
                low, high = dice.min(axis=1), dice.max(axis=1)
                axis.fill_between(dice.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set(xlabel="Step", ylabel="Validation Dice", ylim=(0, 100))

    best = [f"{name} {dice.mean(axis=1).max():.0f}" for name, dice in curves.items() if len(dice)]
    caption = "Validation Dice over the steps: mean of each row's runs, their range as a band."
    return draw(paint, 3.1, caption, f"Best mean validation Dice: {', '.join(best)}.")


def loss_curves(runs: Sequence[FinishedRun]) -> list[Chart]:
    """Return each loss by its name, weighted as it is minimised, one small drawing for each run."""
    look = marks(run.name for run in runs)
    return [_loss_chart(run, look[run.name]) for run in runs]


def _validation(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return Dice ×100, indexed by step, one column for each run that was validated."""
    logs = [run.log.dropna(subset=Log.VAL_DICE) for run in runs if Log.VAL_DICE in run.log]
    curves = [100 * log.set_index(Log.STEP)[Log.VAL_DICE] for log in logs]
    if not curves:
        return pd.DataFrame()
    together = pd.concat(curves, axis=1).sort_index()
    return together.interpolate(method="index", limit_area="inside")


def _loss_chart(run: FinishedRun, mark: Mark) -> Chart:
    names = [str(column) for column in run.log if str(column).startswith(Log.LOSS)]
    labels = [name.removeprefix(Log.LOSS) for name in names]

    def paint(axis: Axes) -> None:
        dashes = cycle(DASHES)
        for name, label in zip(names, labels, strict=True):
            is_shared = label == "supervised"
            colour = TEXT if is_shared else mark.placeholder
            line = "-" if is_shared else Mark(mark.colour, next(dashes)).line
            values = run.log[[Log.STEP, name]].dropna()
            axis.plot(values[Log.STEP], values[name], color=colour, linestyle=line, label=label)
        if _spans_decades(run.log[names]):
            axis.set_yscale("log", nonpositive="mask")
        axis.set_xlabel("Step")
        axis.legend(fontsize=8)

    return draw(
        paint, 2.3, run.name, f"Losses of {run.name}: {', '.join(labels)}.", width=SMALL_WIDTH
    )


def _spans_decades(losses: pd.DataFrame) -> bool:
    values = losses.to_numpy(dtype=float)
    positive = values[np.isfinite(values) & (values > 0)]
    return bool(positive.size and positive.max() > DECADE * positive.min())
