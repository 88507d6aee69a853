"""Means over the rows of `per_image.csv`."""

from __future__ import annotations

import pandas as pd

from crosslevel.runs.records import (
    IN_PERCENT,
    NOT_SCORES,
    PHYSICAL_SCORES,
    ConfidenceOrder,
    PerImage,
)

TENTH = 0.1
"""Share of the images whose masks a person would look at first."""


def mean_scores(per_image: pd.DataFrame) -> dict[str, float]:
    """Return the mean of each score, ×100 where the paper's tables are.

    A class that is in no image, found or true, has none, nor has what is in millimetres unless all
    images say how large a pixel is.
    """
    some_lack = [
        name for name in PHYSICAL_SCORES if name in per_image and per_image[name].isna().any()
    ]
    numbers = per_image.drop(columns=[*NOT_SCORES, *some_lack]).mean().dropna()
    return {
        str(name): round(float(value) * (100 if str(name).startswith(IN_PERCENT) else 1), 4)
        for name, value in numbers.items()
    }


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
