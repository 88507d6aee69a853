"""How many pixels a file would become, asked before any is decoded."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from crosslevel.data.formats.extra import decoding, medical
from crosslevel.data.formats.opening import reading
from crosslevel.data.formats.plain import read_plain
from crosslevel.data.formats.readers import (
    DICOM_SUFFIXES,
    NIFTI_SUFFIXES,
    READERS,
    suffix_of,
)
from crosslevel.data.formats.tiff import is_read_by_tifffile
from crosslevel.errors import DataError, InputError

_KINDS = frozenset({"BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"})
"""What is decoded here; other formats of Pillow's are rare, or start programs."""
_DEFLATE = frozenset({8, 32946})
_AS_IT_IS = 1
_UNPACKED_AT_ONCE = "1.2.840.10008.1.2.1.99"


class TooManyPixelsError(InputError):
    """An image is larger than this server takes."""


def check_pixels(path: Path, most: int) -> None:
    """Refuse a file that would become too many pixels, or that grows when it is only opened.

    Args:
        path: The file.
        most: Pixels of a frame; of a kind that is decoded as a whole, of all of them.

    Raises:
        TooManyPixelsError: Naming both numbers.
        DataError: If the file cannot be opened, or is of a kind that is not read here.
    """
    suffix, found = suffix_of(path.name), 0.0
    with reading(path):
        if suffix in DICOM_SUFFIXES:
            found = _of_dicom(path)
        elif suffix in NIFTI_SUFFIXES:
            found = _of_nifti(path)
        elif READERS.get(suffix, read_plain) is not read_plain:
            line = f"{path}: is of a kind whose size is only known when it is decoded. Save as PNG."
            raise DataError([line])
        else:
            found = _of_picture(path, most)
    if found > most:
        raise TooManyPixelsError(
            f"{path}: {_shown(found)} pixels; at most {most} are taken here. Make it smaller, or "
            "start the server with a larger --max_megapixels."
        )


def _shown(number: float) -> str:
    return "too many" if number == math.inf else f"{number:.0f}"


def _of_dicom(path: Path) -> int:
    with decoding(path, "DICOM"):
        pydicom = medical(path, "pydicom", "DICOM")
        meta = pydicom.filereader.read_file_meta_info(path)
        if meta.get("TransferSyntaxUID") == _UNPACKED_AT_ONCE:
            raise DataError([f"{path}: is deflated DICOM, which is not taken here. Unpack it."])
        file = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        rows, columns = int(file.Rows), int(file.Columns)
        return rows * columns


def _of_nifti(path: Path) -> int:
    with decoding(path, "NIfTI"):
        return int(math.prod(medical(path, "nibabel", "NIfTI").load(path).shape))


def _of_picture(path: Path, most: int) -> float:
    with path.open("rb") as stream:
        if is_read_by_tifffile(stream):
            with decoding(path, "TIFF"), medical(path, "tifffile", "TIFF").TiffFile(path) as file:
                return _of_tiff(path, file.series[0], most)
    try:
        with Image.open(path) as image:
            if image.format not in _KINDS:
                line = f"{path}: is {image.format}, which is not taken here. Save it as PNG."
                raise DataError([line])
            pages = getattr(image, "n_frames", 1) if image.format == "TIFF" else 1
            return max(_of_page(image, page) for page in range(pages))
    except Image.DecompressionBombError:  # more than Pillow itself opens
        return math.inf


def _of_page(image: Image.Image, page: int) -> int:
    if page:
        image.seek(page)
    return image.width * image.height


def _of_tiff(path: Path, series: Any, most: int) -> int:
    """Of all pages together; what is packed is tried up to the size that it says it has."""
    num_pixels = int(math.prod(series.shape))
    if num_pixels <= most:
        for page in series.pages:
            _check_packed(path, page)
    return num_pixels


def _check_packed(path: Path, page: Any) -> None:
    if page.compression == _AS_IT_IS:
        return
    if page.compression not in _DEFLATE:
        line = f"{path}: its compression is not taken here for a TIFF of this kind. Unpack it."
        raise DataError([line])
    nominal = math.prod(page.chunks) * page.dtype.itemsize
    handle = page.parent.filehandle
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        handle.seek(offset)
        if len(zlib.decompressobj().decompress(handle.read(length), nominal + 1)) > nominal:
            raise DataError([f"{path}: holds more than it says. Save it again."])
