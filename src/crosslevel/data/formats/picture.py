"""What every reader gives: the pixels as they are stored, before black and white are chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.errors import DataError

Pixels = NDArray[np.integer[Any] | np.floating[Any]]
Points = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image, upright, with the largest values the brightest.

    Attributes:
        pixels: (H, W) grey or (H, W, C); uint8 is shown as it is, all else needs a window.
        spacing_mm: Height and width of a pixel, if the file says them.
        window: The values the file itself says are black and white, if it does.
        orientation: How the pixels lie in the file, by EXIF's number; 1 is upright.
    """

    pixels: Pixels
    spacing_mm: tuple[float, float] | None = None
    window: tuple[float, float] | None = None
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its pixels are decoded.

    Attributes:
        num_frames: Pages, frames or slices.
        spacing_mm: Height and width of a pixel.
        owner: The patient, else the study; a secret, only ever to be hashed.
        serial: What tells this file from all others in the world; a secret too.
        corners: Where in space the centres of its first voxel and of the last along each axis lie;
            empty if the file does not say.
        voxel: The shortest edge of a voxel, in the unit of the corners.
    """

    num_frames: int = 1
    spacing_mm: tuple[float, float] | None = None
    owner: str = ""
    serial: str = ""
    corners: Points = ()
    voxel: float = 0

    def is_elsewhere(self, other: Header) -> bool:
        """Whether two files say that they lie in different places, by more than half a voxel.

        What differs by less is rounding: each voxel is nearest to that of the same indices.
        """
        if not self.corners or not other.corners:
            return False
        distances = map(math.dist, self.corners, other.corners)
        return max(distances) > self.voxel / 2


def check_frame(path: Path, frame: int | None, num_frames: int, kind: str) -> int:
    """Return the frame that is meant, 0 in a file with a single one.

    Args:
        path: The file.
        frame: Which one was asked for, if any.
        num_frames: How many there are.
        kind: What they are called: "pages", "frames", "slices".

    Raises:
        DataError: If the file has several and none was asked for, or it has not that one.
    """
    if frame is None and num_frames > 1:
        line = (
            f"{path}: holds {num_frames} {kind}. Say which one is the image (--page 0 is the "
            "first), or take each as an image of its own with --page all."
        )
        raise DataError([line])
    if frame is not None and not 0 <= frame < num_frames:
        line = f"{path}: has {num_frames} {kind}, so --page must be from 0 to {num_frames - 1}."
        raise DataError([f"{line} It is {frame}."])
    return frame or 0
