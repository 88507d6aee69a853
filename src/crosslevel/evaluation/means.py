"""Means over the rows of `per_image.csv`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crosslevel.runs.compare import paired_difference
from crosslevel.runs.records import (
    DEFINITIONS,
    IN_PERCENT,
    NOT_SCORES,
    PHYSICAL_SCORES,
    ConfidenceOrder,
    Healthy,
    PerImage,
    scored,
)

TENTH = 0.1
"""Share of the images whose masks a person would look at first."""


def what_rows_say(per_image: pd.DataFrame) -> dict[str, Any]:
    """Return the fields of a `Summary` computed from the rows, and what some scores are."""
    return {
        "mean": mean_scores(per_image),
        "dice_interval": dice_interval(per_image),
        "healthy": false_alarms(per_image),
        "confidence": by_confidence(per_image),
        "definitions": DEFINITIONS,
    }


def mean_scores(per_image: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each score over the `scored` images, ×100 where the paper's tables are.

    A class that is in no image, found or true, has none, nor has what is in millimetres unless all
    images say how large a pixel is.
    """
    per_image = scored(per_image)
    some_lack = [
        name for name in PHYSICAL_SCORES if name in per_image and per_image[name].isna().any()
    ]
    numbers = per_image.drop(columns=[*NOT_SCORES, *some_lack], errors="ignore").mean().dropna()
    return {
        str(name): round(float(value) * (100 if str(name).startswith(IN_PERCENT) else 1), 4)
        for name, value in numbers.items()
    }


def false_alarms(per_image: pd.DataFrame) -> Healthy | None:
    """Return what was found in the images without foreground, None if there is none."""
    if PerImage.FALSE_ALARMS not in per_image:
        return None
    alarms = per_image[PerImage.FALSE_ALARMS].dropna()
    return Healthy(
        num_images=len(alarms),
        num_with_alarm=int((alarms > 0).sum()),
        alarms_per_image=round(float(alarms.mean()), 4),
    )


def dice_interval(per_image: pd.DataFrame) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean Dice of `scored` images, ×100; None of fewer than 2."""
    dice = scored(per_image)[PerImage.DICE].dropna().to_numpy(np.float64)
    if len(dice) < 2:
        return None
    found = paired_difference(dice, np.zeros_like(dice))
    return round(max(0.0, found.low), 4), round(min(100.0, found.high), 4)


def by_confidence(per_image: pd.DataFrame) -> ConfidenceOrder | None:
    """Tell whether low confidence finds bad masks; None where nothing can, or fewer than ten."""
    num_lowest = int(TENTH * len(per_image))
    if not num_lowest or per_image[[PerImage.CONFIDENCE, PerImage.DICE]].nunique().min() == 1:
        return None
    ordered = per_image.sort_values(PerImage.CONFIDENCE, kind="stable")
    dice = 100 * ordered[PerImage.DICE]
    order = dice.corr(ordered[PerImage.CONFIDENCE], method="spearman")
    return ConfidenceOrder(
        spearman=round(float(order), 4),
        num_lowest=num_lowest,
        dice_lowest=round(float(dice.iloc[:num_lowest].mean()), 4),
        dice_others=round(float(dice.iloc[num_lowest:].mean()), 4),
    )
