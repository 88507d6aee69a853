"""How sure a network is of a whole mask: what tells a person which masks to look at first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    """

    def __init__(self) -> None:
        self._overlap = self._sum = self._num_pixels = self._highest = np.zeros(1)

    @classmethod
    def of_all(cls, parts: Sequence[MaskConfidence]) -> MaskConfidence:
        """Of the masks of several frames as of a single one."""
        whole = cls()
        whole._overlap = np.sum([part._overlap for part in parts], axis=0)
        whole._sum = np.sum([part._sum for part in parts], axis=0)
        whole._num_pixels = np.sum([part._num_pixels for part in parts], axis=0)
        whole._highest = np.max([part._highest for part in parts], axis=0)
        return whole

    def update(self, probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> None:
        """Add rows of an image.

        Args:
            probabilities: (C, rows, W) in [0, 1].
            mask: (rows, W) class indices, as `to_classes` makes of them.
        """
        foreground = probabilities if len(probabilities) == 1 else probabilities[1:]
        pixels = [mask == index for index in range(1, len(foreground) + 1)]
        overlaps = [p[m].sum(dtype=np.float64) for p, m in zip(foreground, pixels, strict=True)]
        self._overlap = self._overlap + overlaps
        self._sum = self._sum + foreground.sum(axis=(1, 2), dtype=np.float64)
        self._num_pixels = self._num_pixels + [np.count_nonzero(m) for m in pixels]
        self._highest = np.maximum(self._highest, foreground.max(axis=(1, 2)))

    def compute(self) -> float:
        """Return the confidence in [0, 1] of all that was added."""
        total = np.maximum(self._sum + self._num_pixels, np.finfo(np.float64).tiny)
        by_class = np.where(self._num_pixels, 2 * self._overlap / total, 1 - self._highest)
        mean = float(by_class.mean())
        return mean if math.isfinite(mean) else 0.0


def mask_confidence(probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> float:
    """Return `MaskConfidence` of a whole image: (C, H, W) probabilities and their (H, W) mask."""
    confidence = MaskConfidence()
    confidence.update(probabilities, mask)
    return confidence.compute()
