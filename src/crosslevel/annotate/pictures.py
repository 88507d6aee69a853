"""Images as a browser shows them: upright, in 8 bits, whole or as a thumbnail."""

from __future__ import annotations

import io
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.reading import read_image
from crosslevel.errors import DataError
from crosslevel.system.files import atomic_file
from crosslevel.types import Reading

THUMBNAIL = 96
"""Longest side in pixels."""
_AS_IT_IS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_ORIENTATION = 0x0112


def browser_picture(path: Path, reading: Reading) -> tuple[bytes, str]:
    """Return an image as a file that every browser shows, and its media type.

    A JPEG or PNG file that is shown as it is read goes as it is; others become JPEG.
    """
    kind = _AS_IT_IS.get(path.suffix.lower())
    if kind and not reading.channels and _is_plain(path, kind):
        return path.read_bytes(), f"image/{kind.lower()}"
    return encode_jpeg(read_image(path, reading), quality=95), "image/jpeg"


def encode_jpeg(image: NDArray[np.uint8], *, quality: int) -> bytes:
    """Return (H, W, 3) as JPEG without loss of colour resolution."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG", quality=quality, subsampling=0)
    return content.getvalue()


def image_size(path: Path, reading: Reading) -> tuple[int, int]:
    """Return height and width of an image, upright.

    Raises:
        DataError: The image cannot be read, or is gone.
        OSError: Its folder is gone, as with a drive that is unplugged, and may come back.
    """
    return _size(path, reading, _modified_ns(path))


def thumbnail(path: Path, reading: Reading, kept: Path) -> bytes:
    """Return a small JPEG of an image; it is made once and kept in a file, if that can be written.

    Raises:
        DataError: The image cannot be read, or is gone.
        OSError: Its folder is gone.
    """
    if kept.is_file() and kept.stat().st_mtime_ns >= _modified_ns(path):
        return kept.read_bytes()
    picture = _drafted(path) or Image.fromarray(read_image(path, reading))
    picture.thumbnail((2 * THUMBNAIL, 2 * THUMBNAIL))
    content = encode_jpeg(np.asarray(picture), quality=80)
    with suppress(OSError), atomic_file(kept) as file:
        file.write(content)
    return content


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise
        raise DataError(
            [f"{path}: is not there any more. Put it back, or start `annotate` anew without it."]
        ) from error


def _drafted(path: Path) -> Image.Image | None:
    """Return a plain JPEG decoded at a fraction of its size, which takes a fraction of the time."""
    if _AS_IT_IS.get(path.suffix.lower()) != "JPEG" or not _is_plain(path, "JPEG"):
        return None
    with Image.open(path) as opened:
        opened.draft("RGB", (2 * THUMBNAIL, 2 * THUMBNAIL))
        return opened.convert("RGB")


def _is_plain(path: Path, kind: str) -> bool:
    """Return whether a browser and `read_image` see the same in a file."""
    try:
        with Image.open(path) as opened:
            upright = opened.getexif().get(_ORIENTATION, 1) == 1
            is_8_bit = opened.mode in ("L", "RGB") and "icc_profile" not in opened.info
            return opened.format == kind and upright and is_8_bit and "gamma" not in opened.info
    except (OSError, SyntaxError) as error:
        raise DataError([f"{path}: cannot be read ({error}). Replace the file."]) from error


@lru_cache(maxsize=4096)
def _size(path: Path, reading: Reading, mtime_ns: int) -> tuple[int, int]:
    del mtime_ns  # another one is another file
    kind = _AS_IT_IS.get(path.suffix.lower())
    if kind and _is_plain(path, kind):
        with Image.open(path) as opened:
            return opened.height, opened.width
    height, width, _ = read_image(path, reading).shape
    return height, width
