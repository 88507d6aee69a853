"""One optimisation step: a batch becomes losses by name and new weights.

A step is a function of the weights, the seed and its number, which is what lets a run resume
exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import step_seed
from crosslevel.methods.learner import Clock, Learner
from crosslevel.models.backbone import Backbone
from crosslevel.system.devices import Place
from crosslevel.system.distributed import average
from crosslevel.system.randomness import preserved_generators, seed_generators
from crosslevel.system.sharing import sharing
from crosslevel.training.gradients import NotFiniteError, accumulate_gradients, check_finite
from crosslevel.types import Batch, SettledPrecision

L = TypeVar("L", bound=Learner)


class Optimisation:
    """A method, the optimiser that moves its weights, and the schedule of its learning rate.

    Args:
        method: What is trained, on its device.
        config: What is trained.
        num_steps: Of the whole training.
        place: Of this process; alone on the method's device if left out.
    """

    def __init__(
        self, method: Learner, config: SettledConfig, num_steps: int, place: Place | None = None
    ) -> None:
        self.method, self.config, self.num_steps = method, config, num_steps
        self.device = next(method.parameters()).device
        self.place = place or Place(self.device)
        self.optimizer = torch.optim.AdamW(
            parameter_groups(method, config.encoder_rate),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.keep_on_device()

    def keep_on_device(self) -> None:
        """On a GPU, keep learning rates and step counts there; call it after loading a state."""
        for group in self.optimizer.param_groups:
            group["capturable"] = self.device.type == "cuda"
            rate = torch.as_tensor(group["lr"], dtype=torch.float32)
            group["lr"] = rate.to(self.device) if group["capturable"] else float(rate)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step (from 0), of what starts at random."""
        moment = (step + 0.5) / self.num_steps
        if self.config.rate_per == "epoch":
            moment = step * self.config.epochs // self.num_steps / self.config.epochs
        factor = learning_rate_factor(moment, self.config.warmup, self.config.decay)
        return self.config.learning_rate * factor

    def step(self, step: int, batch: Batch) -> dict[str, float]:
        """Learn from one batch, and give its losses by name.

        A loss that is not finite under autocast is computed once more without it.

        Raises:
            NotFiniteError: Before any weight has changed.
        """
        clock = Clock(step, self.num_steps)
        batch = batch.to(self.device)
        self.set_rate(self.learning_rate(step))
        with preserved_generators(self.device):
            losses = self._finite_gradients(clock, batch)
            self._move(clock)
        return losses

    def unchecked_step(self, clock: Clock, batch: Batch, rate: float | Tensor) -> dict[str, Tensor]:
        """Learn from one batch on the device, and give its losses there; the host never waits.

        Args:
            clock: Where the run is.
            batch: On the device.
            rate: Learning rate of what starts at random; a scalar on the device, or a number.
        """
        self.optimizer.zero_grad()  # a recording that failed may have left some
        self.set_rate(rate)
        losses = self._gradients(clock, batch, self.config.precision)
        self._move(clock)
        return losses

    def seed(self, step: int) -> None:
        """Make everything random inside a step (dropout, noise) a function of its number."""
        seed_generators(step_seed(self.config.seed, step), self.device)

    def set_rate(self, rate: float | Tensor) -> None:
        """Set the learning rate: `rate` for what starts at random, its share for an encoder."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].copy_(rate * group["rate"])
            else:
                group["lr"] = rate * group["rate"]

    def _move(self, clock: Clock) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.method.after_step(clock)

    def _gradients(
        self, clock: Clock, batch: Batch, precision: SettledPrecision
    ) -> dict[str, Tensor]:
        """Do as `accumulate_gradients`, for the batch as a whole; processes get the same."""
        with sharing(self.place):
            losses = accumulate_gradients(self.method, batch, clock, precision)
        average(self.place, [p.grad for p in self.method.parameters()])
        average(self.place, losses.values())
        return losses

    def _finite_gradients(self, clock: Clock, batch: Batch) -> dict[str, float]:
        """Do as `accumulate_gradients`; buffers that a failed pass has spoilt are put back."""
        before = [(buffer, buffer.clone()) for buffer in self.method.spoilt_by_a_pass()]
        precisions: list[SettledPrecision] = ["bf16", "fp32"]
        for precision in precisions[precisions.index(self.config.precision) :]:
            self.seed(clock.step)
            try:
                losses = self._gradients(clock, batch, precision)
                return check_finite(losses, batch, clock.step)
            except NotFiniteError as error:
                failure = error.with_traceback(None)  # it would keep the graph in memory
                self.optimizer.zero_grad()
                for buffer, value in before:
                    buffer.copy_(value)
        raise failure


class Steps(Protocol):
    """Takes the steps of a run in order, and gives their losses."""

    @property
    def is_level(self) -> bool:
        """Whether the weights are those after the last step whose losses were given."""

    def losses(self, step: int, end: int) -> dict[str, float]:
        """Return the losses of a step by name; the weights may go on to those after step `end`.

        Raises:
            NotFiniteError: If one of them is not finite, without autocast too.
        """


class HostSteps:
    """Steps one by one: a batch comes from the host, its losses go there."""

    is_level = True

    def __init__(self, optimisation: Optimisation, batches: Iterator[Batch]) -> None:
        self._optimisation, self._batches = optimisation, batches

    def losses(self, step: int, end: int) -> dict[str, float]:
        """Return the losses of a step; `end` has no bearing, since none is taken ahead."""
        return self._optimisation.step(step, next(self._batches))


def to_device(learner: L, device: torch.device) -> L:
    """Return it on a device, in the memory layout that convolutions are fastest with."""
    moved = learner.to(device)
    return moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def learning_rate_factor(progress: float, warmup: float, decay: str) -> float:
    """Return the share of the highest learning rate at `progress` in [0, 1] of a training.

    Linear from 0 over the first `warmup`, then "cosine" to 0, or "none" (stays at 1).

    Example:
        >>> [round(learning_rate_factor(p, 0.2, "cosine"), 2) for p in (0.1, 0.2, 0.6, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    if decay == "none" or warmup >= 1:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def parameter_groups(method: Learner, encoder_rate: float) -> list[dict[str, Any]]:
    """Group what the optimiser moves by its learning rate, as a share of the run's.

    Pretrained encoders learn at `encoder_rate`, a method's parts as its `own_rates` say, the rest
    at rate 1.
    """
    own = method.own_rates()
    apart = {p for part in own for p in part.parameters()}
    slow = {p for encoder in _pretrained_encoders(method) for p in encoder.parameters()}
    trained = [p for p in method.parameters() if p.requires_grad]
    shared = [p for p in trained if p not in apart]
    groups = [
        {"params": [p for p in shared if p not in slow], "rate": 1.0},
        {"params": [p for p in shared if p in slow], "rate": encoder_rate},
        *({"params": list(part.parameters()), "rate": rate} for part, rate in own.items()),
    ]
    return [group for group in groups if group["params"]]


def has_pretrained_encoder(method: Learner) -> bool:
    """Tell whether anything of a method learns at `encoder_rate`."""
    return bool(_pretrained_encoders(method))


def _pretrained_encoders(method: Learner) -> list[nn.Module]:
    encoders = (m.pretrained for m in method.modules() if isinstance(m, Backbone))
    return [encoder for encoder in encoders if encoder is not None]
