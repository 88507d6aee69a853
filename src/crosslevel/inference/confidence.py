"""How sure a network is of a whole mask: what tells a person which masks to look at first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARPNESS = 2
"""Log odds of probabilities are multiplied by it before they say how certain a mask is."""


class MaskConfidence:
    """About the Dice to expect of a mask if the network's probabilities were right, band by band.

    For each foreground class 2 Σ p m / Σ (p + m), with p its probabilities and m its pixels in the
    mask, or 1 - the highest p if it has none; the mean over the classes. 0 if a probability is not
    finite. Needs no truth: a network that is sure of its errors is sure here, too.

    Source: Borges, Pacheco and Silva, *Soft Dice confidence: a near-optimal confidence estimator
    for selective prediction in semantic segmentation*, arXiv 2402.10665, 2024. Differs from the
    paper: what is said of a class without a pixel, and of several classes.

    Example:
        >>> confidence = MaskConfidence()
        >>> confidence.update(np.array([[[0.9, 0.4]]]), np.array([[1, 0]], np.uint8))
        >>> round(confidence.compute(), 3)  # 2 · 0.9 / (0.9 + 0.4 + 1)
        0.783

    Args:
        threshold: Binary only: of the mask.
    """

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = threshold
        self._said, self._sharpened = np.zeros((2, 1)), np.zeros((2, 1))
        self._num_pixels = self._highest = np.zeros(1)

    @classmethod
    def of_all(cls, parts: Sequence[MaskConfidence]) -> MaskConfidence:
        """Of the masks of several frames as of a single one."""
        whole = cls(parts[0]._threshold)
        whole._said = np.sum([part._said for part in parts], axis=0)
        whole._sharpened = np.sum([part._sharpened for part in parts], axis=0)
        whole._num_pixels = np.sum([part._num_pixels for part in parts], axis=0)
        whole._highest = np.max([part._highest for part in parts], axis=0)
        return whole

    def update(self, probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> None:
        """Add rows of an image.

        Args:
            probabilities: (C, rows, W) in [0, 1].
            mask: (rows, W) class indices, as `to_classes` makes of them.
        """
        num_classes = max(1, len(probabilities) - 1)
        pixels = [mask == index for index in range(1, num_classes + 1)]
        foreground = probabilities[-num_classes:]
        sharpened = sharpen(probabilities, self._threshold)[-num_classes:]
        self._said = self._said + _overlap_and_sum(foreground, pixels)
        self._sharpened = self._sharpened + _overlap_and_sum(sharpened, pixels)
        self._num_pixels = self._num_pixels + [np.count_nonzero(m) for m in pixels]
        self._highest = np.maximum(self._highest, foreground.max(axis=(1, 2)))

    @property
    def is_empty(self) -> bool:
        """The mask has no foreground."""
        return not self._num_pixels.any()

    def compute(self) -> float:
        """Return the confidence in [0, 1] of all that was added."""
        return self._mean(self._said)

    def certainty(self) -> float:
        """Return the same of sharpened probabilities, whose order is nearer to that of the Dice.

        Where a network is trained for a short time, a little probability everywhere, which is far
        from the threshold, would count more than doubt about the border.
        """
        return self._mean(self._sharpened)

    def _mean(self, overlap_and_sum: NDArray[np.float64]) -> float:
        overlap, total = overlap_and_sum
        total = np.maximum(total + self._num_pixels, np.finfo(np.float64).tiny)
        by_class = np.where(self._num_pixels, 2 * overlap / total, 1 - self._highest)
        mean = float(by_class.mean())
        return mean if math.isfinite(mean) else 0.0


def sharpen(
    probabilities: NDArray[np.floating[Any]], threshold: float
) -> NDArray[np.floating[Any]]:
    """Return probabilities with `SHARPNESS` times the log odds, those of the threshold being 0.

    Args:
        probabilities: (C, rows, W) in [0, 1].
        threshold: Binary only: what becomes 0.5.

    Example:
        >>> sharpen(np.array([[[0.2, 0.3, 0.9]]]), 0.3).round(3)
        array([[[0.254, 0.5  , 0.998]]])
    """
    if len(probabilities) > 1:
        powers = probabilities**SHARPNESS
        whole = powers.sum(axis=0)
    else:
        powers = (probabilities * (1 - threshold)) ** SHARPNESS
        whole = powers + ((1 - probabilities) * threshold) ** SHARPNESS
    sharpened: NDArray[np.floating[Any]] = powers / np.maximum(whole, np.finfo(whole.dtype).tiny)
    return sharpened


def _overlap_and_sum(
    foreground: NDArray[np.floating[Any]], pixels: Sequence[NDArray[np.bool_]]
) -> NDArray[np.float64]:
    """Return for each class Σ p m and Σ p: (2, classes)."""
    overlaps = [p[m].sum(dtype=np.float64) for p, m in zip(foreground, pixels, strict=True)]
    return np.array([overlaps, foreground.sum(axis=(1, 2), dtype=np.float64)])


def mask_confidence(probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> float:
    """Return `MaskConfidence` of a whole image: (C, H, W) probabilities and their (H, W) mask."""
    confidence = MaskConfidence()
    confidence.update(probabilities, mask)
    return confidence.compute()
