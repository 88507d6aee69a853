"""The supervised network, its labelled images normalised together with unlabelled ones."""

import torch
from torch import Tensor

from crosslevel.methods.base import Clock
from crosslevel.methods.supervised import Supervised
from crosslevel.types import Batch


class Joint(Supervised):
    """No loss on the unlabelled images: they share BatchNorm's batch and nothing else."""

    uses_unlabelled = True

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """One term, "supervised"."""
        logits = self.net(torch.cat([batch.images, batch.unlabelled]))[: len(batch.images)]
        return {"supervised": self.task.supervised_loss(logits, batch.masks)}
