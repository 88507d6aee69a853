"""Scores of one case. A data set's score is the mean of its cases' scores, nothing else.

Conventions: an empty prediction of an empty mask is perfect (Dice = IoU = precision = recall = 1,
distances 0); if only one of the two is empty, overlaps are 0 and distances are the image's
diagonal, so that a missed lesion is never left out of a mean. With several classes, one that is in
neither prediction nor mask has no scores (NaN) where another class is: to leave out what is not
there would else pay more than to find what is. Pixels that are `IGNORED` count nowhere; a case of
nothing else has no scores.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.errors import InputError
from crosslevel.logits import to_classes
from crosslevel.system.environment import name_the_user
from crosslevel.types import IGNORED


@dataclass(frozen=True, slots=True)
class CaseScore:
    """Scores of one class in one case, or their mean over the classes.

    Attributes:
        dice: Overlap in [0, 1].
        iou: Intersection over union of the foreground, in [0, 1].
        mae: Mean absolute difference between foreground probability and mask, in [0, 1].
        mae_mask: That between predicted and true mask, the share of pixels that are wrong.
        precision: Share of predicted foreground that is foreground.
        recall: Share of foreground that is predicted.
        hd95_px: 95th percentile of the distances between the two boundaries, in pixels: the larger
            of the two directed ones.
        assd_px: Average symmetric distance between the two boundaries, in pixels.
    """

    dice: float
    iou: float
    mae: float
    mae_mask: float
    precision: float
    recall: float
    hd95_px: float = math.nan
    assd_px: float = math.nan

    @staticmethod
    def mean(scores: Sequence[CaseScore]) -> CaseScore:
        """Return the mean, field by field, of the scores there are; NaN where there is none."""
        if not scores:
            return NO_SCORE
        return CaseScore(*map(_mean, zip(*map(_values, scores), strict=True)))


_values = attrgetter(*(f.name for f in dataclasses.fields(CaseScore)))
NO_SCORE = CaseScore(*[math.nan] * len(dataclasses.fields(CaseScore)))
"""Of a class that is not there."""
NO_DISTANCES = (math.nan, math.nan)


def _mean(values: Iterable[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return math.fsum(there) / len(there) if there else math.nan


def score_case(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.uint8],
    *,
    threshold: float = 0.5,
    with_distances: bool = True,
) -> list[CaseScore]:
    """Return scores of every foreground class in one case.

    Args:
        probabilities: (C, H, W) in [0, 1]; C = 1 binary, else background + classes.
        truth: (H, W) class indices, or `IGNORED`.
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
        >>> round(score.dice, 3), score.precision, score.recall, round(score.mae, 3), score.mae_mask
        (0.667, 0.5, 1.0, 0.3, 0.25)
    """
    if probabilities.shape[1:] != truth.shape:
        raise InputError(f"Prediction {probabilities.shape[1:]} and mask {truth.shape} differ.")
    foreground = probabilities if len(probabilities) == 1 else probabilities[1:]
    counted = truth != IGNORED
    if not counted.any():
        return [NO_SCORE] * len(foreground)
    prediction = np.where(counted, to_classes(probabilities, threshold), 0)
    counts, errors, distances = [], [], []
    for index, probability in enumerate(foreground, start=1):
        predicted, actual = prediction == index, truth == index
        overlap = int((predicted & actual).sum())
        counts.append((int(predicted.sum()), overlap, int(actual.sum())))
        errors.append(float(np.abs(probability - actual).mean(dtype=np.float64, where=counted)))
        distances.append(surface_distances(predicted, actual) if with_distances else NO_DISTANCES)
    return class_scores(counts, errors, int(counted.sum()), distances)


def class_scores(
    counts: Sequence[tuple[int, int, int]],
    errors: Sequence[float],
    num_pixels: int,
    distances: Sequence[tuple[float, float]] | None = None,
) -> list[CaseScore]:
    """Return the score of each class of one case.

    Args:
        counts: Pixels predicted, pixels both predicted and true, and true pixels, of each class.
        errors: Mean absolute error of each class's probability.
        num_pixels: Pixels that count.
        distances: hd95_px and assd_px of each class, NaN if left out.

    Returns:
        `NO_SCORE` for a class that is in neither prediction nor mask, unless none is.
    """
    is_empty = not any(predicted or actual for predicted, _, actual in counts)
    measured = zip(counts, errors, distances or [NO_DISTANCES] * len(counts), strict=True)
    return [
        _score_class(of_class, mae, num_pixels, *apart)
        if is_empty or of_class[0] or of_class[2]
        else NO_SCORE
        for of_class, mae, apart in measured
    ]


def _score_class(
    counts: tuple[int, int, int], mae: float, num_pixels: int, hd95_px: float, assd_px: float
) -> CaseScore:
    predicted, overlap, actual = counts
    union = predicted + actual - overlap
    return CaseScore(
        dice=2 * overlap / (predicted + actual) if union else 1.0,
        iou=overlap / union if union else 1.0,
        mae=mae,
        mae_mask=(union - overlap) / num_pixels,
        precision=overlap / predicted if predicted else float(not actual),
        recall=overlap / actual if actual else float(not predicted),
        hd95_px=hd95_px,
        assd_px=assd_px,
    )


def surface_distances(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: tuple[float, float] = (1, 1)
) -> tuple[float, float]:
    """Return the 95th percentile and the average of the distances between two boundaries.

    The percentile is taken of the distances from either boundary to the other, and the larger one
    returned, as MONAI does; medpy takes one percentile of both directions together.

    Args:
        prediction: (H, W).
        truth: (H, W).
        spacing: Height and width of a pixel, in the unit of the distances.

    Returns:
        0 if both are empty, the image's diagonal if one is.
    """
    if not prediction.any() and not truth.any():
        return 0.0, 0.0
    if not prediction.any() or not truth.any():
        diagonal = math.hypot(truth.shape[0] * spacing[0], truth.shape[1] * spacing[1])
        return diagonal, diagonal
    import torch

    name_the_user()
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    first, second = (torch.from_numpy(m)[None, None].float() for m in (prediction, truth))
    with warnings.catch_warnings():  # MONAI warns of an argument it passes to itself
        warnings.simplefilter("ignore", FutureWarning)
        hd95 = compute_hausdorff_distance(
            first, second, include_background=True, percentile=95, spacing=list(spacing)
        )
        assd = compute_average_surface_distance(
            first, second, include_background=True, symmetric=True, spacing=list(spacing)
        )
    return float(hd95), float(assd)


def count_areas(prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> int:
    """Return how many connected areas (also over corners) are found where pixels count.

    Args:
        prediction: (H, W) class indices.
        truth: (H, W) class indices, or `IGNORED`.

    Example:
        >>> count_areas(np.array([[1, 0, 2], [0, 1, 0]], np.uint8), np.zeros((2, 3), np.uint8))
        1
    """
    from scipy.ndimage import label

    is_found = (prediction > 0) & (truth != IGNORED)
    return int(label(is_found, structure=np.ones((3, 3)))[1])
