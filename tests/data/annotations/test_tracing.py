"""Outlines of pixels give exactly these pixels back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pycocotools import mask as oracle

from crosslevel.data.annotations.shapes import Outlines, Shape
from crosslevel.data.annotations.tracing import area, objects_of, trace, without_holes

BITS = arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14)))


@given(BITS)
def test_trace__gives_the_pixels_back_also_as_a_single_outline(bits: NDArray[np.bool_]) -> None:
    outlines = trace(bits)
    np.testing.assert_array_equal(Shape("x", outlines).bits(bits.shape), bits)
    for outer, *holes in outlines.parts:
        assert area(outer) > 0
        assert all(area(hole) < 0 for hole in holes)
    if bits.any():
        single = Outlines(((without_holes(outlines),),))
        np.testing.assert_array_equal(Shape("x", single).bits(bits.shape), bits)


@given(BITS)
def test_trace__parts_without_holes_are_the_same_for_coco(bits: NDArray[np.bool_]) -> None:
    parts = [part for part in trace(bits).parts if len(part) == 1]
    expected = np.zeros(bits.shape, np.bool_)
    for (ring,) in parts:
        runs = oracle.frPyObjects([ring.ravel().tolist()], *bits.shape)
        expected |= oracle.decode(oracle.merge(runs)).astype(np.bool_)
    ours = Shape("x", Outlines(tuple(parts))).bits(bits.shape)
    np.testing.assert_array_equal(ours, expected)


def test_trace__a_ring_in_a_ring() -> None:
    bits = np.zeros((9, 9), np.bool_)
    bits[1:8, 1:8], bits[2:7, 2:7], bits[4, 4] = True, False, True
    assert [len(part) for part in trace(bits).parts] == [2, 1]
    assert trace(np.zeros((3, 3), np.bool_)).parts == ()


def test_objects__pixels_that_touch_at_a_corner_are_one() -> None:
    bits = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], np.bool_)
    united = np.zeros(bits.shape, np.int64)
    sizes = []
    for one, box in objects_of(bits):
        united[box] += one
        sizes.append(int(one.sum()))
    assert sizes == [2, 1]
    np.testing.assert_array_equal(united, bits)
