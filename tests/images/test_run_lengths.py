"""Each encoding is read back by a decoder that is written after the other program's own words."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crosslevel.images.run_lengths import brush, coco_counts

REGIONS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 40)))


def from_coco(text, shape):
    numbers: list[int] = []
    position = 0
    while position < len(text):
        number = shift = 0
        more = True
        while more:
            code = ord(text[position]) - 48
            number |= (code & 31) << shift
            more = bool(code & 32)
            position += 1
            shift += 5
        if code & 16:
            number |= -1 << shift
        numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
    values = np.repeat(np.arange(len(numbers)) % 2, numbers)
    return values.reshape(shape[::-1]).T.astype(bool)


def from_brush(numbers, shape):
    bits = "".join(f"{number:08b}" for number in numbers)
    position = 0

    def read(count):
        nonlocal position
        position += count
        return int(bits[position - count : position], 2)

    total, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < total:
        is_run, length = read(1), read(sizes[read(2)]) + 1
        values += [read(word)] * length if is_run else [read(word) for _ in range(length)]
    assert len(values) == total
    assert len(bits) - position < 8
    channels = np.array(values).reshape(*shape, 4)
    assert (channels == channels[..., :1]).all()
    return channels[..., 3] == 255


@given(region=REGIONS)
@settings(max_examples=60, deadline=None)
def test_coco__is_read_back(region):
    assert (from_coco(coco_counts(region), region.shape) == region).all()


@given(region=REGIONS)
@settings(max_examples=60, deadline=None)
def test_brush__is_read_back(region):
    assert (from_brush(brush(region), region.shape) == region).all()


def test_long_runs__are_read_back():
    region = np.zeros((400, 300), bool)
    region[10:390] = True
    assert (from_coco(coco_counts(region), region.shape) == region).all()
    assert (from_brush(brush(region), region.shape) == region).all()


def test_coco__is_what_its_own_tools_write():
    """By pycocotools 2.0.11: `encode(np.asfortranarray(region.astype(np.uint8)))["counts"]`."""
    region = np.zeros((20, 30), bool)
    region[3:15, 4:26] = True
    region[8, 10] = False
    assert coco_counts(region) == "c2<80000000000II1760000000000000000000000000000]2"
