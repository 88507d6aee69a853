"""The last thing a training does: to measure what its segmenter's word is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from crosslevel.evaluation.calibrate import HeldOut, calibrate, observe
from crosslevel.evaluation.trust import measure_without_own
from crosslevel.logits import to_probabilities
from crosslevel.models.calibration import HeldOutSource, load_calibration, save_calibration
from crosslevel.models.folder import load_card, load_model, weights_hash
from crosslevel.system.devices import Place
from crosslevel.training.validation import ValidationBatches


def calibrate_model(folder: Path, held_out: Iterable[HeldOut], source: HeldOutSource) -> str | None:
    """Calibrate a model, unless that is done.

    Args:
        folder: Of the model.
        held_out: What images leave behind that were not trained on; looked at only if needed.
        source: Where they come from.

    Returns:
        A line for a person; None if nothing was to do, or no image is held out.

    Raises:
        InputError: If the model cannot be read.
    """
    if load_calibration(folder):
        return None
    seen = list(held_out)
    return write_calibration(folder, seen, source) if seen else None


def observe_model(
    folder: Path, batches: ValidationBatches, place: Place, threshold: float | None = None
) -> Iterator[HeldOut]:
    """Yield what each image leaves behind that a model was not trained on.

    Args:
        folder: Of the model.
        batches: Normalised images with their masks.
        place: Where it computes.
        threshold: The model's own if left out.
    """
    net, card = load_model(folder)
    at = card.threshold if threshold is None else threshold
    yield from observe_all(net.to(place.device), batches, at)


@torch.no_grad()
def observe_all(net: nn.Module, batches: ValidationBatches, threshold: float) -> Iterator[HeldOut]:
    """Yield what each image leaves behind that a network was not trained on.

    Args:
        net: In evaluation mode; images (B, 3, H, W) → logits (B, C, H, W).
        batches: Normalised images with masks (B, H, W).
        threshold: Binary only: foreground where the probability is at least this.
    """
    device = next(net.parameters()).device
    for images, masks in batches:
        probabilities = to_probabilities(net(images.to(device))).cpu().numpy()
        truths = masks if isinstance(masks, np.ndarray) else masks.cpu().numpy()
        for probability, truth in zip(probabilities, truths, strict=True):
            seen = observe(probability, truth.astype(np.uint8), threshold)
            if seen:
                yield seen


def write_calibration(folder: Path, held_out: Sequence[HeldOut], source: HeldOutSource) -> str:
    """Fit a calibration and write it beside the weights.

    Args:
        folder: Of the model.
        held_out: What was observed, at least one image, at the threshold of the model.
        source: Where the images come from.

    Returns:
        A line for a person.
    """
    threshold = load_card(folder).threshold
    save_calibration(folder, calibrate(held_out, source, threshold, weights_hash(folder)))
    start = f"Calibrated on {len(held_out)} {source} images."
    found = measure_without_own(held_out)
    return f"{start} {found}" if found else f"{start} They are too few to say how true it is."
