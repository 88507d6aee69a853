"""The gradients of one training step, with no more of the graph in memory than they need."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.methods.learner import Clock, Learner
from crosslevel.system.devices import autocast
from crosslevel.types import Batch, SettledPrecision

END: dict[str, Tensor] = {}
"""Follows the last part of a step's losses."""


class NotFiniteError(ArithmeticError):
    """A loss is infinite or not a number.

    Args:
        name: Of the loss.
        value: What it became.
        batch: The images it became so on.
        step: At which step.
    """

    def __init__(self, name: str, value: float, batch: Batch, step: int) -> None:
        self.name, self.value, self.batch, self.step = name, value, batch, step
        super().__init__(f"the loss {name!r} became {value}")


def accumulate_gradients(
    method: Learner, batch: Batch, clock: Clock, precision: SettledPrecision
) -> dict[str, Tensor]:
    """Add the gradients of a step's losses to those of the method's parameters.

    Args:
        method: In training mode.
        batch: On the method's device.
        clock: Where the training is.
        precision: Of the forward passes.

    Returns:
        The losses by name, scalars on the device; none has been looked at (see `check_finite`).

    Raises:
        InputError: If the method gives no loss, as one that forgets `return` does.
    """
    values: dict[str, Tensor] = {}
    parts = method.training_parts(batch, clock)
    while (losses := _next(parts, precision, batch.images.device)) is not END:
        if not losses:
            raise InputError(
                f"{type(method).__name__} gave no loss: its training_step must return at least "
                "one, by name."
            )
        for name, loss in losses.items():
            values[name] = loss.detach()
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        del losses, loss  # the next part may need the memory of their graph
    return values


def check_finite(losses: Mapping[str, Tensor], batch: Batch, step: int) -> dict[str, float]:
    """Return the losses as numbers, for which the host waits.

    Raises:
        NotFiniteError: If one of them is infinite or not a number.
    """
    values = {name: float(loss) for name, loss in losses.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise NotFiniteError(name, value, batch, step)
    return values


def _next(
    parts: Iterator[dict[str, Tensor]], precision: SettledPrecision, device: torch.device
) -> dict[str, Tensor]:
    with autocast(precision, device):
        return next(parts, END)
