"""TIFF of every depth, sign and number of pages, with what its tags say about black and white.

Pillow decodes most of it in the core. What it would misread or cannot read (deep planes apart,
signed bytes, channels that are not RGB, fractions of 16 or 64 bits, stacks of ImageJ and OME) is
left to tifffile.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from crosslevel.data.formats.deep_colour import is_deep_colour, read_deep_colour
from crosslevel.data.formats.extra import decoding, medical
from crosslevel.data.formats.picture import Header, Picture, Pixels, check_frame
from crosslevel.data.formats.pillow_modes import as_rgb, turned
from crosslevel.errors import DataError

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SUBFILE, _BITS, _PHOTOMETRIC, _DESCRIPTION, _ORIENTATION = 254, 258, 262, 270, 274
_SAMPLES, _PLANES, _EXTRA, _FORMAT = 277, 284, 338, 339
_REDUCED = 1  # in _SUBFILE: a smaller copy of another page
_SIGNED = 2  # in _FORMAT
_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_APART = 2  # in _PLANES
_ALPHA = frozenset({1, 2})
_MM = {"m": 1e3, "cm": 10.0, "mm": 1.0, "µm": 1e-3, "μm": 1e-3, "nm": 1e-6}


def is_tiff(stream: BinaryIO) -> bool:
    """Return whether the content begins as TIFF does."""
    stream.seek(0)
    found = stream.read(4) in _MAGIC
    stream.seek(0)
    return found


def tiff_header(path: Path, axis: int) -> Header:
    """Return the number of pages, and of an OME-TIFF the size of a pixel."""
    with path.open("rb") as stream:
        if not is_tiff(stream):
            return Header()
        image = _by_pillow(stream)
        if image is not None:
            return Header(len(pages_of(image)), _spacing_mm(_tag(image, _DESCRIPTION, "")))
        stream.seek(0)
        with decoding(path, "TIFF"), _tifffile(path).TiffFile(stream) as file:
            frames = _Layout(path, file.series[0]).num_frames
            return Header(frames, _spacing_mm(file.ome_metadata or ""))


def is_read_by_tifffile(stream: BinaryIO) -> bool:
    """Return whether it is a TIFF that Pillow would misread or cannot read."""
    return is_tiff(stream) and _by_pillow(stream) is None


def is_unknown_to_pillow(stream: BinaryIO) -> bool:
    """Return whether it is a TIFF that Pillow does not open at all."""
    if not is_tiff(stream):
        return False
    try:
        Image.open(stream)
    except UnidentifiedImageError:
        return True
    return False


def _by_pillow(stream: BinaryIO) -> Image.Image | None:
    """Return the file as Pillow opens it, None where its pixels would be wrong."""
    try:
        image = Image.open(stream)
    except UnidentifiedImageError:
        return None
    return None if _needs_tifffile(image) else image


def read_tiff(
    path: Path, stream: BinaryIO, image: Image.Image | None, frame: int | None
) -> Picture:
    """Read one page.

    Args:
        path: The file, to name it.
        stream: Its content.
        image: As Pillow opened it, None if it could not.
        frame: Which page, smaller copies of another one left out.

    Raises:
        DataError: It has several pages of which none was asked for, or needs what is not
            installed.
    """
    if image is None or _needs_tifffile(image):
        return _with_tifffile(path, stream, frame)
    pages = pages_of(image)
    page = pages[check_frame(path, frame, len(pages), "pages")]
    image.seek(page)
    spacing_mm = _spacing_mm(_tag(image, _DESCRIPTION, ""))
    if is_deep_colour(image):
        pixels = read_deep_colour(stream, page)
        return Picture(turned(pixels, _tag(image, _ORIENTATION, 1)), spacing_mm)
    white_is_zero = _tag(image, _PHOTOMETRIC, _BLACK_IS_ZERO) == _WHITE_IS_ZERO
    [bits] = set(_tag(image, _BITS, (1,)))
    is_signed = _SIGNED in _tag(image, _FORMAT, ())
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode != "F" and not image.mode.startswith("I"):
        return Picture(np.array(as_rgb(image)), spacing_mm)
    grey = _grey(image, bits, is_signed=is_signed)
    return Picture(black_is_zero(grey, bits) if white_is_zero else grey, spacing_mm)


def _tag(image: Image.Image, number: int, default: Any) -> Any:
    return getattr(image, "tag_v2", {}).get(number, default)


def pages_of(image: Image.Image) -> list[int]:
    """Return the pages that are not a smaller copy of another one."""
    num_pages = getattr(image, "n_frames", 1)
    if num_pages == 1:
        return [0]
    pages = []
    for page in range(num_pages):
        image.seek(page)
        if not _tag(image, _SUBFILE, 0) & _REDUCED:
            pages.append(page)
    image.seek(0)
    return pages or [0]


def _needs_tifffile(image: Image.Image) -> bool:
    bits, formats = _tag(image, _BITS, (1,)), _tag(image, _FORMAT, (1,))
    num_samples, extra = _tag(image, _SAMPLES, 1), _tag(image, _EXTRA, ())
    num_colours = num_samples - sum(kind in _ALPHA for kind in extra)
    is_black_zero = _tag(image, _PHOTOMETRIC, _BLACK_IS_ZERO) == _BLACK_IS_ZERO
    return (
        len(set(bits)) > 1
        or (num_colours > 1 and is_black_zero)
        or num_colours > 4
        or (num_samples > 1 and max(bits) > 8 and _tag(image, _PLANES, 1) == _APART)
        or (_SIGNED in formats and max(bits) <= 8)
        or _is_described_stack(image)
    )


def _is_described_stack(image: Image.Image) -> bool:
    """Return whether ImageJ or OME say which pages are channels and which are slices."""
    description = str(_tag(image, _DESCRIPTION, ""))
    if description.startswith("ImageJ=") and "\nimages=" in description:
        return True
    return "<OME" in description[:1000] and getattr(image, "n_frames", 1) > 1


def _grey(image: Image.Image, bits: int, *, is_signed: bool) -> Pixels:
    """Return (H, W) with the file's sign and depth, which Pillow's modes do not always keep."""
    array = np.asarray(image)
    if image.mode == "I" and bits == 32 and not is_signed:
        return array.view(np.uint32)
    if image.mode == "I" and bits == 16:
        return array.astype(np.int16)
    return array.astype(array.dtype.newbyteorder("="))


def black_is_zero(values: Pixels, bits: int) -> Pixels:
    """Invert values within the range of so many bits; signs and fractions change sign."""
    if values.dtype.kind == "u":
        return np.asarray((1 << bits) - 1 - values.astype(np.int64), values.dtype)
    return -values.astype(np.int64 if values.dtype.kind == "i" else values.dtype)


def _tifffile(path: Path) -> Any:
    return medical(path, "tifffile", "a TIFF of this kind")


def _with_tifffile(path: Path, stream: BinaryIO, frame: int | None) -> Picture:
    stream.seek(0)
    with decoding(path, "TIFF"), _tifffile(path).TiffFile(stream) as file:
        layout = _Layout(path, file.series[0])
        index = check_frame(path, frame, layout.num_frames, "pages")
        pixels = layout.read(index)
        return Picture(pixels, _spacing_mm(file.ome_metadata or ""))


class _Layout:
    """Which axes of a series are pages, and which are channels."""

    def __init__(self, path: Path, series: Any) -> None:
        self.path, self.series = path, series
        axes, shape = str(series.axes), tuple(series.shape)
        self.order = [
            *(i for i, name in enumerate(axes) if name not in "YXCS"),
            *(axes.index(name) for name in "YXCS" if name in axes),
        ]
        sizes = dict(zip(axes, shape, strict=True))
        self.height, self.width = sizes["Y"], sizes["X"]
        self.num_channels = sizes.get("C", 1) * sizes.get("S", 1)
        self.num_frames = int(np.prod(shape)) // (self.height * self.width * self.num_channels)

    def read(self, frame: int) -> Pixels:
        """Return (H, W) or (H, W, C), upright."""
        page = self.series.keyframe
        array = self._decoded().transpose(self.order)
        array = array.reshape(self.num_frames, self.height, self.width, self.num_channels)[frame]
        if any(kind in _ALPHA for kind in page.extrasamples):
            array = _on_black(array)
        array = array[..., 0] if array.shape[-1] == 1 else array
        if array.dtype == np.float16:
            array = array.astype(np.float32)
        if array.dtype.kind not in "uif":
            line = f"{self.path}: holds {array.dtype} numbers, which are not greys. Convert it."
            raise DataError([line])
        if page.photometric == _WHITE_IS_ZERO:
            array = black_is_zero(array, page.bitspersample)
        tag = page.tags.get(_ORIENTATION)
        return turned(array, tag.value if tag else 1)

    def _decoded(self) -> Pixels:
        try:
            array: Pixels = self.series.asarray()
        except (ValueError, RuntimeError, ImportError) as error:
            if "imagecodecs" not in str(error):
                raise
            line = (
                f"{self.path}: its compression is read by imagecodecs, which is not installed. "
                "pip install imagecodecs, or save it without compression."
            )
            raise DataError([line]) from None
        return array


def _on_black(array: Pixels) -> Pixels:
    """Map (H, W, C + 1) → (H, W, C), each colour as bright as its alpha lets it be."""
    is_whole = array.dtype.kind in "ui"
    full = (1 << 8 * array.dtype.itemsize) - 1 if is_whole else 1
    colours = array[..., :-1] * (array[..., -1:] / full)
    return np.asarray(np.rint(colours) if is_whole else colours, array.dtype)


def _spacing_mm(description: Any) -> tuple[float, float] | None:
    """Height and width of a pixel, as the XML of an OME-TIFF says."""
    text = str(description)
    if "<OME" not in text[:1000]:
        return None
    sizes = []
    for axis in "YX":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', text)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', text)
        scale = _MM.get(unit.group(1) if unit else "µm")
        if size is None or scale is None:
            return None
        sizes.append(float(size.group(1)) * scale)
    return sizes[0], sizes[1]
