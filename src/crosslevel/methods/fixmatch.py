"""FixMatch: confident labels of the weak view are the truth of the strong view."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.losses.ramp import linear_ramp
from crosslevel.methods.base import Clock
from crosslevel.methods.parts.feature_views import logits_without_channels
from crosslevel.methods.parts.options import Share, Weight
from crosslevel.methods.parts.strong_views import (
    NUM_CORNERS,
    boxes_at,
    cut_mix,
    draw_corners,
    draw_strong,
    strong_view,
)
from crosslevel.methods.parts.teacher import TaughtMethod
from crosslevel.types import Batch


class FixMatch(TaughtMethod):
    """Weak-to-strong consistency with hard, confident pseudo-labels and CutMix.

    Choose it with a pretrained encoder and few masks: it is the recipe's, unless time suffices for
    `unimatch`. From scratch it may become sure of the background alone.

    Source: Sohn et al., *FixMatch*, NeurIPS 2020, for segmentation as in Yang et al., CVPR 2023.
    Differs from the paper: an EMA teacher labels instead of the student itself (`decay: 0` is the
    paper's), the threshold is 0.9 instead of 0.95, the weight rises over the first fifth, and the
    sum of the losses is not halved, which AdamW would not notice. In the code of Yang et al.
    labelled images and weak views are one batch of BatchNorm, whose statistics make labels, and
    strong views another. Here the running statistics make them, and labelled images and strong
    views share a batch, unless `batchnorm` is "apart". CutMix pastes from the batch's next image.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(TaughtMethod.Args):
        """Options of FixMatch.

        Attributes:
            threshold: Pixels at least so confident are learned from.
            weight: Of the loss on unlabelled images, after its ramp.
            ramp: Share of the training over which that weight rises linearly from 0.
            cutmix: Probability of a pasted box, for each image.
            dropout: Share of the encoder's channels that strong views lose, as in UniMatch.
            decay: Of the teacher's moving average; with 0 the teacher is the student.
            evaluated: Which of the two networks is validated and shipped.
        """

        threshold: Share = 0.9
        weight: Weight = 1.0
        ramp: Share = 0.2
        cutmix: Share = 0.5
        dropout: Share = 0.0
        evaluated: Literal["student", "teacher"] = "teacher"

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "pseudo"."""
        if not len(batch.unlabelled):
            logits = self.net(batch.images)
            return {"supervised": self.task.supervised_loss(logits, batch.masks)}
        return self.learn(batch, clock, *self.label(batch.unlabelled))

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def draw(self, unlabelled: torch.Size) -> Tensor:
        """Return (U, 16): the box of each unlabelled image, then its strong view."""
        corners = draw_corners(unlabelled, self.args.cutmix)
        return torch.cat([corners, draw_strong(unlabelled[0])], dim=1)

    def learn(
        self, batch: Batch, clock: Clock, labels: Tensor, confidence: Tensor
    ) -> dict[str, Tensor]:
        """Give the losses for labels and confidences (U, H, W) of the unlabelled images."""
        drawn = self.drawn_for(batch)
        strong, labels, keep = self.strong_targets(batch.unlabelled, labels, confidence, drawn)
        batches = self.task.batches(batch.images, strong)
        logits = logits_without_channels(self.net, batches, len(strong), self.args.dropout)
        labelled, unlabelled = torch.split(logits, [len(batch.images), len(strong)])
        return {
            "supervised": self.task.supervised_loss(labelled, batch.masks),
            "pseudo": self.weight(clock) * pseudo_label_loss(unlabelled, labels, keep),
        }

    @torch.no_grad()
    def label(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's labels and confidences (U, H, W), by BatchNorm's statistics."""
        return pseudo_labels(self.teacher.eval()(images))

    def strong_targets(
        self, images: Tensor, labels: Tensor, confidence: Tensor, drawn: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a strong view of the images, its labels, and where they are confident enough.

        Args:
            images: (U, 3, H, W).
            labels: (U, H, W).
            confidence: (U, H, W).
            drawn: (U, 16), as `FixMatch.draw` gives.
        """
        boxes = boxes_at(drawn[:, :NUM_CORNERS], images)
        view = strong_view(images, drawn[:, NUM_CORNERS:])
        strong, labels, confidence = cut_mix(boxes, view, labels, confidence)
        return strong, labels, confidence >= self.args.threshold

    def weight(self, clock: Clock) -> float | Tensor:
        """Of the unlabelled loss at this step."""
        return self.args.weight * linear_ramp(clock.progress, self.args.ramp)
