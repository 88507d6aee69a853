import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.tiles import from_tiles, to_tiles

SIDES = st.integers(1, 5)


@given(n=SIDES, height=SIDES, width=SIDES, batch=st.integers(1, 3), channels=st.integers(1, 3))
def test_tiles__round_trip_for_any_number_and_size(n, height, width, batch, channels):
    x = torch.rand(batch, channels, n * height, n * width)
    tiles = to_tiles(x, n)
    assert tiles.shape == (batch * n * n, channels, height, width)
    assert torch.equal(from_tiles(tiles, n), x)


def test_to_tiles__is_row_major_within_each_image():
    x = torch.rand(2, 3, 6, 9)
    tiles = to_tiles(x, 3)
    for image in range(2):
        for row in range(3):
            for column in range(3):
                expected = x[image, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
                assert torch.equal(tiles[image * 9 + row * 3 + column], expected)


@pytest.mark.parametrize("n", [0, -1, 4])
def test_to_tiles__refuses_what_does_not_divide(n):
    with pytest.raises(ValueError, match="cannot be cut"):
        to_tiles(torch.zeros(1, 1, 6, 6), n)


@pytest.mark.parametrize("size", [(6, 8), (8, 6)])
def test_to_tiles__refuses_one_side_that_does_not_divide(size):
    with pytest.raises(ValueError, match="cannot be cut"):
        to_tiles(torch.zeros(1, 1, *size), 3)


def test_from_tiles__refuses_part_of_an_image():
    with pytest.raises(ValueError, match="7 tiles"):
        from_tiles(torch.zeros(7, 1, 2, 2), 2)
