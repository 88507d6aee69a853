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
        finer: The images in more detail, and their places; None if a batch has none.
    """

    images: Tensor
    masks: Tensor
    labelled: Tensor
    unlabelled: Tensor
    groups: Tensor
    places: Tensor
    finer: tuple[Tensor, Tensor] | None

    @classmethod
    def load(cls, data: DataModule, device: torch.device) -> DeviceSet:
        """Copy the training images and masks of `data` to the device."""
        arrays = data.training_arrays()
        on_device = [
            torch.from_numpy(np.array(array)).to(device)
            for array in (
                *(arrays.images, arrays.masks),
                *(arrays.labelled, arrays.unlabelled, arrays.groups),
            )
        ]
        images, masks, labelled, unlabelled, groups = on_device
        finer = None
        if arrays.finer is not None:
            detailed = torch.from_numpy(np.array(arrays.finer)).to(device).flatten(1, 2)
            finer = detailed, _places(arrays.finer.shape[1]).to(device)
        return cls(
            *(images.flatten(1, 2), masks.flatten(1)),
            *(labelled, unlabelled, groups, _places(data.size).to(device)),
            finer=finer,
        )

    def batch(self, choices: Choices) -> Batch:
        """Make the batch that these choices, on the device, describe; nothing waits for it."""
        count = len(choices.labelled)
        which = torch.cat([self.labelled[choices.labelled], self.unlabelled[choices.unlabelled]])
        places = self.places[choices.turns]  # (B, S·S)
        images = normalise(_square(self.images[which.unsqueeze(1), places]))
        masks = _square(self.masks[choices.labelled.unsqueeze(1), places[:count]])
        if choices.affine is not None:
            labelled, masks = _warped(images[:count], masks, choices.affine[:count])
            others, _ = warp(images[count:], None, choices.affine[count:])
        else:
            labelled, others = images[:count], images[count:]
        finer = self._finer_of(which, choices)
        return Batch(labelled, masks.long(), others, self.groups[which], finer)

    def _finer_of(self, which: Tensor, choices: Choices) -> Tensor | None:
        if self.finer is None:
            return None
        pixels, places = self.finer
        images = normalise(_square(pixels[which.unsqueeze(1), places[choices.turns]]))
        return images if choices.affine is None else warp(images, None, choices.affine)[0]


def _places(side: int) -> Tensor:
    """Return from which pixel each pixel of an orientation comes: (8, side²)."""
    pixels = torch.arange(side * side).view(side, side)
    return torch.stack([orient(pixels, choice).flatten() for choice in range(8)])


def _square(pixels: Tensor) -> Tensor:
    """Map (B, S·S, …) → (B, S, S, …)."""
    side = math.isqrt(pixels.shape[1])
    return pixels.view(-1, side, side, *pixels.shape[2:])


def _warped(images: Tensor, masks: Tensor, affine: Tensor) -> tuple[Tensor, Tensor]:
    warped, moved = warp(images, masks, affine)
    assert moved is not None, "masks were given"
    return warped, moved


def fits(data: DataModule, free_bytes: int) -> bool:
    """Return whether the training images take at most `LARGEST_SHARE` of the free memory."""
    arrays = data.training_arrays()
    used = arrays.images.nbytes + arrays.masks.nbytes
    if arrays.finer is not None:
        used += arrays.finer.nbytes
    return used <= LARGEST_SHARE * free_bytes


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
