"""Objects too small for the training are counted, and the size that is named keeps them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label

from crosslevel.data.quality.objects import count_objects, hint_of_size
from crosslevel.images.preprocess import resize_mask
from crosslevel.types import IGNORED


def dots(seed: int, side: int = 5, shape: tuple[int, int] = (800, 1200)) -> NDArray[np.uint8]:
    """Twenty squares of 5 × 5 in their own cells of 200 × 240 px or so."""
    mask = np.zeros(shape, np.uint8)
    rng = np.random.default_rng(seed)
    for row in range(4):
        for column in range(5):
            y, x = 200 * row + rng.integers(20, 180), 240 * column + rng.integers(20, 220)
            mask[y : y + side, x : x + side] = 1
    return mask


@pytest.mark.parametrize("size", [64, 128, 256])
def test_count_objects__those_that_are_not_there_after_resizing(size: int) -> None:
    mask = dots(0)
    found = count_objects(mask, size)
    assert found.num_lost == 20 - label(resize_mask(mask, size))[1]
    assert len(found.sizes_px) == 20


def test_hint__the_size_it_names_keeps_them(tmp_path: Path) -> None:
    masks = [dots(seed) for seed in range(3)]
    (line,) = hint_of_size([count_objects(mask, 64) for mask in masks], 64)
    assert "of 60 objects vanish when masks are resized to 64 px" in line
    match = re.search(r"--size (\d+)", line)
    assert match
    better = int(match.group(1))
    assert all(label(resize_mask(mask, better))[1] == 20 for mask in masks)


def test_hint__not_for_objects_that_are_large_enough_nor_for_specks() -> None:
    large, specks = dots(0, side=40), np.zeros((800, 800), np.uint8)
    specks[::50, ::50] = 1
    assert hint_of_size([count_objects(large, 128), count_objects(specks, 64)], 128) == []


def test_count_objects__ignored_pixels_are_no_object() -> None:
    assert len(count_objects(dots(0) * np.uint8(IGNORED), 64).sizes_px) == 0


def test_count_objects__nothing_vanishes_from_small_masks() -> None:
    mask = np.asarray(Image.new("L", (64, 64), 1))
    assert len(count_objects(mask, 64).sizes_px) == 0
