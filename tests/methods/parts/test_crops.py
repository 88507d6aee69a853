"""A crop is a box of its image, and says where its cells are."""

import pytest
import torch

from crosslevel.methods.parts.crops import Crops, draw_crops


def ramps(num):
    """Images whose two channels are the coordinates of their pixels, as `Crops` has them."""
    along = (torch.arange(16) + 0.5) / 8 - 1
    return torch.stack([along.expand(16, 16), along.unsqueeze(1).expand(16, 16)]).expand(
        num, 2, 16, 16
    )


def test_crops__show_what_their_centres_say():
    torch.manual_seed(0)
    images = ramps(5)
    crops = draw_crops(images, 0.3)
    seen = crops.of(images).flatten(2).transpose(1, 2)  # (B, pixels, 2)
    inside = crops.centres(16, 16).clamp(-15 / 16, 15 / 16)  # the last half pixel is repeated
    torch.testing.assert_close(seen, inside, atol=1e-5, rtol=0)


def test_crops__lie_inside_and_cover_at_least_what_is_asked():
    torch.manual_seed(0)
    matrix = draw_crops(torch.zeros(500, 1, 4, 4), 0.25).matrix
    width, height = matrix[:, 0, 0].abs(), matrix[:, 1, 1]
    assert (matrix[:, 0, 2].abs() + width <= 1 + 1e-6).all()
    assert (matrix[:, 1, 2].abs() + height <= 1 + 1e-6).all()
    assert float((width * height).min()) >= 0.25 * 0.75  # a long box is cut at the edge
    assert 0.4 < float((matrix[:, 0, 0] < 0).float().mean()) < 0.6


def test_coordinates__undo_the_centres():
    torch.manual_seed(0)
    crops = draw_crops(torch.zeros(3, 1, 4, 4), 0.3)
    whole = Crops(torch.eye(2, 3).expand(3, 2, 3)).centres(4, 4)
    torch.testing.assert_close(crops.coordinates(crops.centres(4, 4)), whole)


def test_cell_diagonal__of_a_box_of_half_the_width():
    crops = Crops(torch.tensor([[[-0.5, 0.0, 0.0], [0.0, 1.0, 0.0]]]))
    assert float(crops.cell_diagonal(2, 2)) == pytest.approx((0.5**2 + 1.0**2) ** 0.5)
