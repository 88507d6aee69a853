"""Masks as lengths of runs, in the two forms that other tools read: COCO's and Label Studio's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_SIZES = (4, 8, 12, 16)
"""Bits that the length of a run may have in a brush; each run has the fewest that hold it."""
_WORD = 8
_SUBPIXELS = 4
"""A brush is red, green, blue and alpha."""


def coco_counts(region: NDArray[np.bool_]) -> str:
    """Return the `counts` of COCO's compressed run-length encoding.

    Runs go down the columns and begin with one outside. From the third on, a number is the
    difference to the run two before; each number is written in groups of five bits, the lowest
    first, with a sixth that says whether more follow, as a character from "0" on.

    Args:
        region: (H, W), True inside.

    Example:
        >>> coco_counts(np.array([[False, True], [False, True]]))
        '22'
    """
    runs = _runs(region.T.ravel())
    counts = runs if not region.size or not region[0, 0] else [0, *runs]
    numbers = [n - counts[i - 2] if i > 2 else n for i, n in enumerate(counts)]
    return "".join(_characters(number) for number in numbers)


def _characters(number: int) -> str:
    text = ""
    while True:
        group, number = number & 31, number >> 5
        is_last = number == (-1 if group & 16 else 0)
        text += chr(48 + (group if is_last else group | 32))
        if is_last:
            return text


def brush(region: NDArray[np.bool_]) -> list[int]:
    """Return the `rle` of a brush in Label Studio, bytes as numbers.

    It is the format of thi.ng's rle-pack over the red, green, blue and alpha of all pixels, row by
    row: how many values, the bits of each, the sizes that lengths may have; then blocks.

    Args:
        region: (H, W), True inside.
    """
    flat = region.ravel()
    value = 255 if flat.size and flat[0] else 0
    bits = [f"{flat.size * _SUBPIXELS:032b}", f"{_WORD - 1:05b}"]
    bits += [f"{size - 1:04b}" for size in _SIZES]
    for length in _runs(flat):
        bits += _blocks(length * _SUBPIXELS, value)
        value = 255 - value
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _blocks(length: int, value: int) -> Iterable[str]:
    longest = 1 << _SIZES[-1]
    while length:
        part = min(length, longest)
        index = next(i for i, size in enumerate(_SIZES) if part <= 1 << size)
        yield f"1{index:02b}{part - 1:0{_SIZES[index]}b}{value:0{_WORD}b}"
        length -= part


def _runs(flat: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of stretches of one value."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff([0, *edges, flat.size]).tolist()
    return lengths
