"""What a mask's numbers mean: grey values, colours or palette entries become class indices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from crosslevel.data.formats.frame_images import opened_frame
from crosslevel.errors import DataError
from crosslevel.types import Classes

_LOSSY = frozenset({"JPEG", "MPO"})
_LARGEST_NOISE = 15  # of JPEG compression on an all-black mask; real data show up to about 8

Values = NDArray[np.integer[Any]]


def read_mask(
    path: Path, classes: Classes, frame: int | None = None, axis: int = 2
) -> NDArray[np.uint8]:
    """Read any mask as (H, W) class indices, upright; transparency is ignored.

    A binary mask may be drawn in 0/1 or 0/255, in grey, colour (its brightest channel counts), a
    palette (grey entries count by their grey, else every index but 0 is foreground), 1 or 16 bits.
    With `classes`, whole numbers are grey values (or palette indices) and triples RGB colours.
    In JPEG files, whose values are blurred, each pixel takes the nearest class.

    Args:
        path: A file in any format Pillow reads.
        classes: Empty for a binary mask, else the value or colour of each class.
        frame: Which page, frame or slice, where the file has several.
        axis: Across which axis of a volume its slices lie.

    Returns:
        (H, W) in 0…number of classes.

    Raises:
        DataError: The file cannot be read, or its values do not say what is foreground.
    """
    return inspect_mask(path, classes, frame, axis)[0]


def inspect_mask(
    path: Path, classes: Classes, frame: int | None = None, axis: int = 2
) -> tuple[NDArray[np.uint8], float]:
    """As `read_mask`, and the share of its pixels (0…1) that are drawn neither dark nor bright.

    That share, of a binary mask only, is small at blurred edges and large in a photograph.

    Raises:
        DataError: As `read_mask`.
    """
    with opened_frame(path, frame, axis) as image:
        is_lossy = image.format in _LOSSY
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "F":
            raise DataError([f"{path}: holds 32-bit fractions. Save the mask with 8 or 16 bits."])
        if classes.values:
            return _class_indices(upright, classes, is_lossy=is_lossy), 0.0
        grey = _grey(upright)
        return _foreground(path, grey, is_lossy=is_lossy), _share_between(grey)


def _values(image: Image.Image) -> Values:
    """Numbers a mask is drawn with: (H, W) grey, or (H, W, 3) for a colour image."""
    if image.mode in {"1", "LA", "La"}:
        return np.asarray(image.convert("L"))
    if image.mode == "L" or image.mode.startswith("I"):
        return np.asarray(image)
    return np.asarray(image.convert("RGB"))


def _grey(image: Image.Image) -> Values:
    """(H, W) grey values; of a coloured palette, 255 for every index but 0."""
    values = _values(image)
    if values.ndim == 2:
        return values
    is_coloured = bool((values != values[:, :, :1]).any())
    if is_coloured and image.mode == "P":
        return np.where(np.asarray(image) != 0, 255, 0)
    return np.asarray(values.max(axis=2))


def _foreground(path: Path, grey: Values, *, is_lossy: bool) -> NDArray[np.uint8]:
    """Cut a binary mask at half of the range that its brightest value reveals."""
    brightest = int(grey.max())
    if is_lossy and brightest <= _LARGEST_NOISE:
        return np.zeros(grey.shape, np.uint8)
    if brightest <= 1:
        return grey.astype(np.uint8)
    for full in (255, 65535):
        if full // 2 < brightest <= full:
            return np.asarray(grey > full // 2, np.uint8)
    found = ", ".join(str(value) for value in np.unique(grey)[:6])
    line = (
        f"{path}: holds the values {found}{', …' if brightest > _LARGEST_NOISE else ''} and none "
        f"near 255, so it is not a plain 0/1 or 0/255 mask. Give `classes` as name: value, for "
        f"instance {{lesion: {brightest}}}."
    )
    raise DataError([line])


def _share_between(grey: Values) -> float:
    """Share of the pixels in the middle half of the range that the brightest one reveals."""
    brightest = int(grey.max())
    if brightest <= _LARGEST_NOISE:
        return 0.0
    full = 255 if brightest <= 255 else 65535
    return float(((grey > full // 4) & (grey < full - full // 4)).mean())


def _class_indices(image: Image.Image, classes: Classes, *, is_lossy: bool) -> NDArray[np.uint8]:
    """Index of the class each pixel equals (in lossy files: is nearest to), 0 for none."""
    indices = np.asarray(image) if image.mode == "P" else None
    colours = _values(image)
    drawn_with = [*classes.values.values(), 0]
    distances = np.stack(
        [
            _distance(indices if indices is not None and isinstance(value, int) else colours, value)
            for value in drawn_with
        ]
    )
    nearest = (distances.argmin(axis=0) + 1) % len(drawn_with)  # background comes last
    if not is_lossy:
        nearest[distances.min(axis=0) > 0] = 0
    return np.asarray(nearest, np.uint8)


def _distance(values: Values, value: int | tuple[int, int, int]) -> NDArray[np.int32]:
    """(H, W) largest difference over the channels; grey counts as equal channels."""
    channels = np.atleast_3d(values).astype(np.int32)
    return np.asarray(np.abs(channels - np.asarray(value)).max(axis=2), dtype=np.int32)
