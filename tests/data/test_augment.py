import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.data.augment import weak_view

SIDE = 3
PIXELS = torch.arange(SIDE * SIDE, dtype=torch.uint8).reshape(SIDE, SIDE)


def numbered(count):
    """Images whose pixels say where they come from, in all three channels, and masks alike."""
    masks = PIXELS.expand(count, SIDE, SIDE)
    return masks.unsqueeze(-1).expand(count, SIDE, SIDE, 3), masks


def view(images, masks, seed=0):
    return weak_view(images, masks, torch.Generator().manual_seed(seed))


def numbered_view(count, seed=0):
    images, masks = numbered(count)
    return view(images, masks, seed)


def orientations():
    """The eight of a square, written as all ways to reverse and to swap its axes."""
    for rows, columns, is_swapped in itertools.product((False, True), repeat=3):
        x = PIXELS.T if is_swapped else PIXELS
        yield x.flip([axis for axis, is_flipped in enumerate((rows, columns)) if is_flipped])


def test_weak_view__gives_all_eight_orientations_and_no_other_equally_often():
    count = 4000
    _, masks = numbered_view(count)
    found, times = masks.reshape(count, -1).unique(dim=0, return_counts=True)
    expected = torch.stack([x.reshape(-1) for x in orientations()]).unique(dim=0)
    assert torch.equal(found, expected)
    assert ((times / count - 1 / 8).abs() < 0.03).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 6))
def test_weak_view__moves_masks_with_their_images(seed, count):
    images, masks = numbered_view(count, seed)
    for channel in range(3):
        assert torch.equal(images[..., channel], masks)


def test_weak_view__turns_each_image_on_its_own():
    _, masks = numbered_view(8)
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 1


def test_weak_view__depends_on_the_state_of_the_generator():
    first, again, other = (numbered_view(8, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_weak_view__of_images_alone_is_that_with_masks():
    images, masks = numbered(8)
    alone, nothing = view(images, None)
    assert nothing is None
    assert torch.equal(alone, view(images, masks)[0])


def test_weak_view__leaves_its_input_alone():
    images, masks = (x.clone() for x in numbered(8))
    view(images, masks)
    assert torch.equal(masks, numbered(8)[1])


def test_weak_view__of_no_images_is_no_images():
    images, masks = view(torch.zeros(0, 4, 4, 3), torch.zeros(0, 4, 4))
    assert images.shape == (0, 4, 4, 3)
    assert masks.shape == (0, 4, 4)
