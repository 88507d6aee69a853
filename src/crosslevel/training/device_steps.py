"""Steps on a GPU, many in a row: batches are made there, and the host reads losses now and then.

A step is the same function of the seed and its number as on a CPU. What differs is who drives it:
a phase of a method is recorded once as a CUDA graph and replayed, so that Python launches one
thing a step instead of thousands.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from crosslevel.data.datamodule import Choices, DataModule
from crosslevel.data.device_set import DeviceSet, choices_ahead, choices_at
from crosslevel.errors import InputError
from crosslevel.methods.base import Clock
from crosslevel.system.devices import Place
from crosslevel.system.randomness import preserved_generators
from crosslevel.training.step import Optimisation

AHEAD = 100
"""Most steps between two looks at the losses."""
WARM_UP = 3
"""Steps of a phase that Python runs before it is recorded: they choose kernels, make states."""
WORTH_TRYING = 5000
"""Steps of a run from which on cuDNN's kernels are tried. On an H200 that took EfficientNet-Lite0
27 s, and a step then 11 instead of 14 ms."""
MOST_LOSSES = 8
"""Names of losses that a step may have."""


class DeviceSteps:
    """Takes steps ahead of whoever asks for their losses, never past the step that is given.

    Args:
        optimisation: What takes a step, on its device.
        data: Draws what the steps see; its images are copied to the device.
        say: Told once why steps are not recorded, if they cannot be.
    """

    def __init__(
        self, optimisation: Optimisation, data: DataModule, say: Callable[[str], None]
    ) -> None:
        self._optimisation, self._data, self._say = optimisation, data, say
        self._device = optimisation.device
        self._set = DeviceSet.load(data, self._device)
        self._taken: deque[dict[str, float]] = deque()
        self._recorder = recorder_for(optimisation.place)
        rates = [optimisation.learning_rate(step) for step in range(optimisation.num_steps)]
        self._rates = torch.tensor(rates).to(self._device)
        self._first = torch.zeros(1, dtype=torch.int64).to(self._device)
        self._row = torch.zeros(1, dtype=torch.int64).to(self._device)
        self._table = torch.zeros(AHEAD, MOST_LOSSES).to(self._device)
        self._ahead = choices_ahead(data, [0] * AHEAD, self._device)
        self._drawn: Tensor | None = None

    @property
    def is_level(self) -> bool:
        """Whether the weights are those after the last step whose losses were given."""
        return not self._taken

    def losses(self, step: int, end: int) -> dict[str, float]:
        """Return the losses of a step by name; it and perhaps others up to `end` are taken.

        Raises:
            NotFiniteError: If a loss of one of them is not finite, without autocast too.
        """
        if not self._taken:
            self._take(step, min(end, step + AHEAD))
        return self._taken.popleft()

    def _take(self, start: int, end: int) -> None:
        before = State.of(self._optimisation)
        is_long = self._optimisation.num_steps >= WORTH_TRYING
        with preserved_generators(self._device), tried_convolutions(is_long):
            names = self._run(start, end)
        rows = self._table[: end - start].cpu().tolist()  # the one wait
        losses = [dict(zip(keys, row, strict=False)) for keys, row in zip(names, rows, strict=True)]
        is_bad = [not all(map(math.isfinite, row.values())) for row in losses]
        if any(is_bad):
            before.restore()
            last = start + is_bad.index(True)
            losses = [self._checked(step) for step in range(start, last + 1)]
        self._taken.extend(losses)

    def _checked(self, step: int) -> dict[str, float]:
        """Take a step as a CPU does: it is looked at before any weight moves."""
        return self._optimisation.step(step, self._data.batch(step))

    def _run(self, start: int, end: int) -> list[list[str]]:
        """Take the steps; return the names of each one's losses, in the order of the table."""
        steps = range(start, end)
        _overwrite(self._ahead, choices_ahead(self._data, steps, self._device))
        self._first.fill_(start)
        self._row.zero_()
        states = self._draw_ahead(steps)
        return [self._step(step, state) for step, state in zip(steps, states, strict=True)]

    def _draw_ahead(self, steps: range) -> list[Tensor]:
        """Let the method draw for the steps; return the CPU's generator after each drawing."""
        size = self._data.size
        unlabelled = torch.Size([self._ahead.unlabelled.shape[1], 3, size, size])
        rows, states = [], []
        for step in steps:
            self._optimisation.seed(step)
            row = self._optimisation.method.draw(unlabelled)
            states.append(torch.get_rng_state())
            if row is not None:
                rows.append(row)
        if rows:
            drawn = torch.stack(rows).to(self._device)
            if self._drawn is None:
                self._drawn = drawn.new_zeros(AHEAD, *drawn.shape[1:])
            self._drawn[: len(drawn)].copy_(drawn)
        return states

    def _step(self, step: int, state: Tensor) -> list[str]:
        self._optimisation.seed(step)
        torch.set_rng_state(state)  # as if the step had just drawn
        clock = Clock(step, self._optimisation.num_steps)
        if self._recorder is None:
            return self._once(clock)
        method = self._optimisation.method
        phase = method.phase(clock)
        if phase is None:
            self._recorder.say_once(f"{type(method).__name__}: {method.unrecorded}", self._say)
            return self._once(clock)
        return self._recorder.run(phase, lambda: self._once(self._timeless(step)), self._say)

    def _timeless(self, step: int) -> Clock:
        """Return a clock whose progress is a tensor, right at every replay."""
        num_steps = self._optimisation.num_steps
        moment = (self._first + self._row)[0] / num_steps
        return Clock(step, num_steps, moment)

    def _once(self, clock: Clock) -> list[str]:
        batch = self._set.batch(choices_at(self._ahead, self._row))
        if self._drawn is not None:
            batch = replace(batch, drawn=self._drawn.index_select(0, self._row)[0])
        rate: float | Tensor = self._rates.index_select(0, self._first + self._row)[0]
        if self._device.type == "cpu":
            rate = self._optimisation.learning_rate(clock.step)
        losses = self._optimisation.unchecked_step(clock, batch, rate)
        if len(losses) > MOST_LOSSES:
            raise InputError(
                f"{type(self._optimisation.method).__name__} gave {len(losses)} losses; a step may "
                f"have at most {MOST_LOSSES}. Add up some of them."
            )
        values = torch.stack([loss.float() for loss in losses.values()])
        self._table[:, : len(losses)].index_copy_(0, self._row, values[None])
        self._row += 1
        return list(losses)


def recorder_for(place: Place) -> Recorder | None:
    """Return what records steps; None off CUDA, and where processes talk to each other in a step.

    Their talk is not recorded.
    """
    is_alone_on_cuda = place.device.type == "cuda" and place.world == 1
    return Recorder(place.device) if is_alone_on_cuda else None


class Recorder:
    """Runs a function step by step at first, then records it once per phase and replays it."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._runs: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[str]]] = {}
        self._cannot = False
        self._has_said = False

    def say_once(self, reason: str, say: Callable[[str], None]) -> None:
        """Tell why steps are not recorded, the first time."""
        if not self._has_said:
            say(f"Steps are run one by one, since they cannot be recorded on this GPU: {reason}")
        self._has_said = True

    def run(
        self, phase: Hashable, once: Callable[[], list[str]], say: Callable[[str], None]
    ) -> list[str]:
        """Run or replay `once`; return what it returned when it was last run."""
        if phase in self._graphs:
            graph, names = self._graphs[phase]
            graph.replay()
            return names
        self._runs[phase] = self._runs.get(phase, 0) + 1
        if self._runs[phase] <= WARM_UP or self._cannot:
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                names = once()
            torch.cuda.current_stream().wait_stream(self._stream)
            return names
        return self._record(phase, once, say)

    def _record(
        self, phase: Hashable, once: Callable[[], list[str]], say: Callable[[str], None]
    ) -> list[str]:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(
                graph, self._pool, self._stream, capture_error_mode="thread_local"
            ):
                names = once()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._cannot = True
            self.say_once(str(error), say)
            return once()
        self._graphs[phase] = graph, names
        graph.replay()
        return names


@contextmanager
def tried_convolutions(is_worth_it: bool) -> Iterator[None]:
    """Let cuDNN try its kernels and keep the fastest, or take those it thinks best.

    It takes those, too, if kernels must be deterministic.
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    cudnn.benchmark = is_worth_it and not torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        cudnn.benchmark = before


@dataclass(frozen=True)
class State:
    """Copies of all tensors that a step moves, and where they belong."""

    optimisation: Optimisation
    values: dict[Tensor, Tensor]

    @classmethod
    def of(cls, optimisation: Optimisation) -> State:
        """Copy weights, buffers and the optimiser's state as they are now."""
        homes = _moving_tensors(optimisation)
        return cls(optimisation, {home: home.detach().clone() for home in homes})

    @torch.no_grad()
    def restore(self) -> None:
        """Put the copies back; what the optimiser has begun to keep since starts at 0 again."""
        for home in _moving_tensors(self.optimisation):
            if home in self.values:
                home.copy_(self.values[home])
            else:
                home.zero_()


def _moving_tensors(optimisation: Optimisation) -> list[Tensor]:
    states = optimisation.optimizer.state.values()
    kept = [x for state in states for x in state.values() if isinstance(x, Tensor)]
    return [*optimisation.method.parameters(), *optimisation.method.buffers(), *kept]


def _overwrite(homes: Choices, values: Choices) -> None:
    """Copy choices of fewer steps over the first rows of those that recorded steps read."""
    pairs = [
        (homes.labelled, values.labelled),
        (homes.unlabelled, values.unlabelled),
        (homes.turns, values.turns),
    ]
    if homes.affine is not None and values.affine is not None:
        pairs.append((homes.affine, values.affine))
    for home, value in pairs:
        home[: len(value)].copy_(value)
