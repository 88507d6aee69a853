"""Where the image of a Label Studio task is read from, and where from not.

Taken are images within the task itself (`data:`) and files of one folder that was named when the
server was started. Nothing is ever fetched: an address in a task could lead anywhere.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from crosslevel.errors import InputError, one_line

_LOCAL, _UPLOADED = "/data/local-files/", "/data/"
_SHOWN = 80


@contextmanager
def opened_image(named: str, folder: Path | None, max_bytes: int) -> Iterator[tuple[BinaryIO, str]]:
    """Open the image that a task names.

    `/data/local-files/?d=PATH` is PATH below the folder, and `/data/upload/…` is `upload/…` below
    it, as in the folder `media` of Label Studio; also as the end of an address of any host.

    Args:
        named: What the task has for its image.
        folder: Whose files may be named; None for none.
        max_bytes: Of a file.

    Yields:
        The content, and a name for it.

    Raises:
        InputError: If it is not of these, or there is no such file.
    """
    if named.startswith("data:"):
        yield io.BytesIO(_unpacked(named)), "image"
        return
    path = _file(_below(named), folder)
    if path is None:
        raise InputError(
            f"{_shown(named)}: no such image here. Taken are images within the task (data:) and "
            "files below the folder of --files; nothing is fetched from other places."
        )
    if path.stat().st_size > max_bytes:
        raise InputError(f"{_shown(named)}: is larger than {max_bytes} bytes.")
    with path.open("rb") as stream:
        yield stream, path.name


def _unpacked(named: str) -> bytes:
    head, comma, packed = named.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InputError(f"{_shown(named)}: expected data:image/TYPE;base64,… as an image.")
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{_shown(named)}: is not base64. Encode the image again.") from None


def _below(named: str) -> str | None:
    """Return the path below the folder, None if it names none."""
    try:
        address = urlsplit(named)
    except ValueError:
        return None
    if address.path in (_LOCAL, _LOCAL.rstrip("/")):
        return parse_qs(address.query).get("d", [None])[0]
    if address.path.startswith(_UPLOADED):
        return unquote(address.path.removeprefix(_UPLOADED))
    return None


def _file(below: str | None, folder: Path | None) -> Path | None:
    """Return the file, links followed, if it is one and lies in the folder."""
    if not below or folder is None:
        return None
    try:
        root = folder.resolve()
        path = (root / below.lstrip("/")).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, links in a circle
        return None


def _shown(named: str) -> str:
    return one_line(named[:_SHOWN]) + ("…" if len(named) > _SHOWN else "")
