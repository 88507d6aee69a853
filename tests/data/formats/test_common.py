"""Whatever a file was stored as, the array is the same."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from crosslevel.data.formats.common import content_hash, image_size, read_image, read_mask
from crosslevel.errors import DataError
from crosslevel.types import Classes

BINARY = Classes()
TURNED = 6  # EXIF orientation: to be shown turned by 90 degrees clockwise


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


@pytest.fixture
def square() -> NDArray[np.uint8]:
    """A 0/1 mask, 8 by 12, with a square that lies off centre."""
    mask = np.zeros((8, 12), np.uint8)
    mask[2:6, 1:5] = 1
    return mask


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


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_read_image__32_bit_is_refused(tmp_path: Path, kind: type) -> None:
    path = save(tmp_path / "a.tif", np.ones((2, 2), kind))
    with pytest.raises(DataError, match=r"a\.tif: 32-bit image.*Save it with 8 or 16 bits"):
        read_image(path)


def test_read_image__first_frame_of_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_exif__is_applied_everywhere(tmp_path: Path, suffix: str) -> None:
    array = np.zeros((8, 16), np.uint8)
    array[:, :8] = 255
    path = save(tmp_path / f"a{suffix}", array, "RGB", exif=exif(TURNED))
    assert image_size(path) == (16, 8)
    assert read_image(path).shape == (16, 8, 3)
    mask = read_mask(path, BINARY)
    assert mask.shape == (16, 8)
    assert mask[:7].all()
    assert not mask[9:].any()


def test_image_size__upright(tmp_path: Path) -> None:
    assert image_size(save(tmp_path / "a.png", np.zeros((3, 5), np.uint8))) == (3, 5)


def test_image_size__reads_the_header_only(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", np.zeros((64, 96), np.uint8))
    path.write_bytes(path.read_bytes()[:-50])
    assert image_size(path) == (64, 96)


def truncated(suffix: str) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, suffix)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty. Replace or remove"),
        (b"no image at all", "not an image, or damaged. Replace or remove"),
        (truncated("png"), "cannot be decoded .*Replace or remove"),
        (truncated("jpeg"), "cannot be decoded .*Replace or remove"),
        (truncated("tiff"), "cannot be decoded .*Replace or remove|not an image, or damaged"),
    ],
)
def test_damaged_files__are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    for read in (read_image, lambda broken: read_mask(broken, BINARY)):
        with pytest.raises(DataError, match=rf"broken\.png: {message}"):
            read(path)


@pytest.mark.parametrize("read", [read_image, image_size, content_hash])
def test_missing_file__is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DataError, match=r"gone\.png: no such file. Correct the path"):
        read(tmp_path / "gone.png")


def test_folder__is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be decoded|may not be read"):
        read_image(tmp_path)


def test_decompression_bomb__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "huge.png", np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(DataError, match=r"huge\.png: too many pixels .*Make it smaller"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb__warning_size_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "large.png", np.zeros((10, 10), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    assert read_image(path).shape == (10, 10, 3)


def test_content_hash__is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert content_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


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
    with pytest.raises(
        DataError, match=rf"{name}: holds the values 0.*Give `classes` as name: val"
    ):
        read_mask(path, BINARY)


def test_read_mask__16_bit_class_values_without_classes(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.array([[0, 1000]], np.uint16))
    with pytest.raises(DataError, match=r"m\.png: .*0, 1000.*lesion: 1000"):
        read_mask(path, BINARY)


def test_read_mask__fractions_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.tif", np.ones((2, 2), np.float32))
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
