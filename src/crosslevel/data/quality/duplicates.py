"""Pictures saved twice: resized, compressed again or slightly recoloured copies are told by sight.

Files with equal bytes are told by their content hash instead. Turned, mirrored and cropped copies
are not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

SIDE = 16
LARGEST_DIFFERENCE = 0.1
"""Of two thumbnails, in standard deviations; on Kvasir-SEG and ISIC 2018 true copies stay below,
consecutive photographs of one lesion come close to it, other pairs start at 0.17."""
_SAME_BITS = 16  # at most this many of 112 differ before two thumbnails are compared
_NEIGHBOURS = 8  # in each of the sorted orders
_CHUNK = 4096
_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Map (H, W, 3) → (SIDE, SIDE, 3), averaged."""
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BOX))


def look_alikes(thumbnails: NDArray[np.uint8]) -> list[list[int]]:
    """Sets of thumbnails that show the same picture.

    Difference hashes are sorted as many times as they have pairs of bytes, each time starting at
    another pair, and only neighbours are compared: N log N instead of N² comparisons. Should very
    many pictures have nearly equal hashes, a pair among them may be missed.

    Args:
        thumbnails: (N, SIDE, SIDE, 3).

    Returns:
        Sets of two or more indices, each sorted.
    """
    labels = np.arange(len(thumbnails))
    contrasts = np.concatenate([np.zeros(0), *map(_contrast, _chunks(thumbnails))])
    for pairs in _candidates(_difference_hashes(thumbnails)):
        first, second = pairs[:, labels[pairs[0]] != labels[pairs[1]]]
        differences = [
            _difference(thumbnails[a], thumbnails[b])
            for a, b in zip(_chunks(first), _chunks(second), strict=True)
        ]
        limit = LARGEST_DIFFERENCE * np.minimum(contrasts[first], contrasts[second])
        alike = np.concatenate([np.zeros(0), *differences]) <= limit
        labels = _joined(labels, first[alike], second[alike])
    members: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        members.setdefault(int(label), []).append(index)
    return sorted(indices for indices in members.values() if len(indices) > 1)


def _candidates(hashes: NDArray[np.uint8]) -> Iterator[NDArray[np.int64]]:
    """Yield (2, P) indices of near hashes, from each order and each distance in it."""
    for start in range(0, hashes.shape[1], 2):
        order = np.lexsort(np.roll(hashes, -start, axis=1).T[::-1])
        for distance in range(1, min(_NEIGHBOURS, len(order) - 1) + 1):
            pairs = np.stack([order[:-distance], order[distance:]])
            differing = _BITS[hashes[pairs[0]] ^ hashes[pairs[1]]].sum(axis=1, dtype=np.int64)
            yield pairs[:, differing <= _SAME_BITS]


def _difference_hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (N, 14): is each of 8 × 8 blocks brighter than its left and its upper neighbour?"""
    half = SIDE // 2
    blocks = thumbnails.reshape(-1, half, 2, half, 2, 3).sum(axis=(2, 4, 5), dtype=np.int32)
    to_left = (blocks[:, :, 1:] > blocks[:, :, :-1]).reshape(len(blocks), half * (half - 1))
    to_upper = (blocks[:, 1:] > blocks[:, :-1]).reshape(len(blocks), half * (half - 1))
    return np.packbits(np.concatenate([to_left, to_upper], axis=1), axis=1)


def _contrast(thumbnails: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (N,): standard deviation over the pixels, mean of the channels."""
    return np.asarray(thumbnails.std(axis=(1, 2)).mean(axis=1))


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return (P,) mean absolute difference of two (P, SIDE, SIDE, 3)."""
    return np.asarray(np.abs(first.astype(np.int16) - second).mean(axis=(1, 2, 3)))


def _joined(
    labels: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return labels after the sets of these pairs are one."""
    if not len(first):
        return labels
    size = len(labels)
    links = coo_array((np.ones(len(first), np.int8), (labels[first], labels[second])), (size, size))
    return np.asarray(connected_components(links, directed=False)[1][labels], np.int64)


def _chunks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Return parts of an array that are small in memory."""
    return (array[start : start + _CHUNK] for start in range(0, len(array), _CHUNK))
