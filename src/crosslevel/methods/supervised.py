"""Supervised: the first row of every table, trained on the labelled images alone."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.options import Share
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.types import Batch


class Supervised(Method):
    """Labelled images only; the baseline every semi-supervised method has to beat.

    Choose it where every image has a mask, and always as the row to compare with. In the time that
    a method with the other images takes, it can learn for longer.

    Source: Ronneberger et al., *U-Net*, 2015, with the supervised loss of the comparison.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of supervised training.

        Attributes:
            decay: Of a moving average of the weights that is evaluated instead; 0 for none.
        """

        decay: Share = 0.0

    args: Args
    uses_unlabelled = False

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.average = MovingAverage(self.net, args.decay) if args.decay else None

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Return one term, "supervised"."""
        return {"supervised": self.task.supervised_loss(self.net(batch.images), batch.masks)}

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: every step runs alike."""
        return ()

    def after_step(self, clock: Clock) -> None:
        """Move the average."""
        if self.average is not None:
            self.average.update_parameters(self.net)

    @property
    def inference_model(self) -> SegmentationNet:
        """The network, or its average."""
        return self.net if self.average is None else cast(SegmentationNet, self.average.module)
