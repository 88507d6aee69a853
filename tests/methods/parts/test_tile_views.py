import numpy as np
import pytest
import torch
from torch import nn

from crosslevel.errors import InputError
from crosslevel.methods.parts.tile_views import Flips, TileArgs, TilePass, with_context
from crosslevel.models.unet import UNet
from crosslevel.tiles import from_tiles, to_tiles

SIDE = 24
IMAGES = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


class Pointwise(UNet):
    """A backbone that sees each pixel alone, so it does not matter what is around."""

    def __init__(self):
        super().__init__((4, 4))
        self.only = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        return self.only(x)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("margin", [1, 4])
def test_with_context__is_a_window_of_the_mirrored_image(n, margin):
    found = with_context(IMAGES, n, margin)
    width = [(0, 0), (0, 0), (margin, margin), (margin, margin)]
    padded = np.pad(IMAGES.numpy(), width, mode="reflect")
    side = 24 // n
    for index, tile in enumerate(found.numpy()):
        image, row, column = index // n**2, index // n % n, index % n
        rows = slice(row * side, (row + 1) * side + 2 * margin)
        columns = slice(column * side, (column + 1) * side + 2 * margin)
        assert np.array_equal(tile, padded[image, :, rows, columns])


def test_with_context__of_nothing_around_is_to_tiles():
    assert torch.equal(with_context(IMAGES, 3, 0), to_tiles(IMAGES, 3))


def test_flips__done_twice_change_nothing_and_take_all_four_forms():
    torch.manual_seed(0)
    tiles = torch.randn(64, 3, 6, 6)
    flips = Flips.draw(tiles)
    flipped = flips(tiles)
    assert torch.equal(flips(flipped), tiles)
    forms = [tiles, tiles.flip(2), tiles.flip(3), tiles.flip((2, 3))]
    counts = [sum(torch.equal(a, b) for a, b in zip(flipped, form, strict=True)) for form in forms]
    assert sum(counts) == 64
    assert min(counts) > 5


@pytest.mark.parametrize(
    "options", [{}, {"tile_flips": True}, {"context": 4}, {"tile_flips": True, "context": 4}]
)
def test_tile_pass__brings_every_pixel_back_to_its_place(options):
    torch.manual_seed(0)
    f = Pointwise()
    maps = TilePass(TileArgs(tiles=3, **options), f, 0, SIDE)(f, IMAGES, 3)
    torch.testing.assert_close(from_tiles(maps.predicted, 3), f(IMAGES))
    assert maps.projected is maps.predicted


def test_tile_pass__with_depth_gives_the_deeper_map_too():
    f = UNet((4, 6, 8)).eval()
    maps = TilePass(TileArgs(context=8, tile_flips=True), f, 2, SIDE)(f, IMAGES, 3)
    assert maps.predicted.shape == (18, 4, 8, 8)
    assert maps.projected.shape == (18, 8, 2, 2)


def test_tile_pass__of_another_view_sees_other_colours():
    f = Pointwise()
    for args, is_same in ((TileArgs(), True), (TileArgs(view="colour"), False)):
        maps = TilePass(args, f, 0, SIDE)(f, IMAGES, 3)
        assert torch.allclose(from_tiles(maps.predicted, 3), f(IMAGES), atol=1e-5) == is_same


def test_tile_pass__refuses_surroundings_that_do_not_suit_the_stride():
    with pytest.raises(InputError, match=r"context is 12 px.* multiple of 8, such as 8 or 16"):
        TilePass(TileArgs(context=12), UNet((4, 4, 4, 4, 4)), 0, SIDE)


def test_tile_pass__refuses_surroundings_larger_than_the_image():
    assert TilePass(TileArgs(context=16, detail=2), UNet((4, 4, 4, 4, 4)), 0, 16)
    with pytest.raises(InputError, match=r"context is 24 px.* of 24 px"):
        TilePass(TileArgs(context=24), UNet((4, 4, 4, 4, 4)), 0, SIDE)
