"""Parts of an object are one shape, and every pixel is that of the shape painted last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crosslevel.data.annotations.shapes import Outlines, Runs, Shape, rectangle
from crosslevel.data.annotations.uniting import united

SIZE = (12, 14)
PLACES = st.tuples(st.integers(-1, 9), st.integers(-1, 9), st.integers(1, 6), st.integers(1, 6))
DRAWN = st.tuples(st.sampled_from([None, 1, 2]), st.sampled_from("xy"), PLACES, st.booleans())


def box(label: str, left: int, top: int, width: int = 3, height: int = 3) -> Shape:
    return Shape(label, Outlines(((rectangle(left, top, left + width, top + height),),)))


def painted(shapes: Iterable[Shape]) -> NDArray[np.uint8]:
    canvas = np.zeros(SIZE, np.uint8)
    for shape in shapes:
        shape.paint(canvas, ord(shape.label))
    return canvas


@given(st.lists(DRAWN, max_size=8))
def test_united__pixels_are_those_of_the_shapes_in_their_order(
    drawn: list[tuple[int | None, str, tuple[int, int, int, int], bool]],
) -> None:
    shapes = []
    for group, label, place, is_run in drawn:
        left, top, width, height = place
        runs = Runs.of(np.ones((height, width), np.bool_), (top, left))
        shapes.append((group, Shape(label, runs) if is_run else box(label, *place)))
    expected = painted(shape for _, shape in shapes)
    np.testing.assert_array_equal(painted(united(shapes)), expected)


def test_united__a_part_on_top_of_another_label_stays_there() -> None:
    shapes = [(1, box("x", 0, 0)), (None, box("y", 2, 2, 8, 8)), (1, box("x", 4, 4))]
    assert [shape.label for shape in united(shapes)] == ["x", "y", "x"]


def test_united__parts_are_one_object_where_nothing_else_lies_below_the_later_one() -> None:
    shapes = [(1, box("x", 0, 0)), (2, box("y", 1, 1)), (1, box("x", 8, 8)), (2, box("x", 4, 0))]
    one, other, alone = united(shapes)
    assert [shape.label for shape in (one, other, alone)] == ["x", "y", "x"]
    assert one.bits(SIZE).sum() == 18
