"""One file in, one plain array out: whatever an image was stored as ends here.

Turned, grey, palette, transparent, CMYK and 16-bit files all become `uint8`. Masks are read in
`masks`.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from crosslevel.data.formats.opening import opened, reading
from crosslevel.errors import DataError

_SIXTEEN_BIT_AS_I = frozenset({"PNG", "PPM"})  # in these formats Pillow's mode "I" holds 16 bits
_LATE_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"tiff:Orientation")


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read any image as (H, W, 3) RGB, upright.

    Transparency is flattened on black, 16-bit grey is scaled by its format's range (65535 becomes
    255), of an animation the first frame is taken.

    Args:
        path: A file in any format Pillow reads.

    Returns:
        (H, W, 3) in 0…255.

    Raises:
        DataError: The file cannot be read, or its brightness range is unknown (32 bits).
    """
    with opened(path) as image:
        return np.array(_as_rgb(path, image))


def read_hashed_image(path: Path) -> tuple[NDArray[np.uint8], str]:
    """As `read_image`, and its `content_hash`, for one reading of the file.

    Raises:
        DataError: As `read_image`.
    """
    with reading(path):
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            array = np.array(_as_rgb(path, image))
    return array, hashlib.sha256(content).hexdigest()


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of the upright image, from its header (a turned image is decoded).

    Raises:
        DataError: The file cannot be read.
    """
    with opened(path) as image:
        if _may_be_turned(image, path):
            image = ImageOps.exif_transpose(image)
        return image.height, image.width


def _may_be_turned(image: Image.Image, path: Path) -> bool:
    if image.format == "PNG":  # asking Pillow would decode every PNG in search of late metadata
        content = path.read_bytes()
        return any(marker in content for marker in _LATE_ORIENTATION)
    return bool(image.getexif().get(ExifTags.Base.Orientation, 1) != 1)


def _as_rgb(path: Path, image: Image.Image) -> Image.Image:
    """Upright, as RGB; `image` itself if that is what it holds, since a large one costs memory."""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F" or (image.mode == "I" and image.format not in _SIXTEEN_BIT_AS_I):
        line = f"{path}: 32-bit image of unknown brightness range. Save it with 8 or 16 bits."
        raise DataError([line])
    if image.mode.startswith("I"):
        scaled = np.rint(np.asarray(image) / 257)
        return Image.fromarray(scaled.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        black = Image.new("RGBA", layer.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
