"""UAMT, the uncertainty-aware mean teacher: agree with the teacher where it is certain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses.uncertainty import (
    certain_consistency_loss,
    entropy,
    uncertainty_threshold,
)
from crosslevel.methods.base import Clock
from crosslevel.methods.mean_teacher import MeanTeacher
from crosslevel.methods.parts.options import Count


class UAMT(MeanTeacher):
    """A mean teacher whose uncertainty, from repeated noisy passes, masks the consistency.

    Choose it to compare with papers on medical images, where it is a usual row. Its further passes
    double the step of `mean_teacher`, and no comparison of
    several runs here shows that they pay.

    Source: Yu et al., *Uncertainty-aware self-ensembling model for semi-supervised 3D left atrium
    segmentation*, MICCAI 2019. Differs from the paper: 2-D, no dropout since the shared backbone
    has none (the passes differ by their noise), ln K for ln 2 with K classes, and the shared
    optimiser and schedule. The squares are averaged over the K classes; the codes of SSL4MIS and
    PyMIC divide by 2 whatever K is, so that with K > 2 their consistency weighs K/2 times more.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(MeanTeacher.Args):
        """Options of UAMT, besides those of the mean teacher.

        Attributes:
            num_passes: T, noisy passes of the teacher from which its uncertainty is told.
        """

        num_passes: Count = 8

    args: Args

    def consistency(self, student: Tensor, images: Tensor, clock: Clock) -> Tensor:
        """Return the mean-square difference from the teacher where it is certain (Eq. 3)."""
        passes = [self.ask_teacher(images) for _ in range(self.args.num_passes)]
        return certain_consistency_loss(
            student,
            self.ask_teacher(images),
            entropy(torch.stack(passes).mean(dim=0)),
            uncertainty_threshold(clock.progress, num_classes=student.shape[1]),
        )
