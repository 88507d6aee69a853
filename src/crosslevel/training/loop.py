"""The loop of a run: steps, validation, logs and checkpoints, from wherever it was stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import DataModule
from crosslevel.errors import Interrupted, RunError
from crosslevel.evaluation.metrics import CaseScore
from crosslevel.methods.base import Method
from crosslevel.methods.learner import Learner
from crosslevel.models.folder import ModelCard, save_model
from crosslevel.runs.folder import RunFolder
from crosslevel.runs.records import Log
from crosslevel.runs.stalling import has_stalled
from crosslevel.system.console import Advance, Reporter, duration
from crosslevel.system.devices import Place
from crosslevel.system.distributed import anywhere
from crosslevel.training.checkpoints import TrainingState, load_newest
from crosslevel.training.gradients import NotFiniteError
from crosslevel.training.step import Optimisation, Steps
from crosslevel.training.steps import choose_steps
from crosslevel.training.validation import validate
from crosslevel.training.writing import RunWriter

SAVE_EVERY = 60.0
"""Seconds between checkpoints, beside one at each check: an epoch of few masks is a few steps.

Neither is written before it is cheap (`RunWriter.is_cheap`)."""


@dataclass(frozen=True)
class Shipping:
    """Which weights become the model, where it is not those that are best on validation images.

    Attributes:
        threshold: The newest weights do, at each check, with this threshold.
        label: What the progress is called; the method's name if empty.
    """

    threshold: float
    label: str = ""


class Loop:
    """The loop of whatever learns: steps, logs, checkpoints.

    Args:
        method: What is trained, on its device.
        data: Where batches come from.
        config: What is trained.
        run: Where everything is written.
        reporter: Who tells the user.
        place: Of this process; alone on the method's device if left out.
    """

    shipping: Shipping | None = None
    """Of a `Trainer` alone."""

    def __init__(
        self,
        method: Learner,
        data: DataModule,
        config: SettledConfig,
        run: RunFolder,
        reporter: Reporter,
        place: Place | None = None,
    ) -> None:
        self.method, self.data, self.config = method, data, config
        self.run, self.reporter = run, reporter
        self.num_steps = config.epochs * data.steps_per_epoch
        self.optimisation = Optimisation(method, config, self.num_steps, place)
        self.place, self.device = self.optimisation.place, self.optimisation.device
        self.progress = TrainingState()
        self._steps: Steps
        self._writer: RunWriter

    def fit(self) -> None:
        """Train to the end, from the last checkpoint if there is one.

        Raises:
            RunError: If a loss is not finite.
            Interrupted: After SIGINT or SIGTERM, when the checkpoint is written.
        """
        self._resume()
        steps = range(self.progress.step, self.num_steps)
        self._steps = choose_steps(self.optimisation, self.data, steps, self.reporter.say)
        label = (self.shipping and self.shipping.label) or self.config.method
        label += f" ({self.config.precision})"
        with (
            RunWriter(self.run, self.optimisation, self.progress) as self._writer,
            requested_stop() as is_stop_requested,
            self.reporter.task(label, self.num_steps, self.progress.step) as advance,
        ):
            while not self._is_ended:
                if self._epoch(advance, is_stop_requested):
                    continue
                self._writer.last()
                raise Interrupted(
                    f"Stopped after step {self.progress.step} of {self.num_steps}; everything "
                    f"is saved in {self.run.path}. Repeat the same command to go on."
                )
        self.reporter.say(f"{self._outcome()} after {duration(self.progress.seconds)} of training")
        if self.progress.step < self.num_steps:
            self.reporter.say(
                f"Ended after step {self.progress.step} of {self.num_steps}: no better network in "
                f"{self.config.patience} checks"
            )

    @property
    def _is_ended(self) -> bool:
        """Whether all steps are done, or the last checks found nothing better."""
        if self.progress.step == self.num_steps:
            return True
        dice = [row[Log.VAL_DICE] for row in self.progress.rows if Log.VAL_DICE in row]
        return has_stalled(dice, self.config.patience)

    def _resume(self) -> None:
        found = load_newest(self.run.last_checkpoint, self.method, self.optimisation.optimizer)
        if found:
            self.optimisation.keep_on_device()
            self.progress, damages = found
            for damage in damages:
                self.reporter.say(f"{damage} Going on from the one before.")
            self.reporter.say(f"Resuming after step {self.progress.step} of {self.num_steps}")

    def _epoch(self, advance: Advance, is_stop_requested: Callable[[], bool]) -> bool:
        """Return the rest of the epoch under way, then validation, log and checkpoint.

        Returns:
            False if a stop was requested, unless the training is at its end.
        """
        start = time.monotonic()
        epoch = self.progress.step // self.data.steps_per_epoch
        end = (epoch + 1) * self.data.steps_per_epoch
        for step in range(self.progress.step, end):
            losses = self._losses(step)
            for name, value in losses.items():
                self.progress.add_loss(name, value)
            self.progress.step = step + 1
            advance(1, self._note(epoch, losses))
            is_stopped = self._steps.is_level and anywhere(self.place, is_so=is_stop_requested())
            if is_stopped and self.progress.step < end:
                self.progress.seconds += time.monotonic() - start
                return False
        self._finish_epoch(epoch, start)
        return not is_stopped or self._is_ended

    def _next_check(self, step: int) -> int:
        """Return the number of steps after which the weights are next looked at."""
        steps = self.config.check_every * self.data.steps_per_epoch
        return min(self.num_steps, (step // steps + 1) * steps)

    def _finish_epoch(self, epoch: int, start: float) -> None:
        progress = self.progress
        means = {f"{Log.LOSS}{name}": value for name, value in progress.take_mean_losses().items()}
        row = {
            Log.EPOCH: epoch + 1,
            Log.STEP: progress.step,
            Log.LEARNING_RATE: self.optimisation.learning_rate(progress.step - 1),
        }
        is_last = progress.step == self.num_steps
        is_due = is_last or (epoch + 1) % self.config.check_every == 0
        score, threshold = self._validate() if is_due else (None, 0.5)
        if score:
            row |= {Log.VAL_DICE: score.dice, Log.VAL_IOU: score.iou, Log.VAL_MAE: score.mae}
        progress.seconds += time.monotonic() - start
        progress.rows.append({**row, **means, Log.SECONDS: round(progress.seconds, 1)})
        if self.shipping and is_due:
            self._export(self.shipping.threshold)  # folds are of one process
        elif score is not None and score.dice > progress.best_dice:
            progress.best_dice = score.dice
            if self.place.is_first:
                self._export(threshold)
            self._writer.best()
        self._writer.log()
        # the last, so that a kill before it repeats the epochs since
        is_time = is_due or self._writer.seconds_since_saved >= SAVE_EVERY
        if self._is_ended or (is_time and self._steps.is_level and self._writer.is_cheap):
            self._writer.last()

    def _losses(self, step: int) -> dict[str, float]:
        try:
            self.method.train()
            return self._steps.losses(step, self._next_check(step))
        except NotFiniteError as error:
            folder = self._writer.not_finite(error)
            again = "" if self.config.precision == "fp32" else ", without autocast too"
            raise RunError(
                f"At step {error.step} {error}{again}. The images of that step are in {folder}. "
                "Start again with another --out and a lower --learning_rate."
            ) from error

    def _outcome(self) -> str:
        """Return what came of it, in a few words."""
        return f"{self.num_steps} steps"

    def _validate(self) -> tuple[CaseScore | None, float]:
        """Return mean scores and the threshold they are at; there are no masks to score by here."""
        return None, 0.5

    def _export(self, threshold: float) -> None:
        """Write the best network there has been; none is known here."""

    def _note(self, epoch: int, losses: dict[str, float]) -> str:
        shown = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        best = self.progress.best_dice
        return f"epoch {epoch + 1} {shown}" + (f" best Dice {100 * best:.1f}" if best >= 0 else "")


class Trainer(Loop):
    """The loop of a method: the best network on the validation images is written.

    Args as of `Loop`, and:
        shipping: Of a run with folds; left out where validation images choose the weights.
    """

    method: Method

    def __init__(
        self,
        method: Method,
        data: DataModule,
        config: SettledConfig,
        run: RunFolder,
        reporter: Reporter,
        place: Place | None = None,
        *,
        shipping: Shipping | None = None,
    ) -> None:
        super().__init__(method, data, config, run, reporter, place)
        self.shipping = shipping

    def _outcome(self) -> str:
        if self.shipping:
            return super()._outcome()
        return f"Best validation Dice {100 * self.progress.best_dice:.2f}"

    def _validate(self) -> tuple[CaseScore | None, float]:
        """Return mean scores of the validation images, if any, and the threshold they are at."""
        if not self.data.num_validation_batches:
            return None, 0.5
        return validate(
            self.method.inference_model,
            self.data.validation_batches(place=self.place),
            self.config.precision,
            calibrate=self.config.calibrate and self.config.mask_classes.num_channels == 1,
            place=self.place,
        )

    def _export(self, threshold: float) -> None:
        classes = self.config.mask_classes
        card = ModelCard(
            method=self.config.method,
            model=self.config.model,
            classes=classes.names,
            num_channels=classes.num_channels,
            size=self.config.size,
            threshold=threshold,
            reading=self.config.reading,
        )
        save_model(self.run.model_folder, self.method.inference_model, card)


@contextmanager
def requested_stop() -> Iterator[Callable[[], bool]]:
    """Within it the first SIGINT or SIGTERM only asks to stop after the step; a second one acts.

    SIGTERM is what SLURM, Kubernetes and a shutdown send.
    """
    requests: list[int] = []
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def remember(number: int, frame: FrameType | None) -> None:
        requests.append(number)
        restore()

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, remember)
    except ValueError:  # not in the main thread: whoever runs us handles signals
        yield lambda: False
        return
    try:
        yield lambda: bool(requests)
    finally:
        restore()
