"""Shapes read back into pixels, each after the words of the program that draws it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Region = NDArray[np.bool_]


def is_inside(x: float, y: float, ring: NDArray[Any]) -> bool:
    """Even-odd rule, edge by edge."""
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def filled(polygons: Iterable[Sequence[NDArray[Any]]], shape: tuple[int, int]) -> Region:
    """Pixels whose middle is in an outer ring and in none of its holes."""
    region = np.zeros(shape, bool)
    for row, column in np.ndindex(shape):
        x, y = column + 0.5, row + 0.5
        region[row, column] = any(
            is_inside(x, y, outer) and not any(is_inside(x, y, hole) for hole in holes)
            for outer, *holes in polygons
        )
    return region


def from_coco(text: str, shape: tuple[int, int]) -> Region:
    """COCO's compressed run lengths."""
    numbers: list[int] = []
    position = 0
    while position < len(text):
        number = shift = 0
        more = True
        while more:
            code = ord(text[position]) - 48
            number |= (code & 31) << shift
            more = bool(code & 32)
            position += 1
            shift += 5
        if code & 16:
            number |= -1 << shift
        numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
    values = np.repeat(np.arange(len(numbers)) % 2, numbers)
    return values.reshape(shape[::-1]).T.astype(bool)


def from_brush(numbers: Iterable[int], shape: tuple[int, int]) -> Region:
    """The `rle` of a brush of Label Studio."""
    bits = "".join(f"{number:08b}" for number in numbers)
    position = 0

    def read(count: int) -> int:
        nonlocal position
        position += count
        return int(bits[position - count : position], 2)

    total, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        is_run, length = read(1), read(sizes[read(2)]) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    assert len(values) == total
    assert len(bits) - position < 8
    channels = np.array(values).reshape(*shape, 4)
    assert (channels == channels[..., :1]).all()
    return np.asarray(channels[..., 3] == 255)
