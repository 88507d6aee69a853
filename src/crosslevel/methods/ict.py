"""ICT, interpolation consistency: between two images the prediction lies between theirs."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Beta

from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock
from crosslevel.methods.parts.options import Positive, Weight
from crosslevel.methods.parts.teacher import TaughtMethod
from crosslevel.types import Batch


class ICT(TaughtMethod):
    """The student sees mixed images; its target is the same mix of the teacher's answers.

    Choose it where strong changes of colour would mislead: it perturbs an image by mixing it with
    another one, and by nothing else. A step takes as long as one of `mean_teacher`.

    Source: Verma et al., *Interpolation consistency training for semi-supervised learning*, IJCAI
    2019. Differs from the paper: each image is mixed with the next of the batch, by a share of its
    own, the weight rises over the whole training, and the optimiser is the comparison's.
    """

    asked_in_training_alone = True

    @dataclass(frozen=True, kw_only=True)
    class Args(TaughtMethod.Args):
        """Options of ICT, besides those of the teacher.

        Attributes:
            weight: Of the consistency loss at the end of its ramp.
            alpha: Of Beta(alpha, alpha), from which shares are drawn: the smaller, the less mixed.
        """

        weight: Weight = 0.1
        alpha: Positive = 0.2

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "consistency"."""
        shares = draw_shares(batch.unlabelled, self.args.alpha)
        mixed = mix_with_next(batch.unlabelled, shares)
        labelled, others = self.forward_both(batch.images, mixed)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled):
            student = to_log_class_probabilities(others).exp()
            answers = to_log_class_probabilities(self.ask_in_training(batch.unlabelled)).exp()
            target = mix_with_next(answers, shares)
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["consistency"] = weight * (student - target).square().mean()
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()


def draw_shares(images: Tensor, alpha: float) -> Tensor:
    """Return a share of Beta(alpha, alpha) for each image of (B, …): (B, 1, 1, 1)."""
    parameter = torch.full((len(images), 1, 1, 1), alpha, device=images.device)
    return Beta(parameter, parameter, validate_args=False).sample()


def mix_with_next(x: Tensor, shares: Tensor) -> Tensor:
    """Return each item of (B, …) with its share of the next one mixed in.

    Example:
        >>> mix_with_next(torch.tensor([[0.0], [8.0]]), torch.tensor([[0.25], [0.5]])).tolist()
        [[2.0], [4.0]]
    """
    return x.lerp(x.roll(-1, dims=0), shares.to(x.dtype))
