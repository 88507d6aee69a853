import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosslevel.images.outlines import outlines

REGIONS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def is_inside(x, y, ring):
    """Even-odd rule, edge by edge."""
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def filled(polygons, shape):
    region = np.zeros(shape, bool)
    for row, column in np.ndindex(shape):
        x, y = column + 0.5, row + 0.5
        region[row, column] = any(
            is_inside(x, y, outer) and not any(is_inside(x, y, hole) for hole in holes)
            for outer, *holes in polygons
        )
    return region


@given(region=REGIONS)
@settings(max_examples=60, deadline=None)
def test_outlines__filled_are_the_region(region):
    assert (filled(outlines(region), region.shape) == region).all()


def test_outlines__of_a_ring_are_two_with_corners_only_where_they_turn():
    region = np.ones((5, 6), bool)
    region[2, 2:4] = False
    [[outer, hole]] = outlines(region)
    assert len(outer) == 8  # a rectangle whose corners are cut
    assert sorted(hole.tolist()) == [[2, 2.5], [2.5, 2], [2.5, 3], [3.5, 2], [3.5, 3], [4, 2.5]]


@pytest.mark.parametrize(("region", "number"), [(np.zeros((3, 4), bool), 0), (np.eye(3) > 0, 3)])
def test_outlines__are_one_for_each_part(region, number):
    assert len(outlines(region)) == number
