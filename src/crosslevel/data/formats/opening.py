"""Files as they are opened: what goes wrong becomes one line that names the file and a remedy."""

from __future__ import annotations

import hashlib
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from crosslevel.errors import DataError

_DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, MemoryError),
    *(struct.error, zlib.error),
)  # everything Pillow's decoders are known to raise on damaged files


warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice as many are refused
# what libraries say of a damaged file would come before the line of ours that names it
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")
for _library in ("PIL.TiffImagePlugin", "tifffile"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal.

    Raises:
        DataError: The file cannot be read.
    """
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside into one line that names the file and a remedy.

    Raises:
        DataError: That line.
    """
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError([f"{path}: no such file. Correct the path or restore the file."]) from None
    except PermissionError:
        raise DataError([f"{path}: may not be read. Change its permissions."]) from None
    except Image.DecompressionBombError as error:
        raise DataError([f"{path}: too many pixels ({error}). Make it smaller."]) from error
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        what = "the file is empty" if empty else "not an image, or damaged"
        raise DataError([f"{path}: {what}. Replace or remove the file."]) from None
    except _DAMAGE as error:
        line = f"{path}: cannot be decoded ({error}). Replace or remove the file."
        raise DataError([line]) from error


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a file with Pillow.

    Raises:
        DataError: It cannot be opened, or what is done with it inside fails.
    """
    with reading(path), Image.open(path) as image:
        yield image
