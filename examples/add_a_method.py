"""A method of your own in one file: entropy minimisation on the unlabelled images.

crosslevel train --data polyps --out runs/mine --config small --method examples/add_a_method.py:Mine
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from crosslevel import Batch, Clock, Method
from crosslevel.logits import to_log_class_probabilities
from crosslevel.methods.parts.options import Weight


class Mine(Method):
    """Predictions on unlabelled images are asked to be certain.

    Source: Grandvalet and Bengio, *Semi-supervised learning by entropy minimization*, 2005.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options, on the command line as `--args.weight 0.1`.

        Attributes:
            weight: Of the entropy, from the middle of the training on.
        """

        weight: Weight = 0.1

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """The losses by name, already weighted; their sum is minimised."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled) and clock.progress >= 0.5:
            log_p = to_log_class_probabilities(unlabelled)
            losses["entropy"] = self.args.weight * -(log_p.exp() * log_p).sum(dim=1).mean()
        return losses
