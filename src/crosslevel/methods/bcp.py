"""BCP, bidirectional copy-paste: boxes of labelled images in unlabelled ones, and the reverse."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_labels
from crosslevel.losses.region import REGION_LOSSES
from crosslevel.methods.base import Clock, Task
from crosslevel.methods.parts.average import Buffers
from crosslevel.methods.parts.options import InnerShare, Share, Weight
from crosslevel.methods.parts.teacher import TaughtMethod
from crosslevel.types import Batch


class BCP(TaughtMethod):
    """Labelled and unlabelled images are seen within each other, so that both look alike.

    Choose it where objects have much the same place and look in all images, as organs in slices
    have, so that a pasted box fits in. No step with unlabelled images is cheaper. On polyps at 96
    px it was far behind on two draws.

    Source: Bai et al., *Bidirectional copy-paste for semi-supervised medical image segmentation*,
    CVPR 2023. Differs from the paper and its code: one training, whose first part mixes labelled
    images alone, where the paper has two; a box for each image; the teacher labels with BatchNorm's
    running statistics and keeps every component of its labels, since a polyp may not be alone.
    Both directions are one batch of BatchNorm, or two, as in that code, if it is "apart".
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(TaughtMethod.Args):
        """Options of BCP, besides those of the teacher.

        Attributes:
            warmup_share: Of the training, in which labelled images are mixed with each other.
            weight: Of the loss on unlabelled parts; labelled parts weigh 1.
            box: Side of the pasted box as a share of the image's.
            buffers: BatchNorm's running statistics of the teacher are an "average", as the paper
                has them, or those of the "student" now.
        """

        warmup_share: Share = 0.25
        weight: Weight = 0.5
        box: InnerShare = 2 / 3
        buffers: Buffers = "average"

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.loss_inside = REGION_LOSSES[task.supervised_loss]

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, after the first part, "pseudo"."""
        if not len(batch.unlabelled) or self._is_warmup(clock):
            return {"supervised": self._labelled_alone(batch)}
        images, masks, unlabelled, labels = self._pairs(batch)
        is_labelled = draw_boxes(images, self.args.box)
        half = (len(images) + 1) // 2
        is_labelled[half:].logical_not_()
        truth = torch.where(is_labelled, masks, labels)
        mixed = torch.where(is_labelled.unsqueeze(1), images, unlabelled)
        logits = torch.cat(self.forward_both(mixed[:half], mixed[half:]))
        return {
            "supervised": self.loss_inside(logits, truth, is_labelled),
            "pseudo": self.args.weight * self.loss_inside(logits, truth, ~is_labelled),
        }

    def phase(self, clock: Clock) -> Hashable:
        """Return which part of the training it is: they have other passes."""
        return self._is_warmup(clock)

    def _labelled_alone(self, batch: Batch) -> Tensor:
        """Return the supervised loss of labelled images with boxes of each other."""
        boxes = draw_boxes(batch.images, self.args.box)
        mixed = torch.where(boxes.unsqueeze(1), batch.images.roll(-1, dims=0), batch.images)
        truth = torch.where(boxes, batch.masks.roll(-1, dims=0), batch.masks)
        return self.task.supervised_loss(self.net(mixed), truth)

    def _pairs(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Labelled images with masks and unlabelled ones with labels; the fewer are repeated."""
        labels, _ = self._label(batch.unlabelled)
        count = max(len(batch.images), len(batch.unlabelled))
        places = torch.arange(count, device=batch.images.device)
        first, second = places % len(batch.images), places % len(batch.unlabelled)
        return batch.images[first], batch.masks[first], batch.unlabelled[second], labels[second]

    @torch.no_grad()
    def _label(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return pseudo_labels(self.teacher.eval()(images))

    def _is_warmup(self, clock: Clock) -> bool:
        return clock.step < self.args.warmup_share * clock.num_steps


def draw_boxes(images: Tensor, side: float) -> Tensor:
    """Return a box at a random place of each image of (B, C, H, W): (B, H, W) bool."""
    height, width = images.shape[2:]
    inside = []
    for length in (height, width):
        extent = max(1, int(length * side))
        first = (torch.rand(len(images), 1, device=images.device) * (length - extent + 1)).floor()
        places = torch.arange(length, device=images.device)
        inside.append((places >= first) & (places < first + extent))
    rows, columns = inside
    return rows.unsqueeze(2) & columns.unsqueeze(1)
