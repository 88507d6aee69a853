"""Relative position: on which side of a patch is its neighbour?"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from crosslevel.errors import InputError
from crosslevel.methods.parts.heads import head, pooled
from crosslevel.methods.parts.options import Count
from crosslevel.methods.parts.other_views import View, other_view
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.types import Batch

SIDES, GRID, CENTRE = 8, 3, 4
LARGEST = 0.75
"""Share of a field that a patch may take, so that edges cannot be followed across the gap."""


class RelativePosition(PretextTask):
    """Of a 3×3 grid the encoder sees the middle and one neighbour, and tells which one.

    Choose it where parts of an image have their usual places, as in X-rays and CT slices, and time
    is short: its step is the cheapest by far. Of little use where images have no up and down.

    Source: Doersch et al., *Unsupervised visual representation learning by context prediction*,
    ICCV 2015. Differs from the paper: the vectors are means of the deepest map, and colours change
    in each patch instead of being dropped.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of the relative position.

        Attributes:
            pairs: Neighbours of each image's middle in a step.
            view: What is changed in each patch, so that its edges' colours do not tell.
        """

        pairs: Count = 2
        view: View = "colour"

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        self.head = head(2 * self.deepest_channels, SIDES, self.deepest_channels)
        self.field = setting.size // GRID
        self.patch = patch_side(self.field, self.f.stride)

    def check_size(self) -> None:
        """See that a patch of the least size fits into a field of the grid."""
        if self.setting.size < GRID * self.f.stride:
            raise InputError(
                f"relative_position cuts images into {GRID}×{GRID} fields, each at least "
                f"{self.f.stride} px for this backbone; found a size of {self.setting.size} px. "
                f"Choose a --size of at least {GRID * self.f.stride}."
            )

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "sides"."""
        images = batch.unlabelled.repeat_interleave(self.args.pairs, dim=0)
        sides = torch.randint(SIDES, (len(images),), device=images.device)
        fields = [torch.full_like(sides, CENTRE), sides + (sides >= CENTRE)]
        patches = torch.cat([self._cut(images, numbers) for numbers in fields])
        maps = pooled(self.deepest(other_view(patches, self.args.view)))
        middle, other = maps.chunk(2)
        answers = self.head(torch.cat([middle, other], dim=1)).flatten(1)
        return {"sides": cross_entropy(answers, sides)}

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()

    def _cut(self, images: Tensor, fields: Tensor) -> Tensor:
        """Cut a patch out of a field of each image, anywhere in it: (B, 3, patch, patch)."""
        jitter = torch.randint(self.field - self.patch + 1, (2, len(images)), device=images.device)
        starts = torch.stack([fields // GRID, fields % GRID]) * self.field + jitter
        along = torch.arange(self.patch, device=images.device)
        rows, columns = (start.unsqueeze(1) + along for start in starts)
        numbers = torch.arange(len(images), device=images.device).view(-1, 1, 1)
        cut = images.permute(0, 2, 3, 1)[numbers, rows.unsqueeze(2), columns.unsqueeze(1)]
        return cut.permute(0, 3, 1, 2)


def patch_side(field: int, stride: int) -> int:
    """Return the side of a patch: a multiple of the stride, with a gap if one is possible.

    Example:
        >>> patch_side(85, 32), patch_side(32, 32)
        (32, 32)
    """
    return max(stride, int(LARGEST * field) // stride * stride)
