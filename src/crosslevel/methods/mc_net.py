"""MC-Net, mutual consistency: two different decoders learn from each other's sharpened answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from crosslevel.losses.ramp import exponential_ramp
from crosslevel.losses.sharpening import mutual_consistency_loss
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.decoders import FurtherDecoder
from crosslevel.methods.parts.options import Positive, Weight
from crosslevel.models.unet import UNet
from crosslevel.types import Batch


class MCNet(Method):
    """One encoder and two decoders, whose disagreement shows where the network is unsure.

    Choose it with a U-Net, for thin parts and borders that touch: there its decoders differ, says
    its paper, and learn from each other.

    Source: Wu et al., *Semi-supervised left atrium segmentation with mutual consistency training*,
    MICCAI 2021, with the weight and the 2-D network of its authors' code: a decoder enlarges by
    transposed convolutions, the other by interpolation. Differs from that code: the one with
    transposed convolutions is evaluated, the supervised loss is the comparison's, and on other
    networks than the U-Net the decoders differ in their random start alone.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of MC-Net.

        Attributes:
            weight: Of the consistency loss at the end of its ramp.
            temperature: Of the sharpening: the lower, the nearer to hard labels.
        """

        weight: Weight = 0.1
        temperature: Positive = 0.1

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.second = FurtherDecoder(task)
        if isinstance(self.second.f, UNet):
            interpolate_in(self.second.f)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised", the mean of the decoders, and "consistency" of all images."""
        both = self.forward_both(batch.images, batch.unlabelled, self._two_decoders)
        supervised = [self.task.supervised_loss(x, batch.masks) for x in both[0].unbind(1)]
        weight = self.args.weight * exponential_ramp(clock.progress)
        consistency = mutual_consistency_loss(torch.cat(both).unbind(1), self.args.temperature)
        return {
            "supervised": torch.stack(supervised).mean(),
            "consistency": weight * consistency,
        }

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _two_decoders(self, images: Tensor) -> Tensor:
        """Return logits (B, 2, C, H, W)."""
        features = self.net.f.encode(images)
        first = self.net.h(self.net.f.decode(features))
        return torch.stack([first, self.second(features)], dim=1)


def interpolate_in(net: UNet) -> None:
    """Let a U-Net enlarge by a 1×1 convolution and bilinear interpolation."""
    transposed = [cast(nn.ConvTranspose2d, layer) for layer in net.upsample]
    net.upsample = nn.ModuleList(
        nn.Sequential(
            nn.Conv2d(layer.in_channels, layer.out_channels, 1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        )
        for layer in transposed
    )
