"""Objects found and missed: connected areas of truth and prediction that touch, or do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosslevel.types import IGNORED

_OVER_CORNERS = np.ones((3, 3))


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Connected areas (also over corners) of one image, all classes together.

    Attributes:
        num_true: In the truth.
        num_missed: Those of them of which no pixel was found as their class.
        num_extra: Predicted ones of which no pixel is of their class in the truth.
    """

    num_true: int
    num_missed: int
    num_extra: int


def count_objects(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], num_classes: int
) -> ObjectCounts:
    """Count the objects of a mask, those missed and those found where there are none.

    Args:
        prediction: (H, W) class indices; where the truth is `IGNORED`, it does not count.
        truth: (H, W) class indices, or `IGNORED`.
        num_classes: Foreground classes.

    Example:
        >>> truth = np.array([[1, 0, 0, 0, 1]], np.uint8)
        >>> count_objects(np.array([[1, 0, 1, 0, 0]], np.uint8), truth, 1)
        ObjectCounts(num_true=2, num_missed=1, num_extra=1)
    """
    counted = truth != IGNORED
    num_true = num_missed = num_extra = 0
    for index in range(1, num_classes + 1):
        actual, found = truth == index, (prediction == index) & counted
        of_truth, missed = _areas(actual, found)
        num_true += of_truth
        num_missed += missed
        num_extra += _areas(found, actual)[1]
    return ObjectCounts(num_true, num_missed, num_extra)


def _areas(areas: NDArray[np.bool_], others: NDArray[np.bool_]) -> tuple[int, int]:
    """Return how many areas there are, and how many touch no pixel of the others."""
    from scipy.ndimage import label

    labels, count = label(areas, structure=_OVER_CORNERS)
    touched = np.unique(labels[others])
    return int(count), int(count) - int((touched > 0).sum())
