"""The numbers that were written are the numbers that are read, whatever the depth and the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.formats.readers import (
    READERS,
    frame_hash,
    read_hashed_picture,
    read_header,
    read_picture,
    suffix_of,
)
from crosslevel.errors import DataError
from support.deep import write_png16, write_tiff
from support.pictures import exif, save

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
"""Colours that differ in their lower bytes, too."""


@pytest.mark.parametrize("num_channels", [1, 3])
def test_png__16_bits_are_kept(tmp_path: Path, num_channels: int) -> None:
    array = DEEP[..., :num_channels] if num_channels > 1 else DEEP[..., 0]
    pixels = read_picture(write_png16(tmp_path / "a.png", array)).pixels
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels, array)


def test_png__16_bit_alpha_is_flattened_on_black(tmp_path: Path) -> None:
    rgba = np.array([[[1000, 2000, 60000, 65535], [1000, 2000, 60000, 0]]], np.uint16)
    pixels = read_picture(write_png16(tmp_path / "a.png", rgba)).pixels
    assert pixels.tolist() == [[[1000, 2000, 60000], [0, 0, 0]]]
    grey = np.array([[[4095, 65535], [4095, 32768], [257, 0]]], np.uint16)
    assert read_picture(write_png16(tmp_path / "b.png", grey)).pixels.tolist() == [[4095, 2048, 0]]


def test_png__16_bit_colours_lie_upright(tmp_path: Path) -> None:
    turned = write_png16(tmp_path / "a.png", DEEP)
    chunk = exif(6).tobytes().removeprefix(b"Exif\0\0")
    content = turned.read_bytes()
    place = content.index(b"IDAT") - 4
    import struct
    import zlib

    inserted = struct.pack(">I", len(chunk)) + b"eXIf" + chunk
    inserted += struct.pack(">I", zlib.crc32(b"eXIf" + chunk))
    turned.write_bytes(content[:place] + inserted + content[place:])
    np.testing.assert_array_equal(read_picture(turned).pixels, np.rot90(DEEP, -1))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "float32"])
def test_tiff__numbers_are_kept(tmp_path: Path, dtype: str) -> None:
    ends = (-300, 300) if dtype in ("int16", "int32", "float32") else (0, 60000)
    array = RNG.integers(*ends, (5, 7)).astype(dtype)
    if dtype == "uint32":
        array[0, 0] = 4_000_000_000
    pixels = read_picture(write_tiff(tmp_path / "a.tif", array)).pixels
    assert pixels.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(pixels, array)


def test_tiff__white_is_zero_is_turned_round(tmp_path: Path) -> None:
    eight = write_tiff(tmp_path / "a.tif", np.array([[0, 10, 255]], np.uint8), 0)
    assert read_picture(eight).pixels[0, :, 0].tolist() == [255, 245, 0]
    sixteen = write_tiff(tmp_path / "b.tif", np.array([[0, 10, 65535]], np.uint16), 0)
    assert read_picture(sixteen).pixels.tolist() == [[65535, 65525, 0]]
    signed = write_tiff(tmp_path / "c.tif", np.array([[-5, 0, -32768]], np.int16), 0)
    assert read_picture(signed).pixels.tolist() == [[5, 0, 32768]]


def test_tiff__lies_upright(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    path = write_tiff(tmp_path / "a.tif", array, t274=6)
    np.testing.assert_array_equal(read_picture(path).pixels, np.rot90(array, -1))


def pages(path: Path, count: int) -> Path:
    images = [Image.fromarray(np.full((4, 5), page, np.uint8)) for page in range(count)]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_tiff__of_several_pages_one_must_be_chosen(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", 3)
    assert read_header(path, 2).num_frames == 3
    with pytest.raises(DataError, match=r"a\.tif: holds 3 pages\. .*--page 0 .*--page all"):
        read_picture(path)
    assert [read_picture(path, page).pixels[0, 0, 0] for page in range(3)] == [0, 1, 2]
    with pytest.raises(DataError, match=r"has 3 pages, so --page must be from 0 to 2\. It is 3"):
        read_picture(path, 3)


def test_tiff__a_smaller_copy_is_not_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with pytest.importorskip("tifffile").TiffWriter(path) as file:
        file.write(np.full((8, 8), 200, np.uint8))
        file.write(np.full((4, 4), 200, np.uint8), subfiletype=1)
    assert read_picture(path).pixels.shape == (8, 8, 3)


def test_hash__tells_frames_of_one_file_apart(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", 2)
    single = save(tmp_path / "b.png", np.zeros((2, 2), np.uint8))
    assert frame_hash(path, 0) != frame_hash(path, 1)
    for file, frame in ((path, 1), (single, None)):
        assert read_hashed_picture(file, frame)[1] == frame_hash(file, frame)


def test_hash__follows_the_content(tmp_path: Path) -> None:
    before = frame_hash(pages(tmp_path / "a.tif", 2), 1)
    assert frame_hash(pages(tmp_path / "a.tif", 3), 1) != before


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_suffix_of__every_reader(suffix: str) -> None:
    assert suffix_of(f"p.1{suffix.upper()}") == suffix
