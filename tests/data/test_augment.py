import itertools

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.data.augment import MAX_SCALE, MAX_SHIFT, draw_affine, draw_turns, turn, warp

SIDE = 3
PIXELS = torch.arange(SIDE * SIDE, dtype=torch.uint8).reshape(SIDE, SIDE)


def numbered(count):
    """Images whose pixels say where they come from, in all three channels, and masks alike."""
    masks = PIXELS.expand(count, SIDE, SIDE)
    return masks.unsqueeze(-1).expand(count, SIDE, SIDE, 3), masks


def view(images, masks, seed=0):
    return turn(images, masks, draw_turns(len(images), torch.Generator().manual_seed(seed)))


def numbered_view(count, seed=0):
    images, masks = numbered(count)
    return view(images, masks, seed)


def orientations():
    """The eight of a square, written as all ways to reverse and to swap its axes."""
    for rows, columns, is_swapped in itertools.product((False, True), repeat=3):
        x = PIXELS.T if is_swapped else PIXELS
        yield x.flip([axis for axis, is_flipped in enumerate((rows, columns)) if is_flipped])


def test_turn__gives_all_eight_orientations_and_no_other_equally_often():
    count = 4000
    _, masks = numbered_view(count)
    found, times = masks.reshape(count, -1).unique(dim=0, return_counts=True)
    expected = torch.stack([x.reshape(-1) for x in orientations()]).unique(dim=0)
    assert torch.equal(found, expected)
    assert ((times / count - 1 / 8).abs() < 0.03).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 6))
def test_turn__moves_masks_with_their_images(seed, count):
    images, masks = numbered_view(count, seed)
    for channel in range(3):
        assert torch.equal(images[..., channel], masks)


def test_turn__turns_each_image_on_its_own():
    _, masks = numbered_view(8)
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 1


def test_turn__depends_on_the_state_of_the_generator():
    first, again, other = (numbered_view(8, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_turn__of_images_alone_is_that_with_masks():
    images, masks = numbered(8)
    alone, nothing = view(images, None)
    assert nothing is None
    assert torch.equal(alone, view(images, masks)[0])


def test_turn__leaves_its_input_alone():
    images, masks = (x.clone() for x in numbered(8))
    view(images, masks)
    assert torch.equal(masks, numbered(8)[1])


def test_turn__of_no_images_is_no_images():
    images, masks = view(torch.zeros(0, 4, 4, 3), torch.zeros(0, 4, 4))
    assert images.shape == (0, 4, 4, 3)
    assert masks.shape == (0, 4, 4)


def disc(count=4, side=48):
    """Bright discs off the centre, and their masks."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    mask = ((rows - 18) ** 2 + (columns - 28) ** 2 < 64).long().expand(count, side, side)
    return mask.unsqueeze(1).expand(count, 3, side, side).float(), mask


def warped(seed=0, count=4):
    images, masks = disc(count)
    moved, moved_masks = warp(
        images, masks, draw_affine(len(images), torch.Generator().manual_seed(seed))
    )
    assert moved_masks is not None
    return moved, moved_masks


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_warp__moves_masks_with_their_images(seed):
    images, masks = warped(seed)
    disagreement = ((images[:, 0] > 0.5) != (masks > 0)).float().mean()
    assert float(disagreement) < 0.01  # half a pixel along an outline
    assert masks.dtype == torch.int64
    assert set(masks.unique().tolist()) <= {0, 1}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_warp__stays_within_its_limits(seed):
    matrix = draw_affine(8, torch.Generator().manual_seed(seed))
    scale = matrix[:, :, :2].det().sqrt()
    assert bool((scale <= MAX_SCALE + 1e-5).all())
    assert bool((scale >= 1 / MAX_SCALE - 1e-5).all())
    assert float(matrix[:, :, 2].abs().max()) <= MAX_SHIFT


def test_warp__changes_the_size_of_the_disc_by_the_square_of_the_scale():
    scale = draw_affine(4, torch.Generator().manual_seed(5))[:, :, :2].det()
    _, before = disc()
    _, after = warped(5)
    ratio = before.sum((1, 2)) / after.sum((1, 2))
    torch.testing.assert_close(ratio, scale, rtol=0.08, atol=0)


def test_warp__depends_on_the_state_of_the_generator():
    assert torch.equal(warped(1)[0], warped(1)[0])
    assert not torch.equal(warped(1)[0], warped(2)[0])


def test_warp__of_no_image_is_no_image():
    images, masks = disc(0)
    assert warp(images, masks, draw_affine(0, torch.Generator()))[0].shape == (0, 3, 48, 48)
