"""Augmentation of a batch, images and masks together, reproducible from a generator.

The weak view is the paper's: flips and quarter turns, which only move pixels, so masks stay exact.
"""

from __future__ import annotations

import torch
from torch import Tensor


def weak_view(
    images: Tensor, masks: Tensor | None, generator: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Flip and turn each image on its own, its mask alike; all eight orientations equally likely.

    Args:
        images: (B, H, W, 3), H = W.
        masks: (B, H, W), or None for unlabelled images.
        generator: Source of randomness; the same state gives the same view.

    Returns:
        Images and masks of the same shapes.
    """
    choices = torch.randint(8, (len(images),), generator=generator).tolist()
    turned = [_orient(image, choice) for image, choice in zip(images, choices, strict=True)]
    images = torch.stack(turned) if turned else images
    if masks is None:
        return images, None
    turned = [_orient(mask, choice) for mask, choice in zip(masks, choices, strict=True)]
    return images, torch.stack(turned) if turned else masks


def _orient(x: Tensor, choice: int) -> Tensor:
    turned = torch.rot90(x, choice % 4, dims=(0, 1))
    return turned.flip(0) if choice >= 4 else turned
