"""Files of more than 8 bits, written byte by byte where Pillow cannot write them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}


def write_png16(path: Path, array: NDArray[np.uint16]) -> Path:
    """(H, W) or (H, W, C) of 16 bits: grey, grey with alpha, RGB or RGBA."""
    values = np.atleast_3d(array)
    height, width, num_channels = values.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPE[num_channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


def write_tiff(path: Path, array: NDArray[Any], photometric: int = 1, **tags: int) -> Path:
    """(H, W) of any whole numbers or fractions, uncompressed; photometric 0 is "white is zero"."""
    kind = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    height, width = array.shape
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    entries = {
        256: width,
        257: height,
        258: 8 * array.dtype.itemsize,
        259: 1,
        262: photometric,
        273: 8,
        277: 1,
        278: height,
        279: len(data),
        339: kind,
        **{int(name.lstrip("t")): value for name, value in tags.items()},
    }
    content = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    content += struct.pack("<H", len(entries))
    for tag in sorted(entries):
        content += struct.pack("<HHII", tag, 4, 1, entries[tag])
    path.write_bytes(content + b"\0\0\0\0")
    return path
