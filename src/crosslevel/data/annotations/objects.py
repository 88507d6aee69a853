"""From masks to the objects that are drawn in them, one shape each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.annotations.painting import BACKGROUND, NOT_COUNTED, plain_label
from crosslevel.data.annotations.shapes import Bits, Outlines, Shape
from crosslevel.data.annotations.tracing import objects_of, trace
from crosslevel.data.formats.drawing import read_drawing
from crosslevel.data.reading import inspect_mask
from crosslevel.types import IGNORED, Case, Classes, ShapeMask, UnitedMasks

IGNORE = "ignore"
"""The label of pixels that count nowhere."""


def shapes_of_mask(
    indices: NDArray[np.uint8], names: Sequence[str], sure: NDArray[np.uint8] | None = None
) -> tuple[Shape, ...]:
    """Return each connected area of a class as a shape.

    Args:
        indices: (H, W) class indices, or `IGNORED`.
        names: Of the classes 1, 2, ….
        sure: (H, W) how sure a segmenter is of each pixel, 255 is certain; its mean over the
            object is the score.
    """
    labels = {**dict(enumerate(names, start=1)), IGNORED: IGNORE}
    shapes = []
    for index in np.unique(indices[indices > 0]).tolist():
        for bits, box in objects_of(indices == index):
            score = None if sure is None else float(sure[box][bits].mean()) / 255
            outlines = trace(bits, (box[0].start, box[1].start))
            shapes.append(Shape(labels[index], outlines, score))
    return tuple(shapes)


def shapes_of_case(
    case: Case, classes: Classes, axis: int
) -> tuple[tuple[Shape, ...], tuple[int, int]]:
    """Return the objects of a case that has a mask, and the height and width of its image.

    Objects that were drawn apart stay apart: shapes, files of one object each and, if `classes`
    says so, numbers or colours.

    Raises:
        DataError: The mask cannot be read.
    """
    assert case.mask is not None, "only masks that exist hold objects"
    indices = inspect_mask(case.mask, classes, case.frame, axis).indices
    height, width = indices.shape
    if isinstance(case.mask, ShapeMask):
        kept = _kept(case.mask, classes, (height, width))
        if kept is not None:
            return kept, (height, width)
    elif isinstance(case.mask, UnitedMasks) and not classes.values:
        parts = [inspect_mask(file, classes).indices > 0 for file in case.mask.files]
        return tuple(Shape(classes.names[0], trace(bits)) for bits in parts), (height, width)
    elif classes.instances and isinstance(case.mask, Path):
        parts = list(_numbered(case.mask, case.frame, axis))
        return tuple(Shape(classes.names[0], trace(bits)) for bits in parts), (height, width)
    return shapes_of_mask(indices, classes.names), (height, width)


def _kept(mask: ShapeMask, classes: Classes, size: tuple[int, int]) -> tuple[Shape, ...] | None:
    """Return the shapes as they are, with the names of the classes; None if some take away."""
    names = {plain_label(name): name for name in classes.names}
    shapes = []
    for shape in mask.shapes:
        label = plain_label(shape.label)
        if label in BACKGROUND | NOT_COUNTED:
            return None
        name = classes.names[0] if classes.instances else names.get(label)
        if name is not None and isinstance(shape, Shape) and shape.bits(size).any():
            drawn = shape.geometry
            geometry = drawn.in_pixels(size) if isinstance(drawn, Outlines) else drawn
            shapes.append(replace(shape, label=name, geometry=geometry))
    return tuple(shapes)


def _numbered(path: Path, frame: int | None, axis: int) -> Iterator[Bits]:
    """Yield the pixels of each number or colour in a file."""
    codes = read_drawing(path, frame, axis).codes
    for code in np.unique(codes[codes > 0]).tolist():
        yield codes == code
