import math

import pytest
import torch

from crosslevel.losses.entropy import entropy_loss


def random_logits(channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, channels, 3, 4, generator=generator, dtype=torch.float64) * 3


def slow_entropy(logits):
    """Pixel by pixel, with the probabilities of Python's own exponentials."""
    total, count = 0.0, 0
    for image in logits.tolist():
        for row in range(len(image[0])):
            for column in range(len(image[0][0])):
                z = [channel[row][column] for channel in image]
                z = [0.0, z[0]] if len(z) == 1 else z
                p = [math.exp(x) / sum(map(math.exp, z)) for x in z]
                total -= sum(x * math.log(x) for x in p) / math.log(len(p))
                count += 1
    return total / count


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_entropy__equals_the_slow_formulation(channels):
    logits = random_logits(channels)
    assert entropy_loss(logits).item() == pytest.approx(slow_entropy(logits), rel=1e-9)


def test_entropy__is_1_for_no_idea_and_0_for_certainty():
    assert entropy_loss(torch.zeros(1, 4, 2, 2)).item() == pytest.approx(1)
    assert entropy_loss(torch.full((1, 1, 2, 2), 200.0)).item() == 0
