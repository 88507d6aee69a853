import colorsys
import math

import pytest
import torch
from kornia.filters import gaussian_blur2d

from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.methods.parts.other_views import (
    KERNEL,
    NOISE,
    blur,
    change_colours,
    other_view,
    turn_hues,
)

MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
VIEWS = ["colour", "blur", "noise", "all"]


def images(count=4, side=16):
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(count, 3, side, side, generator=generator) - MEAN) / STD


@pytest.mark.parametrize("view", VIEWS)
def test_other_view__changes_every_image_within_its_range(view):
    torch.manual_seed(0)
    before = images()
    after = other_view(before, view)
    assert after.shape == before.shape
    assert ((after - before).abs().amax(dim=(1, 2, 3)) > 1e-3).all()
    seen = after * STD + MEAN
    assert seen.min() > -1e-5
    assert seen.max() < 1 + 1e-5


def test_other_view__same_gives_the_images():
    before = images()
    assert other_view(before, "same") is before


@pytest.mark.parametrize("view", VIEWS)
def test_other_view__is_reproducible_and_differs_between_images(view):
    image = images(1).expand(6, 3, 16, 16)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(other_view(image, view))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert len({float(x.sum()) for x in found[0]}) == 6


@pytest.mark.parametrize("view", VIEWS)
def test_other_view__is_the_same_in_half_precision_training(view):
    found = []
    for is_half in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            found.append(other_view(images(), view))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("view", ["colour", "all"])
def test_other_view__of_no_image_is_none(view):
    assert other_view(torch.zeros(0, 3, 16, 16), view).shape == (0, 3, 16, 16)


def test_colours__move_no_pixel():
    """The order of grey levels stays where it was, whatever the colours."""
    torch.manual_seed(0)
    ramp = torch.linspace(0.3, 0.6, 16).expand(5, 3, 16, 16)
    steps = change_colours(ramp).mean(dim=1).diff(dim=-1)
    assert (steps > 0).all()


def test_colours__of_grey_stay_grey():
    torch.manual_seed(0)
    view = change_colours(torch.rand(20, 1, 4, 4).expand(20, 3, 4, 4))
    torch.testing.assert_close(view.amax(dim=1), view.amin(dim=1))


def test_hues__a_third_of_a_circle_makes_red_green():
    chroma = torch.tensor([2.0, -1, -1]).view(1, 3, 1, 1)
    turned = turn_hues(chroma, torch.full((1, 1, 1, 1), 2 * math.pi / 3))
    torch.testing.assert_close(turned.flatten(), torch.tensor([-1.0, 2, -1]))


@pytest.mark.parametrize("degrees", [-30, 20])
def test_hues__turn_in_the_direction_and_by_about_the_angle_of_colorsys(degrees):
    colour = torch.tensor([0.6, 0.45, 0.4])
    grey = colour.mean()
    chroma = (colour - grey).view(1, 3, 1, 1)
    turned = turn_hues(chroma, torch.full((1, 1, 1, 1), math.radians(degrees))).flatten() + grey
    before, after = (colorsys.rgb_to_hsv(*c.tolist())[0] for c in (colour, turned))
    change = (after - before + 0.5) % 1 - 0.5
    assert 360 * change == pytest.approx(degrees, abs=6)  # a hexagon against a circle


def test_blur__is_that_of_kornia_for_each_image_s_own_width():
    x, sigma = torch.rand(3, 3, 20, 24), torch.tensor([0.3, 1.0, 2.0])
    expected = gaussian_blur2d(x, KERNEL, sigma.view(3, 1).expand(3, 2))
    torch.testing.assert_close(blur(x, sigma.view(3, 1, 1, 1)), expected)


def test_noise__differs_between_images_up_to_its_limit():
    torch.manual_seed(0)
    grey = (torch.full((200, 3, 64, 64), 0.5) - MEAN) / STD
    spread = (other_view(grey, "noise") * STD + MEAN).std(dim=(1, 2, 3))
    assert spread.max() == pytest.approx(NOISE, rel=0.05)
    assert spread.mean() == pytest.approx(NOISE / 2, rel=0.1)
