import math

import pytest
import torch

from crosslevel.losses import dice_ce_loss
from crosslevel.losses.region import region_dice_ce_loss


def example(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, channels, 4, 5, generator=generator, dtype=torch.float64) * 2
    labels = torch.randint(max(2, channels), (3, 4, 5), generator=generator)
    region = torch.rand(3, 4, 5, generator=generator) < 0.6
    return logits, labels, region


def slow_region_loss(logits, labels, region):
    """Only the pixels inside are ever looked at, one by one."""
    ces, dices = [], []
    for image, truth, inside in zip(logits.tolist(), labels.tolist(), region.tolist(), strict=True):
        found = []  # (probabilities, label) of the pixels inside
        for row in range(len(truth)):
            for column in range(len(truth[0])):
                if inside[row][column]:
                    z = [channel[row][column] for channel in image]
                    z = [0.0, z[0]] if len(z) == 1 else z
                    p = [math.exp(x) / sum(map(math.exp, z)) for x in z]
                    found.append((p, truth[row][column]))
        ces += [-math.log(p[label]) for p, label in found]
        for k in range(1, max(2, len(image))):
            overlap = sum(p[k] for p, label in found if label == k)
            total = sum(p[k] for p, _ in found) + sum(label == k for _, label in found)
            dices.append(1 - (2 * overlap + 1) / (total + 1))
    return (sum(dices) / len(dices) + sum(ces) / len(ces)) / 2


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_region_loss__equals_the_slow_formulation(channels):
    logits, labels, region = example(channels)
    expected = slow_region_loss(logits, labels, region)
    assert region_dice_ce_loss(logits, labels, region).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
def test_region_loss__of_everything_is_the_supervised_one(channels):
    logits, labels, region = example(channels)
    found = region_dice_ce_loss(logits, labels, torch.ones_like(region))
    torch.testing.assert_close(found, dice_ce_loss(logits, labels))


def test_region_loss__of_nothing_is_0():
    logits, labels, region = example(1)
    assert region_dice_ce_loss(logits, labels, torch.zeros_like(region)).item() == 0


def test_region_loss__has_no_gradient_outside():
    logits, labels, region = example(3)
    logits.requires_grad_()
    region_dice_ce_loss(logits, labels, region).backward()
    assert logits.grad is not None
    assert (logits.grad.abs().sum(dim=1)[~region] == 0).all()
