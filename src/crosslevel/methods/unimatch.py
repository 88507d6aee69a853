"""UniMatch: two strong views and perturbed features all learn from the weak view."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_label_loss
from crosslevel.methods.base import Clock
from crosslevel.methods.fixmatch import FixMatch
from crosslevel.methods.parts.feature_views import logits_without_channels
from crosslevel.methods.parts.options import Share
from crosslevel.types import Batch

STRONG_SHARE, FEATURE_SHARE = 0.25, 0.5
"""Weights of each strong view and of the perturbed features among the unlabelled losses."""


class UniMatch(FixMatch):
    """FixMatch with a second strong view and a pass with dropped feature channels.

    Choose it where `fixmatch` helps and a step may take about twice as long. With the recipe's
    network and 20 masks it was two points ahead on two draws, which is not distinguishable; with 96
    masks, on validation images of one draw, the two hardly differed.

    Source: Yang et al., *Revisiting weak-to-strong consistency in semi-supervised semantic
    segmentation*, CVPR 2023. Differs from the paper: an EMA teacher labels (`decay: 0` is the
    paper's), the weak view with perturbed features goes through the encoder beside the strong
    views, the weight rises over the first fifth, and the sum of the losses is not halved. Batches
    of BatchNorm, labels and CutMix are those of `fixmatch`, which says how its code differs.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(FixMatch.Args):
        """Options of UniMatch, besides those of FixMatch.

        Attributes:
            threshold: Pixels at least so confident are learned from.
            dropout: Share of the encoder's channels that the feature perturbation drops.
        """

        threshold: Share = 0.95
        dropout: Share = 0.5

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "strong" and "feature"."""
        if not len(batch.unlabelled):
            return super().training_step(batch, clock)
        labels, confidence = self.label(batch.unlabelled)
        views = [
            self.strong_targets(batch.unlabelled, labels, confidence, drawn)
            for drawn in self.drawn_for(batch)
        ]
        strong = [view for view, _, _ in views]
        others = torch.cat([*strong, batch.unlabelled])
        batches = self.task.batches(batch.images, others)
        logits = logits_without_channels(
            self.net, batches, len(batch.unlabelled), self.args.dropout
        )
        sizes = [len(batch.images), *map(len, strong), len(batch.unlabelled)]
        supervised, first, second, perturbed = torch.split(logits, sizes)
        weight = self.weight(clock)
        strong_losses = [
            pseudo_label_loss(logits, targets, keep)
            for logits, (_, targets, keep) in zip((first, second), views, strict=True)
        ]
        feature = pseudo_label_loss(perturbed, labels, confidence >= self.args.threshold)
        return {
            "supervised": self.task.supervised_loss(supervised, batch.masks),
            "strong": weight * STRONG_SHARE * torch.stack(strong_losses).sum(),
            "feature": weight * FEATURE_SHARE * feature,
        }

    def draw(self, unlabelled: torch.Size) -> Tensor:
        """Return (2, U, 16): what FixMatch draws, for each strong view."""
        return torch.stack([super().draw(unlabelled), super().draw(unlabelled)])
