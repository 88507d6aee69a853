"""What methods with a mean teacher share: the teacher, and the noise it sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor

from crosslevel.images.preprocess import imagenet_statistics
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.average import Buffers, MovingAverage
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.methods.parts.clcc_checks import refuse
from crosslevel.methods.parts.options import Share
from crosslevel.models.segmenter import SegmentationNet

NOISE_STD, NOISE_LIMIT = 0.1, 0.2
"""Of images in [0, 1]."""


class TaughtMethod(Method):
    """A student (`net`) and its mean teacher: what methods with one have in common.

    Raises:
        InputError: If `buffers` would change nothing.
    """

    asked_in_training_alone: ClassVar[bool] = False
    """The teacher's answers are all of `ask_in_training`, so its running statistics have no part
    in them."""

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of the teacher.

        Attributes:
            decay: Of the teacher's moving average.
            evaluated: Which of the two networks is validated and shipped.
            buffers: BatchNorm's running statistics of the teacher are those of the "student" now,
                or an "average" of them, as its weights are.
        """

        decay: Share = 0.99
        evaluated: Literal["student", "teacher"] = "student"
        buffers: Buffers = "student"

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        if self.asked_in_training_alone and args.evaluated == "student":
            refuse(args, ("buffers",), "nothing reads them unless `evaluated` is 'teacher'")
        super().__init__(args, task)
        self.teacher = MovingAverage(self.net, args.decay, args.buffers)

    @torch.no_grad()
    def ask_in_training(self, images: Tensor) -> Tensor:
        """Return the teacher's logits (B, C, H, W), normalised by this batch, as in training."""
        with frozen_running_statistics(self.teacher):
            logits: Tensor = self.teacher.train()(images)
        return logits

    def after_step(self, clock: Clock) -> None:
        """Move the teacher."""
        self.teacher.update_parameters(self.net)

    @property
    def inference_model(self) -> SegmentationNet:
        """The student, or the teacher if asked for."""
        is_student = self.args.evaluated == "student"
        return self.net if is_student else cast(SegmentationNet, self.teacher.module)


def with_noise(images: Tensor) -> Tensor:
    """Normalised images with clipped Gaussian noise, of standard deviation 0.1 on [0, 1]."""
    noise = (torch.randn_like(images) * NOISE_STD).clamp(-NOISE_LIMIT, NOISE_LIMIT)
    return images + noise / imagenet_statistics(images.device)[1].view(1, 3, 1, 1)
