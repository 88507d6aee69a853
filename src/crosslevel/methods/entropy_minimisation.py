"""Entropy minimisation: predictions on unlabelled images are asked to be certain."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from torch import Tensor

from crosslevel.losses.entropy import entropy_loss
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method
from crosslevel.methods.parts.options import Weight
from crosslevel.types import Batch


class EntropyMinimisation(Method):
    """Decision boundaries are moved to where few pixels are; nothing says which side is right.

    Choose it to see what certainty alone is worth: one pass more and no second network. It makes a
    network surer of its errors, too.

    Source: Grandvalet and Bengio, *Semi-supervised learning by entropy minimization*, NeurIPS 2004,
    for segmentation as in Vu et al., *ADVENT*, CVPR 2019. Differs from both: the weight rises over
    the whole training, so that a network that knows little is not made certain of it.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of entropy minimisation.

        Attributes:
            weight: Of the entropy, which is at most 1, at the end of its ramp.
        """

        weight: Weight = 0.1

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "entropy"."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled):
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["entropy"] = weight * entropy_loss(unlabelled)
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()
