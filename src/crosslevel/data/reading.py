"""One file in, one plain array out: the door through which the rest of the house reads pixels.

What decodes them is in `formats`; which files belong together is decided in `cases`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.annotations.painting import inspect_shapes
from crosslevel.data.formats.masks import MaskContent
from crosslevel.data.formats.masks import inspect_mask as inspect_mask_files
from crosslevel.data.formats.opening import content_hash, reading
from crosslevel.data.formats.readers import frame_hash, read_hashed_picture, read_picture
from crosslevel.data.formats.unclear import UnclearMaskError
from crosslevel.data.intensity import measure, to_rgb, unlike_training
from crosslevel.types import Case, Classes, MaskSource, Reading, ShapeMask

__all__ = [
    "case_hash",
    "content_hash",
    "inspect_case_mask",
    "inspect_mask",
    "mask_key",
    "read_as_trained",
    "read_case",
    "read_case_mask",
    "read_hashed_case",
    "read_image",
    "read_mask",
]

_BY_ITSELF = Reading()


def read_image(
    path: Path, how: Reading = _BY_ITSELF, frame: int | None = None
) -> NDArray[np.uint8]:
    """Read any image as (H, W, 3) RGB, upright.

    Transparency is flattened on black, of an animation the first frame is taken.

    Args:
        path: A file of a kind that is in `READERS`, or that Pillow reads.
        how: Which channels are meant, and what is black and white in images deeper than 8 bits;
            if left out, the values of this image alone decide.
        frame: Which page, frame or slice of the file; None for the only one.

    Returns:
        (H, W, 3) in 0…255.

    Raises:
        DataError: The file cannot be read, or it does not say what is asked for.
    """
    with reading(path):
        return to_rgb(path, read_picture(path, frame, how.axis), how)


def read_as_trained(
    path: Path, how: Reading, frame: int | None = None
) -> tuple[NDArray[np.uint8], str]:
    """Do as `read_image`, and how the image differs from those trained on, "" if it does not.

    Raises:
        DataError: As `read_image`.
    """
    with reading(path):
        picture = read_picture(path, frame, how.axis)
        note = unlike_training(measure(path, picture, how), how)
        return to_rgb(path, picture, how), note


def inspect_mask(
    source: MaskSource, classes: Classes, frame: int | None = None, axis: int = 2
) -> MaskContent:
    """Read any mask as class indices, drawn as an image or as shapes (see `formats.masks`).

    Raises:
        DataError: It cannot be read.
        UnclearMaskError: Its values do not say what is foreground.
    """
    if isinstance(source, ShapeMask):
        return inspect_shapes(source, classes)
    return inspect_mask_files(source, classes, frame, axis)


def read_mask(
    source: MaskSource, classes: Classes, frame: int | None = None, axis: int = 2
) -> NDArray[np.uint8]:
    """Read one mask for a look at it, whatever its values mean.

    A mask that could mean several things is not refused, as it is in a data set: with a warning,
    all that is drawn in it is foreground.

    Args:
        source: A file of any known kind, or several of which each holds one object.
        classes: Empty for a binary mask, else the value or colour of each class.
        frame: Which page, frame or slice, where the file has several.
        axis: Across which axis of a volume its slices lie.

    Returns:
        (H, W) in 0…number of classes, or `IGNORED`.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        return inspect_mask(source, classes, frame, axis).indices
    except UnclearMaskError as error:
        warnings.warn(f"{error} Until then all of it is foreground.", stacklevel=2)
        drawn = Classes(ignore=classes.ignore, instances=True)
        return inspect_mask(source, drawn, frame, axis).indices


def read_case(case: Case, how: Reading = _BY_ITSELF) -> NDArray[np.uint8]:
    """Do as `read_image`, of a case.

    Raises:
        DataError: As `read_image`.
    """
    return read_image(case.image, how, case.frame)


def read_case_mask(case: Case, classes: Classes, how: Reading = _BY_ITSELF) -> NDArray[np.uint8]:
    """Read the mask of a case that has one.

    Raises:
        DataError: As `inspect_mask`.
    """
    assert case.mask is not None, "only masks that exist are read"
    return inspect_mask(case.mask, classes, case.frame, how.axis).indices


def inspect_case_mask(case: Case, classes: Classes, how: Reading = _BY_ITSELF) -> MaskContent:
    """As `read_case_mask`, and what else is to be known of the mask.

    Raises:
        DataError: As `inspect_mask`.
    """
    assert case.mask is not None, "only masks that exist are read"
    return inspect_mask(case.mask, classes, case.frame, how.axis)


def read_hashed_case(case: Case, how: Reading = _BY_ITSELF) -> tuple[NDArray[np.uint8], str]:
    """Do as `read_case`, and its `case_hash`, for one reading of the file.

    Raises:
        DataError: As `read_image`.
    """
    with reading(case.image):
        picture, digest = read_hashed_picture(case.image, case.frame, how.axis)
        return to_rgb(case.image, picture, how), digest


def case_hash(case: Case) -> str:
    """Return what tells the image of a case from all others: SHA-256 of its file, and its frame.

    Raises:
        DataError: The file cannot be read.
    """
    return frame_hash(case.image, case.frame)


def mask_key(case: Case, image_hash: str) -> str:
    """Return what decides the pixels of a case's mask, beside how its values are read.

    Shapes are painted at the size of their image, which the file of annotations may not say.

    Raises:
        DataError: The file cannot be read.
    """
    assert case.mask is not None, "only masks that exist are read"
    own = frame_hash(case.mask, case.frame)
    return f"{own}-{image_hash}" if isinstance(case.mask, ShapeMask) else own
