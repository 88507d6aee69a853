"""Black and white are found in what the images hold; expected values are worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosslevel.data.formats.picture import Picture
from crosslevel.data.intensity import (
    Levels,
    beyond,
    choose_window,
    measure,
    to_rgb,
    unlike_training,
)
from crosslevel.errors import DataError
from crosslevel.types import BEFORE_WINDOWS, Reading

FILE = Path("a.tif")
AUTO = Reading()


def levels(array: NDArray[np.generic], reading: Reading = AUTO, **more: object) -> Levels:
    found = measure(FILE, Picture(array, **more), reading)  # type: ignore[arg-type]
    assert found is not None
    return found


def ramp(low: float, high: float, dtype: str) -> NDArray[np.generic]:
    return np.linspace(low, high, 10_000).reshape(100, 100).astype(dtype)


def window_of(*arrays: NDArray[np.generic]) -> tuple[float, ...]:
    return choose_window([levels(array) for array in arrays], per_channel=False)


@pytest.mark.parametrize(
    ("low", "high", "dtype", "window"),
    [
        (0, 4000, "uint16", (0, 4095)),  # 12 bits in 16
        (100, 1000, "uint16", (0, 1023)),  # 10 bits in 16
        (0, 65535, "uint16", (0, 65535)),
        (0, 255, "uint16", (0, 255)),  # 8 bits in 16
        (0, 0.98, "float32", (0, 1)),
        (0, 250, "float32", (0, 255)),
    ],
)
def test_window__of_the_bits_in_use(
    low: float, high: float, dtype: str, window: tuple[float, float]
) -> None:
    assert window_of(ramp(low, high, dtype)) == window


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (61440, 65535, "uint16"),  # 12 bits turned round in 16
        (-1000, 3000, "int16"),  # Hounsfield units
        (20, 30, "float32"),
        (-0.5, 0.5, "float64"),
    ],
)
def test_window__else_of_all_but_the_ends(low: float, high: float, dtype: str) -> None:
    black, white = window_of(ramp(low, high, dtype))
    span = high - low
    assert low <= black < low + 0.005 * span
    assert high - 0.005 * span < white <= high


def test_window__a_hot_pixel_does_not_count() -> None:
    array = ramp(0, 4000, "uint16")
    array[3, 3] = 65535
    black, white = window_of(array)
    assert 0 <= black < 40
    assert 3950 < white <= 4000


def test_window__is_that_of_all_images_together() -> None:
    assert window_of(ramp(0, 300, "uint16"), ramp(0, 4000, "uint16")) == (0, 4095)


def test_window__is_one_for_three_colours_whose_relations_stay() -> None:
    array = np.stack([ramp(0, top, "uint16") for top in (4000, 2000, 500)], axis=2)
    window = window_of(array)
    assert window == (0, 4095)
    brightest = to_rgb(FILE, Picture(array), Reading(window=window)).max(axis=(0, 1))
    assert brightest.tolist() == [249, 125, 31]  # 4000, 2000 and 500 · 255 / 4095


def test_window__of_equal_values_has_an_extent() -> None:
    assert window_of(np.full((4, 4), 700, np.uint16)) == (700, 701)


def test_window__of_each_channel_if_they_are_chosen() -> None:
    array = np.stack([ramp(0, 4000, "uint16"), ramp(0, 1000, "uint16")], axis=2)
    reading = Reading(channels=(1, 0))
    found = [levels(array, reading)]
    assert choose_window(found, per_channel=True) == (0, 1023, 0, 4095)


def test_to_rgb__worked_out_by_hand() -> None:
    array = np.array([[0, 1023, 2048, 4095, 9000]], np.uint16)
    image = to_rgb(FILE, Picture(array), Reading(window=(0, 4095)))
    assert image.shape == (1, 5, 3)
    # 1023 · 255 / 4095 = 63.7, 2048 · 255 / 4095 = 127.5…; what is brighter than white is white
    assert image[0, :, 0].tolist() == [0, 64, 128, 255, 255]
    signed = to_rgb(FILE, Picture(np.array([[-200, -160, 40, 240]], np.int16)),
                    Reading(window=(-160, 240)))  # fmt: skip
    assert signed[0, :, 2].tolist() == [0, 0, 128, 255]


def test_to_rgb__each_channel_with_its_own_window() -> None:
    array = np.array([[[100, 10, 7]]], np.uint16)
    reading = Reading(channels=(0, 1), window=(0, 200, 0, 10))
    assert to_rgb(FILE, Picture(array), reading).tolist() == [[[128, 255, 0]]]


@given(st.integers(0, 65535))
def test_to_rgb__sixteen_bits_as_before(value: int) -> None:
    found = to_rgb(FILE, Picture(np.array([[value]], np.uint16)), BEFORE_WINDOWS)[0, 0, 0]
    assert found == np.rint(value / 257)


@given(st.integers(1, 12), st.integers(0, 4))
def test_to_rgb__the_place_in_the_container_does_not_matter(bits: int, shift: int) -> None:
    """The same picture in more bits, or turned round within 16, is the same picture."""
    grey = RNG.integers(0, 1 << bits, (20, 20), dtype=np.uint16)
    grey[0, 0], grey[0, 1] = 0, (1 << bits) - 1
    window = (0.0, float((1 << bits) - 1))
    plain = to_rgb(FILE, Picture(grey), Reading(window=window))
    shifted = to_rgb(FILE, Picture(grey << shift), Reading(window=(0.0, window[1] * (1 << shift))))
    np.testing.assert_array_equal(plain, shifted)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("window", ["auto", (), (0.0, 10.0)])
def test_to_rgb__eight_bits_are_taken_as_they_are(window: tuple[float, ...]) -> None:
    array = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_rgb(FILE, Picture(array), Reading(window=window)), array)


def test_to_rgb__the_window_of_the_file() -> None:
    picture = Picture(np.array([[40, 240]], np.int16), window=(-160, 240))
    for asked in ("auto", "file"):
        reading = Reading(window=asked)
        assert to_rgb(FILE, picture, reading)[0, :, 0].tolist() == [128, 255]
    without = Picture(picture.pixels)
    with pytest.raises(DataError, match=r"a\.tif: says no window\. Give one as --window"):
        to_rgb(FILE, without, Reading(window="file"))


def test_to_rgb__deep_values_mean_nothing_to_a_segmenter_of_8_bits() -> None:
    with pytest.raises(DataError, match=r"holds 16-bit values, but .* trained on images of 8 bits"):
        to_rgb(FILE, Picture(np.zeros((2, 2), np.uint16)), Reading(window=()))


def test_channels__must_be_chosen_and_be_there() -> None:
    five = Picture(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(DataError, match=r"holds 5 channels\. .*--channels \[0,1,2\]"):
        to_rgb(FILE, five, AUTO)
    with pytest.raises(DataError, match=r"has 5 channels, so --channels must be from 0 to 4"):
        to_rgb(FILE, five, Reading(channels=(5,)))


def test_channels__of_a_photograph() -> None:
    array = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    green = to_rgb(FILE, Picture(array), Reading(channels=(1,)))
    np.testing.assert_array_equal(green, np.repeat(array[..., 1:2], 3, axis=2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_measure__what_is_not_a_number_is_refused(value: float) -> None:
    array = np.zeros((2, 2), np.float32)
    array[0, 1] = value
    with pytest.raises(DataError, match=r"a\.tif: some of its values are not finite numbers"):
        levels(array)


def test_beyond__names_what_does_not_fit() -> None:
    assert beyond(levels(ramp(0, 4000, "uint16")), (0, 4095)) == ""
    assert "fill only" in beyond(levels(ramp(0, 300, "uint16")), (0, 4095))
    assert "lie outside" in beyond(levels(ramp(0, 9000, "uint16")), (0, 4095))


def test_unlike_training__eight_bits_for_a_segmenter_of_deep_images() -> None:
    assert "holds 8 bits" in unlike_training(None, Reading(window=(0, 4095)))
    assert unlike_training(None, Reading(window=())) == ""
    assert unlike_training(None, BEFORE_WINDOWS) == ""
