"""Colours of 16 bits from Pillow, which by itself keeps only the upper 8 of them.

The file is decoded twice: as Pillow would, which gives the upper bytes, and with the order of the
two bytes exchanged, which gives the lower ones.
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HOST = "L" if sys.byteorder == "little" else "B"
_EXCHANGED = {"L": "B", "B": "L", "N": "B" if _HOST == "L" else "L"}


def raw_mode(image: Image.Image) -> str:
    """Return how the bytes of an image lie in its file, in Pillow's words; "" if it does not say.

    Ask before the pixels are loaded.
    """
    tiles: list[Any] = getattr(image, "tile", [])
    if not tiles:
        return ""
    arguments = tiles[0].args
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def is_deep_colour(image: Image.Image) -> bool:
    """Return True for RGB, RGBX, RGBA and LA of 16 bits, whose lower bytes Pillow drops."""
    mode, _, order = raw_mode(image).partition(";")
    return mode in {"RGB", "RGBX", "RGBA", "LA"} and order in {"16L", "16B", "16N"}


def read_deep_colour(stream: BinaryIO, page: int = 0) -> NDArray[np.uint16]:
    """Return (H, W, 3) of RGB, or (H, W) of LA, in 0…65535; transparency is flattened on black."""
    mode, _, order = raw_mode(_open(stream, page)).partition(";")
    if mode == "LA":  # four bytes a pixel, like RGBA of 8 bits
        quarters = _decoded(stream, page, "RGBA")
        return _flattened(_joined(quarters[..., 0::2], quarters[..., 1::2]))[..., 0]
    upper = _decoded(stream, page, f"{mode};{order}")
    lower = _decoded(stream, page, f"{mode};16{_EXCHANGED[order[-1]]}")
    values = _joined(upper, lower)
    return _flattened(values) if mode == "RGBA" else values[..., :3]


def _open(stream: BinaryIO, page: int) -> Image.Image:
    stream.seek(0)
    image = Image.open(stream)
    if page:
        image.seek(page)
    return image


def _decoded(stream: BinaryIO, page: int, mode: str) -> NDArray[np.uint8]:
    image: Any = _open(stream, page)
    image.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode)
        for tile in image.tile
    ]
    return np.array(image)


def _joined(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.asarray(upper.astype(np.uint16) * 256 + lower, np.uint16)


def _flattened(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Map (H, W, C + 1) → (H, W, C), each colour as bright as its alpha lets it be."""
    shares = values[..., -1:].astype(np.float64) / 65535
    return np.asarray(np.rint(values[..., :-1] * shares), np.uint16)
