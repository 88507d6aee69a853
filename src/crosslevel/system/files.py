"""Writing files so that a reader, or a machine that dies, never meets half of one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

TOKEN_BYTES = 4
"""Of randomness in the name of a file under way."""


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that takes the place of `path` only if the block ends without an error.

    Raises:
        OSError: Naming `path`, if it cannot be written (a disk that is full names nothing itself).

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with atomic_file(target) as file:
        ...     _ = file.write(b"whole")
        >>> target.read_text()
        'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{token_hex(TOKEN_BYTES)}")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException as error:
        scratch.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def remove_leftovers(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Remove what writers left in `folder` that were killed.

    Args:
        folder: Where `atomic_file` wrote; may not exist.
        older_than_s: Seconds since the last write; 0 where no other process can be writing.
    """
    for scratch in folder.glob(".*." + 2 * TOKEN_BYTES * "[0-9a-f]"):
        with suppress(FileNotFoundError):  # another process may do the same
            if time.time() - scratch.stat().st_mtime >= older_than_s:
                scratch.unlink()


def is_torn(path: Path) -> bool:
    """Return whether a file of lines ends within one: its writer was killed, or the disk full."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as file:
        file.write(text.encode())
