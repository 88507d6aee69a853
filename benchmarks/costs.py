"""What a step of every method and of every pretext task costs: CPU time and memory, ours alone.

`step` compares with plain formulations; here all are measured alike, so that a table of scores can
have a price beside it that does not depend on what else a machine did.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import fields, replace

import torch

from benchmarks.contest import MIB, Contender, Effort, Row, Worker
from benchmarks.step import NUM_STEPS, make_batch
from crosslevel.config.files import preset
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.config.settled import SettledConfig
from crosslevel.methods import METHODS, find_method
from crosslevel.methods.build import build_method
from crosslevel.pretraining import TASKS
from crosslevel.pretraining.build import build_task
from crosslevel.system.devices import this_place
from crosslevel.system.memory import keep_freed_memory
from crosslevel.training.plan import Facts, plan
from crosslevel.training.step import Optimisation, to_device
from crosslevel.types import Batch

SIZE, QUICK_SIZE, BATCH = 96, 48, 16
"""Pixels; images in a step of a pretext task."""
MIDDLE = NUM_STEPS // 2
"""A step in which every loss counts."""
CPU = torch.device("cpu")


def measure(effort: Effort) -> list[Row]:
    """Time and memory of a step at 96 px: methods with 4 + 4 images, pretext tasks with 16."""
    size = QUICK_SIZE if effort.is_quick else SIZE
    methods = [("method", name, MethodStep) for name in sorted(METHODS)]
    tasks = [("pretext task", name, TaskStep) for name in sorted(TASKS)]
    rows = []
    for kind, name, build in [*methods, *tasks]:
        rows += _rows(f"step of the {kind} {name}, {size} px", build, name, size, effort.repeats)
    return rows


def _rows(
    what: str, build: Callable[..., Contender], name: str, size: int, repeats: int
) -> list[Row]:
    with Worker(build, {"name": name, "size": size}) as worker:
        seconds = [worker.ask("run") for _ in range(repeats + 1)][1:]
        peak = worker.ask("peak") / MIB
    return [
        Row(what=f"{what}, time", unit="CPU s", ours=statistics.median(seconds)),
        Row(what=f"{what}, peak memory", unit="MiB", ours=peak),
    ]


class MethodStep:
    """A step of a method on a fixed batch, with the U-Net of the preset `small`."""

    def __init__(self, name: str, size: int) -> None:
        keep_freed_memory()
        config = replace(preset("small"), size=size, precision="fp32", method=name, args={})
        if "tiles" in {option.name for option in fields(find_method(name).Args)}:
            config = replace(config, args={"tiles": 3})
        settled: SettledConfig = plan(config, Facts(), this_place()).config
        self.batch = make_batch(size, 4, uses_unlabelled=name != "supervised")
        method = to_device(build_method(settled).train(), CPU)
        self.optimisation = Optimisation(method, settled, NUM_STEPS)

    def check(self) -> dict[str, float]:
        """Nothing is compared."""
        return {}

    def run(self) -> object:
        """Return one step."""
        return self.optimisation.step(MIDDLE, self.batch)


class TaskStep(MethodStep):
    """A step of a pretext task likewise."""

    def __init__(self, name: str, size: int) -> None:
        keep_freed_memory()
        args = {"tiles": 3} if name == "clcc" else {}
        config = PretrainConfig(method=name, args=args, size=size, model=preset("small").model)
        images = make_batch(size, BATCH, uses_unlabelled=False).images
        groups = torch.arange(BATCH)
        none = torch.zeros(0, size, size, dtype=torch.int64)
        self.batch = Batch(images[:0], none, images, groups)
        task = to_device(build_task(config).train(), CPU)
        self.optimisation = Optimisation(task, config.for_loop((), "fp32"), NUM_STEPS)
