"""Masks as polygons, for programs that draw shapes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from contourpy import FillType, contour_generator
from numpy.typing import NDArray

Ring = NDArray[np.float64]
"""(N, 2) corners x, y in pixels from the image's upper left corner; the first is not repeated."""


def outlines(region: NDArray[np.bool_]) -> list[list[Ring]]:
    """Return the polygons of a region: of each its outer ring, then its holes.

    A pixel is in the region just if its middle is within an outer ring and in none of its holes.
    Rings run midway between the middles of pixels, without corners on straight lines.

    Args:
        region: (H, W), True inside.

    Example:
        >>> [[ring]] = outlines(np.array([[False, True]]))
        >>> ring.tolist()
        [[1.0, 0.5], [1.5, 0.0], [2.0, 0.5], [1.5, 1.0]]
    """
    framed = np.pad(region, 1).astype(np.float64)
    drawn = contour_generator(z=framed, fill_type=FillType.OuterOffset)
    filled: Any = drawn.filled(0.5, 2.0)  # points and where rings begin, polygon by polygon
    return [
        [_ring(points[begin:end]) for begin, end in pairwise(starts.tolist())]
        for points, starts in zip(*filled, strict=True)
    ]


def _ring(points: NDArray[np.float64]) -> Ring:
    """From a closed ring in middles of framed pixels, from its corner first in order (y, x)."""
    ring = points[:-1] - 0.5
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners = ring[turns]
    return np.asarray(np.roll(corners, -int(np.lexsort(corners.T[::-1])[0]), axis=0))
