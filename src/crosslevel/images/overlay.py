"""Masks drawn on images, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from crosslevel.types import IGNORED

COLOURS = ((0, 229, 255), (255, 179, 0), (224, 64, 251), (118, 255, 3), (255, 82, 82))
"""Of the classes 1, 2, …, again from the first when there are more."""


def draw_outlines(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    colours: Sequence[tuple[int, int, int]] = COLOURS,
) -> NDArray[np.uint8]:
    """Return a copy of the image with the outline of every class, thick enough to see at any size.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W) class indices; what is `IGNORED` has no outline.
        colours: RGB of the classes 1, 2, ….

    Returns:
        (H, W, 3) RGB.
    """
    drawn = image.copy()
    thickness = max(1, round(max(mask.shape) / 300))
    for index in range(1, int(mask.max(initial=0, where=mask != IGNORED)) + 1):
        region = mask == index
        if region.any():
            outer = binary_dilation(region, iterations=thickness)
            inner = binary_erosion(region, iterations=thickness, border_value=1)
            drawn[outer & ~inner] = colours[(index - 1) % len(colours)]
    return drawn
