"""Whatever an image was stored as, the array is the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.reading import read_image, read_mask
from crosslevel.types import Classes
from support.pictures import exif, save, with_palette

BINARY = Classes()
TURNED = 6  # EXIF orientation: to be shown turned by 90 degrees clockwise


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "P", "LA", "1"])
def test_read_image__modes(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.tif", np.full((4, 6, 3), 255, np.uint8), mode)
    image = read_image(path)
    assert image.shape == (4, 6, 3)
    assert image.dtype == np.uint8
    assert image.min() == 255


def test_read_image__colours_survive(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.png", array)), array)


def test_read_image__is_writable(tmp_path: Path) -> None:
    assert read_image(save(tmp_path / "a.png", np.zeros((2, 2), np.uint8))).flags.writeable


def test_read_image__alpha_is_flattened_on_black(tmp_path: Path) -> None:
    array = np.full((1, 3, 4), 200, np.uint8)
    array[0, :, 3] = (0, 51, 255)
    assert read_image(save(tmp_path / "a.png", array))[0, :, 0].tolist() == [0, 40, 200]


def test_read_image__transparent_palette_entry(tmp_path: Path) -> None:
    image = with_palette(np.array([[0, 1]], np.uint8), [(90, 90, 90), (10, 20, 30)])
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png")[0].tolist() == [[0, 0, 0], [10, 20, 30]]


SIXTEEN_BIT = np.array([[0, 257, 32896, 65535]], np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_read_image__16_bit_is_scaled_by_its_format(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a{suffix}", SIXTEEN_BIT)
    assert read_image(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_read_image__16_bit_pgm(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 4 1 65535\n" + SIXTEEN_BIT.astype(">u2").tobytes())
    assert read_image(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_read_image__first_frame_of_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_exif__is_applied_everywhere(tmp_path: Path, suffix: str) -> None:
    array = np.zeros((8, 16), np.uint8)
    array[:, :8] = 255
    path = save(tmp_path / f"a{suffix}", array, "RGB", exif=exif(TURNED))
    assert read_image(path).shape == (16, 8, 3)
    mask = read_mask(path, BINARY)
    assert mask.shape == (16, 8)
    assert mask[:7].all()
    assert not mask[9:].any()
