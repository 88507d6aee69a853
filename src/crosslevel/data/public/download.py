"""Fetch a public data set from its publisher: resumable, checked, unpacked.

Only what a publisher serves without a login is fetched, and nothing is printed: show
`SOURCES[name].notice` (terms and citation) first.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import IO

from crosslevel.data.public.sources import Archive, find_source
from crosslevel.data.public.unpack import unpack
from crosslevel.errors import InputError, RunError

ShowBytes = Callable[[int, int | None], None]

CHUNK_BYTES = 1 << 18
TIMEOUT_S = 30.0
MAX_FAILURES = 4
RETRY_PAUSE_S = 1.0
PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class _DroppedError(Exception):
    """The connection failed in a way that another try may cure."""


def download_dataset(
    name: str, folder: Path, *, mirror: str | None = None, progress: ShowBytes | None = None
) -> Path:
    """Fetch, check and unpack a public data set; what is already there is kept.

    An interrupted download goes on where it stopped. An archive that was put into `folder` by hand
    is checked and used. The archives stay in `folder`; they may be deleted afterwards.

    Args:
        name: A key of `SOURCES`.
        folder: Where the archives and the unpacked folders go; made if it is missing.
        mirror: Folder URL (https, http or file) that serves the same archives under their names;
            None for the publisher.
        progress: Called with the bytes there are and the bytes there will be, for each archive.

    Returns:
        The folder to index: `folder/Kvasir-SEG`, or `folder` when there are several archives.

    Raises:
        InputError: If the name or the kind of mirror is unknown.
        RunError: If the download, its check or the unpacking failed; says what to do.
    """
    source = find_source(name)
    if mirror is not None and not mirror.startswith(("https://", "http://", "file://")):
        raise InputError(f"mirror must start with https://, http:// or file://, got {mirror!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for archive in source.archives:
            if not (folder / archive.folder).exists():
                _check_space(archive, folder)
                unpack(_obtain(archive, folder, mirror, progress), archive)
    except OSError as error:
        raise RunError(_disk_message(error, folder)) from error
    return folder / source.archives[0].folder if len(source.archives) == 1 else folder


def _check_space(archive: Archive, folder: Path) -> None:
    needed, free = 2 * archive.size, shutil.disk_usage(folder).free
    present = sum(path.stat().st_size for path in folder.glob(f"{archive.file_name}*"))
    if free < needed - present:
        raise RunError(
            f"{folder}: {archive.file_name} and its contents need {needed / 1e9:.2f} GB, but "
            f"{free / 1e9:.2f} GB are free; free some space or choose another folder"
        )


def _disk_message(error: OSError, folder: Path) -> str:
    place = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{place}: the disk is full; free some space and run the same command to go on"
    return f"{place}: {error.strerror or error}; check the folder and run the same command again"


def _obtain(archive: Archive, folder: Path, mirror: str | None, progress: ShowBytes | None) -> Path:
    """Path of the checked archive, downloaded unless it is there."""
    path = folder / archive.file_name
    if path.exists():
        _verify(path, archive)
        return path
    url = archive.url if mirror is None else f"{mirror.rstrip('/')}/{archive.file_name}"
    part = path.with_name(path.name + ".part")
    _fetch(url, archive, part, progress)
    _verify(part, archive)
    part.rename(path)
    _tag_path(part).unlink(missing_ok=True)
    return path


def _verify(path: Path, archive: Archive) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256:
        raise RunError(
            f"{path}: SHA-256 is {found}, expected {archive.sha256}; the file is damaged or "
            f"another edition of {archive.url}. Delete it and run the same command again"
        )


def _fetch(url: str, archive: Archive, part: Path, progress: ShowBytes | None) -> None:
    """Try until `part` is complete; tries that bring nothing new are limited."""
    failures, best = 0, _size(part)
    while _size(part) != archive.size:
        try:
            _connect(url, archive, part, progress)
        except _DroppedError as drop:
            failures = 0 if _size(part) > best else failures + 1
            best = max(best, _size(part))
            if failures == MAX_FAILURES:
                raise RunError(_failure(url, str(drop), part)) from drop
            time.sleep(RETRY_PAUSE_S * failures)


def _connect(url: str, archive: Archive, part: Path, progress: ShowBytes | None) -> None:
    """Connect once: go on with `part` if server and file allow it, else start afresh."""
    offset = _size(part)
    tag = _tag_path(part).read_text() if offset and _tag_path(part).exists() else None
    headers = {"User-Agent": "crosslevel"}
    if tag and offset < archive.size:
        headers |= {"Range": f"bytes={offset}-", "If-Range": tag}
    with _open(url, headers, part) as response:
        is_rest = response.status == http.client.PARTIAL_CONTENT
        if is_rest and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            part.unlink(missing_ok=True)
            raise _DroppedError("the server sent another part than the one asked for")
        offset = offset if is_rest else 0
        _check_length(url, offset, response.headers["Content-Length"], archive, part)
        _tag_path(part).write_text(_validator(response.headers))
        with part.open("ab" if is_rest else "wb") as file:
            _copy(response, file, offset, archive.size, progress)


def _open(url: str, headers: Mapping[str, str], part: Path) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
        elif error.code not in PASSING_STATUSES:
            raise RunError(_failure(url, f"HTTP {error.code} {error.reason}", part)) from error
        raise _DroppedError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError) or url.startswith("file:"):
            raise RunError(_failure(url, str(reason), part)) from error
        raise _DroppedError(str(reason)) from error
    return response


def _check_length(url: str, offset: int, length: str | None, archive: Archive, part: Path) -> None:
    if length is not None and offset + int(length) != archive.size:
        found = f"it is {offset + int(length)} bytes long, expected {archive.size}: another file"
        raise RunError(_failure(url, found, part))


def _copy(
    response: IO[bytes], file: IO[bytes], done: int, size: int, progress: ShowBytes | None
) -> None:
    while done < size:
        try:
            chunk = response.read(min(CHUNK_BYTES, size - done))
        except (OSError, http.client.HTTPException) as error:
            raise _DroppedError(str(error)) from error
        if not chunk:
            raise _DroppedError(f"the connection ended after {done} of {size} bytes")
        file.write(chunk)
        done += len(chunk)
        if progress is not None:
            progress(done, size)


def _validator(headers: Message) -> str:
    """Return what identifies this edition of the file in an If-Range header, or nothing."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _tag_path(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _failure(url: str, reason: str, part: Path) -> str:
    return (
        f"{url}: {reason}. Run the same command again to go on; or download this address with a "
        f"browser, save it as {part.with_suffix('')} and run the same command again"
    )
