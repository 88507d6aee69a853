"""An image as it came: kept under a name of ours, recognised by its content, limited in size.

Nothing that a caller says becomes part of a path; the name he gives a file is only shown to him,
and its ending asked where the content does not say what it is.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from crosslevel.data.formats.kept import forget
from crosslevel.data.formats.readers import READERS, read_header, suffix_of
from crosslevel.data.frames import frames_meant
from crosslevel.errors import InputError, one_line
from crosslevel.serving.pixel_limit import TooManyPixelsError
from crosslevel.types import Reading

_HEAD = 352
"""Bytes in which a file says what it is."""
_LONGEST_NAME = 100
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that was sent.

    Attributes:
        path: Where it lies here.
        name: What its sender calls it.
    """

    path: Path
    name: str


@contextmanager
def kept(content: BinaryIO, name: str | None, folder: Path) -> Iterator[Upload]:
    """Keep an image as a file for as long as the block takes.

    Args:
        content: From its first byte.
        name: What its sender calls it.
        folder: A private one.

    Raises:
        InputError: What is wrong inside the block, said of the sender's name.
    """
    shown = one_line(name or "image")[-_LONGEST_NAME:]
    head = content.read(_HEAD)
    path = folder / (secrets.token_hex(8) + suffix_by_content(head, name or ""))
    try:
        with path.open("xb") as file:
            file.write(head)
            shutil.copyfileobj(content, file)
        yield Upload(path, shown)
    except InputError as error:
        kind = TooManyPixelsError if isinstance(error, TooManyPixelsError) else InputError
        raise kind(str(error).replace(str(path), shown)) from error
    finally:
        path.unlink(missing_ok=True)
        forget(path)


def suffix_by_content(head: bytes, name: str) -> str:
    """Return the ending by which the right reader is found, "" for any that Pillow knows.

    Args:
        head: The first bytes.
        name: Of the file; asked where they do not say.

    Example:
        >>> suffix_by_content(bytes(128) + b"DICM", "scan.png"), suffix_by_content(b"?", "a.exe")
        ('.dcm', '')
    """
    if head[128:132] == b"DICM":
        return ".dcm"
    if head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0":
        return ".nii"
    if head[:2] == b"\x1f\x8b":
        return ".nii.gz"
    if head[:4] in _TIFF:
        return ".tif"
    suffix = suffix_of(name)
    return suffix if suffix in READERS else ""


def frame_meant(upload: Upload, asked: int | None, reading: Reading) -> int | None:
    """Return which frame of a file is the image, None for the only one.

    Args:
        upload: The file.
        asked: Which one its sender wants, from 0.
        reading: How the images were read that the segmenter was trained on.

    Raises:
        InputError: If there are several and none was asked for, or it has not that one.
        DataError: If the file cannot be read.
    """
    num_frames = read_header(upload.path, reading.axis).num_frames
    choice = f"Say which one by frame=0 … frame={num_frames - 1}."
    if asked is not None:
        if asked >= num_frames:
            raise InputError(f"{upload.name}: has {num_frames} frames, not {asked + 1}. {choice}")
        return asked if num_frames > 1 else None
    meant = frames_meant(upload.path, num_frames, reading.page)
    if num_frames > 1 and (len(meant) > 1 or meant == [None]):
        raise InputError(f"{upload.name}: holds {num_frames} images. {choice}")
    return meant[0]
