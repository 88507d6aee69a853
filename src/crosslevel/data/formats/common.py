"""One file in, one plain array out: whatever an image or a mask was stored as ends here.

Turned, grey, palette, transparent, CMYK and 16-bit files all become `uint8`. Which files belong
together is decided in `cases`, resizing in `cache`.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from crosslevel.errors import DataError
from crosslevel.types import Classes

_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, MemoryError),
    *(struct.error, zlib.error),
)  # everything Pillow's decoders are known to raise on damaged files
_LOSSY = frozenset({"JPEG", "MPO"})
_SIXTEEN_BIT_AS_I = frozenset({"PNG", "PPM"})  # in these formats Pillow's mode "I" holds 16 bits
_LARGEST_NOISE = 15  # of JPEG compression on an all-black mask; real data show up to about 8
_LATE_ORIENTATION = (b"eXIf", b"Raw profile type exif", b"tiff:Orientation")

Values = NDArray[np.integer[Any]]


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
    with _opened(path) as image:
        return np.array(_as_rgb(path, image))


def read_hashed_image(path: Path) -> tuple[NDArray[np.uint8], str]:
    """As `read_image`, and its `content_hash`, for one reading of the file.

    Raises:
        DataError: As `read_image`.
    """
    with _reading(path):
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            array = np.array(_as_rgb(path, image))
    return array, hashlib.sha256(content).hexdigest()


def read_mask(path: Path, classes: Classes) -> NDArray[np.uint8]:
    """Read any mask as (H, W) class indices, upright; transparency is ignored.

    A binary mask may be drawn in 0/1 or 0/255, in grey, colour (its brightest channel counts), a
    palette (grey entries count by their grey, else every index but 0 is foreground), 1 or 16 bits.
    With `classes`, whole numbers are grey values (or palette indices) and triples RGB colours.
    In JPEG files, whose values are blurred, each pixel takes the nearest class.

    Args:
        path: A file in any format Pillow reads.
        classes: Empty for a binary mask, else the value or colour of each class.

    Returns:
        (H, W) in 0…number of classes.

    Raises:
        DataError: The file cannot be read, or its values do not say what is foreground.
    """
    return inspect_mask(path, classes)[0]


def inspect_mask(path: Path, classes: Classes) -> tuple[NDArray[np.uint8], float]:
    """As `read_mask`, and the share of its pixels (0…1) that are drawn neither dark nor bright.

    That share, of a binary mask only, is small at blurred edges and large in a photograph.

    Raises:
        DataError: As `read_mask`.
    """
    with _opened(path) as image:
        is_lossy = image.format in _LOSSY
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "F":
            raise DataError([f"{path}: holds 32-bit fractions. Save the mask with 8 or 16 bits."])
        if classes.values:
            return _class_indices(upright, classes, is_lossy=is_lossy), 0.0
        grey = _grey(upright)
        return _foreground(path, grey, is_lossy=is_lossy), _share_between(grey)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of the upright image, from its header (a turned image is decoded).

    Raises:
        DataError: The file cannot be read.
    """
    with _opened(path) as image:
        if _may_be_turned(image, path):
            image = ImageOps.exif_transpose(image)
        return image.height, image.width


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal.

    Raises:
        DataError: The file cannot be read.
    """
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside into one line that names the file and a remedy."""
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError([f"{path}: no such file. Correct the path or restore the file."]) from None
    except PermissionError:
        raise DataError([f"{path}: may not be read. Change its permissions."]) from None
    except Image.DecompressionBombError as error:
        raise DataError([f"{path}: too many pixels ({error}). Make it smaller."]) from error
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        what = "the file is empty" if empty else "not an image, or damaged"
        raise DataError([f"{path}: {what}. Replace or remove the file."]) from None
    except _DAMAGE as error:
        line = f"{path}: cannot be decoded ({error}). Replace or remove the file."
        raise DataError([line]) from error


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with _reading(path), Image.open(path) as image:
        yield image


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
