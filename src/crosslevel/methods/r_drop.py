"""R-Drop, regularised dropout: two passes that drop different features must agree."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import dropout2d

from crosslevel.losses.divergence import symmetric_kl_loss
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.methods.parts.options import Share, Weight
from crosslevel.types import Batch


class RDrop(Method):
    """One network; its decoder sees the encoder's features twice, with other channels dropped.

    Choose it where masks are so few that the decoder overfits: dropped channels regularise labelled
    images, too. It needs neither a teacher nor strong views.

    Source: Liang et al., *R-Drop: regularized dropout for neural networks*, NeurIPS 2021. Differs
    from the paper: since the shared backbone has no dropout, channels of the encoder's features are
    dropped; the divergence is that of unlabelled pixels, and its weight rises over the whole
    training.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of R-Drop.

        Attributes:
            weight: Of the divergence of the two passes at the end of its ramp.
            dropout: Share of the encoder's channels that are dropped.
        """

        weight: Weight = 1.0
        dropout: Share = 0.3

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised", the mean of the passes, and with unlabelled images "agreement"."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled, self._two_passes)
        supervised = [self.task.supervised_loss(x, batch.masks) for x in labelled.unbind(1)]
        losses = {"supervised": torch.stack(supervised).mean()}
        if len(batch.unlabelled):
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["agreement"] = weight * symmetric_kl_loss(unlabelled.unbind(1))
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _two_passes(self, images: Tensor) -> Tensor:
        """Return logits (B, 2, C, H, W) of two passes, of which BatchNorm remembers the first."""
        features = self.net.f.encode(images)
        first = self._decode(features)
        with frozen_running_statistics(self.net.f):
            return torch.stack([first, self._decode(features)], dim=1)

    def _decode(self, features: list[Tensor]) -> Tensor:
        dropped = [dropout2d(level, self.args.dropout) for level in features]
        logits: Tensor = self.net.h(self.net.f.decode(dropped))
        return logits
