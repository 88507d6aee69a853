"""What one stroke changes in a mask: a rectangle of class indices, as lengths of equal values."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.errors import InputError
from crosslevel.types import IGNORED

Mask = NDArray[np.uint8]
MOST_RUNS = 4_000_000
"""Numbers in one patch: a stroke has thousands, a picture of noise millions."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of a mask after a stroke.

    Attributes:
        left: Its first column.
        top: Its first row.
        values: (rows, columns) class indices.
    """

    left: int
    top: int
    values: Mask

    @classmethod
    def from_json(cls, content: object, size: tuple[int, int], num_classes: int) -> Patch:
        """Read a patch that a page sent.

        Args:
            content: An object with x, y, w, h and runs, [value, length, value, length, …] row by
                row.
            size: Height and width of the image.
            num_classes: Foreground classes; values are 0…num_classes, or `IGNORED`.

        Raises:
            InputError: It does not lie in the image, or its values do not fill it.

        Example:
            >>> Patch.from_json({"x": 1, "y": 0, "w": 2, "h": 1, "runs": [1, 2]}, (4, 4), 1).values
            array([[1, 1]], dtype=uint8)
        """
        if not isinstance(content, Mapping):
            raise _refused(f"an object was expected, found {type(content).__name__}")
        left, top, width, height = (_whole(content.get(name), name) for name in "xywh")
        rows, columns = size
        if not (width and height and left + width <= columns and top + height <= rows):
            raise _refused(f"{width} × {height} px at {left}, {top} in {columns} × {rows} px")
        runs = content.get("runs")
        if not isinstance(runs, list) or len(runs) % 2 or not len(runs) <= MOST_RUNS:
            raise _refused("runs must be pairs of a value and a length")
        return cls(left, top, _filled(runs, (height, width), num_classes))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        flat = self.values.ravel()
        starts = np.flatnonzero(np.diff(flat, prepend=flat[0] ^ 1))
        lengths = np.diff(starts, append=flat.size)
        runs = np.stack([flat[starts].astype(np.int64), lengths], axis=1).ravel().tolist()
        height, width = self.values.shape
        return {"x": self.left, "y": self.top, "w": width, "h": height, "runs": runs}

    def apply(self, mask: Mask) -> None:
        """Write the rectangle into a mask (H, W), in place."""
        height, width = self.values.shape
        mask[self.top : self.top + height, self.left : self.left + width] = self.values


def checksum(mask: Mask) -> int:
    """Return the CRC-32 of the class indices, row by row, by which a page proves what it shows."""
    return zlib.crc32(mask.tobytes())


def _filled(runs: list[Any], shape: tuple[int, int], num_classes: int) -> Mask:
    if not all(type(number) is int and number >= 0 for number in runs):
        raise _refused("runs must be whole numbers that are not negative")
    values, lengths = runs[::2], runs[1::2]
    if not {*values} <= {*range(num_classes + 1), IGNORED}:
        raise _refused(f"values must be 0 to {num_classes}, or {IGNORED}")
    if sum(lengths) != shape[0] * shape[1]:
        raise _refused(f"runs must add up to {shape[0] * shape[1]} px, found {sum(lengths)}")
    return np.repeat(np.array(values, np.uint8), lengths).reshape(shape)


def _whole(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise _refused(f"{name} must be a whole number that is not negative, found {value!r}")
    return value


def _refused(reason: str) -> InputError:
    return InputError(f"This is not a patch of the mask: {reason}. Reload the page.")
