import math

import pytest
import torch

from crosslevel.losses.sharpening import mutual_consistency_loss, sharpened


def test_sharpened__equals_the_explicit_formulation():
    for p in (0.0, 0.1, 0.5, 0.7, 1.0):
        expected = p**4 / (p**4 + (1 - p) ** 4)
        assert sharpened(torch.tensor(p), 0.25).item() == pytest.approx(expected, abs=1e-7)


def test_sharpened__is_a_number_however_low_the_temperature():
    p = torch.tensor([0.0, 0.3, 0.5, 0.7, 1.0], requires_grad=True)
    found = sharpened(p, 1e-3)
    found.sum().backward()
    assert found.tolist() == [0, 0, 0.5, 1, 1]
    assert p.grad is not None
    assert torch.isfinite(p.grad).all()


def test_mutual_consistency__is_the_sum_over_ordered_pairs():
    """Worked out by hand: probabilities ½, ¾ and ¼ of the one pixel's foreground, T = ½."""
    logits = [
        torch.tensor(odds, dtype=torch.float64).log().view(1, 1, 1, 1) for odds in (1, 3, 1 / 3)
    ]
    sharp = {0.5: 0.5, 0.75: 0.9, 0.25: 0.1}
    expected = sum((p - sharp[q]) ** 2 for p in sharp for q in sharp if p != q)
    assert mutual_consistency_loss(logits, temperature=0.5).item() == pytest.approx(expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_mutual_consistency__equals_explicit_loops(channels):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 2, channels, 3, 4, generator=generator, dtype=torch.float64)

    def probabilities(decoder, image, y, x):
        values = logits[decoder, image, :, y, x].tolist()
        odds = [math.exp(v) for v in ([0.0, *values] if channels == 1 else values)]
        return [o / sum(odds) for o in odds]

    total = 0.0
    for one, other in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]:
        for place in [(i, y, x) for i in range(2) for y in range(3) for x in range(4)]:
            for p, q in zip(probabilities(one, *place), probabilities(other, *place), strict=True):
                total += (p - q**2 / (q**2 + (1 - q) ** 2)) ** 2
    found = mutual_consistency_loss(list(logits), temperature=0.5)
    assert float(found) == pytest.approx(total / (24 * max(2, channels)), abs=1e-9)
