"""Supervised: the U-Net row of every table, trained on the labelled images alone."""

from __future__ import annotations

from torch import Tensor

from crosslevel.methods.base import Clock, Method
from crosslevel.types import Batch


class Supervised(Method):
    """Labelled images only; the baseline every semi-supervised method has to beat.

    Source: Ronneberger et al., *U-Net*, 2015, with the supervised loss of the comparison.
    """

    uses_unlabelled = False

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """One term, "supervised"."""
        return {"supervised": self.task.supervised_loss(self.net(batch.images), batch.masks)}
