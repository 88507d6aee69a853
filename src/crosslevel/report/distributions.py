"""The Dice of single images: how it is spread, and what it depends on: lesion size, confidence."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from crosslevel.report.drawing import TEXT, Rows, draw
from crosslevel.report.page import Chart
from crosslevel.report.palette import marks
from crosslevel.runs.finished import FinishedRun, mean_over_runs, scored_images
from crosslevel.runs.records import PerImage, scored

NUM_SIZES = 4
TENTH, MOST_SET_ASIDE = 0.1, 0.5


def dice_distribution(rows: Rows) -> Chart:
    """Return Dice of every test image, best row on top."""
    scores = {name: 100 * mean_over_runs(runs, PerImage.DICE) for name, runs in rows.items()}
    ordered = sorted(scores, key=lambda name: float(scores[name].mean()))
    look = marks(rows)
    noise = np.random.default_rng(0)

    def paint(axis: Axes) -> None:
        for place, name in enumerate(ordered):
            dice = scores[name].to_numpy()
            height = place + noise.uniform(-0.3, 0.3, len(dice))
            colour = look[name].placeholder
            axis.scatter(dice, height, s=7, color=colour, alpha=0.55, linewidths=0)
            low, middle, high = np.percentile(dice, [25, 50, 75])
            axis.plot([low, high], [place, place], color=TEXT, linewidth=5, alpha=0.3)
            axis.plot([middle] * 2, [place - 0.32, place + 0.32], color=TEXT, linewidth=1.8)
        axis.set(xlabel="Dice", xlim=(-2, 102), yticks=range(len(ordered)), yticklabels=ordered)
        axis.grid(visible=False, axis="y")

    medians = [f"{name} {scores[name].median():.0f}" for name in reversed(ordered)]
    return draw(
        paint,
        max(3.1, 0.8 + 0.38 * len(rows)),
        f"Dice of all {scored_images(chain(*rows.values()))}, averaged over the runs of a row; the "
        "median as a line, the middle half as a bar; rows in order of their mean.",
        f"Median Dice: {', '.join(medians)}.",
    )


def dice_by_size(rows: Rows) -> Chart | None:
    """Median Dice in four equal groups of test images, from small to large lesions.

    Returns:
        None if no run has recorded the sizes of its lesions.
    """
    sized = [
        run for runs in rows.values() for run in runs if PerImage.FOREGROUND_SHARE in run.per_image
    ]
    if not sized:
        return None
    groups, labels = _size_groups(100 * mean_over_runs(sized, PerImage.FOREGROUND_SHARE))
    middle = {
        name: (100 * mean_over_runs(runs, PerImage.DICE)).groupby(groups).median()
        for name, runs in rows.items()
    }
    look = marks(rows)

    def paint(axis: Axes) -> None:
        for name, dice in middle.items():
            mark = look[name]
            axis.plot(
                dice.index, dice, marker="o", markersize=4, color=mark.placeholder,
                linestyle=mark.line,
            )  # fmt: skip
        axis.set(xticks=range(len(labels)), xticklabels=labels, ylim=(0, 100))
        axis.set(xlabel="Lesion (% of the image)", ylabel="Median Dice")

    ends = [f"{name} {dice.iloc[0]:.0f} to {dice.iloc[-1]:.0f}" for name, dice in middle.items()]
    return draw(
        paint,
        3.1,
        f"Median Dice of the {scored_images(sized)} in groups of equal number, from small to large "
        "lesions.",
        f"Median Dice from the smallest to the largest lesions: {', '.join(ends)}.",
    )


def dice_by_coverage(rows: Rows) -> Chart | None:
    """Return the mean Dice of what is left when the masks of lowest confidence are set aside.

    Returns:
        None if a run has not recorded its confidence, or has fewer than ten images.
    """
    tables = [scored(run.per_image) for runs in rows.values() for run in runs]
    if any(PerImage.CONFIDENCE not in table or TENTH * len(table) < 1 for table in tables):
        return None
    left: dict[str, pd.Series[float]] = {
        name: pd.concat([_by_coverage(run) for run in runs]).groupby(level=0).mean()
        for name, runs in rows.items()
    }
    look = marks(rows)

    def paint(axis: Axes) -> None:
        for name, dice in left.items():
            mark = look[name]
            axis.plot(100 * dice.index, dice, color=mark.placeholder, linestyle=mark.line)
        axis.set(xlabel="Set aside (% of the images, lowest confidence first)", ylabel="Mean Dice")

    ends = [
        f"{name} {dice.iloc[0]:.0f} to {dice[dice.index <= TENTH].iloc[-1]:.0f}"
        for name, dice in left.items()
    ]
    return draw(
        paint,
        3.1,
        "Mean Dice of the masks that are left when those of lowest confidence are set aside for a "
        "person.",
        f"Mean Dice of all masks, and without the tenth of lowest confidence: {', '.join(ends)}.",
    )


def _by_coverage(run: FinishedRun) -> pd.Series[float]:
    """Return the mean Dice, ×100, of the images left, by the share that is set aside."""
    images = scored(run.per_image).sort_values(PerImage.CONFIDENCE, kind="stable")
    dice = 100 * images[PerImage.DICE]
    number = len(dice)
    aside = range(int(MOST_SET_ASIDE * number) + 1)
    return pd.Series({num / number: float(dice.iloc[num:].mean()) for num in aside})


def _size_groups(share: pd.Series[float]) -> tuple[pd.Series[int], list[str]]:
    """Return the group of each image, and the range of sizes of each group."""
    number = min(NUM_SIZES, len(share))
    groups = pd.qcut(share.rank(method="first"), number, labels=False)
    ranges = share.groupby(groups).agg(["min", "max"])
    return groups, [f"{low:.1f}–{high:.1f}" for low, high in ranges.itertuples(index=False)]
