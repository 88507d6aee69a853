"""URPC, uncertainty-rectified pyramid consistency: the scales of one decoder must agree."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from crosslevel.config.model import UNetArgs
from crosslevel.errors import InputError
from crosslevel.losses import pyramid_consistency_loss
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.feature_views import feature_dropout, feature_noise
from crosslevel.methods.parts.options import Weight
from crosslevel.models.unet import UNet
from crosslevel.types import Batch

NUM_SCALES = 4


class URPC(Method):
    """One network, one pass; the decoder predicts at four scales, perturbed but for the finest.

    Choose it where a step may take little more than twice that of masks alone, and the network is a
    U-Net of five levels or more: one network, one pass. It was ahead of masks alone on two draws at
    96 px, and not with the network of CLCC's authors at 160 px.

    Source: Luo et al., *Efficient semi-supervised gross target volume of nasopharyngeal carcinoma
    segmentation via uncertainty rectified pyramid consistency*, MICCAI 2021, with the perturbations
    of its authors' 2-D code. Differs from that code: its encoder drops 5 to 50 % of the features,
    shallow to deep, and the shared one none; the finest head is the shared 1×1 convolution, where
    it has a 3×3 one; and the shared optimiser and schedule.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of URPC.

        Attributes:
            weight: Of the consistency loss at the end of its ramp.
        """

        weight: Weight = 0.1

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        options = task.model.args
        if not isinstance(options, UNetArgs) or len(options.widths) <= NUM_SCALES:
            raise InputError(
                f"urpc needs a U-Net of more than {NUM_SCALES} levels, for its scales: use "
                "--model.name unet and at least five --model.widths."
            )
        self.heads = nn.ModuleList(
            nn.Conv2d(width, task.num_channels, 3, padding=1)
            for width in options.widths[1:NUM_SCALES]
        )

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised", the mean over scales, and with unlabelled images "consistency"."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled, self._scales)
        supervised = [self.task.supervised_loss(x, batch.masks) for x in labelled.unbind(1)]
        losses = {"supervised": torch.stack(supervised).mean()}
        if len(batch.unlabelled):
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["consistency"] = weight * pyramid_consistency_loss(unlabelled.unbind(1))
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _scales(self, images: Tensor) -> Tensor:
        """Return logits (B, 4, C, H, W) of the scales, the finest first, all at full size."""
        assert isinstance(self.net.f, UNet), "checked when built"
        features = self.net.f.encode(images)
        full, half, quarter, eighth, *_ = self.net.f.decode_pyramid(features)
        perturbed = (
            feature_noise(half),
            feature_dropout(quarter),
            nn.functional.dropout(eighth, 0.5),
        )
        size = images.shape[2:]
        coarse = [
            interpolate(head(features), size=size, mode="nearest")
            for head, features in zip(self.heads, perturbed, strict=True)
        ]
        return torch.stack([self.net.h(full), *coarse], dim=1)
