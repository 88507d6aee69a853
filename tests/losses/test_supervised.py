import math

import pytest
import torch

from crosslevel.losses import dice_ce_loss, dice_ce_sum_loss
from crosslevel.losses.supervised import dice_loss
from crosslevel.types import IGNORED


def example(channels=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, channels, 4, 3, generator=generator).double()
    target = torch.randint(0, max(2, channels), (2, 4, 3), generator=generator)
    return logits, target


def slow_loss(logits, target):
    """Eq. 4 with loops over images, classes and pixels; Dice smoothed by 1."""
    batch, channels, height, width = logits.shape
    classes = [1] if channels == 1 else list(range(1, channels))
    dice, cross_entropy = [], []
    for image in range(batch):
        overlap, total = dict.fromkeys(classes, 0.0), dict.fromkeys(classes, 0.0)
        for y in range(height):
            for x in range(width):
                values = [float(v) for v in logits[image, :, y, x]]
                truth = int(target[image, y, x])
                if channels == 1:
                    foreground = 1 / (1 + math.exp(-values[0]))
                    p = [1 - foreground, foreground]
                else:
                    p = [math.exp(v) / sum(math.exp(w) for w in values) for v in values]
                cross_entropy.append(-math.log(p[truth]))
                for c in classes:
                    overlap[c] += p[c] * (truth == c)
                    total[c] += p[c] + (truth == c)
        dice += [1 - (2 * overlap[c] + 1) / (total[c] + 1) for c in classes]
    return (sum(dice) / len(dice) + sum(cross_entropy) / len(cross_entropy)) / 2


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_dice_ce__equals_explicit_loops(channels):
    logits, target = example(channels)
    assert float(dice_ce_loss(logits, target)) == pytest.approx(slow_loss(logits, target), abs=1e-6)


def test_dice_ce__a_batch_need_not_show_every_class():
    logits, target = example(channels=4)
    few = target % 2
    assert float(dice_ce_loss(logits, few)) == pytest.approx(slow_loss(logits, few), abs=1e-9)


def test_dice_ce__hand_computed():
    logits, target = torch.zeros(1, 1, 1, 2), torch.tensor([[[1, 0]]])
    dice = 1 - (2 * 0.5 + 1) / (1 + 1 + 1)
    assert float(dice_ce_loss(logits, target)) == pytest.approx((dice + math.log(2)) / 2)
    assert float(dice_ce_sum_loss(logits, target)) == pytest.approx(dice + math.log(2))


def test_dice_ce__empty_mask_found_empty_costs_nothing():
    logits, target = torch.full((1, 1, 8, 8), -50.0), torch.zeros(1, 8, 8)
    assert float(dice_ce_loss(logits, target)) == pytest.approx(0, abs=1e-6)


def test_dice_ce__takes_masks_with_a_channel_and_of_any_type():
    logits, target = example()
    expected = dice_ce_loss(logits, target)
    for other in (target.unsqueeze(1), target.float(), target.bool(), target.to(torch.uint8)):
        assert float(dice_ce_loss(logits, other)) == pytest.approx(float(expected))


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_dice__is_the_first_of_two_terms(channels):
    """What is left of the whole without it is the mean of -ln p of the true classes."""
    logits, target = example(channels)
    p = logits.sigmoid() if channels == 1 else logits.softmax(dim=1)
    p = torch.cat([1 - p, p], dim=1) if channels == 1 else p
    cross_entropy = -p.gather(1, target.unsqueeze(1)).log().mean()
    found = dice_loss(logits, target)
    torch.testing.assert_close(found, dice_ce_sum_loss(logits, target) - cross_entropy)


def test_dice_ce__half_precision_is_computed_in_float32():
    logits, target = example()
    loss = dice_ce_loss(logits.bfloat16(), target)
    assert loss.dtype == torch.float32


def test_dice_ce__refuses_a_target_of_another_size():
    with pytest.raises(ValueError, match="does not fit"):
        dice_ce_loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 5, 4))


@pytest.mark.parametrize("channels", [1, 3])
def test_dice_ce__ignored_pixels_are_as_if_cut_off(channels):
    logits, target = example(channels)
    target[:, 2:] = IGNORED
    found = float(dice_ce_loss(logits, target))
    assert found == pytest.approx(float(dice_ce_loss(logits[:, :, :2], target[:, :2])))


@pytest.mark.parametrize("channels", [1, 3])
def test_dice_ce__nothing_is_learned_from_ignored_pixels(channels):
    logits, target = example(channels)
    target[0], target[1, 0] = IGNORED, IGNORED
    dice_ce_loss(logits.requires_grad_(), target).backward()
    assert not logits.grad[0].any()
    assert not logits.grad[1, :, 0].any()
    assert logits.grad[1, :, 1:].all()
