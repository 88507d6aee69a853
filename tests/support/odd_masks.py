"""Masks, and folders beside them, that could mean several things."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def squares(*values: Any) -> NDArray[np.uint8]:
    """A mask with a square of each of these values or colours, from the upper left on."""
    drawn = np.zeros((32, 32, *np.shape(values[0])), np.uint8)
    for place, value in enumerate(values):
        row, column = divmod(place, 4)
        drawn[8 * row + 1 : 8 * row + 7, 8 * column + 1 : 8 * column + 7] = value
    return drawn


LABELS, THREE_GREYS = squares(*range(1, 13)), squares(85, 170, 255)
TWO_COLOURS = squares((255, 0, 0), (0, 255, 0))
RING = np.pad(np.pad(np.ones((12, 12), np.uint8), 2, constant_values=255), 8)


def damaged_masks(data: Path, kept: int) -> None:
    """Leave so many masks, none of which can be opened."""
    for number, path in enumerate(sorted((data / "masks").iterdir())):
        if number < kept:
            path.write_text("no mask")
        else:
            path.unlink()


def damaged_image_of_the_only_mask(data: Path) -> None:
    first, *others = sorted((data / "masks").iterdir())
    for path in others:
        path.unlink()
    (data / "images" / f"{first.stem}.jpg").write_text("no image")


def every_mask(data: Path, drawn: NDArray[np.uint8]) -> None:
    for path in (data / "masks").iterdir():
        Image.fromarray(np.asarray(drawn, np.uint8)).save(path)


def like_slices(data: Path) -> None:
    for folder in ("images", "masks"):
        for number, path in enumerate(sorted((data / folder).iterdir())):
            path.rename(path.with_name(f"p{number // 4}_slice{number:03}{path.suffix}"))


def second_masks(data: Path) -> None:
    shutil.copytree(data / "masks", data / "reader2")


def images_beside(data: Path) -> None:
    (data / "more").mkdir()
    for path in sorted((data / "images").iterdir())[:6]:
        shutil.copy(path, data / "more" / f"other{path.name}")


def fields_of_view(data: Path) -> None:
    rows, columns = np.mgrid[:32, :32]
    every_mask(data, ((rows - 16) ** 2 + (columns - 16) ** 2 < 200) * np.uint8(255))


def named_after_images(data: Path) -> None:
    for path in sorted((data / "masks").iterdir()):
        path.rename(data / "images" / f"{path.stem}_2ndHO{path.suffix}")
    (data / "masks").rmdir()
    for path in sorted((data / "images").iterdir()):
        path.rename(data / path.name)
    (data / "images").rmdir()


def drawings_among_images(data: Path) -> None:
    for path in sorted((data / "images").iterdir()):
        shutil.copy(path, path.with_stem(f"{path.stem}_vis"))


def image_like_a_mask(data: Path) -> None:
    path = min((data / "images").iterdir())
    Image.fromarray(np.asarray(squares(0, 255), np.uint8)).save(path.with_suffix(".png"))
    path.unlink()


def small_image(data: Path) -> None:
    for folder in ("images", "masks"):
        path = min((data / folder).iterdir())
        with Image.open(path) as opened:
            small = opened.resize((7, 7), Image.Resampling.NEAREST)
        small.save(path)
