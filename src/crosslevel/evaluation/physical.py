"""Distances in millimetres and areas in square millimetres, where the image says its spacing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosslevel.evaluation.metrics import surface_distances
from crosslevel.runs.records import Physical
from crosslevel.types import IGNORED


def physical_scores(
    prediction: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    num_classes: int,
    spacing_mm: tuple[float, float],
) -> dict[str, float]:
    """Return the columns of `Physical` for one case.

    Args:
        prediction: (H, W) class indices.
        truth: (H, W) class indices; what is `IGNORED` has neither area nor boundary.
        num_classes: Foreground classes; distances are averaged over those that are in either.
        spacing_mm: Height and width of a pixel.

    Example:
        >>> mask, other = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
        >>> mask[0, 0] = other[0, 2] = 1
        >>> physical_scores(mask, other, 1, (1.0, 0.5))[Physical.HD95]  # 2 pixels to the right
        1.0
    """
    counted = truth != IGNORED
    prediction, truth = prediction * counted, truth * counted
    pairs = [(prediction == index, truth == index) for index in range(1, num_classes + 1)]
    there = [pair for pair in pairs if pair[0].any() or pair[1].any()] or pairs
    distances = np.mean([surface_distances(*pair, spacing_mm) for pair in there], axis=0)
    pixel_mm2 = spacing_mm[0] * spacing_mm[1]
    return {
        Physical.HD95: float(distances[0]),
        Physical.ASSD: float(distances[1]),
        Physical.AREA: pixel_mm2 * int((truth > 0).sum()),
        Physical.PREDICTED_AREA: pixel_mm2 * int((prediction > 0).sum()),
    }
