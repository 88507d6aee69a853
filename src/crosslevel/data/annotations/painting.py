"""Shapes and the names of classes in, class indices of every pixel out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from crosslevel.data.formats.masks import MaskContent
from crosslevel.data.formats.opening import opened
from crosslevel.data.formats.readers import HEADERS, read_picture, suffix_of
from crosslevel.errors import DataError, InputError
from crosslevel.types import FOREGROUND, IGNORED, Classes, ShapeMask

BACKGROUND = frozenset({"background", "_background_", "bg"})
"""Labels of shapes that take away what is painted below them."""
NOT_COUNTED = frozenset({"__ignore__", "ignore", "ignored", "void"})
"""Labels of shapes whose pixels count nowhere."""
_MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)


def plain_label(label: str) -> str:
    """Return a label as labels are compared.

    Example:
        >>> plain_label(" Polyp")
        'polyp'
    """
    return label.strip().casefold()


def is_not_counted(label: str) -> bool:
    """Return whether pixels of shapes with this label count nowhere."""
    return plain_label(label) in NOT_COUNTED


def inspect_shapes(mask: ShapeMask, classes: Classes) -> MaskContent:
    """Paint the shapes of a mask in their order: where they overlap, the last one is on top.

    Args:
        mask: The shapes.
        classes: Whose names are looked for among the labels; without names, all shapes are
            foreground. Shapes of other labels are not painted.

    Raises:
        DataError: A shape is damaged, or the image's size is not known.
    """
    size = mask.size or _size_of(mask.sized_by)
    if size[0] * size[1] > _MOST_PIXELS:
        raise DataError([f"{mask}: {size[0]} x {size[1]} pixels are too many. Correct the size."])
    unnamed = not classes.values and classes.foreground == FOREGROUND
    named = [] if unnamed else classes.names
    index_of = {plain_label(name): i for i, name in enumerate(named, start=1)}
    indices = np.zeros(size, np.uint8)
    for number, shape in enumerate(mask.shapes):
        index = _index(shape.label, index_of)
        try:
            if index is not None:
                shape.paint(indices, index)
        except InputError as error:
            raise DataError([f"{mask}, shape {number} ({shape.label}): {error}"]) from error
    return MaskContent(indices, drawn=f"as shapes with {mask.tool}")


def _index(label: str, index_of: Mapping[str, int]) -> int | None:
    name = plain_label(label)
    if name in index_of:
        return index_of[name]
    if name in BACKGROUND:
        return 0
    if name in NOT_COUNTED:
        return IGNORED
    return None if index_of else 1


def _size_of(image: Path) -> tuple[int, int]:
    """Return height and width of an image as it is looked at, by its header where that says it."""
    if suffix_of(image.name) in HEADERS:
        height, width = read_picture(image).pixels.shape[:2]
        return height, width
    with opened(image) as picture:
        is_turned = picture.getexif().get(_ORIENTATION, 1) >= _FIRST_TURNED
        width, height = picture.size
    return (width, height) if is_turned else (height, width)


_ORIENTATION = 0x0112
_FIRST_TURNED = 5
"""EXIF's numbers from here on lie on their side."""
