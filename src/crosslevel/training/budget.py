"""How long a training may be to end in a given time: measured on a few steps of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from crosslevel.config.train import TrainConfig
from crosslevel.data.datamodule import DataModule
from crosslevel.methods.base import Method
from crosslevel.system.devices import autocast
from crosslevel.training.ladder import NUM_CHECKS
from crosslevel.training.step import Optimisation

MOMENTS = (0.1, 0.4, 0.7, 0.95)
"""Shares of the training at which a step is timed, since stages and ramps change its cost."""
RESERVE = 0.95
"""Share of the budget that is planned; the rest is for start, checkpoints and luck."""


def epochs_within(
    seconds: float,
    config: TrainConfig,
    data: DataModule,
    build: Callable[[], Method],
) -> int:
    """Epochs, at least 1, that can be trained and validated in the time.

    Args:
        seconds: The budget.
        config: Its precision is not "auto"; its `check_every` may be, and its `epochs` are not
            looked at.
        data: Where batches come from.
        build: Makes the method afresh, on its device; what is timed is thrown away.
    """
    method = build().train()
    optimisation = Optimisation(method, config, num_steps=1000)
    moments = [int(share * optimisation.num_steps) for share in MOMENTS]
    _step(optimisation, data, moments[0])  # the first is slower than all others
    start = time.perf_counter()
    for moment in moments:
        _step(optimisation, data, moment)
    step_seconds = (time.perf_counter() - start) / len(MOMENTS)
    start = time.perf_counter()
    _validation_batch(method, data, config)
    check_seconds = (time.perf_counter() - start) * data.num_validation_batches
    left, epoch_seconds = RESERVE * seconds, step_seconds * data.steps_per_epoch
    if config.check_every == "auto":
        left -= NUM_CHECKS * check_seconds
    else:
        left -= check_seconds  # the last epoch is always checked
        epoch_seconds += check_seconds / config.check_every
    return max(1, int(left / epoch_seconds))


def _step(optimisation: Optimisation, data: DataModule, moment: int) -> None:
    optimisation.step(moment, data.batch(0))
    if optimisation.device.type == "cuda":
        torch.cuda.synchronize()


@torch.no_grad()
def _validation_batch(method: Method, data: DataModule, config: TrainConfig) -> None:
    net = method.inference_model.eval()
    images, _ = next(data.validation_batches())
    device = next(net.parameters()).device
    with autocast(config.precision, device):
        net(images.to(device)).cpu()
