"""Strong views and CutMix: how strong, how often, and that labels stay where they belong."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.methods.parts.strong_views import BOX_AREA, cut_mix, draw_boxes, strong_view

MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
NUM = 1000


def views_of(colour, seed=0):
    """Strong views, in [0, 1], of `NUM` images of one colour: one pixel tells all (NUM, 3)."""
    images = torch.tensor(colour).view(1, 3, 1, 1).expand(NUM, 3, 8, 8)
    torch.manual_seed(seed)
    views = strong_view((images - MEAN) / STD) * STD + MEAN
    return views[:, :, 4, 4]


def test_strong_view__adds_up_to_a_half_to_the_brightness():
    shades = views_of([0.4, 0.4, 0.4])[:, 0]  # nothing but brightness and contrast changes a grey
    assert ((shades - 0.4).abs() > 1e-4).float().mean() == pytest.approx(0.8, abs=0.05)
    assert shades.min() == pytest.approx(0, abs=1e-4)
    assert shades.max() == pytest.approx(1, abs=1e-4)


def test_strong_view__lightens_black_in_two_images_of_five():
    shades = views_of([0.0, 0.0, 0.0])[:, 0]
    assert (shades > 1e-4).float().mean() == pytest.approx(0.4, abs=0.05)
    assert shades.max() == pytest.approx(0.75, abs=0.06)  # ½ more, then 1½ times


def test_strong_view__makes_one_image_in_five_grey():
    is_grey = (lambda v: v.amax(1) - v.amin(1) < 1e-4)(views_of([0.7, 0.4, 0.3]))
    assert is_grey.float().mean() == pytest.approx(0.2, abs=0.05)


def test_strong_view__turns_the_hue_by_a_quarter_at_most():
    red, green, blue = views_of([0.6, 0.3, 0.3]).unbind(1)
    assert ((green > red + 0.01) | (blue > red + 0.01)).any(), "the hue turns"
    is_cyan = (red < green - 0.01) & (red < blue - 0.01) & ((green - blue).abs() < 0.01)
    assert not is_cyan.any(), "but not to the opposite"


def test_strong_view__blurs_about_half_of_the_images():
    stripes = (torch.arange(16) % 2 * 0.2 + 0.4).expand(NUM, 3, 16, 16)
    torch.manual_seed(0)
    views = strong_view((stripes - MEAN) / STD) * STD
    contrast = views[:, 0, 8, 7:9].diff().abs().flatten()
    assert (contrast < 0.02).float().mean() == pytest.approx(0.38, abs=0.06)  # σ > 0.6 wipes out


def test_strong_view__moves_no_pixel():
    images = torch.full((16, 3, 32, 32), -1.5)
    images[:, :, 8:24, 12:20] = 1.5
    for view in strong_view(images):
        inside, outside = view[:, 10:22, 14:18].mean(), view[:, :4].mean()
        assert inside > outside


def test_strong_view__is_reproducible_and_differs_between_images():
    image = torch.randn(1, 3, 16, 16).expand(8, 3, 16, 16)
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(strong_view(image))
    assert views[0].shape == image.shape
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert len({float(view.sum()) for view in views[0]}) > 4


def test_strong_view__is_the_same_in_half_precision_training():
    images, views = torch.randn(8, 3, 32, 32), []
    for is_half in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            views.append(strong_view(images))
    torch.testing.assert_close(views[0], views[1])


@given(st.integers(0, 10**6), st.integers(8, 64), st.integers(8, 64))
def test_boxes__are_one_rectangle_within_the_stated_area(seed, height, width):
    torch.manual_seed(seed)
    box = draw_boxes(torch.zeros(1, 1, height, width), 1.0)[0]
    rows, columns = box.any(1).nonzero().flatten(), box.any(0).nonzero().flatten()
    assert box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert int(box.sum()) == len(rows) * len(columns)
    slack = height + width  # rounding to whole pixels
    assert int(box.sum()) <= BOX_AREA[1] * height * width + slack


def test_boxes__cover_2_to_40_percent_and_every_image_has_its_own():
    torch.manual_seed(0)
    boxes = draw_boxes(torch.zeros(NUM, 1, 64, 64), 1.0)
    share = boxes.float().mean(dim=(1, 2))
    assert share.min() == pytest.approx(0.02, abs=0.005)
    assert share.max() == pytest.approx(0.4, abs=0.01)
    assert share.mean() == pytest.approx(0.21, abs=0.02)
    assert len({tuple(box.nonzero()[0].tolist()) for box in boxes}) > 100


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_boxes__are_as_frequent_as_asked_for(probability):
    torch.manual_seed(0)
    has_box = draw_boxes(torch.zeros(NUM, 3, 16, 16), probability).any(dim=(1, 2)).float()
    assert has_box.mean() == pytest.approx(probability, abs=0.05)


@given(st.integers(0, 10**6))
def test_cut_mix__takes_every_pixel_from_one_of_two_images_with_its_label(seed):
    torch.manual_seed(seed)
    labels = torch.arange(3).view(3, 1, 1).expand(3, 8, 8)
    images = labels.unsqueeze(1).expand(3, 2, 8, 8).float()
    boxes = draw_boxes(images, 0.7)
    mixed, mixed_labels = cut_mix(boxes, images, labels)
    assert torch.equal(mixed[:, 0].long(), mixed_labels)
    assert torch.equal(mixed_labels, torch.where(boxes, (labels + 1) % 3, labels))
