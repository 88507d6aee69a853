"""From pixels to outlines that give exactly these pixels back, along the pixels' edges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from crosslevel.data.annotations.shapes import Bits, Outlines, Ring

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.bool_)
Corner = tuple[int, int]


def objects_of(bits: Bits) -> Iterator[tuple[Bits, tuple[slice, slice]]]:
    """Yield each connected area, pixels that touch at a corner included, and the box it is in."""
    labelled, _ = label(bits, structure=_EIGHT_NEIGHBOURS)
    for number, box in enumerate(find_objects(labelled), start=1):
        rows, columns = box
        yield np.asarray(labelled[box] == number), (rows, columns)


def trace(bits: Bits, corner: tuple[int, int] = (0, 0)) -> Outlines:
    """Return the outlines, with holes, of one object: a part for each connected area of pixels.

    Args:
        bits: (H, W).
        corner: Row and column of the first of these pixels in its image.
    """
    labelled, _ = label(bits)
    parts = []
    for number, box in enumerate(find_objects(labelled), start=1):
        offset = np.array([box[1].start + corner[1], box[0].start + corner[0]])
        rings = [ring + offset for ring in _rings(labelled[box] == number)]
        parts.append(tuple(sorted(rings, key=lambda ring: -abs(area(ring)))))
    return Outlines(tuple(parts))


def area(ring: Ring) -> float:
    """Return the area inside an outline, negative if it is drawn the other way round."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


def without_holes(outlines: Outlines) -> Ring:
    """Return one outline for all parts and holes, joined by ways to and fro that enclose nothing.

    Formats with a single outline for an object hold it so; filled by the rule of odd and even it
    gives the same pixels.
    """
    rings = [ring for part in outlines.parts for ring in part]
    first = rings[0][:1]
    joined = [np.concatenate([ring, ring[:1], first]) for ring in rings[1:]]
    return np.concatenate([rings[0], first, *joined]) if joined else rings[0]


def _rings(bits: Bits) -> list[Ring]:
    """Follow the edges between inside and outside, with the inside to the right."""
    ways = _sides(bits)
    rings = []
    while ways:
        start = corner = next(iter(ways))
        ring: list[Corner] = []
        before = (0, 0)
        while not ring or corner != start:
            ring.append(corner)
            after = _turn(ways[corner], corner, before)
            ways[corner].remove(after)
            if not ways[corner]:
                del ways[corner]
            before, corner = (after[0] - corner[0], after[1] - corner[1]), after
        rings.append(np.array(ring, np.float64))
    return rings


def _sides(bits: Bits) -> dict[Corner, list[Corner]]:
    """By corner (x, y), where the straight sides that start there end."""
    padded = np.pad(bits, 1).astype(np.int8)
    ways: dict[Corner, list[Corner]] = defaultdict(list)
    across = np.diff(padded, axis=0)[:, 1:-1]  # 1 where the pixel below is inside
    for y, begin, end, sign in _straight(across):
        a, b = (begin, y), (end, y)
        ways[a if sign > 0 else b].append(b if sign > 0 else a)
    along = np.diff(padded, axis=1)[1:-1].T  # 1 where the pixel to the right is inside
    for x, begin, end, sign in _straight(along):
        a, b = (x, begin), (x, end)
        ways[b if sign > 0 else a].append(a if sign > 0 else b)
    return ways


def _straight(signs: NDArray[np.int8]) -> Iterator[tuple[int, int, int, int]]:
    """Yield line, begin, end and sign of every longest row of equal signs."""
    padded = np.pad(signs, ((0, 0), (1, 1)))
    lines, places = np.nonzero(padded[:, 1:] != padded[:, :-1])
    ends = places[1:].tolist()
    following = zip(lines.tolist(), places.tolist(), ends, strict=False)
    for (line, begin, end), next_line in zip(following, lines[1:].tolist(), strict=True):
        sign = int(padded[line, begin + 1])
        if next_line == line and sign:
            yield line, begin, end, sign


def _turn(choices: list[Corner], corner: Corner, before: Corner) -> Corner:
    """Where two pixels of the object touch at a corner, turn right: stay at the same pixel."""
    if len(choices) == 1:
        return choices[0]

    def to_the_right(after: Corner) -> int:
        return before[0] * (after[1] - corner[1]) - before[1] * (after[0] - corner[0])

    return max(choices, key=to_the_right)
