"""What a mask's numbers mean, however they are stored."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.formats.unclear import UnclearMaskError
from crosslevel.data.reading import inspect_mask
from crosslevel.errors import DataError
from crosslevel.types import Classes
from support.pictures import blocks, save, with_palette

BINARY = Classes()


def read_mask(path: Path, classes: Classes) -> NDArray[np.uint8]:
    return inspect_mask(path, classes).indices


@pytest.fixture
def square() -> NDArray[np.uint8]:
    """A 0/1 mask, 8 by 12, with a square that lies off centre."""
    mask = np.zeros((8, 12), np.uint8)
    mask[2:6, 1:5] = 1
    return mask


def write_all_encodings(folder: Path, mask: NDArray[np.uint8]) -> list[Path]:
    """One binary mask in every lossless way it may be stored."""
    grey = mask * np.uint8(255)
    colour = np.zeros((*mask.shape, 3), np.uint8)
    colour[..., 1] = grey
    paths = [
        save(folder / "0_1.png", mask),
        save(folder / "0_255.png", grey),
        save(folder / "grey.bmp", grey),
        save(folder / "rgb.png", grey, "RGB"),
        save(folder / "green.png", colour),
        save(folder / "alpha.png", grey, "LA"),
        save(folder / "rgba.png", grey, "RGBA"),
        save(folder / "bits.png", grey, "1"),
        save(folder / "16_bit.png", mask.astype(np.uint16) * 65535),
        save(folder / "16_bit_0_255.tif", mask.astype(np.uint16) * 255),
        save(folder / "16_bit_0_1.tif", mask.astype(np.uint16)),
        save(folder / "32_bit.tif", mask.astype(np.int32)),
        save(folder / "frame.gif", grey),
    ]
    palettes = {
        "ramp": [(0, 0, 0), (255, 255, 255)],
        "ramp_0_1": [(0, 0, 0), (1, 1, 1)],
        "coloured": [(0, 0, 0), (128, 0, 0)],
        "both_coloured": [(68, 1, 84), (253, 231, 37)],
    }
    for name, colours in palettes.items():
        with_palette(mask, colours).save(folder / f"{name}.png")
        paths.append(folder / f"{name}.png")
    return paths


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1))
)
def test_read_mask__binary_encodings_agree(mask: NDArray[np.uint8]) -> None:
    mask[0, 0] = 0  # a palette needs its background to show that it is coloured
    with tempfile.TemporaryDirectory() as folder:
        for path in write_all_encodings(Path(folder), mask):
            found = read_mask(path, BINARY)
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(found, mask, err_msg=path.name)


def test_read_mask__white_first_palette(tmp_path: Path, square: NDArray[np.uint8]) -> None:
    image = with_palette(np.asarray(1 - square, np.uint8), [(255, 255, 255), (0, 0, 0)])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png", BINARY), square)


def test_read_mask__jpeg_blur_is_cut_above_127(tmp_path: Path) -> None:
    grey = np.zeros((64, 64), np.uint8)
    grey[13:43, 21:50] = 255
    path = save(tmp_path / "m.jpg", grey, quality=75)
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    np.testing.assert_array_equal(read_mask(path, BINARY), grey // 255)


def test_read_mask__grey_edges(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 127, 128, 255]], np.uint8))
    assert read_mask(path, BINARY).tolist() == [[0, 0, 1, 1]]


def test_read_mask__noise_in_black_jpeg_is_empty(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 9, (32, 32), np.uint8)
    path = save(tmp_path / "m.jpg", noise, quality=95)
    assert np.asarray(Image.open(path)).max() > 1
    assert not read_mask(path, BINARY).any()


@pytest.mark.parametrize(
    ("values", "mode", "name"),
    [
        ([0, 1, 2, 3], None, "m.png"),
        ([0, 2], None, "m.png"),
        ([0, 16], None, "m.png"),
        ([0, 60, 127], None, "m.png"),
        ([0, 100], "RGB", "m.png"),
        ([0, 100], None, "m.jpg"),
    ],
)
def test_read_mask__class_values_without_classes(
    tmp_path: Path, values: list[int], mode: str | None, name: str
) -> None:
    path = save(tmp_path / name, blocks([values]), mode)
    with pytest.raises(UnclearMaskError, match=rf"{name}: holds the values 0.*give --classes\."):
        read_mask(path, BINARY)


def test_read_mask__16_bit_class_values_without_classes(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 1000]], np.uint16))
    with pytest.raises(DataError, match=r"m\.png: .*0, 1000.*--classes\.foreground 1000"):
        read_mask(path, BINARY)


def test_read_mask__fractions_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tif", np.full((2, 2), 0.5, np.float32))
    with pytest.raises(DataError, match=r"m\.tif: holds 32-bit fractions. Save the mask"):
        read_mask(path, BINARY)


def test_classes__grey_values(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 40, 80, 99]], np.uint8))
    assert read_mask(path, Classes({"a": 80, "b": 40})).tolist() == [[0, 2, 1, 0]]


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_classes__large_values(tmp_path: Path, kind: type) -> None:
    path = save(tmp_path / "m.tif", np.array([[0, 256, 1000]], kind))
    assert read_mask(path, Classes({"a": 256, "b": 1000})).tolist() == [[0, 1, 2]]


def test_classes__colours_and_grey_in_one_mask(tmp_path: Path) -> None:
    colours = np.array([[[0, 0, 0], [255, 0, 0], [0, 255, 0], [7, 7, 7], [255, 0, 1]]], np.uint8)
    path = save(tmp_path / "m.png", colours)
    classes = Classes({"red": (255, 0, 0), "green": (0, 255, 0), "grey": 7})
    assert read_mask(path, classes).tolist() == [[0, 1, 2, 3, 0]]


def test_classes__colour_of_a_grey_mask(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 9, 255]], np.uint8))
    classes = Classes({"white": (255, 255, 255), "red": (255, 0, 0)})
    assert read_mask(path, classes).tolist() == [[0, 0, 1]]


def test_classes__palette_indices_or_colours(tmp_path: Path) -> None:
    image = with_palette(np.array([[0, 1, 2]], np.uint8), [(0, 0, 0), (128, 0, 0), (0, 128, 0)])
    image.save(tmp_path / "m.png")
    by_index = Classes({"a": 1, "b": 2})
    by_colour = Classes({"a": (128, 0, 0), "b": (0, 128, 0)})
    for classes in (by_index, by_colour):
        assert read_mask(tmp_path / "m.png", classes).tolist() == [[0, 1, 2]]


def test_classes__value_zero_may_be_a_class(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 1, 5]], np.uint8))
    assert read_mask(path, Classes({"a": 0, "b": 1})).tolist() == [[1, 2, 0]]


def test_classes__jpeg_takes_the_nearest(tmp_path: Path) -> None:
    drawn = blocks([[0, 100], [200, 0]])
    path = save(tmp_path / "m.jpg", drawn, quality=95)
    found = read_mask(path, Classes({"a": 100, "b": 200}))
    assert found[4, 4] == 0
    assert found[4, 20] == 1
    assert found[20, 4] == 2
