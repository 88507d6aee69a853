"""Run lengths in bits, as Label Studio packs the strokes of a brush."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosslevel.errors import InputError

_WORD = 8
_SIZES = (3, 4, 8, 16)
"""Bits of the four kinds of lengths that are written."""
_DAMAGED = "its brush strokes are damaged. Export it again."


class _Bits:
    """Bits of a text of bytes, one number after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def read(self, count: int) -> int:
        """Return a number of so many bits."""
        end = self._place + count
        if end > 8 * len(self._data):
            raise InputError(_DAMAGED)
        part = int.from_bytes(self._data[self._place // 8 : -(-end // 8)])
        self._place = end
        return part >> (-end % 8) & ((1 << count) - 1)


def unpack(data: bytes, expected: int) -> NDArray[np.uint8]:
    """Return the packed values.

    Args:
        data: The bytes.
        expected: How many values there should be.

    Raises:
        InputError: There are others, or the data is damaged.
    """
    bits = _Bits(data)
    number = bits.read(32)
    if number != expected:
        raise InputError(
            f"its brush strokes are of {number // 4} pixels, but its image has {expected // 4}. "
            "Export it again."
        )
    word = bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    values, place = np.zeros(number, np.uint8), 0
    while place < number:
        is_run = bits.read(1)
        end = place + bits.read(sizes[bits.read(2)]) + 1
        if end > number:
            raise InputError(_DAMAGED)
        if is_run:
            values[place:end] = bits.read(word) & 255
        else:
            values[place:end] = [bits.read(word) & 255 for _ in range(place, end)]
        place = end
    return values


def pack(values: NDArray[np.uint8]) -> bytes:
    """Return values as runs of equal ones.

    Args:
        values: (N,).
    """
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    lengths = np.diff(np.concatenate([starts, [len(values)]]))
    numbers = [(len(values), 32), (_WORD - 1, 5), *((size - 1, 4) for size in _SIZES)]
    longest = 1 << _SIZES[-1]
    for value, length in zip(values[starts].tolist(), lengths.tolist(), strict=True):
        for begin in range(0, length, longest):
            count = min(longest, length - begin) - 1
            kind = next(k for k, size in enumerate(_SIZES) if count < 1 << size)
            numbers += [(1, 1), (kind, 2), (count, _SIZES[kind]), (value, _WORD)]
    text = "".join(f"{number:0{size}b}" for number, size in numbers)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8)
