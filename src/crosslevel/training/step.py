"""One optimisation step: a batch becomes losses by name and new weights.

A step is a function of the weights, the seed and its number, which is what lets a run resume
exactly.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import step_seed
from crosslevel.methods.base import Clock, Method
from crosslevel.models.backbone import Backbone
from crosslevel.system.randomness import preserved_generators, seed_generators
from crosslevel.training.gradients import NotFiniteError, accumulate_gradients
from crosslevel.types import Batch, SettledPrecision


class Optimisation:
    """A method, the optimiser that moves its weights, and the schedule of its learning rate.

    Args:
        method: What is trained, on its device.
        config: What is trained.
        num_steps: Of the whole training.
    """

    def __init__(self, method: Method, config: SettledConfig, num_steps: int) -> None:
        self.method, self.config, self.num_steps = method, config, num_steps
        self.device = next(method.parameters()).device
        self.optimizer = torch.optim.AdamW(
            parameter_groups(method, config.encoder_rate),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def learning_rate(self, step: int) -> float:
        """The learning rate of a step (from 0), of what starts at random."""
        middle = (step + 0.5) / self.num_steps
        factor = learning_rate_factor(middle, self.config.warmup, self.config.decay)
        return self.config.learning_rate * factor

    def step(self, step: int, batch: Batch) -> dict[str, float]:
        """Learn from one batch, and give its losses by name.

        A loss that is not finite under autocast is computed once more without it.

        Raises:
            NotFiniteError: Before any weight has changed.
        """
        clock = Clock(step, self.num_steps)
        batch = batch.to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate(step) * group["rate"]
        with preserved_generators(self.device):
            losses = self._gradients(clock, batch)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.method.after_step(clock)
        return losses

    def _gradients(self, clock: Clock, batch: Batch) -> dict[str, float]:
        """As `accumulate_gradients`; buffers that a failed pass has spoilt are put back."""
        before = [buffer.clone() for buffer in self.method.buffers()]
        precisions: list[SettledPrecision] = ["bf16", "fp32"]
        for precision in precisions[precisions.index(self.config.precision) :]:
            seed_generators(step_seed(self.config.seed, clock.step), self.device)
            try:
                return accumulate_gradients(self.method, batch, clock, precision)
            except NotFiniteError as error:
                failure = error.with_traceback(None)  # it would keep the graph in memory
                self.optimizer.zero_grad()
                for buffer, value in zip(self.method.buffers(), before, strict=True):
                    buffer.copy_(value)
        raise failure


def learning_rate_factor(progress: float, warmup: float, decay: str) -> float:
    """Share of the highest learning rate at `progress` in [0, 1] of a training.

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


def parameter_groups(method: Method, encoder_rate: float) -> list[dict[str, Any]]:
    """What the optimiser moves: pretrained encoders at `encoder_rate`, the rest at rate 1."""
    encoders = [m.pretrained for m in method.modules() if isinstance(m, Backbone)]
    slow = {p for encoder in encoders if encoder is not None for p in encoder.parameters()}
    trained = [p for p in method.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p not in slow], "rate": 1.0},
        {"params": [p for p in trained if p in slow], "rate": encoder_rate},
    ]
    return [group for group in groups if group["params"]]
