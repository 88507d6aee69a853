"""How much surer the shipped network is than those of the folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crosslevel.evaluation.calibrate import HeldOut
from crosslevel.training.surer import as_sure, certainties, surer_by


class _Fixed(nn.Module):
    """Gives foreground log odds `high` where the red channel is above 0, and -`high` elsewhere."""

    def __init__(self, high: float) -> None:
        super().__init__()
        self.high = high

    def forward(self, images: Tensor) -> Tensor:
        return torch.where(images[:, :1] > 0, self.high, -self.high)


def _images() -> Tensor:
    images = -torch.ones(3, 3, 4, 4)
    images[0, :, :2], images[1, :, 0] = 1, 1  # 8 of 16 pixels, 4 of 16, none
    return images


def test_certainties__by_hand():
    # log odds ±1 are doubled: p is 0.8808 inside, 0.1192 outside; 2·8·p / (8·p + 8·(1-p) + 8) = p
    found = certainties(_Fixed(1.0), _images(), 0.5)
    assert found[0] == pytest.approx(2.0, abs=1e-5)
    inside, outside = 4 * 0.880797, 12 * 0.119203
    dice = 2 * inside / (inside + outside + 4)
    assert found[1] == pytest.approx(np.log(dice / (1 - dice)), abs=1e-4)
    assert np.isnan(found[2])


def test_surer_by__is_the_median_over_masks_with_foreground_in_both():
    images = _images()
    difference = surer_by(_Fixed(2.0), _Fixed(1.0), images[:1], 0.5)
    assert difference == pytest.approx(2.0, abs=1e-4)
    both = certainties(_Fixed(2.0), images, 0.5) - certainties(_Fixed(1.0), images, 0.5)
    assert surer_by(_Fixed(2.0), _Fixed(1.0), images, 0.5) == pytest.approx(np.mean(both[:2]))
    assert surer_by(_Fixed(2.0), _Fixed(1.0), images[2:], 0.5) == 0


def test_as_sure__moves_log_odds_and_leaves_masks_without_foreground():
    pixels, truth = np.zeros((1, 1), np.float32), np.zeros(1, np.uint8)
    seen = HeldOut(0.5, is_empty=False, dice=0.7, pixels=pixels, truth=truth)
    moved = as_sure(seen, 1.0)
    assert moved.certainty == pytest.approx(1 / (1 + np.exp(-1)))
    assert (moved.dice, moved.truth) == (0.7, truth)
    empty = HeldOut(0.5, is_empty=True, dice=1.0, pixels=pixels, truth=truth)
    assert as_sure(empty, 1.0) is empty
