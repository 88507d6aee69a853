"""Augmentation of a batch, images and masks together, reproducible from a generator.

The weak view is the paper's: flips and quarter turns, which only move pixels, so masks stay exact.
`warp` turns, scales and moves by any amount on top of it, which the recipe does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

MAX_ANGLE, MAX_SCALE, MAX_SHIFT = math.pi / 6, 4 / 3, 0.2
"""Of `warp`: radians either way, factor either way, share of half the side either way."""


def draw_turns(count: int, generator: torch.Generator) -> Tensor:
    """Return (count,) numbers of orientations, 0 to 7, each equally likely."""
    return torch.randint(8, (count,), generator=generator)


def turn(images: Tensor, masks: Tensor | None, turns: Tensor) -> tuple[Tensor, Tensor | None]:
    """Give each image the orientation of its number, and its mask alike.

    Args:
        images: (B, H, W, 3), H = W.
        masks: (B, H, W), or None for unlabelled images.
        turns: (B,) numbers of quarter turns, plus 4 for a flip after them.

    Returns:
        Images and masks of the same shapes.
    """
    choices = turns.tolist()
    turned = [orient(image, choice) for image, choice in zip(images, choices, strict=True)]
    images = torch.stack(turned) if turned else images
    if masks is None:
        return images, None
    turned = [orient(mask, choice) for mask, choice in zip(masks, choices, strict=True)]
    return images, torch.stack(turned) if turned else masks


def warp(images: Tensor, masks: Tensor | None, matrix: Tensor) -> tuple[Tensor, Tensor | None]:
    """Turn, scale and move each image by its matrix, its mask alike; edges are mirrored.

    Args:
        images: (B, 3, H, W) float, H = W.
        masks: (B, H, W) class indices, or None for unlabelled images.
        matrix: (B, 2, 3), as `draw_affine` gives them.

    Returns:
        Images (bilinear) and masks (nearest neighbour) of the same shapes and dtypes.
    """
    if not len(images):
        return images, masks
    grid = affine_grid(matrix, list(images.shape), align_corners=False)
    warped = grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
    warped = warped.to(memory_format=torch.channels_last)
    if masks is None:
        return warped, None
    moved = grid_sample(masks[:, None].float(), grid, "nearest", "reflection", align_corners=False)
    return warped, moved[:, 0].to(masks.dtype)


def draw_affine(count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 2, 3): where each output pixel is read, in coordinates of -1 to 1."""

    def uniform(limit: float) -> Tensor:
        return (2 * torch.rand(count, generator=generator) - 1) * limit

    angle, size = uniform(MAX_ANGLE), uniform(math.log(MAX_SCALE)).exp()
    cosine, sine = angle.cos() * size, angle.sin() * size
    rows = [cosine, -sine, uniform(MAX_SHIFT), sine, cosine, uniform(MAX_SHIFT)]
    return torch.stack(rows, dim=1).view(count, 2, 3)


def orient(x: Tensor, choice: int) -> Tensor:
    """Return (H, W, …) in one of its eight orientations; see `turn`."""
    turned = torch.rot90(x, choice % 4, dims=(0, 1))
    return turned.flip(0) if choice >= 4 else turned
