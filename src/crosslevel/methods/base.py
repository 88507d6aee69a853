"""What every method is: the networks it owns, one training step, and the network that is evaluated.

Optimiser, schedule, logging, checkpoints and validation live in `crosslevel.training.train`, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor, nn

from crosslevel.config.model import ModelConfig
from crosslevel.errors import InputError
from crosslevel.methods.parts.options import check_options
from crosslevel.models.segmenter import SegmentationNet, build_segmentation_net
from crosslevel.types import Batch, BatchNormBatch


@dataclass(frozen=True, slots=True)
class Clock:
    """Where a run is: the step about to be done (from 0) and how long it will be.

    Attributes:
        step: The step's number.
        num_steps: Of the whole run.
        moment: `progress` as a scalar on the device, where a step is recorded once and replayed.
    """

    step: int
    num_steps: int
    moment: Tensor | None = None

    @property
    def progress(self) -> float | Tensor:
        """Share of the run already done, in [0, 1)."""
        return self.step / self.num_steps if self.moment is None else self.moment


@dataclass(frozen=True, slots=True)
class Task:
    """What a method is built for; the same for all methods of one comparison.

    Attributes:
        size: Side of the images in pixels.
        num_channels: Logit channels C.
        model: The shared backbone.
        supervised_loss: (logits (B, C, H, W), class indices (B, H, W)) → scalar.
        batchnorm: Whether labelled and other images share a batch of BatchNorm; methods keep to it
            by `Method.forward_both` or `batches`.
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


class Method(nn.Module, ABC):
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

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """The method's options; none here."""

    uses_unlabelled: ClassVar[bool] = True
    """False if no unlabelled image is ever looked at, so that none is read."""

    def __init__(self, args: Any, task: Task) -> None:
        super().__init__()
        check_options(args)
        self.args = args
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

    @abstractmethod
    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Return the losses of one batch by name, each already weighted: their sum is minimised."""

    def training_parts(self, batch: Batch, clock: Clock) -> Iterator[dict[str, Tensor]]:
        """Yield the losses of `training_step`, in parts that share no graph.

        What is yielded, at least one loss, is backpropagated before the next part is computed, so
        that only one graph is in memory at a time.
        """
        yield self.training_step(batch, clock)

    def phase(self, clock: Clock) -> Hashable | None:
        """Return what a step's course depends on besides weights, batch and `clock.progress`.

        Steps of one phase may be recorded once and replayed on a GPU (a CUDA graph): they run the
        same operations, read no value back from the device, and know the time by `clock.progress`
        alone, which is a tensor then. None, as here, says that this is not known: each step is
        run by Python, as on a CPU.
        """
        return None

    def spoilt_by_a_pass(self) -> Iterable[Tensor]:
        """Return the buffers that computing the losses may change; all of them here.

        They are copied before each step, and put back if a loss is not finite. A method leaves out
        large ones that `after_step` alone changes, such as a queue of earlier vectors.
        """
        return self.buffers()

    def own_rates(self) -> dict[nn.Module, float]:
        """Return parts with a learning rate of their own, as a share of the run's; none here."""
        return {}

    def after_step(self, clock: Clock) -> None:
        """Called after the optimiser's step, for instance to move an EMA teacher."""

    @property
    def inference_model(self) -> SegmentationNet:
        """The network that is validated, evaluated and shipped."""
        return self.net
