"""Unpack an archive that might be harmful: completely and into its own folder, or not at all."""

from __future__ import annotations

import stat
import tempfile
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from crosslevel.data.public.sources import Archive
from crosslevel.errors import RunError

MAX_EXPANSION = 10
"""Times its own size that an archive may unpack to."""

DAMAGED = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, RuntimeError)
"""What `zipfile` raises for what it cannot read, beside OSErrors without errno of bz2."""


def unpack(path: Path, archive: Archive) -> None:
    """Unpack `archive.folder` beside the zip file.

    Args:
        path: The zip file, its checksum verified.
        archive: What it should be.

    Raises:
        RunError: If it is not a zip file, has an unsafe member, would grow too large or lacks the
            folder; then nothing is unpacked.
    """
    try:
        with (
            zipfile.ZipFile(path) as opened,
            tempfile.TemporaryDirectory(prefix=".unpack-", dir=path.parent) as scratch,
        ):
            opened.extractall(scratch, _safe_members(opened, path, archive))
            (Path(scratch) / archive.folder).rename(path.parent / archive.folder)
    except (*DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk, not of bz2
            raise
        raise RunError(f"{path}: not a readable zip file ({error}); delete it and retry") from error


def _safe_members(opened: zipfile.ZipFile, path: Path, archive: Archive) -> list[zipfile.ZipInfo]:
    """Return the members below `archive.folder`, if the whole archive is harmless."""
    check_harmless(opened, path, MAX_EXPANSION * archive.size)
    members = opened.infolist()
    wanted = [member for member in members if member.filename.startswith(f"{archive.folder}/")]
    if not wanted:
        raise RunError(f"{path}: has no folder {archive.folder!r}, it is not the expected archive")
    return wanted


def check_harmless(opened: zipfile.ZipFile, path: Path, limit: int) -> None:
    """Refuse an archive that reaches out of its folder, holds links or grows too large.

    Args:
        opened: The archive.
        path: Its file.
        limit: Bytes that it may unpack to.

    Raises:
        RunError: Naming the first such member.
    """
    members = opened.infolist()
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if is_link or ".." in parts or parts[:1] == ("/",) or ":" in member.filename:
            raise RunError(f"{path}: unsafe member {member.filename!r}; nothing was unpacked")
    total = sum(member.file_size for member in members)
    if total > limit:
        raise RunError(f"{path}: would unpack to {total} bytes, more than {limit}; nothing was")
