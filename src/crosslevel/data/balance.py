"""Draws in which every class is seen alike often, however few images show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from crosslevel.types import IGNORED

Places = NDArray[np.int64]


def places_by_class(masks: Iterable[NDArray[np.uint8]]) -> list[Places]:
    """Return which masks show each class that is there, in order of its index.

    Masks without foreground are a class of their own, the first.

    Args:
        masks: (H, W) class indices each, or `IGNORED`.

    Example:
        >>> rare = np.array([[0, 2]], np.uint8)
        >>> [found.tolist() for found in places_by_class([rare // 2, rare, rare * 0, rare // 2])]
        [[2], [0, 3], [1]]
    """
    shown: dict[int, list[int]] = {}
    for place, mask in enumerate(masks):
        classes = [int(index) for index in np.unique(mask) if 0 < index < IGNORED]
        for index in classes or [0]:
            shown.setdefault(index, []).append(place)
    return [np.array(shown[index], np.int64) for index in sorted(shown)]


def draw_balanced(by_class: Sequence[Places], count: int, seed: Sequence[int]) -> Places:
    """Return `count` places: for each a class is drawn, then one of the masks that show it."""
    random = np.random.default_rng(seed)
    chosen = random.integers(len(by_class), size=count)
    return np.array([random.choice(by_class[index]) for index in chosen], np.int64)
