import math

import pytest
import torch

from crosslevel.errors import InputError
from crosslevel.models.projector import Projector, kernels_for


@pytest.mark.parametrize("tile_size", range(8, 257, 8))
def test_kernels_for__all_multiples_of_8(tile_size):
    kernels = kernels_for(tile_size)
    assert math.prod(kernels) == tile_size
    assert sorted(kernels, reverse=True) == list(kernels)
    assert min(kernels) >= 2


@pytest.mark.parametrize("tile_size", range(8, 257, 8))
def test_kernels_for__the_largest_is_as_small_as_it_can_be(tile_size):
    divisors = [d for d in range(2, tile_size + 1) if tile_size % d == 0]
    largest = [max(a, b, tile_size // (a * b)) for a in divisors for b in divisors
               if tile_size % (a * b) == 0 and tile_size // (a * b) >= 2]  # fmt: skip
    assert kernels_for(tile_size)[0] == min(largest)


def test_kernels_for__tiles_of_64_px_as_in_the_authors_code():
    assert kernels_for(64) == (4, 4, 4)


@pytest.mark.parametrize("tile_size", [0, 10, 14, 49, 53])
def test_kernels_for__without_three_factors_says_what_to_choose(tile_size):
    with pytest.raises(InputError, match=f"Tiles of {tile_size} px .* a multiple of 8"):
        kernels_for(tile_size)


def test_projector__gives_one_vector_for_each_tile():
    assert Projector(3, 8, hidden=4, dim=5)(torch.zeros(2, 3, 24, 16)).shape == (2, 5, 3, 2)


def test_projector__sees_each_tile_alone_and_all_of_it():
    tile = 8
    projector = Projector(2, tile, hidden=16, dim=4).eval()
    features = torch.randn(1, 2, 3 * tile, 3 * tile, requires_grad=True)
    (gradient,) = torch.autograd.grad(projector(features)[0, :, 1, 2].sum(), features)
    reached = gradient.abs().sum(dim=(0, 1)) > 0
    expected = torch.zeros_like(reached)
    expected[tile : 2 * tile, 2 * tile :] = True
    assert torch.equal(reached, expected)


def test_projector__of_a_tile_equals_its_place_in_the_map_of_the_whole():
    projector = Projector(2, 8, hidden=4, dim=4).eval()
    features = torch.randn(1, 2, 16, 16)
    tile = projector(features[:, :, 8:, :8])
    torch.testing.assert_close(tile[..., 0, 0], projector(features)[..., 1, 0])


def test_projector__does_not_clip_its_vectors():
    assert (Projector(2, 8, hidden=4, dim=8)(torch.randn(4, 2, 16, 16)) < 0).any()


def test_projector__that_ends_in_relu_has_no_negative_number_and_normalises_each():
    vectors = Projector(2, 8, hidden=4, dim=8, end="relu").train()(torch.randn(64, 2, 16, 16))
    assert (vectors >= 0).all()
    share = (vectors == 0).float().mean(dim=(0, 2, 3))
    assert ((share > 0.3) & (share < 0.7)).all()


@pytest.mark.parametrize(("tile_size", "kernels"), [(1, (1, 1, 1)), (2, (2, 1, 1)), (4, (2, 2, 1))])
def test_kernels_for__tiles_of_deep_maps_have_kernels_of_1(tile_size, kernels):
    assert kernels_for(tile_size) == kernels
