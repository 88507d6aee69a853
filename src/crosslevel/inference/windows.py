"""Images too large or too fine to be shrunk: the network looks through a window that slides.

For segmenters trained on crops, as in microscopy; one trained on whole images wants whole images.
What is in memory besides the image is one band of windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

OVERLAP = 0.25
"""Share of a window's side that its neighbour sees too, at least."""


def window_bands(
    image: NDArray[np.uint8],
    size: int,
    forward: Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]],
    batch_size: int,
) -> Iterator[NDArray[np.float32]]:
    """Yield probabilities of an image at its own scale, band by band from the top.

    Where windows overlap, the nearer a window's middle is, the more its word counts.

    Args:
        image: (H, W, 3); a side shorter than the window is continued by its last pixels.
        size: Side S of the window.
        forward: (S, S, 3) each → (B, C, S, S).
        batch_size: Windows given to it at a time.

    Returns:
        (C, rows, W) each; the rows add up to H.

    Example:
        >>> image = np.zeros((70, 40, 3), np.uint8)
        >>> half = lambda windows: np.full((len(windows), 1, 32, 32), 0.5, np.float32)
        >>> np.concatenate(list(window_bands(image, 32, half, 4)), axis=1).shape
        (1, 70, 40)
    """
    rows, columns, _ = image.shape
    padding = [(0, max(0, size - rows)), (0, max(0, size - columns)), (0, 0)]
    whole = np.pad(image, padding, mode="edge") if size > min(rows, columns) else image
    height, width, _ = whole.shape
    tops, lefts = _starts(height, size), _starts(width, size)
    ramp = _ramp(size)
    down, across = _covered(tops, height, ramp), _covered(lefts, width, ramp)
    above: NDArray[np.float32] = np.zeros((1, 0, width), np.float32)
    for top, below in pairwise([*tops, height]):
        band = _weighed_band(whole[top : top + size], lefts, forward, batch_size)
        band[:, : above.shape[1]] += above
        done = below - top
        finished = band[:, :done] / (down[top:below, None] * across)
        yield finished[:, : rows - top, :columns]
        above = band[:, done:]


def _weighed_band(
    strip: NDArray[np.uint8],
    lefts: Sequence[int],
    forward: Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]],
    batch_size: int,
) -> NDArray[np.float32]:
    """Return (C, S, W) sum of the windows of a strip (S, W, 3), each weighed by its ramps."""
    size, width, _ = strip.shape
    ramp = _ramp(size)
    weights = ramp[:, None] * ramp
    band = None
    for first in range(0, len(lefts), batch_size):
        part = lefts[first : first + batch_size]
        found = forward([strip[:, left : left + size] for left in part])
        if band is None:
            band = np.zeros((found.shape[1], size, width), np.float32)
        for left, probability in zip(part, found, strict=True):
            band[:, :, left : left + size] += probability * weights
    assert band is not None, "a strip has at least one window"
    return band


def _starts(length: int, size: int) -> list[int]:
    """First pixels of windows that cover a side evenly."""
    count = 1 + math.ceil((length - size) / (size * (1 - OVERLAP)))
    return [int(start) for start in np.linspace(0, length - size, count).round()]


def _ramp(size: int) -> NDArray[np.float32]:
    """Return (S,) weights, rising to the middle and falling again."""
    from_edge = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1
    return np.asarray(from_edge / from_edge.max(), np.float32)


def _covered(starts: Sequence[int], length: int, ramp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (length,) sum of the weights of the windows on each pixel."""
    total = np.zeros(length, np.float32)
    for start in starts:
        total[start : start + len(ramp)] += ramp
    return total
