"""Any file, and any frame of it, as Pillow's image: what masks are read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from crosslevel.data.formats.opening import opened, reading
from crosslevel.data.formats.picture import Pixels, check_frame
from crosslevel.data.formats.readers import VOLUMES, read_header, read_picture, suffix_of
from crosslevel.data.formats.tiff import is_unknown_to_pillow, pages_of
from crosslevel.errors import DataError


@contextmanager
def opened_frame(path: Path, frame: int | None, axis: int) -> Iterator[Image.Image]:
    """Open one frame of a file; the only one of most files.

    Args:
        path: The file.
        frame: Which page, frame or slice its image is, if that is one of several.
        axis: Across which axis of a volume its slices lie.

    Raises:
        DataError: The file cannot be read, has several frames of which none was asked for, or
            holds what is not a mask.
    """
    if suffix_of(path.name) in VOLUMES or _is_unknown_tiff(path):
        is_single = read_header(path, axis).num_frames == 1
        yield _as_image(path, read_picture(path, None if is_single else frame, axis).pixels)
        return
    with opened(path) as image:
        pages = pages_of(image) if image.format == "TIFF" else [0]
        if len(pages) > 1:
            image.seek(pages[check_frame(path, frame, len(pages), "pages")])
        yield image


def _is_unknown_tiff(path: Path) -> bool:
    with reading(path), path.open("rb") as stream:
        return is_unknown_to_pillow(stream)


def _as_image(path: Path, values: Pixels) -> Image.Image:
    """Whole numbers in the smallest of Pillow's modes that holds them."""
    if values.ndim == 3 and not (values.shape[2] == 3 and values.dtype == np.uint8):
        line = f"{path}: holds {values.shape[2]} channels, which a mask has not. Save one of them."
        raise DataError([line])
    whole = np.rint(values) if values.dtype.kind == "f" else values
    if not np.array_equal(whole, values) or whole.min() < 0 or whole.max() > 65535:
        line = (
            f"{path}: holds values from {values.min():g} to {values.max():g}. A mask has whole "
            "numbers from 0 to 65535."
        )
        raise DataError([line])
    return Image.fromarray(whole.astype(np.uint8 if whole.max() <= 255 else np.uint16))
