"""Cross teaching: a convolutional network and a transformer learn from each other's labels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.config.model import ModelConfig
from crosslevel.losses.pseudo_label import pseudo_labels
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.losses.supervised import dice_loss
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Weight
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.types import Batch


class CrossTeaching(Method):
    """Two networks that err differently, since one sees far and the other near.

    Choose it where images are many and the run is long, since the transformer starts at random. In
    1 200 steps with 48 masks it was not ahead. The transformer is not shipped.

    Source: Luo et al., *Semi-supervised medical image segmentation via cross teaching between CNN
    and transformer*, MIDL 2022. Differs from the paper: the transformer is a SegFormer with a
    random start, where the paper has a Swin-Unet with ImageNet weights, the weight rises over the
    whole training, and the Dice loss is the comparison's. The network of `model.name` is evaluated.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of cross teaching.

        Attributes:
            weight: Of the loss on each other's labels at the end of its ramp.
        """

        weight: Weight = 0.1

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.transformer = build_segmentation_net(ModelConfig(name="segformer"), task.num_channels)
        self.transformer.check_size(task.size)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" of both and, with unlabelled images, "cross"."""
        nets = (self.net, self.transformer)
        both = [self.forward_both(batch.images, batch.unlabelled, net) for net in nets]
        supervised = [self.task.supervised_loss(labelled, batch.masks) for labelled, _ in both]
        losses = {"supervised": torch.stack(supervised).sum()}
        if len(batch.unlabelled):
            first, second = (unlabelled for _, unlabelled in both)
            cross = _dice_from(first, second) + _dice_from(second, first)
            losses["cross"] = self.args.weight * exponential_ramp(clock.progress) * cross
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()


def _dice_from(pupil: Tensor, teacher: Tensor) -> Tensor:
    labels, _ = pseudo_labels(teacher.detach())
    return dice_loss(pupil, labels)
