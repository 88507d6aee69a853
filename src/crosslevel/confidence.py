"""How sure a network is of a whole mask: what tells a person which masks to look at first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class MaskConfidence:
    """The Dice a mask would have if the network's probabilities were right, band by band.

    For each class drawn in the mask 2 Σ p m / Σ (p + m), with p its probabilities and m its
    pixels; their mean, if there are several. Of an empty mask, 1 - the highest probability of a
    foreground pixel. Needs no truth, so networks that are sure of their errors are sure here too.

    Source: Borges, Pacheco and Silva, *Soft Dice confidence: a near-optimal confidence estimator
    for selective prediction in semantic segmentation*, arXiv 2402.10665, 2024. Differs from the
    paper: what is said of an empty mask, and of several classes.

    Example:
        >>> sure = MaskConfidence()
        >>> sure.update(np.array([[[0.9, 0.5]]]), np.array([[1, 0]], np.uint8))
        >>> round(sure.compute(), 3)  # 2 · 0.9 / (0.9 + 0.5 + 1)
        0.75
    """

    def __init__(self) -> None:
        self._overlap = self._sum = np.zeros(1)
        self._num_drawn = np.zeros(1)
        self._highest = 0.0

    def update(self, probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> None:
        """Add rows of an image.

        Args:
            probabilities: (C, rows, W) in [0, 1].
            mask: (rows, W) class indices, as `to_classes` makes of them.
        """
        foreground = probabilities if len(probabilities) == 1 else probabilities[1:]
        drawn = [mask == index for index in range(1, len(foreground) + 1)]
        overlaps = [p[m].sum(dtype=np.float64) for p, m in zip(foreground, drawn, strict=True)]
        self._overlap = self._overlap + overlaps
        self._sum = self._sum + foreground.sum(axis=(1, 2), dtype=np.float64)
        self._num_drawn = self._num_drawn + [np.count_nonzero(m) for m in drawn]
        self._highest = max(self._highest, float(foreground.max()))

    def compute(self) -> float:
        """The confidence in [0, 1] of all that was added."""
        is_drawn = self._num_drawn > 0
        if not is_drawn.any():
            return 1 - self._highest
        twice_overlap, total = 2 * self._overlap, self._sum + self._num_drawn
        return float((twice_overlap[is_drawn] / total[is_drawn]).mean())


def mask_confidence(probabilities: NDArray[np.floating[Any]], mask: NDArray[np.uint8]) -> float:
    """`MaskConfidence` of a whole image: (C, H, W) probabilities and their (H, W) mask."""
    confidence = MaskConfidence()
    confidence.update(probabilities, mask)
    return confidence.compute()
