"""Validation: a network scored on images while it is trained, with only counts in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crosslevel.evaluation.counts import THRESHOLDS, Counts
from crosslevel.evaluation.metrics import CaseScore
from crosslevel.logits import to_probabilities
from crosslevel.system.devices import Place, autocast
from crosslevel.types import SettledPrecision

ValidationBatches = Iterable[tuple[Tensor, NDArray[np.uint8] | Tensor]]


def validate(
    net: nn.Module,
    batches: ValidationBatches,
    precision: SettledPrecision,
    *,
    calibrate: bool,
    place: Place | None = None,
) -> tuple[CaseScore, float]:
    """Score a network, in evaluation mode from now on.

    Args:
        net: Images (B, 3, H, W) → logits (B, C, H, W).
        batches: Normalised images with masks (B, H, W), on any device; at least one, or at least
            one among all processes.
        precision: Of the forward pass.
        calibrate: Search the threshold of a binary task, else 0.5.
        place: Of this process, if others score the other images.

    Returns:
        The mean score, without distances, and the threshold it is at.
    """
    counts = count(net, batches, precision, THRESHOLDS if calibrate else (0.5,))
    if place is not None:
        counts = counts.of_all(place)
    threshold = counts.best_threshold() if calibrate else 0.5
    return counts.mean_score(threshold), threshold


@torch.no_grad()
def count(
    net: nn.Module,
    batches: ValidationBatches,
    precision: SettledPrecision,
    thresholds: Sequence[float],
) -> Counts:
    """Count what a network, in evaluation mode from now on, gets right at each threshold."""
    net.eval()
    device = next(net.parameters()).device
    counts = Counts(thresholds)
    for images, masks in batches:
        with autocast(precision, device):
            logits = net(images.to(device))
        truths = masks if isinstance(masks, Tensor) else torch.from_numpy(masks.copy())
        counts.update(to_probabilities(logits), truths.to(device))
    return counts
