"""Plain methods with one more term: the network's own answers, or a teacher's on mixed images."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.plain.losses import supervised_loss, two_classes
from benchmarks.plain.methods import PlainMeanTeacher, PlainMethod


class PlainEntropyMinimisation(PlainMethod):
    """Supervised, and the entropy of every pixel without a mask."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Return both."""
        logits = self.net(torch.cat([images, unlabelled]))
        p = two_classes(logits[len(images) :])
        entropy = -(p * torch.log(p)).sum(1).mean() / math.log(2)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "entropy": 0.1 * math.exp(-5 * (1 - progress) ** 2) * entropy,
        }


class PlainPseudoLabel(PlainMethod):
    """Supervised, and cross-entropy with what the network itself takes for most probable."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Return both."""
        logits = self.net(torch.cat([images, unlabelled]))
        own = logits[len(images) :]
        labels = (torch.sigmoid(own.detach()) > 0.5).to(own.dtype)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "pseudo": min(1.0, progress / 0.6) * F.binary_cross_entropy_with_logits(own, labels),
        }


class PlainICT(PlainMeanTeacher):
    """The answer to a mix of two images is the mix of the teacher's answers."""

    def losses(
        self, images: Tensor, masks: Tensor, unlabelled: Tensor, progress: float
    ) -> dict[str, Tensor]:
        """Supervised, and consistency."""
        alpha = torch.full((len(unlabelled), 1, 1, 1), 0.2, device=unlabelled.device)
        share = torch.distributions.Beta(alpha, alpha).sample().to(unlabelled.dtype)
        mixed = (1 - share) * unlabelled + share * torch.roll(unlabelled, -1, 0)
        logits = self.net(torch.cat([images, mixed]))
        with torch.no_grad():
            answers = two_classes(self.teacher(unlabelled))
        target = (1 - share) * answers + share * torch.roll(answers, -1, 0)
        difference = F.mse_loss(two_classes(logits[len(images) :]), target)
        return {
            "supervised": supervised_loss(logits[: len(images)], masks),
            "consistency": 0.1 * math.exp(-5 * (1 - progress) ** 2) * difference,
        }
