import math

import pytest
import torch

from crosslevel.losses import pyramid_consistency_loss


def scales(channels=1, num=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return list(torch.randn(num, 2, channels, 3, 2, generator=generator).double() * 2)


def class_probabilities(values):
    if len(values) == 1:
        foreground = 1 / (1 + math.exp(-values[0]))
        return [1 - foreground, foreground]
    return [math.exp(v) / sum(math.exp(w) for w in values) for v in values]


def slow_loss(logits):
    """Luo et al., Eq. 3-5, pixel by pixel in plain Python."""
    batch, _, height, width = logits[0].shape
    pixels = [(b, y, x) for b in range(batch) for y in range(height) for x in range(width)]
    each = []
    for s in range(len(logits)):
        divergences, weighted, weights = [], [], []
        for b, y, x in pixels:
            p = [class_probabilities([float(v) for v in z[b, :, y, x]]) for z in logits]
            mean = [sum(q[c] for q in p) / len(p) for c in range(len(p[0]))]
            d = sum(m * (math.log(m) - math.log(q)) for m, q in zip(mean, p[s], strict=True))
            divergences.append(d)
            weights.append(math.exp(-d))
            weighted += [math.exp(-d) * (m - q) ** 2 for m, q in zip(mean, p[s], strict=True)]
        ratio = (sum(weighted) / len(weighted)) / (sum(weights) / len(weights))
        each.append(ratio + sum(divergences) / len(divergences))
    return sum(each) / len(each)


@pytest.mark.parametrize("channels", [1, 3])
def test_pyramid__equals_explicit_loops(channels):
    logits = scales(channels)
    assert float(pyramid_consistency_loss(logits)) == pytest.approx(slow_loss(logits), abs=1e-6)


def test_pyramid__order_of_scales_does_not_matter():
    logits = scales(2)
    a, b = pyramid_consistency_loss(logits), pyramid_consistency_loss(logits[::-1])
    assert float(a) == pytest.approx(float(b), abs=1e-9)
