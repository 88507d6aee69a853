"""Which way a run takes its steps: from images on the device, or from batches of the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crosslevel.data.datamodule import DataModule
from crosslevel.data.device_set import fits
from crosslevel.system.devices import free_memory
from crosslevel.system.distributed import anywhere
from crosslevel.system.threads import one_ahead
from crosslevel.training.device_steps import DeviceSteps
from crosslevel.training.step import HostSteps, Optimisation, Steps
from crosslevel.types import Batch


def choose_steps(
    optimisation: Optimisation, data: DataModule, numbers: Iterable[int], say: Callable[[str], None]
) -> Steps:
    """Return steps from images on the device where they fit; else from batches of the host.

    On a CPU batches are made one after the other: else they would take a step's cores.

    Args:
        optimisation: What takes a step, on its device.
        data: Where batches come from.
        numbers: Of the steps that will be asked for, in order.
        say: Told why steps are not recorded, if they cannot be.
    """
    device = optimisation.device
    if device.type == "cpu":
        return HostSteps(optimisation, map(data.batch, numbers))
    is_short = not fits(data, free_memory(device))
    if not anywhere(optimisation.place, is_so=is_short):
        return DeviceSteps(optimisation, data, say)

    def pinned(step: int) -> Batch:
        batch = data.batch(step)
        return batch.pinned() if device.type == "cuda" else batch

    return HostSteps(optimisation, one_ahead(pinned, numbers))
