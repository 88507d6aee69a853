"""What learns from batches, whether it segments or is a pretext task: one step, and its state.

Optimiser, schedule, logging and checkpoints live in `crosslevel.training`, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from crosslevel.methods.parts.options import check_options
from crosslevel.types import Batch


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


class Learner(nn.Module, ABC):
    """Networks and one training step. Its trainable parameters are what the optimiser sees.

    A subclass defines a frozen dataclass `Args` (the options of its paper), builds its networks in
    `__init__` after `super().__init__(args)`, and returns its losses from `training_step`.

    Args:
        args: The options, an instance of the class's own `Args`.

    Raises:
        InputError: If an option is outside its range (see `crosslevel.methods.parts.options`).
    """

    unrecorded: ClassVar[str] = "it does not say on what the course of a step depends (`phase`)"
    """Why `phase` gives None, in a few words for the user."""

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """The options; none here."""

    def __init__(self, args: Any) -> None:
        super().__init__()
        check_options(args)
        self.args = args

    @property
    def detail(self) -> int:
        """How many times finer than the images those of `Batch.finer` are; 1 if not looked at."""
        return 1

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
        alone, which is a tensor then. None, as here, says that it cannot be recorded, for the
        reason `unrecorded`: each step is run by Python, as on a CPU.
        """
        return None

    def draw(self, unlabelled: torch.Size) -> Tensor | None:
        """Return the numbers that a step draws on the CPU before all else; None, as here, for none.

        They come from torch's generator. A GPU would have to be waited for to decide by a number
        that it has drawn itself; so many steps' numbers are drawn ahead and copied there at once.

        Args:
            unlabelled: Shape (U, 3, H, W) of the step's unlabelled images, U ≥ 0.

        Returns:
            A tensor of a shape that depends on nothing else.
        """
        return None

    def drawn_for(self, batch: Batch) -> Tensor:
        """Return what `draw` has drawn for this step, or draw it now; on the batch's device."""
        if batch.drawn is not None:
            return batch.drawn
        drawn = self.draw(batch.unlabelled.shape)
        assert drawn is not None, "a method that asks for it draws"
        return drawn.to(batch.unlabelled.device)

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
