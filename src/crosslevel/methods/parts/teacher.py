"""What methods with a mean teacher share: the teacher, its noise, the ramp of its weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from crosslevel.images.preprocess import IMAGENET_STD
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Share
from crosslevel.models.segmenter import SegmentationNet

Tensors = list[Tensor] | tuple[Tensor, ...]

NOISE_STD, NOISE_LIMIT = 0.1, 0.2
"""Of images in [0, 1]."""


def mean_teacher_of(student: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the student; call `update_parameters(student)` each step.

    The decay starts low, min(1 - 1 / (step + 1), decay), so the random start is soon forgotten.
    Buffers (BatchNorm's running statistics) are the student's.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, 2017.
    """

    def average(teacher: Tensors, current: Tensors, num_averaged: Tensor | int) -> None:
        kept = min(1 - 1 / (int(num_averaged) + 1), decay)
        get_ema_multi_avg_fn(kept)(teacher, current, num_averaged)  # type: ignore[no-untyped-call]

    teacher = AveragedModel(student, multi_avg_fn=average)
    return teacher.requires_grad_(False)


class TaughtMethod(Method):
    """A student (`net`) and its mean teacher: what methods with one have in common."""

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of the teacher.

        Attributes:
            decay: Of the teacher's moving average.
            evaluated: Which of the two networks is validated and shipped.
        """

        decay: Share = 0.99
        evaluated: Literal["student", "teacher"] = "student"

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.teacher = mean_teacher_of(self.net, args.decay)

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
    return images + noise / torch.tensor(IMAGENET_STD, device=images.device).view(1, 3, 1, 1)


def ramp_up(progress: float) -> float:
    """exp(-5 (1 - progress)²): from nearly 0 to 1 at the end of the training.

    Source: Laine and Aila, *Temporal ensembling*, 2017. The length is the whole training, as the
    published codes of UAMT and URPC have it for their own number of steps.

    Example:
        >>> [round(ramp_up(p), 3) for p in (0.0, 0.5, 1.0)]
        [0.007, 0.287, 1.0]
    """
    return math.exp(-5 * (1 - progress) ** 2)
