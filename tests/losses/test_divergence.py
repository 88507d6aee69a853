import math

import pytest
import torch

from crosslevel.losses.divergence import (
    jensen_shannon_loss,
    soft_cross_entropy_loss,
    symmetric_kl_loss,
)


def random_logits(channels, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, 3, 4, generator=generator, dtype=torch.float64) * 2


def pair(channels):
    return random_logits(channels, 0), random_logits(channels, 1)


def pixels(logits):
    """The probabilities of each pixel in turn, as lists."""
    for image in logits.tolist():
        for row in range(len(image[0])):
            for column in range(len(image[0][0])):
                z = [channel[row][column] for channel in image]
                z = [0.0, z[0]] if len(z) == 1 else z
                yield [math.exp(x) / sum(map(math.exp, z)) for x in z]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def entropy(p):
    return -sum(a * math.log(a) for a in p)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_symmetric_kl__equals_the_slow_formulation(channels):
    first, second = pair(channels)
    both = zip(pixels(first), pixels(second), strict=True)
    expected = mean((kl(p, q) + kl(q, p)) / 2 for p, q in both)
    assert symmetric_kl_loss([first, second]).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_jensen_shannon__equals_the_slow_formulation(channels):
    views = [random_logits(channels, seed) for seed in range(3)]
    expected = mean(
        entropy([mean(p) for p in zip(*of_views, strict=True)]) - mean(map(entropy, of_views))
        for of_views in zip(*map(pixels, views), strict=True)
    )
    assert jensen_shannon_loss(views).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_soft_cross_entropy__equals_the_slow_formulation(channels):
    logits, target = pair(channels)
    expected = mean(
        -sum(b * math.log(a) for a, b in zip(p, q, strict=True))
        for p, q in zip(pixels(logits), pixels(target), strict=True)
    )
    assert soft_cross_entropy_loss(logits, target).item() == pytest.approx(expected, rel=1e-9)


def test_divergences__are_0_for_equal_predictions_and_bounded():
    logits = random_logits(3, 0)
    assert symmetric_kl_loss([logits, logits]).item() == 0
    assert jensen_shannon_loss([logits, logits]).item() == pytest.approx(0, abs=1e-12)
    apart = [torch.full((1, 1, 2, 2), value) for value in (-90.0, 90.0)]
    assert jensen_shannon_loss(apart).item() == pytest.approx(math.log(2))
    assert symmetric_kl_loss(apart).isfinite()


def test_soft_cross_entropy__its_target_is_fixed():
    logits, target = (x.requires_grad_() for x in pair(2))
    soft_cross_entropy_loss(logits, target).backward()
    assert logits.grad is not None
    assert target.grad is None
