"""Rotation: which way up is the image?"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from crosslevel.methods.parts.heads import pooled
from crosslevel.methods.parts.other_views import View, other_view
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.types import Batch

QUARTERS = 4


class Rotation(PretextTask):
    """The encoder tells by how many quarter turns an image was turned.

    Choose it where images have an up and a down, as X-rays and CT slices have. Of no use elsewhere,
    as under a microscope or a dermatoscope: the loss stays at ln 4.

    Source: Gidaris et al., *Unsupervised representation learning by predicting image rotations*,
    ICLR 2018; as there, all four turns of an image are in the batch.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of the rotation.

        Attributes:
            view: What is changed in each image, so that colours alone do not tell.
        """

        view: View = "colour"

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        self.head = nn.Conv2d(self.deepest_channels, QUARTERS, 1)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "turns"."""
        images = other_view(batch.unlabelled, self.args.view)
        turned = torch.cat([torch.rot90(images, turns, (2, 3)) for turns in range(QUARTERS)])
        answers = self.head(pooled(self.deepest(turned))).flatten(1)
        right = torch.arange(QUARTERS, device=images.device).repeat_interleave(len(images))
        return {"turns": cross_entropy(answers, right)}

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()
