"""Fetch the two public data sets of the paper from their publishers: resumable, checked, unpacked.

Only what a publisher serves without a login is fetched, and nothing is printed: show
`SOURCES[name].notice` (terms and citation) first. The sizes and SHA-256 sums below are not stated
by the publishers; they are what several public projects recorded, all alike:

* kvasir-seg.zip: `constantinpape/torch-em`, torch_em/data/datasets/medical/kvasir.py, and five
  other projects; the size is in the data card of one of them, beside the same sum.
* ISIC2018_Task1-2_Training_Input.zip and ISIC2018_Task1_Training_GroundTruth.zip: isic.py beside
  it and two acquisition records; the sizes are in one of these and in three download scripts.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import http.client
import shutil
import ssl
import stat
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath
from typing import IO

from crosslevel.errors import InputError, RunError

Progress = Callable[[int, int | None], None]

CHUNK_BYTES = 1 << 18
TIMEOUT_S = 30.0
MAX_FAILURES = 4
RETRY_PAUSE_S = 1.0
MAX_EXPANSION = 10
PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Archive:
    """One zip file of a data set.

    Attributes:
        url: Where the publisher serves it.
        folder: The only top folder in it that is unpacked.
        sha256: Its SHA-256 sum in hexadecimal.
        size: Its length in bytes.
    """

    url: str
    folder: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Name of the zip file, on every mirror too."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Source:
    """A public data set: where it is, under which terms, and what to cite."""

    name: str
    archives: tuple[Archive, ...]
    terms: str
    citation: str

    @property
    def notice(self) -> str:
        """What a user must read before the download starts."""
        gigabytes = sum(archive.size for archive in self.archives) / 1e9
        return f"{self.name} ({gigabytes:.2f} GB)\nTerms: {self.terms}\nCite: {self.citation}"


_ISIC = "https://isic-challenge-data.s3.amazonaws.com/2018/"

SOURCES: dict[str, Source] = {
    "kvasir-seg": Source(
        name="kvasir-seg",
        archives=(
            Archive(
                url="https://datasets.simula.no/downloads/kvasir-seg.zip",
                folder="Kvasir-SEG",
                sha256="03b30e21d584e04facf49397a2576738fd626815771afbbf788f74a7153478f7",
                size=46_227_172,
            ),
        ),
        terms="research and education only; any other use needs the written permission of Simula "
        "(https://datasets.simula.no/kvasir-seg/).",
        citation="Jha et al., Kvasir-SEG: A Segmented Polyp Dataset, MMM 2020, arXiv:1911.07069.",
    ),
    "isic2018": Source(
        name="isic2018",
        archives=(
            Archive(
                url=_ISIC + "ISIC2018_Task1-2_Training_Input.zip",
                folder="ISIC2018_Task1-2_Training_Input",
                sha256="80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
                size=11_165_358_566,
            ),
            Archive(
                url=_ISIC + "ISIC2018_Task1_Training_GroundTruth.zip",
                folder="ISIC2018_Task1_Training_GroundTruth",
                sha256="99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
                size=27_402_895,
            ),
        ),
        terms="CC BY-NC 4.0, no commercial use; check the terms of the challenge, which prevail "
        "(https://challenge.isic-archive.com/data/#2018).",
        citation="Codella et al., Skin Lesion Analysis Toward Melanoma Detection 2018, "
        "arXiv:1902.03368; Tschandl et al., The HAM10000 dataset, Sci. Data 5, 180161, 2018.",
    ),
}


class _DroppedError(Exception):
    """The connection failed in a way that another try may cure."""


def download_dataset(
    name: str, folder: Path, *, mirror: str | None = None, progress: Progress | None = None
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
                _unpack(_obtain(archive, folder, mirror, progress), archive)
    except OSError as error:
        raise RunError(_disk_message(error, folder)) from error
    return folder / source.archives[0].folder if len(source.archives) == 1 else folder


def find_source(name: str) -> Source:
    """Look up a data set.

    Raises:
        InputError: If the name is unknown; lists the valid names and the nearest.

    Example:
        >>> find_source("kvasir-seg").archives[0].file_name
        'kvasir-seg.zip'
    """
    if name in SOURCES:
        return SOURCES[name]
    nearest = difflib.get_close_matches(name.lower(), SOURCES, n=1, cutoff=0.4)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise InputError(f"unknown data set {name!r}, expected one of {', '.join(SOURCES)}{hint}")


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


def _obtain(archive: Archive, folder: Path, mirror: str | None, progress: Progress | None) -> Path:
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


def _fetch(url: str, archive: Archive, part: Path, progress: Progress | None) -> None:
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


def _connect(url: str, archive: Archive, part: Path, progress: Progress | None) -> None:
    """One connection: go on with `part` if server and file allow it, else start afresh."""
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
    response: IO[bytes], file: IO[bytes], done: int, size: int, progress: Progress | None
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
    """What identifies this edition of the file in an If-Range header, or nothing."""
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


def _unpack(path: Path, archive: Archive) -> None:
    """Unpack `archive.folder` beside the archive: completely or not at all."""
    try:
        with (
            zipfile.ZipFile(path) as opened,
            tempfile.TemporaryDirectory(prefix=".unpack-", dir=path.parent) as scratch,
        ):
            opened.extractall(scratch, _safe_members(opened, path, archive))
            (Path(scratch) / archive.folder).rename(path.parent / archive.folder)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise RunError(f"{path}: not a readable zip file ({error}); delete it and retry") from error


def _safe_members(opened: zipfile.ZipFile, path: Path, archive: Archive) -> list[zipfile.ZipInfo]:
    """The members below `archive.folder`, if the whole archive is harmless."""
    members = opened.infolist()
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if is_link or ".." in parts or parts[:1] == ("/",) or ":" in member.filename:
            raise RunError(f"{path}: unsafe member {member.filename!r}; nothing was unpacked")
    total, limit = sum(member.file_size for member in members), MAX_EXPANSION * archive.size
    if total > limit:
        raise RunError(f"{path}: would unpack to {total} bytes, more than {limit}; nothing was")
    wanted = [member for member in members if member.filename.startswith(f"{archive.folder}/")]
    if not wanted:
        raise RunError(f"{path}: has no folder {archive.folder!r}, it is not the expected archive")
    return wanted
