"""How much surer one network is of its masks than another, on images that both learned from.

Masks held out are seen by the networks of the folds. The one that is shipped learned for longer
and is surer of everything, right or wrong: the curve of the folds would promise too much of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor, nn

from crosslevel.data.datamodule import TrainingArrays
from crosslevel.evaluation.calibrate import HeldOut
from crosslevel.images.preprocess import normalise
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.logits import to_classes, to_probabilities
from crosslevel.models.calibration import log_odds

BATCH, MOST = 8, 64
"""Images at a time, and in all."""


def some_images(arrays: TrainingArrays) -> Tensor:
    """Return up to `MOST` training images (N, 3, S, S), evenly spaced, normalised."""
    places = np.concatenate([arrays.labelled, arrays.unlabelled])
    chosen = np.linspace(0, len(places) - 1, min(MOST, len(places))).round().astype(int)
    return normalise(torch.from_numpy(arrays.images[places[chosen]]))


def surer_by(shipped: nn.Module, other: nn.Module, images: Tensor, threshold: float) -> float:
    """Return the median difference of the log odds of certainty, above 0 if `shipped` is surer.

    Masks without foreground have a certainty of another kind and do not count; 0 if none is left.

    Args:
        shipped: In evaluation mode; images (B, 3, H, W) → logits (B, C, H, W).
        other: As `shipped`.
        images: (N, 3, H, W), normalised, on the networks' device.
        threshold: Binary only: foreground where the probability is at least this.
    """
    difference = certainties(shipped, images, threshold) - certainties(other, images, threshold)
    known = difference[np.isfinite(difference)]
    return float(np.median(known)) if len(known) else 0.0


@torch.no_grad()
def certainties(net: nn.Module, images: Tensor, threshold: float) -> NDArray[np.float64]:
    """Return the log odds of each mask's certainty: (N,), NaN for a mask without foreground."""
    found: list[float] = []
    for batch in torch.split(images, BATCH):
        for probability in to_probabilities(net(batch)).cpu().numpy():
            confidence = MaskConfidence(threshold)
            confidence.update(probability, to_classes(probability, threshold))
            odds = float(log_odds(np.array(confidence.certainty())))
            found.append(np.nan if confidence.is_empty else odds)
    return np.array(found)


def as_sure(seen: HeldOut, difference: float) -> HeldOut:
    """Return what an image would leave behind if the network were surer by so many log odds."""
    if seen.is_empty:
        return seen
    odds = log_odds(np.array(seen.certainty)) + difference
    return replace(seen, certainty=float(expit(odds)))
