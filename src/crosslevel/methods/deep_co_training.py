"""Deep co-training: two networks agree on images, but not on each other's adversarial ones."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.images.preprocess import imagenet_statistics
from crosslevel.losses.divergence import jensen_shannon_loss, soft_cross_entropy_loss
from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.methods.parts.options import Positive, Weight
from crosslevel.models.segmenter import SegmentationNet, build_segmentation_net
from crosslevel.types import Batch

Pair = tuple[Tensor, Tensor]
"""Of labelled and of other images."""


class DeepCoTraining(Method):
    """Two networks that must agree, kept different by resisting what misleads the other one.

    Choose it to study two networks that are kept different, which those of `cps` are not. Its step
    is the dearest, nearly ten times that of masks alone.

    Source: Qiao et al., *Deep co-training for semi-supervised image recognition*, ECCV 2018, Eq. 1
    to 4, for segmentation as in Peng et al., *Deep co-training for semi-supervised image
    segmentation*, Pattern Recognition 2020. Differs from the papers: weights rise over the whole
    training, and passes of adversarial images do not move BatchNorm's running statistics. The first
    network is evaluated.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of deep co-training.

        Attributes:
            weight: Of the disagreement on unlabelled images at the end of its ramp.
            difference: Of the loss on adversarial images at the end of its ramp.
            step: How far a pixel of an adversarial image is moved, of images in [0, 1].
        """

        weight: Weight = 1.0
        difference: Weight = 0.5
        step: Positive = 0.02

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.other = build_segmentation_net(task.model, task.num_channels)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" of both and, with unlabelled images, "agreement" and "difference"."""
        nets = (self.net, self.other)
        images = batch.images.clone().requires_grad_(), batch.unlabelled.clone().requires_grad_()
        clean = [self.forward_both(*images, net) for net in nets]
        supervised = [self.task.supervised_loss(labelled, batch.masks) for labelled, _ in clean]
        losses = {"supervised": torch.stack(supervised).sum()}
        if len(batch.unlabelled):
            weight = exponential_ramp(clock.progress)
            agreement = jensen_shannon_loss([unlabelled for _, unlabelled in clean])
            losses["agreement"] = self.args.weight * weight * agreement
            resisted = [
                self._resist(net, self._mislead(images, misled, loss), target=misled)
                for net, misled, loss in zip(reversed(nets), clean, supervised, strict=True)
            ]
            losses["difference"] = self.args.difference * weight * torch.stack(resisted).sum()
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _mislead(self, images: Pair, logits: Pair, supervised: Tensor) -> Pair:
        """Move images one step towards a higher loss of the network that gave the logits."""
        labels, _ = pseudo_labels(logits[1].detach())
        everywhere = torch.ones_like(labels, dtype=torch.bool)
        loss = supervised + pseudo_label_loss(logits[1], labels, everywhere)
        slopes = torch.autograd.grad(loss, images, retain_graph=True)
        std = imagenet_statistics(images[0].device)[1].view(1, 3, 1, 1)
        labelled, others = (
            (x + self.args.step / std * slope.sign()).detach()
            for x, slope in zip(images, slopes, strict=True)
        )
        return labelled, others

    def _resist(self, net: SegmentationNet, misleading: Pair, target: Pair) -> Tensor:
        """Cross-entropy of a network on images made to mislead the one that gave the target."""
        with frozen_running_statistics(net):
            found = self.forward_both(*misleading, net)
        return soft_cross_entropy_loss(torch.cat(found), torch.cat(target))
