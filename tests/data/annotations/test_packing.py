"""Brush strokes, against what label-studio-sdk 2.1.2 packs and unpacks."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from crosslevel.data.annotations.packing import pack, unpack
from crosslevel.errors import InputError

RING = (
    "00001f40391bff040300cb7ff9ac032dffe6b00cb7ff9ac02dffe2700c4fff9ac02dffe2700c4fff9ac02dffe2700c4"
    "fff9ac02dffe2700c4fff9ac032dffe6b00cb7ff9ac032dffe6b00cb7ff9ac032dffe6b00cb7ff9ac032dffe6b00cb7"
    "ffc3fbc000"
)
"""`converter.brush.mask2rle` of 40 x 50 pixels with [5:20, 7:30] and without [8:12, 10:20]."""
BY_HAND = [0, 0, 0, 24, 57, 27, 252, 96, 22, 255, 231, 0, 0]
"""`mask2rle` of [[0, 255, 255], [255, 0, 0]]."""


def slow(data: bytes) -> list[int]:
    """Values, read from a text of bits as the format is described."""
    bits = iter("".join(f"{byte:08b}" for byte in data))

    def number(count: int) -> int:
        return int("".join(next(bits) for _ in range(count)), 2)

    length, word = number(32), number(5) + 1
    sizes = [number(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < length:
        is_run = number(1)
        count = number(sizes[number(2)]) + 1
        values += [number(word)] * count if is_run else [number(word) for _ in range(count)]
    return values


def test_unpack__gives_what_the_tool_packed() -> None:
    expected = np.zeros((40, 50), np.bool_)
    expected[5:20, 7:30], expected[8:12, 10:20] = True, False
    values = unpack(bytes.fromhex(RING), 40 * 50 * 4).reshape(40, 50, 4)
    np.testing.assert_array_equal(values[:, :, 3] > 0, expected)
    small = unpack(bytes(BY_HAND), 24).reshape(2, 3, 4)[:, :, 3]
    assert (small > 0).tolist() == [[False, True, True], [True, False, False]]


@given(arrays(np.uint8, st.integers(1, 300), elements=st.sampled_from([0, 0, 0, 255, 7])))
def test_pack__is_read_by_a_slow_formulation_and_by_unpack(values: NDArray[np.uint8]) -> None:
    packed = pack(values)
    assert slow(packed) == values.tolist()
    assert unpack(packed, len(values)).tolist() == values.tolist()


def test_pack__long_runs_are_cut() -> None:
    values = np.zeros(200_000, np.uint8)
    assert len(pack(values)) < 40
    assert slow(pack(values)) == values.tolist()


@given(st.binary(max_size=60))
def test_unpack__never_fails_otherwise_than_by_an_input_error(data: bytes) -> None:
    with suppress(InputError):
        assert len(unpack(data, 24)) == 24


def test_unpack__another_number_of_pixels_is_named() -> None:
    with pytest.raises(InputError, match="are of 6 pixels, but its image has 5"):
        unpack(bytes(BY_HAND), 20)
