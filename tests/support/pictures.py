"""Image files made for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def save(path: Path, array: NDArray[np.generic], mode: str | None = None, **options: Any) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def with_palette(indices: NDArray[np.uint8], colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(indices).convert("L")
    image.putpalette([channel for colour in colours for channel in colour])
    return image


def blocks(values: list[list[int]]) -> NDArray[np.uint8]:
    """Each value as a square of 16 by 16 pixels, so that JPEG keeps its middle."""
    return np.repeat(np.repeat(np.array(values, np.uint8), 16, axis=0), 16, axis=1)


def exif(orientation: int) -> Image.Exif:
    content = Image.Exif()
    content[0x0112] = orientation
    return content
