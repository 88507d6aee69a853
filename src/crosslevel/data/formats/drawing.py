"""The numbers a mask file is drawn with, before anybody says what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import maximum_filter, minimum_filter

from crosslevel.data.formats.frame_images import opened_frame
from crosslevel.data.formats.pillow_modes import orientation
from crosslevel.errors import DataError

Values = NDArray[np.integer[Any]]
_LOSSY = frozenset({"JPEG", "MPO"})
_TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_JPEG_TOLERANCE = 16  # within an evenly filled block; ringing beside an edge is larger


@dataclass(frozen=True)
class Drawing:
    """A mask as it is drawn.

    Attributes:
        values: (H, W) grey values, or (H, W, 3) colours of a file that has any.
        indices: (H, W) palette entries, where there is a palette.
        is_lossy: JPEG: values are blurred.
        is_turned: The file says that its pixels do not lie upright.
    """

    values: Values
    indices: Values | None = None
    is_lossy: bool = False
    is_turned: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.values.shape[0], self.values.shape[1]

    @cached_property
    def codes(self) -> Values:
        """(H, W): one number for each grey value or colour (red, green, blue as 24 bits)."""
        if self.values.ndim == 2:
            return self.values
        red, green, blue = np.moveaxis(self.values.astype(np.int32), 2, 0)
        return np.asarray((red << 16) | (green << 8) | blue)

    @cached_property
    def grey(self) -> Values:
        """(H, W): the grey value, or a colour's brightest channel."""
        return self.values if self.values.ndim == 2 else np.asarray(self.values.max(axis=2))

    @cached_property
    def distinct(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The codes that occur, sorted, and how many pixels each has."""
        if self.codes.dtype == np.uint8:
            counts = np.bincount(self.codes.ravel(), minlength=256)
            found = counts.nonzero()[0]
            return found, counts[found]
        found, counts = np.unique(self.codes, return_counts=True)
        return found.astype(np.int64), counts

    @cached_property
    def is_solid(self) -> NDArray[np.bool_]:
        """(H, W): the middle of 3 × 3 pixels of one value, which no softened edge has."""
        return self.is_even(_JPEG_TOLERANCE if self.is_lossy else 0)

    @cached_property
    def is_area(self) -> NDArray[np.bool_]:
        """(H, W): the middle of 5 × 5 pixels of one value, larger than a magnified pixel."""
        return np.asarray(minimum_filter(self.is_solid, 3, mode="nearest"))

    @cached_property
    def is_transitional(self) -> NDArray[np.bool_]:
        """(H, W): pixels with a darker and a brighter neighbour, as on a softened edge."""
        channels = np.moveaxis(np.atleast_3d(self.values), 2, 0)
        between = [
            (low < channel) & (channel < high)
            for channel, (low, high) in zip(channels, self._neighbourhoods, strict=True)
        ]
        return np.asarray(np.logical_or.reduce(between))

    def is_even(self, tolerance: int) -> NDArray[np.bool_]:
        """Return (H, W): the middle of 3 × 3 pixels that differ by at most this in any channel."""
        spread = [high <= low + tolerance for low, high in self._neighbourhoods]
        return np.asarray(np.logical_and.reduce(spread))

    @cached_property
    def _neighbourhoods(self) -> list[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """Of each channel, the lowest and the highest value of 3 × 3 pixels."""
        channels = np.moveaxis(np.atleast_3d(self.values), 2, 0)
        return [(_filtered(minimum_filter, c), _filtered(maximum_filter, c)) for c in channels]


def read_drawing(path: Path, frame: int | None = None, axis: int = 2) -> Drawing:
    """Read the numbers a mask is drawn with, upright; what is fully transparent is 0.

    Args:
        path: The file.
        frame: Which page, frame or slice, where it has several.
        axis: Across which axis of a volume its slices lie.

    Raises:
        DataError: The file cannot be read, or holds fractions.
    """
    with opened_frame(path, frame, axis) as image:
        is_lossy = image.format in _LOSSY
        is_inverted = (
            image.format == "TIFF"
            and image.mode.startswith("I;16")
            and getattr(image, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
        )
        image.load()
        is_turned = orientation(image) != 1
        upright = ImageOps.exif_transpose(image)
        values = _values(path, upright)
        if is_inverted:
            values = 65535 - values
        clear = _transparent(upright)
        if clear is not None:
            values = np.where(clear if values.ndim == 2 else clear[:, :, None], 0, values)
        indices = np.asarray(upright) if upright.mode == "P" else None
        return Drawing(_without_equal_channels(values), indices, is_lossy, is_turned)


def _values(path: Path, image: Image.Image) -> Values:
    if image.mode == "F":
        fractions = np.asarray(image)
        whole = fractions.astype(np.int32)
        if not np.array_equal(whole, fractions):
            raise DataError([f"{path}: holds 32-bit fractions. Save the mask with 8 or 16 bits."])
        return whole
    if image.mode in {"1", "LA", "La"}:
        return np.asarray(image.convert("L"))
    if image.mode == "L" or image.mode.startswith("I"):
        return np.asarray(image)
    return np.asarray(image.convert("RGB"))


def _transparent(image: Image.Image) -> NDArray[np.bool_] | None:
    """Return pixels that do not show, if transparency says anything: some do, some do not."""
    if not image.has_transparency_data:
        return None
    clear = np.asarray(image.convert("RGBA").getchannel("A")) == 0
    return clear if clear.any() and not clear.all() else None


def _filtered(over: Callable[..., Values], channel: Values) -> NDArray[np.int32]:
    return over(np.ascontiguousarray(channel), 3, mode="nearest").astype(np.int32)


def _without_equal_channels(values: Values) -> Values:
    """Return (H, W) if all three channels are the same everywhere, else as it is."""
    if values.ndim == 2 or (values != values[:, :, :1]).any():
        return values
    return values[:, :, 0]
