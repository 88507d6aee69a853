"""What every method is: the networks it owns, one training step, and the network that is evaluated.

Optimiser, schedule, logging, checkpoints and validation live in `crosslevel.training.train`, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.methods.learner import Clock, Learner
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.models.segmenter import SegmentationNet, build_segmentation_net
from crosslevel.types import BatchNormBatch

__all__ = ["Clock", "Method", "Task"]


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is built for; the same for all methods of one comparison.

    Attributes:
        size: Side of the images in pixels.
        num_channels: Logit channels C.
        model: The shared backbone.
        supervised_loss: (logits (B, C, H, W), class indices (B, H, W)) → scalar.
        batchnorm: Whether labelled and other images share a batch of BatchNorm, or are normalised
            apart, after Zając et al., *Split batch normalization*, arXiv 1904.03515; methods keep
            to it by `Method.forward_both` or `batches`.
    """

    size: int
    num_channels: int
    model: ModelConfig
    supervised_loss: Callable[[Tensor, Tensor], Tensor]
    batchnorm: BatchNormBatch = "joint"

    def batches(self, labelled: Tensor, others: Tensor) -> list[Tensor]:
        """Return what a network sees in one pass each: all images, or first the labelled ones.

        Args:
            labelled: (L, 3, H, W).
            others: (U, 3, H, W), U ≥ 0.

        Returns:
            One or two batches, none of them empty, which are `labelled` and `others` in order.
        """
        if not len(others):
            return [labelled]
        return [labelled, others] if self.batchnorm == "apart" else [torch.cat([labelled, others])]


class Method(Learner):
    """A semi-supervised method. Its trainable parameters are what the optimiser sees.

    A subclass defines a frozen dataclass `Args` (the options of its paper) and annotates `args`
    with it, builds its networks in `__init__` after `super().__init__(args, task)`, and returns its
    losses from `training_step`.

    Args:
        args: The options, an instance of the class's own `Args`.
        task: What to build for.

    Raises:
        InputError: If an option is outside its range (see `crosslevel.methods.parts.options`), or
            the task does not fit the method (a size that cannot be divided, …).
    """

    uses_unlabelled: ClassVar[bool] = True
    """False if no unlabelled image is ever looked at, so that none is read."""

    def __init__(self, args: Any, task: Task) -> None:
        super().__init__(args)
        self.task = task
        self.net: SegmentationNet = build_segmentation_net(task.model, task.num_channels)
        self.check_size()

    def check_size(self) -> None:
        """See that the task's images suit the network; a method that cuts them overrides it.

        Raises:
            InputError: If they do not; the message names the nearest sizes that do.
        """
        self.net.check_size(self.task.size)

    def forward_both(
        self, labelled: Tensor, others: Tensor, net: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the logits of the labelled images, and those of the others.

        They are of one pass or of two, as the task's `batchnorm` says.

        Args:
            labelled: (L, 3, H, W).
            others: (U, 3, H, W), U ≥ 0.
            net: From images (B, 3, H, W) to maps (B, …); the method's own network if left out.

        Returns:
            (L, C, H, W) and (U, C, H, W), or whatever `net` makes of each image.
        """
        net = net or self.net
        logits = torch.cat([net(images) for images in self.task.batches(labelled, others)])
        return logits[: len(labelled)], logits[len(labelled) :]

    def predict(self, *images: Tensor) -> NoReturn:
        """Refuse, and say what has replaced it: methods of one's own once called it."""
        raise InputError(
            f"{type(self).__name__} calls Method.predict, which is now Method.forward_both and "
            "returns two tensors instead of one: write `labelled, unlabelled = "
            "self.forward_both(batch.images, batch.unlabelled)` and slice no more."
        )

    def start_from(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a trained network for the one that learns, and for its averages.

        Other networks of the method start as they are, averages of projectors among them.

        Args:
            weights: The state of a network like `inference_model`, on any device.
        """
        self.net.load_state_dict(weights)
        averages = (part for part in self.modules() if isinstance(part, MovingAverage))
        for part in (part for average in averages for part in average.modules()):
            if isinstance(part, SegmentationNet) and part.state_dict().keys() == weights.keys():
                part.load_state_dict(weights)

    @property
    def inference_model(self) -> SegmentationNet:
        """The network that is validated, evaluated and shipped."""
        return self.net
