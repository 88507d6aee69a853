"""The training images on the device itself: a batch is made there, from numbers drawn here.

What is random is drawn on the CPU exactly as `DataModule.batch` does, many steps ahead, so that a
step is a function of the seed and its number on every device, and a GPU never waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crosslevel.data.augment import orient, warp
from crosslevel.data.datamodule import Choices, DataModule
from crosslevel.images.preprocess import normalise
from crosslevel.types import Batch

LARGEST_SHARE = 0.4
"""Of the device's free memory that the images may take; the rest is for the network."""


@dataclass(frozen=True)
class DeviceSet:
    """All training images of a run in a device's memory, as uint8.

    Attributes:
        images: (N, S·S, 3) uint8.
        masks: (L', S·S) uint8, of all labelled images.
        labelled: Where in `images` each labelled image is, int64.
        unlabelled: Where in `images` each unlabelled image is, int64.
        groups: (N,) the number of each image's group, int64.
        places: (8, S·S): from which pixel each pixel of an orientation comes, int64.
    """

    images: Tensor
    masks: Tensor
    labelled: Tensor
    unlabelled: Tensor
    groups: Tensor
    places: Tensor

    @property
    def side(self) -> int:
        """S, the side of the images in pixels."""
        return math.isqrt(self.places.shape[1])

    @classmethod
    def load(cls, data: DataModule, device: torch.device) -> DeviceSet:
        """Copy the training images and masks of `data` to the device."""
        arrays = data.training_arrays()
        pixels = torch.arange(data.size * data.size).view(data.size, data.size)
        places = torch.stack([orient(pixels, choice).flatten() for choice in range(8)])
        on_device = [
            torch.from_numpy(np.array(array)).to(device)
            for array in (
                *(arrays.images, arrays.masks),
                *(arrays.labelled, arrays.unlabelled, arrays.groups),
            )
        ]
        images, masks, labelled, unlabelled, groups = on_device
        return cls(
            *(images.flatten(1, 2), masks.flatten(1)),
            *(labelled, unlabelled, groups, places.to(device)),
        )

    def batch(self, choices: Choices) -> Batch:
        """Make the batch that these choices, on the device, describe; nothing waits for it."""
        count = len(choices.labelled)
        which = torch.cat([self.labelled[choices.labelled], self.unlabelled[choices.unlabelled]])
        places = self.places[choices.turns]  # (B, S·S)
        turned = self.images[which.unsqueeze(1), places].view(-1, self.side, self.side, 3)
        masks = self.masks[choices.labelled.unsqueeze(1), places[:count]]
        masks = masks.view(-1, self.side, self.side)
        images = normalise(turned)
        if choices.affine is not None:
            labelled, masks = _warped(images[:count], masks, choices.affine[:count])
            others, _ = warp(images[count:], None, choices.affine[count:])
        else:
            labelled, others = images[:count], images[count:]
        return Batch(labelled, masks.long(), others, self.groups[which])


def _warped(images: Tensor, masks: Tensor, affine: Tensor) -> tuple[Tensor, Tensor]:
    warped, moved = warp(images, masks, affine)
    assert moved is not None, "masks were given"
    return warped, moved


def fits(data: DataModule, free_bytes: int) -> bool:
    """Return whether the training images take at most `LARGEST_SHARE` of the free memory."""
    arrays = data.training_arrays()
    return arrays.images.nbytes + arrays.masks.nbytes <= LARGEST_SHARE * free_bytes


def choices_ahead(data: DataModule, steps: Sequence[int], device: torch.device) -> Choices:
    """Draw the choices of several steps and bring them to the device, stacked along dimension 0."""
    drawn = [data.choices(step) for step in steps]
    affine = [choices.affine for choices in drawn if choices.affine is not None]
    return Choices(
        torch.stack([choices.labelled for choices in drawn]).to(device),
        torch.stack([choices.unlabelled for choices in drawn]).to(device),
        torch.stack([choices.turns for choices in drawn]).to(device),
        torch.stack(affine).to(device) if affine else None,
    )


def choices_at(ahead: Choices, row: Tensor) -> Choices:
    """Return the choices of one of the stacked steps; `row` is (1,) int64 on the device."""
    return Choices(
        ahead.labelled.index_select(0, row)[0],
        ahead.unlabelled.index_select(0, row)[0],
        ahead.turns.index_select(0, row)[0],
        None if ahead.affine is None else ahead.affine.index_select(0, row)[0],
    )
