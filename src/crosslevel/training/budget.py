"""How long a run may be to end in a given time: measured on a few steps of its own."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import DataModule
from crosslevel.methods.base import Method
from crosslevel.system.devices import autocast
from crosslevel.training.device_steps import WARM_UP
from crosslevel.training.ladder import check_interval
from crosslevel.training.step import Optimisation, Steps
from crosslevel.training.steps import choose_steps

MOMENTS = (0.1, 0.4, 0.7, 0.95)
"""Shares of the training at which a step is timed, since stages and ramps change its cost."""
PREPARING, IN_A_ROW = WARM_UP + 1, 20
"""Steps that a GPU takes at each of these moments: those until one is recorded, those timed."""
RESERVE = 0.95
"""Share of the budget that is planned; the rest is for start, checkpoints and luck."""


@dataclass(frozen=True)
class Pace:
    """How fast a run goes here.

    Attributes:
        step: Seconds of a training step.
        check: Seconds of a check on all validation images.
    """

    step: float
    check: float


def measure_pace(method: Method, config: SettledConfig, data: DataModule) -> Pace:
    """Time a few steps and a validation batch, and leave no trace of them.

    They are the steps that the run will take: on a GPU many in a row from images there, recorded
    where they can be, after those that prepare it. They are done on a copy of the method with its
    weights, which is thrown away: the run that follows is the one it would have been.

    Args:
        method: On its device, as it will be trained.
        config: What is trained; how long it will be is not looked at.
        data: Where batches come from.
    """
    trial = copy.deepcopy(method).train()
    optimisation = Optimisation(trial, config, num_steps=1000)
    step_seconds = _seconds_of_step(optimisation, data)
    if optimisation.device.type != "cpu":
        _validation_batch(trial, data, config)  # the first chooses kernels
    start = time.perf_counter()
    _validation_batch(trial, data, config)
    batch_seconds = time.perf_counter() - start
    return Pace(step_seconds, batch_seconds * data.num_validation_batches)


def epochs_within(seconds: float, pace: Pace, steps_per_epoch: int, check_every: int | None) -> int:
    """Return the epochs, at least 1, that can be trained and validated in the time.

    Args:
        seconds: The budget.
        pace: How fast the run goes.
        steps_per_epoch: Steps of an epoch.
        check_every: Epochs between two checks, of which the last epoch has one, too; None for
            `check_interval`.

    Example:
        >>> epochs_within(100, Pace(step=1, check=5), steps_per_epoch=2, check_every=5)
        30
    """
    left, epoch_seconds = RESERVE * seconds, pace.step * steps_per_epoch

    def takes(epochs: int) -> float:
        num_checks = math.ceil(epochs / (check_every or check_interval(epochs)))
        return epochs * epoch_seconds + num_checks * pace.check

    counted = range(int(left / epoch_seconds), 1, -1)
    return next((epochs for epochs in counted if takes(epochs) <= left), 1)


def _seconds_of_step(optimisation: Optimisation, data: DataModule) -> float:
    """Return the mean over the moments; reading the losses waits until the steps are done."""
    moments = [int(share * optimisation.num_steps) for share in MOMENTS]
    if optimisation.device.type == "cpu":  # the first is slower than all others
        first, trials = [range(moments[0], moments[0] + 1)], [range(m, m + 1) for m in moments]
    else:
        first = [range(m, m + PREPARING) for m in moments]
        trials = [range(m + PREPARING, m + PREPARING + IN_A_ROW) for m in moments]
    numbers = [number for row in (*first, *trials) for number in row]
    steps = choose_steps(optimisation, data, numbers, lambda _: None)
    _take(steps, first)
    start = time.perf_counter()
    _take(steps, trials)
    return (time.perf_counter() - start) / sum(map(len, trials))


def _take(steps: Steps, rows: Sequence[range]) -> None:
    for row in rows:
        for number in row:
            steps.losses(number, row.stop)


@torch.no_grad()
def _validation_batch(method: Method, data: DataModule, config: SettledConfig) -> None:
    net = method.inference_model.eval()
    images, _ = next(data.validation_batches())
    device = next(net.parameters()).device
    with autocast(config.precision, device):
        net(images.to(device)).cpu()
