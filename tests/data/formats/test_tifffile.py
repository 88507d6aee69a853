"""TIFF that only tifffile reads, and stacks of ImageJ and OME, as tifffile writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.formats.masks import inspect_mask
from crosslevel.data.formats.readers import read_header, read_picture
from crosslevel.errors import DataError
from crosslevel.types import Classes

tifffile = pytest.importorskip("tifffile")
RNG = np.random.default_rng(0)


def write(path: Path, array: NDArray[Any], **options: Any) -> Path:
    tifffile.imwrite(path, array, **options)
    return path


@pytest.mark.parametrize("dtype", ["int8", "float16", "float64", "uint64"])
def test_numbers__are_kept(tmp_path: Path, dtype: str) -> None:
    array = RNG.integers(0, 100, (5, 7)).astype(dtype)
    if dtype == "int8":
        array -= 50
    pixels = read_picture(write(tmp_path / "a.tif", array)).pixels
    np.testing.assert_array_equal(pixels, array)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}])
def test_colours__deep_in_planes_apart(tmp_path: Path, options: dict[str, str]) -> None:
    array = RNG.integers(0, 65536, (3, 5, 7), dtype=np.uint16)
    path = write(tmp_path / "a.tif", array, photometric="rgb", planarconfig="separate", **options)
    np.testing.assert_array_equal(read_picture(path).pixels, np.moveaxis(array, 0, 2))


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}],
)
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_colours__deep_in_one_plane(
    tmp_path: Path, options: dict[str, Any], byteorder: str
) -> None:
    array = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    path = write(tmp_path / "a.tif", array, photometric="rgb", byteorder=byteorder, **options)
    np.testing.assert_array_equal(read_picture(path).pixels, array)


def test_channels__that_are_not_colours(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (5, 7, 6), dtype=np.uint8)
    path = write(tmp_path / "a.tif", array, photometric="minisblack", planarconfig="contig")
    np.testing.assert_array_equal(read_picture(path).pixels, array)


def test_white_is_zero__is_turned_round(tmp_path: Path) -> None:
    array = np.array([[0.25, -3.0]], np.float64)
    pixels = read_picture(write(tmp_path / "a.tif", array, photometric="miniswhite")).pixels
    assert pixels.tolist() == [[-0.25, 3.0]]


def test_imagej__channels_are_not_slices(tmp_path: Path) -> None:
    stack = RNG.integers(0, 4096, (4, 2, 5, 7), dtype=np.uint16)
    path = write(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    assert read_header(path, 2).num_frames == 4
    np.testing.assert_array_equal(read_picture(path, 3).pixels, np.moveaxis(stack[3], 0, 2))
    with pytest.raises(DataError, match="holds 4 pages"):
        read_picture(path)


def test_ome__pages_channels_and_spacing(tmp_path: Path) -> None:
    stack = RNG.integers(0, 4096, (2, 3, 5, 7), dtype=np.uint16)
    metadata = {"axes": "TCYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm",
                "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "µm"}  # fmt: skip
    path = write(tmp_path / "a.ome.tif", stack, metadata=metadata)
    header = read_header(path, 2)
    assert header.num_frames == 2
    assert header.spacing_mm == pytest.approx((0.0005, 0.00025))
    picture = read_picture(path, 1)
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(stack[1], 0, 2))
    assert picture.spacing_mm == header.spacing_mm


def test_ome__of_one_image(tmp_path: Path) -> None:
    array = RNG.integers(0, 4096, (5, 7), dtype=np.uint16)
    metadata = {"axes": "YX", "PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "mm",
                "PhysicalSizeY": 2.0, "PhysicalSizeYUnit": "mm"}  # fmt: skip
    picture = read_picture(write(tmp_path / "a.ome.tif", array, metadata=metadata))
    np.testing.assert_array_equal(picture.pixels, array)
    assert picture.spacing_mm == (2.0, 1.0)


def test_complex_numbers__are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.ones((3, 4), np.complex64))
    with pytest.raises(DataError, match=r"holds complex64 numbers, which are not greys"):
        read_picture(path)


def test_without_tifffile__one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.tif", np.ones((3, 4), np.float64))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(
        DataError, match=r"read by tifffile, .* pip install 'crosslevel\[medical\]'"
    ):
        read_picture(path)


def test_damaged__is_named_by_one_line_and_no_other(tmp_path: Path) -> None:
    Image.fromarray(RNG.integers(0, 256, (40, 50, 3), np.uint8)).save(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    head = int.from_bytes(whole[4:8], "little")
    for name, size in (("a", 20), ("b", 40), ("c", 60)):
        (tmp_path / f"{name}.tif").write_bytes(whole[: head + size])
    odd = whole[: head + 38] + bytes(range(100, 124)) + whole[head + 62 :]
    (tmp_path / "d.tif").write_bytes(odd)
    words = [sys.executable, "-m", "crosslevel", "data", "check", str(tmp_path)]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr.splitlines()
    assert [line for line in said if not line.startswith(("crosslevel: ", "Checking images"))] == []


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float16", "float64"])
def test_masks__of_numbers_that_pillow_does_not_open(tmp_path: Path, dtype: str) -> None:
    array = np.zeros((2, 5, 7), dtype)
    array[1, 1:3, 2:6] = 1
    path = write(tmp_path / "a.tif", array[1])
    np.testing.assert_array_equal(inspect_mask(path, Classes()).indices, array[1])
    pages = write(tmp_path / "b.tif", array, photometric="minisblack")
    np.testing.assert_array_equal(inspect_mask(pages, Classes(), 1).indices, array[1])


def test_masks__of_several_channels_are_refused(tmp_path: Path) -> None:
    array = np.zeros((5, 7, 2), np.int64)
    path = write(tmp_path / "a.tif", array, photometric="minisblack", planarconfig="contig")
    with pytest.raises(DataError, match="holds 2 channels, which a mask has not"):
        inspect_mask(path, Classes())


def test_masks__with_smaller_copies_of_themselves(tmp_path: Path) -> None:
    array = np.zeros((8, 8), np.uint8)
    array[2:5, 2:6] = 255
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(array)
        file.write(array[::2, ::2], subfiletype=1)
    indices = inspect_mask(tmp_path / "a.tif", Classes()).indices
    np.testing.assert_array_equal(indices, array > 0)
