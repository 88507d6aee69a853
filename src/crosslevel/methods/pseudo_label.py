"""Pseudo-label: what the network thinks most probable now is taken as the truth."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.pseudo_label import pseudo_label_loss, pseudo_labels
from crosslevel.losses.ramp import linear_ramp
from crosslevel.methods.base import Clock, Method
from crosslevel.methods.parts.options import Share, Weight
from crosslevel.types import Batch


class PseudoLabel(Method):
    """One network, one pass: every unlabelled pixel learns its own most probable class.

    Choose it for the least that can be done with images without a mask: one pass more, no second
    network. Nothing keeps it from learning its own errors.

    Source: Lee, *Pseudo-label: the simple and efficient semi-supervised learning method for deep
    neural networks*, ICML workshop 2013, Eq. 15 and 16; the CLCC paper's reference [1]. Differs
    from the paper: the weight rises from the first step on (the paper waits a sixth of its ramp)
    and to 1 (the paper's 3 is for digits), and there is neither dropout nor pretraining.
    `self_training` is its later form, with rounds, a teacher and strong views.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of pseudo-labels.

        Attributes:
            weight: Of the loss on unlabelled images, after its ramp.
            ramp: Share of the training over which that weight rises linearly from 0.
        """

        weight: Weight = 1.0
        ramp: Share = 0.6

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "pseudo"."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled):
            labels, _ = pseudo_labels(unlabelled.detach())
            everywhere = torch.ones_like(labels, dtype=torch.bool)
            weight = self.args.weight * linear_ramp(clock.progress, self.args.ramp)
            losses["pseudo"] = weight * pseudo_label_loss(unlabelled, labels, everywhere)
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()
