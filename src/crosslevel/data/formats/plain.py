"""Files that Pillow decodes: JPEG, PNG, BMP, WebP, GIF, PNM, JPEG 2000, and most TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from crosslevel.data.formats.deep_colour import is_deep_colour, read_deep_colour
from crosslevel.data.formats.picture import Picture, Pixels, check_frame
from crosslevel.data.formats.pillow_modes import as_rgb, orientation, turned
from crosslevel.data.formats.tiff import is_tiff, read_tiff


def read_plain(path: Path, stream: BinaryIO, frame: int | None, axis: int) -> Picture:
    """Read any file that Pillow decodes; TIFF is looked at more closely in `tiff`.

    Transparency is flattened on black; of an animation the first frame is taken.

    Args:
        path: The file, to name it.
        stream: Its content.
        frame: Of a TIFF, which page; other files have a single one.
        axis: Without effect here.

    Raises:
        DataError: It is a TIFF of several pages, of which none was asked for, or it has not that
            one.
    """
    try:
        image = Image.open(stream)
    except UnidentifiedImageError:
        if is_tiff(stream):
            return read_tiff(path, stream, None, frame)
        raise
    with image:
        if image.format == "TIFF":
            return read_tiff(path, stream, image, frame)
        check_frame(path, frame, 1, "image")
        deep = read_deep_colour(stream) if is_deep_colour(image) else None
        image.load()
        lies = orientation(image)
        pixels = _pixels(image) if deep is None else turned(deep, lies)
        return Picture(pixels, orientation=lies)


def _pixels(image: Image.Image) -> Pixels:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16 bits of PNG, PGM and JPEG 2000
        return np.asarray(image).astype(np.uint16)
    return np.array(as_rgb(image))
