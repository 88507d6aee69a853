import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosslevel.annotate.patches import Patch, checksum
from crosslevel.errors import InputError

RECTS = arrays(
    np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9)), elements=st.integers(0, 2)
)


@settings(deadline=None, max_examples=40)
@given(RECTS, st.integers(0, 3), st.integers(0, 3))
def test_patch__is_the_same_after_json(values, left, top):
    size = (top + values.shape[0], left + values.shape[1])
    found = Patch.from_json(Patch(left, top, values).to_json(), size, 2)
    assert (found.left, found.top) == (left, top)
    assert np.array_equal(found.values, values)


def test_apply__writes_the_rectangle_alone():
    mask = np.zeros((3, 4), np.uint8)
    Patch.from_json({"x": 1, "y": 1, "w": 2, "h": 2, "runs": [1, 1, 0, 1, 2, 2]}, (3, 4), 2).apply(
        mask
    )
    assert mask.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 2, 2, 0]]


GOOD = {"x": 0, "y": 0, "w": 2, "h": 2, "runs": [1, 4]}


@pytest.mark.parametrize(
    "change",
    [
        {"x": 3},
        {"y": -1},
        {"w": 0},
        {"h": 1.0},
        {"x": True},
        {"runs": [1, 3]},
        {"runs": [1, 5]},
        {"runs": [2, 4]},
        {"runs": [1]},
        {"runs": [1, -4, 0, 8]},
        {"runs": ["1", 4]},
        {"runs": None},
        {"w": 10**12, "h": 10**12},
    ],
)
def test_from_json__refuses_what_is_not_in_the_image(change):
    with pytest.raises(InputError, match="not a patch"):
        Patch.from_json(GOOD | change, (4, 4), 1)


def test_checksum__is_the_crc_of_the_rows():
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert checksum(mask[:, ::-1]) == zlib.crc32(bytes([3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8]))
