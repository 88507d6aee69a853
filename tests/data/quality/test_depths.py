"""One window for a data set, and a word on all that does not fit in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crosslevel.data.formats.picture import Picture
from crosslevel.data.intensity import Levels, measure
from crosslevel.data.quality.depths import Depths, settle_window
from crosslevel.types import Reading, Window


def levels(
    low: float, high: float, dtype: str = "uint16", window: tuple[float, float] | None = None
) -> Levels | None:
    array = np.linspace(low, high, 2500).reshape(50, 50).astype(dtype)
    return measure(Path("a"), Picture(array, window=window), Reading())


def settled(*images: Levels | None, window: Window | str = "auto") -> Depths:
    named = [(Path(f"{number}.png"), image) for number, image in enumerate(images)]
    return settle_window(Reading(window=window), named)  # type: ignore[arg-type]


def test_eight_bits__need_no_window() -> None:
    assert settled(None, None) == Depths((), "8 bits, taken as they are")


def test_twelve_bits__fill_the_window() -> None:
    depths = settled(levels(0, 4000), levels(10, 3000))
    assert depths.window == (0, 4095)
    assert depths.text == (
        "2 16-bit, from 0 to 4000; 0 is black, 4095 is white (by what the images hold)"
    )
    assert depths.warnings == ()


def test_asked_for__is_taken() -> None:
    depths = settled(levels(0, 4000), window=(100, 2000))
    assert depths.window == (100, 2000)
    assert "100 is black, 2000 is white (as asked for)" in depths.text


def test_asked_for__without_effect_is_said() -> None:
    (warning,) = settled(None, window=(100, 2000)).warnings
    assert warning == "--window has no effect: every image has 8 bits."


def test_window_of_the_files__if_all_name_the_same() -> None:
    depths = settled(*(levels(-1000, 2000, "int16", (-160, 240)) for _ in range(2)))
    assert depths.window == (-160, 240)
    assert "the window all files name" in depths.text


def test_window_of_the_files__that_differ() -> None:
    pair = levels(0, 4000, window=(0, 3000)), levels(0, 4000, window=(0, 3500))
    depths = settled(*pair)
    assert depths.window == (0, 4095)
    (warning,) = depths.warnings
    assert "the files name 2 different windows" in warning
    assert "--window file takes each file's own" in warning
    assert settled(*pair, window="file").window == "file"


@pytest.mark.parametrize("partly", [True, False])
def test_window_of_the_files__must_be_named_by_all(partly: bool) -> None:
    images = [levels(0, 4000, window=(0, 3000)), levels(0, 4000, window=None if partly else (0, 9))]
    assert settled(*images).window == (0, 4095)


def test_depths__that_differ_are_counted_with_an_example_each() -> None:
    depths = settled(None, levels(0, 4000), None, levels(0, 1, "float32"))
    (about, *_) = depths.warnings
    assert about.startswith(
        "the images are of different depth: 2 8-bit (as 0.png), 1 16-bit (as 1.png), "
        "1 32-bit float (as 3.png). Check that"
    )


def test_outliers__are_named() -> None:
    depths = settled(levels(0, 4000), levels(0, 4000), levels(0, 200))
    (warning,) = depths.warnings
    assert warning.startswith("2.png: its pixels fill only 5% of the range in which 0 is black")
