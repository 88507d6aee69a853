"""Outlines and runs of pixels, against COCO's own reader and a slow formulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as oracle

from crosslevel.data.annotations.shapes import (
    Outlines,
    Ring,
    Runs,
    Shape,
    ellipse,
    rectangle,
    ring_of,
)
from crosslevel.errors import InputError

SIZE = (31, 37)
CORNERS = st.tuples(st.floats(-9, 45), st.floats(-9, 45))
BITS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def painted(*rings: Ring, is_relative: bool = False) -> NDArray[np.bool_]:
    parts = tuple((ring,) for ring in rings)
    return Shape("x", Outlines(parts, is_relative=is_relative)).bits(SIZE)


@given(st.lists(st.lists(CORNERS, min_size=3, max_size=8), min_size=1, max_size=3))
def test_outlines__have_the_pixels_of_cocos_own_reader(
    polygons: list[list[tuple[float, float]]],
) -> None:
    rings = [np.array(polygon) for polygon in polygons]
    runs = oracle.frPyObjects([ring.ravel().tolist() for ring in rings], *SIZE)
    expected = oracle.decode(oracle.merge(runs)).astype(np.bool_)
    np.testing.assert_array_equal(painted(*rings), expected)


def test_outlines__of_whole_numbers_are_these_pixels() -> None:
    expected = np.zeros(SIZE, np.bool_)
    expected[2:7, 3:12] = True
    np.testing.assert_array_equal(painted(rectangle(3, 2, 12, 7)), expected)
    np.testing.assert_array_equal(painted(rectangle(12, 7, 3, 2)), expected)


def test_outlines__a_hole_is_not_inside() -> None:
    outer, hole = rectangle(1, 1, 20, 20), rectangle(5, 6, 9, 12)
    bits = Shape("x", Outlines(((outer, hole),))).bits(SIZE)
    assert bits.sum() == 19 * 19 - 4 * 6
    assert not bits[6:12, 5:9].any()


def test_outlines__shares_of_the_image_are_scaled() -> None:
    height, width = SIZE
    whole = rectangle(3, 2, 12, 7)
    shares = whole / np.array([width, height])
    np.testing.assert_array_equal(painted(shares, is_relative=True), painted(whole))


def test_outlines__far_outside_are_cut_without_much_memory() -> None:
    assert painted(rectangle(-1e12, -1e12, 1e12, 1e12)).all()


def test_ellipse__covers_its_area_and_turns_clockwise() -> None:
    lying = painted(ellipse((18, 15), (12, 5)))
    assert lying.sum() == pytest.approx(np.pi * 12 * 5, rel=0.02)
    turned = painted(ellipse((18.5, 15.5), (12, 3), 45))
    assert turned[22, 25]
    assert not turned[22, 12]


@given(BITS, st.booleans())
def test_runs__give_back_the_pixels_that_were_counted(
    bits: NDArray[np.bool_], by_column: bool
) -> None:
    np.testing.assert_array_equal(Runs.of(bits, by_column=by_column).bits(), bits)


def test_runs__lie_at_their_corner_and_are_cut_at_the_image() -> None:
    canvas = np.zeros((4, 5), np.uint8)
    Shape("x", Runs(np.array([1, 5]), (2, 3, 2, 3))).paint(canvas, 7)
    assert canvas.tolist() == [[0] * 5, [0] * 5, [0, 0, 0, 0, 7], [0, 0, 0, 7, 7]]


def test_runs__more_pixels_than_the_box_are_refused() -> None:
    with pytest.raises(InputError, match="count 9 pixels, but its box of 2 x 2 has 4"):
        Runs(np.array([4, 5]), (0, 0, 2, 2)).bits()


def test_ring_of__two_corners_are_none_and_what_is_not_numbers_is_refused() -> None:
    assert ring_of([1, 2, 3, 4]) is None
    for wrong in (["x", 1], [1, 2, 3], [1, float("nan")] * 3, [[1, 2], [3]]):
        with pytest.raises(InputError, match="pairs of numbers"):
            ring_of(wrong)
