"""One training step: what `crosslevel train` does in it, against the plain step."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.contest import Effort, Row, contest
from benchmarks.plain.methods import PlainCLCC
from benchmarks.plain.pseudo_labels import THRESHOLD
from benchmarks.plain.registry import PLAIN_METHODS
from crosslevel.config.files import preset
from crosslevel.config.settled import SettledConfig
from crosslevel.methods import METHODS
from crosslevel.methods.base import Clock, Method
from crosslevel.methods.build import build_method
from crosslevel.methods.parts.class_queue import ClassQueue
from crosslevel.system.devices import this_place
from crosslevel.system.memory import keep_freed_memory
from crosslevel.training.gradients import accumulate_gradients, check_finite
from crosslevel.training.plan import Facts, plan
from crosslevel.training.step import Optimisation
from crosslevel.types import Batch

SETTINGS: dict[str, tuple[str, float]] = {
    "clcc-stage-1": ("clcc", 0.0),
    "clcc-stage-2": ("clcc", 0.5),
    "clcc-both": ("clcc-both", 0.5),
    **{name: (name, 0.5) for name in METHODS if name != "clcc"},
}
"""Method, and the share of the training that is done."""
NUM_STEPS = 300
RTOL = 1e-2
"""In fp32 at full size, where Eq. 2 is a small difference; the tests compare in float64."""


def measure(name: str, effort: Effort) -> list[Row]:
    """Time and memory of a step at 320 px, 4 + 4 images, U-Net of the paper."""
    method, progress = SETTINGS[name]
    size, num_images = (quick_size(method), 2) if effort.is_quick else (320, 4)
    settings = {"method": method, "progress": progress, "size": size, "num_images": num_images}
    what = f"step {name}, {size} px"
    return contest(what, OurStep, PlainStep, settings, effort.repeats, RTOL)


def quick_size(method: str) -> int:
    """Return a small side that suits tiles, or the transformer of `cross_teaching`."""
    return 16 * PlainCLCC.tiles if "clcc" in method else 32


def config_of(method: str, size: int) -> SettledConfig:
    """Return the paper's preset, with another method or size.

    "clcc-both" weighs both losses of CLCC at once, as the second stage of its default does. Of two
    classes, one is always sure enough here, or a random network would not be learned from.
    """
    config = replace(preset("kvasir"), size=size, epochs=NUM_STEPS, precision="fp32")
    if method == "clcc-both":
        args = {**config.args, "stages": [{"epochs": 1, "alpha": 0.1, "beta": 3.0}]}
        config = replace(config, args=args)
    elif method != config.method:
        config = replace(config, method=method, args={})
    settled = plan(config, Facts(), this_place()).config
    ours = {"threshold": THRESHOLD, "sure": THRESHOLD, "tiles": PlainCLCC.tiles}
    args = settled.args | {name: ours[name] for name in ours.keys() & settled.args}
    return replace(settled, args=args)


def method_of(config: SettledConfig) -> Method:
    """Return the method; a queue is full, as it is after the first steps."""
    method = build_method(config)
    generator = torch.Generator().manual_seed(0)
    for queue in method.modules():
        if isinstance(queue, ClassQueue):
            vectors = torch.randn(queue.vectors.shape, generator=generator)
            queue.vectors.copy_(normalize(vectors, dim=2))
            queue.filled.fill_(1)
    return method


def make_batch(size: int, num_images: int, *, uses_unlabelled: bool) -> Batch:
    """Return random images, laid out as the `DataModule` gives them (channels last)."""
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> Tensor:
        return torch.randn(count, size, size, 3, generator=generator).permute(0, 3, 1, 2)

    masks = torch.randint(2, (num_images, size, size), generator=generator)
    return Batch(images(num_images), masks, images(num_images if uses_unlabelled else 0))


def our_optimisation(config: SettledConfig) -> Optimisation:
    """Return what `crosslevel train` makes steps with, in training mode."""
    method = cast(Method, method_of(config).to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    return Optimisation(method.train(), config, NUM_STEPS)


class OurStep:
    """A step of `crosslevel train` on a fixed batch, with the command line's memory settings."""

    def __init__(self, method: str, progress: float, size: int, num_images: int) -> None:
        keep_freed_memory()
        config = config_of(method, size)
        self.clock = Clock(int(progress * NUM_STEPS), NUM_STEPS)
        self.batch = make_batch(size, num_images, uses_unlabelled=method != "supervised")
        self.optimisation = our_optimisation(config)

    def check(self) -> dict[str, float]:
        """Return losses of the first step, and the norm of their gradient."""
        torch.manual_seed(0)
        method = self.optimisation.method
        losses = accumulate_gradients(method, self.batch, self.clock, "fp32")
        values = check_finite(losses, self.batch, self.clock.step)
        found = values | {"gradient norm": gradient_norm(method)}
        method.zero_grad()
        return found

    def run(self) -> object:
        """Return one step."""
        return self.optimisation.step(self.clock.step, self.batch)


class PlainStep:
    """The plain method, started with the same weights."""

    def __init__(self, method: str, progress: float, size: int, num_images: int) -> None:
        config = config_of(method, size)
        self.batch = make_batch(size, num_images, uses_unlabelled=method != "supervised")
        self.progress = progress
        self.method = PLAIN_METHODS[method](method_of(config).state_dict()).train()
        self.optimizer = torch.optim.AdamW(
            self.method.trained(), lr=1e-3, weight_decay=1e-2, foreach=True
        )

    def check(self) -> dict[str, float]:
        """As ours; noise is drawn in the order of memory, so the layout must be ours, too."""
        torch.manual_seed(0)
        batch = self.batch
        losses = self.method.losses(batch.images, batch.masks, batch.unlabelled, self.progress)
        sum(losses.values(), torch.zeros(())).backward()
        values = {name: loss.item() for name, loss in losses.items()}
        values["gradient norm"] = gradient_norm(self.method)
        self.optimizer.zero_grad()
        self.batch = Batch(batch.images.contiguous(), batch.masks, batch.unlabelled.contiguous())
        return values

    def run(self) -> dict[str, float]:
        """Return one step."""
        return self.step(self.batch)

    def step(self, batch: Batch) -> dict[str, float]:
        """Return losses, gradients, optimiser."""
        losses = self.method.losses(batch.images, batch.masks, batch.unlabelled, self.progress)
        self.optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        self.optimizer.step()
        self.method.after_step()
        return {name: loss.item() for name, loss in losses.items()}


def gradient_norm(module: torch.nn.Module) -> float:
    """Euclidean norm of all gradients together."""
    gradients = [p.grad.flatten() for p in module.parameters() if p.grad is not None]
    return float(torch.cat(gradients).norm())
