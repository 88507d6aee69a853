"""CPS, cross pseudo supervision: two networks, each learns from the other's labels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Share, Weight
from crosslevel.methods.parts.strong_views import boxes_at, cut_mix, draw_corners
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.types import Batch


class CPS(Method):
    """Two networks of one architecture and different random starts, with CutMix.

    Choose it for a network from scratch, where a step may take nearly five times as long as on
    masks alone: two networks teach each other, and each has errors of its own. One is shipped.

    Source: Chen et al., *Semi-supervised semantic segmentation with cross pseudo supervision*,
    CVPR 2021. Differs from the paper: the weight rises over the whole training, as for the other
    methods here, the supervised loss is the comparison's, CutMix pastes one box from the next image
    of the batch, and networks label with BatchNorm's running statistics, where those of the paper
    are in training mode. The first network is evaluated. With a pretrained encoder
    the two start alike there and differ in their decoders.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of CPS.

        Attributes:
            weight: Of the cross supervision at the end of its ramp.
            cutmix: Probability of a pasted box, for each image.
        """

        weight: Weight = 1.0
        cutmix: Share = 0.5

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.other = build_segmentation_net(task.model, task.num_channels)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" of both and, with unlabelled images, "cross"."""
        nets = (self.net, self.other)
        mixed, labels = self._mixed_targets(batch)
        both = [self.forward_both(batch.images, mixed, net) for net in nets]
        supervised = [self.task.supervised_loss(x, batch.masks) for x, _ in both]
        losses = {"supervised": torch.stack(supervised).sum()}
        if len(mixed):
            everywhere = torch.ones_like(labels[0], dtype=torch.bool)
            cross = [
                pseudo_label_loss(unlabelled, of_other, everywhere)
                for (_, unlabelled), of_other in zip(both, reversed(labels), strict=True)
            ]
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["cross"] = weight * torch.stack(cross).sum()
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def draw(self, unlabelled: torch.Size) -> Tensor:
        """Return (U, 4): the box of each unlabelled image."""
        return draw_corners(unlabelled, self.args.cutmix)

    @torch.no_grad()
    def _mixed_targets(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Unlabelled images with pasted boxes, and what each network says of them (U, H, W)."""
        images = batch.unlabelled
        if not len(images):
            return images, []
        boxes = boxes_at(self.drawn_for(batch), images)
        (mixed,) = cut_mix(boxes, images)
        labels = [pseudo_labels(net.eval()(images))[0] for net in (self.net, self.other)]
        self.net.train()
        self.other.train()
        return mixed, [cut_mix(boxes, x)[0] for x in labels]
