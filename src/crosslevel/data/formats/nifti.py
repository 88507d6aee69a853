"""NIfTI: a slice, or a volume whose slices lie across one of its three axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crosslevel.data.formats.extra import decoding, medical
from crosslevel.data.formats.kept import kept
from crosslevel.data.formats.picture import Header, Picture, Pixels, Points, check_frame
from crosslevel.errors import DataError

_NAME = "NIfTI"
_MM = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}


def nifti_header(path: Path, axis: int) -> Header:
    """Return the number of slices across an axis, the size of their pixels, and where they lie."""
    with decoding(path, _NAME):
        image = medical(path, "nibabel", _NAME).load(path)
        shape = _shape(path, image)
        corners, voxel = _corners(image, shape), _shortest_edge(image)
        return Header(shape[axis], _spacing_mm(image, axis), corners=corners, voxel=voxel)


def read_nifti(path: Path, stream: BinaryIO, frame: int | None, axis: int) -> Picture:
    """Read one slice as the file has it: rows along the first of the two other axes.

    Args:
        path: The file.
        stream: Without use: a volume is decoded once for all its slices.
        frame: Which slice, from 0.
        axis: Across which axis the slices lie.

    Raises:
        DataError: It has several slices of which none was asked for, or more than three axes.
    """
    with decoding(path, _NAME):
        image = medical(path, "nibabel", _NAME).load(path)
        shape = _shape(path, image)
        index = check_frame(path, frame, shape[axis], f"slices across axis {axis}")
        volume = kept(path, lambda: _decoded(image, shape))
        pixels = np.ascontiguousarray(volume.take(index, axis=axis))
        return Picture(pixels, _spacing_mm(image, axis))


def _decoded(image: Any, shape: tuple[int, ...]) -> Pixels:
    """Return (X, Y, Z), or (X, Y, Z, 3) of colours."""
    values = np.asarray(image.dataobj)
    if values.dtype.names:
        values = np.stack([values[name] for name in "RGB"], axis=-1)
        shape = (*shape, 3)
    return values.reshape(shape)


def _shape(path: Path, image: Any) -> tuple[int, int, int]:
    """Of the volume; a single slice has a third axis of 1."""
    sizes = [*image.shape, 1, 1]
    if any(size != 1 for size in sizes[3:]):
        line = (
            f"{path}: its axes are {' x '.join(map(str, image.shape))}. Save a volume of three "
            "axes for each channel or time."
        )
        raise DataError([line])
    return sizes[0], sizes[1], sizes[2]


def _corners(image: Any, shape: tuple[int, int, int]) -> Points:
    """Return the first voxel and the last along each axis; nothing of a file without an affine.

    The identity is none: it is what is written where nothing is known.
    """
    is_said = image.header["sform_code"] or image.header["qform_code"]
    if not is_said or np.array_equal(image.affine, np.eye(4)):
        return ()
    last = np.vstack([np.zeros(3), np.diag(np.subtract(shape, 1))])
    places = last @ image.affine[:3, :3].T + image.affine[:3, 3]
    return tuple((float(x), float(y), float(z)) for x, y, z in places)


def _shortest_edge(image: Any) -> float:
    """Of a voxel in space; endless if the file has no such edge."""
    edges = np.linalg.norm(image.affine[:3, :3], axis=0)
    return float(edges.min(where=edges > 0, initial=np.inf))


def _spacing_mm(image: Any, axis: int) -> tuple[float, float] | None:
    scale = _MM[image.header.get_xyzt_units()[0]]
    sizes = [float(size) * scale for size in (*image.header.get_zooms(), 1, 1)[:3]]
    height, width = (size for side, size in enumerate(sizes) if side != axis)
    return (height, width) if min(height, width) > 0 else None
