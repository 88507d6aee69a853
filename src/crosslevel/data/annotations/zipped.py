"""Zip files as annotation tools export them, unpacked once into the cache."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

from crosslevel.data.cache import cache_folder
from crosslevel.data.formats.opening import content_hash
from crosslevel.data.public.unpack import DAMAGED, check_harmless
from crosslevel.errors import DataError, RunError

_MOST_EXPANSION = 200
"""Times its own size that a zip may unpack to: XML is dense."""
_SUBFOLDER = "unpacked"


def unpacked(path: Path) -> Path:
    """Return the folder in the cache that holds what is in a zip file.

    Raises:
        DataError: It is damaged or might do harm.
    """
    folder = cache_folder() / _SUBFOLDER / content_hash(path)[:32]
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            zipfile.ZipFile(path) as opened,
            tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder.parent) as scratch,
        ):
            check_harmless(opened, path, _MOST_EXPANSION * path.stat().st_size)
            inside = Path(scratch) / "content"
            opened.extractall(inside)
            inside.mkdir(exist_ok=True)
            if not folder.is_dir():
                os.rename(inside, folder)
    except RunError as error:
        raise DataError([f"{error}. Unpack it yourself, if you trust it."]) from error
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None and not folder.is_dir():
            raise
        if not folder.is_dir():
            line = f"{path}: not a readable zip file ({error}). Export it again."
            raise DataError([line]) from error
    return folder
