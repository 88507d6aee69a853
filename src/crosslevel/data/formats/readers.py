"""Which function decodes which kind of file; nothing guesses the list of suffixes elsewhere."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from crosslevel.data.formats.added import added_readers
from crosslevel.data.formats.dicom import dicom_header, read_dicom
from crosslevel.data.formats.extra import medical
from crosslevel.data.formats.nifti import nifti_header, read_nifti
from crosslevel.data.formats.opening import content_hash, reading
from crosslevel.data.formats.picture import Header, Picture
from crosslevel.data.formats.plain import read_plain
from crosslevel.data.formats.tiff import tiff_header
from crosslevel.errors import DataError
from crosslevel.types import MaskSource, ShapeMask, UnitedMasks

Reader = Callable[[Path, BinaryIO, int | None, int], Picture]
"""(file, its content, frame, axis of the slices) → its pixels."""
_PLAIN = (
    *(".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".ppm", ".webp"),
)
_TIFF = (".ome.tif", ".ome.tiff", ".tif", ".tiff")
DICOM_SUFFIXES, NIFTI_SUFFIXES = (".dcm", ".dicom"), (".nii", ".nii.gz")
READERS: dict[str, Reader] = {
    **dict.fromkeys((*_PLAIN, *_TIFF), read_plain),
    **dict.fromkeys(DICOM_SUFFIXES, read_dicom),
    **dict.fromkeys(NIFTI_SUFFIXES, read_nifti),
}
"""By the end of a file's name, in lower case; packages add theirs (see `formats.added`)."""
READERS.update(added_readers(READERS))
HEADERS: dict[str, Callable[[Path, int], Header]] = {
    **dict.fromkeys(_TIFF, tiff_header),
    **dict.fromkeys(DICOM_SUFFIXES, dicom_header),
    **dict.fromkeys(NIFTI_SUFFIXES, nifti_header),
}
"""Of those that may hold several images, or say whose they are and how large a pixel is."""
PACKAGES = {
    **dict.fromkeys(DICOM_SUFFIXES, ("pydicom", "DICOM")),
    **dict.fromkeys(NIFTI_SUFFIXES, ("nibabel", "NIfTI")),
}
"""Of those that need the extra `medical`: its module, and what they are called."""
VOLUMES = frozenset({*DICOM_SUFFIXES, *NIFTI_SUFFIXES})
"""Of those, files whose frames are all images unless one is asked for."""


def suffix_of(name: str) -> str:
    """Return the end of a file's name that is in `READERS`, in lower case; else its extension.

    Example:
        >>> suffix_of("scan.PNG"), suffix_of("brain.nii.gz"), suffix_of("notes.tar.gz")
        ('.png', '.nii.gz', '.gz')
    """
    lower = name.lower()
    if lower.endswith(_DOUBLE):
        return next(suffix for suffix in _DOUBLE if lower.endswith(suffix))
    return os.path.splitext(lower)[1]


_DOUBLE = tuple(suffix for suffix in READERS if suffix.count(".") > 1)


def stem_of(name: str) -> str:
    """Return a file's name without the end that says what it is.

    Example:
        >>> stem_of("brain.nii.gz"), stem_of("p.1.PNG")
        ('brain', 'p.1')
    """
    return name[: len(name) - len(suffix_of(name))]


def check_packages(paths: Iterable[Path]) -> None:
    """Refuse files that are read by what is not installed, one line for each kind.

    Raises:
        DataError: Naming the first file of each kind.
    """
    first: dict[str, Path] = {}
    for path in paths:
        first.setdefault(suffix_of(path.name), path)
    problems: list[str] = []
    for suffix, path in first.items():
        try:
            if suffix in PACKAGES:
                medical(path, *PACKAGES[suffix])
        except DataError as error:
            problems.extend(error.problems)
    if problems:
        raise DataError(problems)


def read_header(path: Path, axis: int) -> Header:
    """Return what a file says of itself; nothing is opened that holds one plain image.

    Raises:
        DataError: The file cannot be read.
    """
    header = HEADERS.get(suffix_of(path.name))
    if header is None:
        return Header()
    with reading(path):
        return header(path, axis)


def read_picture(path: Path, frame: int | None = None, axis: int = 2) -> Picture:
    """Read one image, as it is stored.

    Args:
        path: The file.
        frame: Which page, frame or slice; None for the only one.
        axis: Across which axis of a volume its slices lie.

    Raises:
        DataError: The file cannot be read, or holds several images of which none was asked for.
    """
    with reading(path), path.open("rb") as stream:
        return READERS.get(suffix_of(path.name), read_plain)(path, stream, frame, axis)


def read_hashed_picture(path: Path, frame: int | None = None, axis: int = 2) -> tuple[Picture, str]:
    """Do as `read_picture`, and its `frame_hash`; a file of one image is read once.

    Raises:
        DataError: As `read_picture`.
    """
    if frame is not None:
        return read_picture(path, frame, axis), frame_hash(path, frame)
    with reading(path):
        content = path.read_bytes()
        reader = READERS.get(suffix_of(path.name), read_plain)
        picture = reader(path, io.BytesIO(content), None, axis)
    return picture, hashlib.sha256(content).hexdigest()


def frame_hash(path: MaskSource, frame: int | None) -> str:
    """SHA-256 of the file's bytes, in hexadecimal, and the frame if there is one.

    Of several files that are one mask it is the hash of their hashes, of shapes that of them alone.

    Raises:
        DataError: The file cannot be read.
    """
    if isinstance(path, ShapeMask):
        return path.digest
    if isinstance(path, UnitedMasks):
        hashes = [content_hash(file) for file in path.files]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    if frame is None:
        return content_hash(path)
    with reading(path):
        stat = path.stat()
    return f"{_hash_once(path, stat.st_mtime_ns, stat.st_size)}-{frame}"


@lru_cache(maxsize=64)
def _hash_once(path: Path, mtime_ns: int, size: int) -> str:
    """Of a volume with hundreds of slices the file is hashed once."""
    return content_hash(path)
