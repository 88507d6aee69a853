"""Scores of one case. A data set's score is the mean of its cases' scores, nothing else.

Conventions: an empty prediction of an empty mask is perfect (Dice = IoU = precision = recall = 1,
distances 0); if only one of the two is empty, overlaps are 0 and distances are the image's
diagonal, so that a missed lesion is never left out of a mean. With several classes, one that is in
neither prediction nor mask has no scores (NaN) where another class is: to leave out what is not
there would else pay more than to find what is.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crosslevel.errors import InputError
from crosslevel.logits import to_classes


@dataclass(frozen=True, slots=True)
class CaseScore:
    """Scores of one class in one case, or their mean over the classes.

    Attributes:
        dice: Overlap in [0, 1].
        iou: Intersection over union of the foreground, in [0, 1].
        mae: Mean absolute difference between foreground probability and mask, in [0, 1].
        precision: Share of predicted foreground that is foreground.
        recall: Share of foreground that is predicted.
        hd95_px: 95th percentile of the distances between the two boundaries, in pixels.
        assd_px: Average symmetric distance between the two boundaries, in pixels.
    """

    dice: float
    iou: float
    mae: float
    precision: float
    recall: float
    hd95_px: float = math.nan
    assd_px: float = math.nan

    @staticmethod
    def mean(scores: Sequence[CaseScore]) -> CaseScore:
        """Field by field, of the scores there are; NaN where there is none."""
        table = pd.DataFrame(scores, columns=[f.name for f in dataclasses.fields(CaseScore)])
        return CaseScore(*table.mean().tolist())


NO_SCORE = CaseScore(*[math.nan] * len(dataclasses.fields(CaseScore)))
"""Of a class that is not there."""
THRESHOLDS = np.linspace(0.1, 0.9, 17)
TOLERANCE = 0.002


def best_threshold(
    probabilities: Sequence[NDArray[np.floating[Any]]], truths: Sequence[NDArray[np.uint8]]
) -> float:
    """The threshold with the best mean Dice of binary cases, as near to 0.5 as makes no difference.

    Args:
        probabilities: (1, H, W) in [0, 1], one for each case.
        truths: (H, W), 0 and 1.

    Returns:
        One of `THRESHOLDS`: the nearest to 0.5 of those within 0.2 Dice points of the best.
    """
    dice = np.mean(
        [_dice_at_thresholds(p[0], t > 0) for p, t in zip(probabilities, truths, strict=True)],
        axis=0,
    )
    good = THRESHOLDS[dice >= dice.max() - TOLERANCE]
    return float(good[np.abs(good - 0.5).argmin()].round(2))


def _dice_at_thresholds(
    probability: NDArray[np.floating[Any]], truth: NDArray[np.bool_]
) -> NDArray[np.float64]:
    predicted = [probability >= threshold for threshold in THRESHOLDS]
    overlap = np.array([np.count_nonzero(p & truth) for p in predicted])
    total = np.array([np.count_nonzero(p) for p in predicted]) + np.count_nonzero(truth)
    return np.where(total > 0, 2 * overlap / np.maximum(total, 1), 1.0)


def score_case(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.uint8],
    *,
    threshold: float = 0.5,
    with_distances: bool = True,
) -> list[CaseScore]:
    """Scores of every foreground class in one case.

    Args:
        probabilities: (C, H, W) in [0, 1]; C = 1 binary, else background + classes.
        truth: (H, W) class indices.
        threshold: Binary only: foreground where the probability is at least this. With several
            classes the most probable one wins.
        with_distances: Also hd95_px and assd_px (slower); NaN otherwise.

    Returns:
        One score for each foreground class, in order of its index. Of several classes, those in
        neither prediction nor mask are `NO_SCORE`, unless all are.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> p = np.array([[[0.9, 0.8], [0.1, 0.2]]])
        >>> [score] = score_case(p, np.array([[1, 0], [0, 0]], np.uint8))
        >>> round(score.dice, 3), score.precision, score.recall, round(score.mae, 3)
        (0.667, 0.5, 1.0, 0.3)
    """
    if probabilities.shape[1:] != truth.shape:
        raise InputError(f"Prediction {probabilities.shape[1:]} and mask {truth.shape} differ.")
    prediction = to_classes(probabilities, threshold)
    foreground = probabilities if len(probabilities) == 1 else probabilities[1:]
    is_empty = not (prediction.any() or truth.any())
    scores = []
    for index, probability in enumerate(foreground, start=1):
        predicted, actual = prediction == index, truth == index
        has_score = is_empty or predicted.any() or actual.any()
        scores.append(
            _score_class(probability, predicted, actual, with_distances) if has_score else NO_SCORE
        )
    return scores


def _score_class(
    probability: NDArray[np.floating[Any]],
    prediction: NDArray[np.bool_],
    truth: NDArray[np.bool_],
    with_distances: bool,
) -> CaseScore:
    overlap = int((prediction & truth).sum())
    predicted, actual = int(prediction.sum()), int(truth.sum())
    union = predicted + actual - overlap
    hd95_px, assd_px = _distances(prediction, truth) if with_distances else (math.nan, math.nan)
    return CaseScore(
        dice=2 * overlap / (predicted + actual) if union else 1.0,
        iou=overlap / union if union else 1.0,
        mae=float(np.abs(probability - truth).mean(dtype=np.float64)),
        precision=overlap / predicted if predicted else float(not actual),
        recall=overlap / actual if actual else float(not predicted),
        hd95_px=hd95_px,
        assd_px=assd_px,
    )


def _distances(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[float, float]:
    if not prediction.any() and not truth.any():
        return 0.0, 0.0
    if not prediction.any() or not truth.any():
        diagonal = math.hypot(*truth.shape)
        return diagonal, diagonal
    import torch
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    first, second = (torch.from_numpy(m)[None, None].float() for m in (prediction, truth))
    with warnings.catch_warnings():  # MONAI warns of an argument it passes to itself
        warnings.simplefilter("ignore", FutureWarning)
        hd95 = compute_hausdorff_distance(first, second, include_background=True, percentile=95)
        assd = compute_average_surface_distance(
            first, second, include_background=True, symmetric=True
        )
    return float(hd95), float(assd)
