"""Stages of a training: which losses weigh how much, from when to when."""

from __future__ import annotations

from dataclasses import dataclass

from crosslevel.methods.base import Clock
from crosslevel.methods.parts.options import Count, Weight


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training with its own weights in Eq. 3.

    Attributes:
        epochs: Length relative to the other stages (`--epochs` scales all of them).
        alpha: Weight α of the contrastive loss.
        beta: Weight β of the consistency loss.
    """

    epochs: Count
    alpha: Weight
    beta: Weight


def stage_at(stages: tuple[Stage, ...], clock: Clock) -> Stage:
    """Return the stage the clock's step falls into; stages share the training in proportion.

    Example:
        >>> parts = (Stage(epochs=1, alpha=1, beta=0), Stage(epochs=2, alpha=0, beta=1))
        >>> [stage_at(parts, Clock(step, num_steps=6)).beta for step in range(6)]
        [0, 0, 1, 1, 1, 1]
    """
    total = sum(stage.epochs for stage in stages)
    end = 0
    for stage in stages:
        end += stage.epochs
        if clock.step * total < end * clock.num_steps:
            return stage
    return stages[-1]
