"""Mean teacher: the student agrees with a moving average of itself on unlabelled images."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock
from crosslevel.methods.parts.options import Weight
from crosslevel.methods.parts.teacher import TaughtMethod, with_noise
from crosslevel.types import Batch


class MeanTeacher(TaughtMethod):
    """Student and EMA teacher; the teacher sees unlabelled images with noise.

    Choose it as the plain row with a teacher, which most comparisons have. In short runs from
    scratch give `--batchnorm apart`: in one batch it fitted its masks late, or never.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, NeurIPS 2017, for
    segmentation as in Yu et al., MICCAI 2019. Differs from the paper: no dropout, since the shared
    backbone has none, and the consistency weight ramps up over the whole training.
    """

    asked_in_training_alone = True

    @dataclass(frozen=True, kw_only=True)
    class Args(TaughtMethod.Args):
        """Options of the mean teacher.

        Attributes:
            weight: Of the consistency loss at the end of its ramp.
            decay: Of the teacher's moving average.
            evaluated: Which of the two networks is validated and shipped.
        """

        weight: Weight = 0.1

    args: Args

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "consistency"."""
        labelled, unlabelled = self.forward_both(batch.images, batch.unlabelled)
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if len(batch.unlabelled):
            student = to_log_class_probabilities(unlabelled).exp()
            weight = self.args.weight * exponential_ramp(clock.progress)
            losses["consistency"] = weight * self.consistency(student, batch.unlabelled, clock)
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def consistency(self, student: Tensor, images: Tensor, clock: Clock) -> Tensor:
        """Return the mean-square difference from the teacher.

        Args:
            student: (U, K, H, W) class probabilities, with gradient.
            images: (U, 3, H, W), the unlabelled images without noise.
            clock: Where the training is.
        """
        return (student - self.ask_teacher(images)).square().mean()

    @torch.no_grad()
    def ask_teacher(self, images: Tensor) -> Tensor:
        """Return class probabilities (U, K, H, W) of the teacher, which sees fresh noise."""
        return to_log_class_probabilities(self.ask_in_training(with_noise(images))).exp()
