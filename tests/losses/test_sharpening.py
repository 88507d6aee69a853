import pytest
import torch

from crosslevel.losses.sharpening import mutual_consistency_loss, sharpened


def test_sharpened__equals_the_explicit_formulation():
    for p in (0.0, 0.1, 0.5, 0.7, 1.0):
        expected = p**4 / (p**4 + (1 - p) ** 4)
        assert sharpened(torch.tensor(p), 0.25).item() == pytest.approx(expected, abs=1e-7)


def test_mutual_consistency__is_the_sum_over_ordered_pairs():
    """Worked out by hand: probabilities ½, ¾ and ¼ of the one pixel's foreground, T = ½."""
    logits = [
        torch.tensor(odds, dtype=torch.float64).log().view(1, 1, 1, 1) for odds in (1, 3, 1 / 3)
    ]
    sharp = {0.5: 0.5, 0.75: 0.9, 0.25: 0.1}
    expected = sum((p - sharp[q]) ** 2 for p in sharp for q in sharp if p != q)
    assert mutual_consistency_loss(logits, temperature=0.5).item() == pytest.approx(expected)
