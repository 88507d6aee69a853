"""Training: from a folder and a configuration to a run folder, resumable at any step.

Every step is a function of the seed and its number (see `data.datamodule`), so a run that was
killed and repeated ends with the weights of one that was not (same machine, fp32, same threads).
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import torch
from torch.utils.tensorboard import SummaryWriter

from crosslevel.budget import epochs_within
from crosslevel.checkpoints import Progress, load_newest, save_checkpoint
from crosslevel.config import TrainConfig, as_started, from_dict
from crosslevel.console import Advance, Reporter, duration
from crosslevel.data.bad_files import to_text
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.inspection import write_batch
from crosslevel.data.prepare import Prepared, prepare
from crosslevel.data.threads import one_ahead
from crosslevel.errors import InputError, Interrupted, RunError
from crosslevel.files import write_text
from crosslevel.gradients import NotFiniteError
from crosslevel.losses import SUPERVISED_LOSSES
from crosslevel.losses.probability import to_probabilities
from crosslevel.memory import return_freed_memory
from crosslevel.methods import find_method, source_hash
from crosslevel.methods.base import Method, Task
from crosslevel.metrics import CaseScore, best_threshold, score_case
from crosslevel.model_folder import ModelCard, save_model
from crosslevel.optimisation import Optimisation
from crosslevel.precision import autocast, describe_device, pick_device, resolve_precision
from crosslevel.recipe import describe, settle
from crosslevel.run_folder import RunFolder, lock, open_run, write_start
from crosslevel.types import Batch

SAVE_EVERY = 60.0
"""Seconds between checkpoints, beside one at each check: an epoch of few masks is a few steps."""


def train(
    data: Path | str,
    out: Path | str,
    config: TrainConfig | None = None,
    *,
    budget: float | None = None,
    needs_test: bool = False,
    reporter: Reporter | None = None,
) -> RunFolder:
    """Train a segmenter on a folder of images and a few masks, or go on where it was stopped.

    Args:
        data: A folder in one of the known layouts, or a CSV of paths (see `index_cases`).
        out: The run folder; if it holds this run already, it is resumed.
        config: What to train; the recipe for any data if left out.
        budget: Seconds; decides `epochs`, which must be "auto". About, since it is planned.
        needs_test: Refuse data without test images, since the run is to be scored on them.
        reporter: Who tells the user; silent if left out.

    Returns:
        The run folder, with the best model in `model/`.

    Raises:
        DataError: All problems of the data at once, before anything is trained.
        InputError: If the configuration does not fit the data, the method or the run folder.
        RunError: If a loss is not finite, or another process trains in the run folder.
        Interrupted: After SIGINT, when everything is saved.
    """
    reporter = reporter or Reporter(quiet=True)
    config = with_all_args(config or TrainConfig())
    if budget is not None and config.epochs != "auto":
        raise InputError(
            "A budget decides the number of epochs: leave --epochs out, or, with a preset, give "
            "--epochs auto."
        )
    run = open_run(Path(out), config)
    with lock(run):
        if run.config_file.is_file():
            config = as_started(config, run.config())
        asked = config
        config = replace(config, precision=resolve_precision(config.precision, pick_device()))
        build_method(settle(config, num_labelled=1, num_unlabelled=1))  # refuse before long work
        config, datamodule = _open_data(Path(data), config, run, reporter, budget, needs_test)
        return_freed_memory()
        num_steps = config.num_epochs * datamodule.steps_per_epoch
        reporter.say(f"Training {describe(config, asked, num_steps, budget)}")
        Trainer(_on_device(config), datamodule, config, run, reporter).fit()
    return run


def _open_data(
    folder: Path,
    config: TrainConfig,
    run: RunFolder,
    reporter: Reporter,
    budget: float | None,
    needs_test: bool,
) -> tuple[TrainConfig, DataModule]:
    """What is trained, decided and written down, and where its batches come from.

    Names and hashes of the images, which may be very many, are forgotten here.
    """
    is_resumed = run.config_file.is_file()
    prepared = prepare(folder, config, reporter, run.split_file if is_resumed else None)
    if needs_test and not prepared.parts["test"]:
        raise InputError(
            f"The split of {folder} has no test images to score the run on: give some masked "
            "images the part test, or train without --evaluate and score the run with "
            "`crosslevel evaluate RUN --subset val`."
        )
    config, datamodule = _decide(config, prepared, budget)
    facts = {
        "data": str(folder.resolve()),
        "threads": torch.get_num_threads(),
        "device": describe_device(pick_device()),
        "method_source": source_hash(config.method),
    }
    if is_resumed:
        _report_resumed(run, config, facts, reporter)
    else:
        if config.skip_bad:
            write_text(run.set_aside_file, to_text(prepared.set_aside))
        write_start(run, config, prepared.split.to_json(), facts)
    return config, datamodule


def _report_resumed(
    run: RunFolder, config: TrainConfig, facts: dict[str, Any], reporter: Reporter
) -> None:
    if facts["method_source"] != run.environment().get("method_source", facts["method_source"]):
        reporter.say(
            f"warning: the file of {config.method} is not the one this run was started with: steps "
            "from here on are the new one's. Use another --out to train with it from the start."
        )
    if config.skip_bad:
        reporter.say(f"Files set aside at the start are listed in {run.set_aside_file}")


def _decide(
    config: TrainConfig, prepared: Prepared, budget: float | None
) -> tuple[TrainConfig, DataModule]:
    """The configuration without any "auto", and the batches it asks for."""
    counts = [len(prepared.parts[name]) for name in ("train_labelled", "train_unlabelled")]
    settled = with_all_args(settle(config, *counts))
    uses_unlabelled = find_method(settled.method).uses_unlabelled
    sampling = Sampling(
        batch_labelled=config.batch_labelled,
        batch_unlabelled=config.batch_unlabelled if uses_unlabelled else 0,
        seed=config.seed,
        warp=config.warp,
    )
    datamodule = DataModule(
        prepared.parts, prepared.split.hashes, config.mask_classes, config.size, sampling
    )
    if config.epochs == "auto" and budget is not None:
        planned = replace(settled, check_every=config.check_every)
        epochs = epochs_within(budget, planned, datamodule, lambda: _on_device(settled))
        settled = with_all_args(settle(config, *counts, epochs=epochs))
    return settled, datamodule


def _on_device(config: TrainConfig) -> Method:
    method = build_method(config).to(pick_device())
    return method.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def with_all_args(config: TrainConfig) -> TrainConfig:
    """The configuration with every argument of its method spelled out, also the defaults.

    A method that is "auto" has none yet.

    Raises:
        InputError: If the method's name or an argument is wrong.
    """
    if config.method == "auto":
        return config
    args_class = find_method(config.method).Args
    args = from_dict(args_class, config.args, where=f"args of {config.method}")
    return replace(config, args=asdict(args))


def build_method(config: TrainConfig) -> Method:
    """The method a configuration names, its weights initialised from the seed.

    Raises:
        InputError: If its name or an argument is wrong, or the size does not suit it.
    """
    method_class = find_method(config.method)
    args = from_dict(method_class.Args, config.args, where=f"args of {config.method}")
    task = Task(
        size=config.size,
        num_channels=config.mask_classes.num_channels,
        model=config.model,
        supervised_loss=SUPERVISED_LOSSES[config.supervised_loss],
        batchnorm=config.batchnorm,
    )
    torch.manual_seed(config.seed)
    return method_class(args, task)


class Trainer:
    """The loop: steps, validation, logs, checkpoints.

    Args:
        method: What is trained, on its device.
        data: Where batches come from.
        config: The resolved configuration (its precision is not "auto").
        run: Where everything is written.
        reporter: Who tells the user.
    """

    def __init__(
        self,
        method: Method,
        data: DataModule,
        config: TrainConfig,
        run: RunFolder,
        reporter: Reporter,
    ) -> None:
        self.method, self.data, self.config = method, data, config
        self.run, self.reporter = run, reporter
        self.device = next(method.parameters()).device
        self.num_steps = config.num_epochs * data.steps_per_epoch
        self.optimisation = Optimisation(method, config, self.num_steps)
        self.progress = Progress()
        assert config.check_every != "auto", "the recipe decides it before it is used"
        self._check_every = config.check_every
        self._saved_step, self._saved_at = 0, time.monotonic()

    def fit(self) -> None:
        """Train to the end, from the last checkpoint if there is one.

        Raises:
            RunError: If a loss is not finite.
            Interrupted: After SIGINT, when the checkpoint is written.
        """
        self._resume()
        board = SummaryWriter(
            str(self.run.path / "tensorboard"), purge_step=len(self.progress.rows) + 1
        )
        label = f"{self.config.method} ({self.config.precision})"
        with (
            board,
            requested_stop() as is_stop_requested,
            self.reporter.task(label, self.num_steps, self.progress.step) as advance,
        ):
            batches = self._batches()
            while self.progress.step < self.num_steps:
                if self._epoch(batches, advance, is_stop_requested):
                    for name, value in self.progress.rows[-1].items():
                        board.add_scalar(name, value, len(self.progress.rows))
                if is_stop_requested() and self.progress.step < self.num_steps:
                    self._save_last()
                    raise Interrupted(
                        f"Stopped after step {self.progress.step} of {self.num_steps}; everything "
                        f"is saved in {self.run.path}. Repeat the same command to go on."
                    )
        self.reporter.say(
            f"Best validation Dice {100 * self.progress.best_dice:.2f} "
            f"after {duration(self.progress.seconds)} of training"
        )

    def _resume(self) -> None:
        found = load_newest(self.run.last_checkpoint, self.method, self.optimisation.optimizer)
        if found:
            self.progress, damages = found
            for damage in damages:
                self.reporter.say(f"{damage} Going on from the one before.")
            self.reporter.say(f"Resuming after step {self.progress.step} of {self.num_steps}")

    def _batches(self) -> Iterator[Batch]:
        """Those of all steps to come.

        On a CPU one after the other: whoever prepares the next takes its cores from the step.
        """
        steps = range(self.progress.step, self.num_steps)
        is_cpu = self.device.type == "cpu"
        return map(self.data.batch, steps) if is_cpu else one_ahead(self.data.batch, steps)

    def _epoch(
        self, batches: Iterator[Batch], advance: Advance, is_stop_requested: Callable[[], bool]
    ) -> bool:
        """The rest of the epoch under way, then validation, log and checkpoint.

        Returns:
            False if a stop was requested before its last step.
        """
        start = time.monotonic()
        epoch = self.progress.step // self.data.steps_per_epoch
        end = (epoch + 1) * self.data.steps_per_epoch
        self.method.train()
        for step in range(self.progress.step, end):
            losses = self._step(step, next(batches))
            for name, value in losses.items():
                self.progress.add_loss(name, value)
            self.progress.step = step + 1
            advance(1, self._note(epoch, losses))
            if is_stop_requested() and self.progress.step < end:
                self.progress.seconds += time.monotonic() - start
                return False
        self._finish_epoch(epoch, start)
        return True

    def _finish_epoch(self, epoch: int, start: float) -> None:
        progress = self.progress
        means = {f"loss/{name}": value for name, value in progress.take_mean_losses().items()}
        row = {
            "epoch": epoch + 1,
            "step": progress.step,
            "learning_rate": self.optimisation.learning_rate(progress.step - 1),
        }
        is_last = progress.step == self.num_steps
        is_due = is_last or (epoch + 1) % self._check_every == 0
        score, threshold = self._validate() if is_due else (None, 0.5)
        if score:
            row |= {"val/dice": score.dice, "val/iou": score.iou, "val/mae": score.mae}
        progress.seconds += time.monotonic() - start
        progress.rows.append({**row, **means, "seconds": round(progress.seconds, 1)})
        is_best = score is not None and score.dice > progress.best_dice
        if score and is_best:
            progress.best_dice = score.dice
            self._export(threshold)
            self._save(self.run.best_checkpoint)
        write_text(self.run.log_file, pd.DataFrame(progress.rows).to_csv(index=False))
        # the last, so that a kill before it repeats the epoch
        if is_due or time.monotonic() - self._saved_at >= SAVE_EVERY:
            self._save_last()

    def _step(self, step: int, batch: Batch) -> dict[str, float]:
        try:
            return self.optimisation.step(step, batch)
        except NotFiniteError as error:
            folder = self.run.not_finite_folder(step)
            write_batch(error.batch, folder)
            again = "" if self.config.precision == "fp32" else ", without autocast too"
            raise RunError(
                f"At step {step} {error}{again}. The images of that step are in {folder}. "
                "Start again with another --out and a lower --learning_rate."
            ) from error

    @torch.no_grad()
    def _validate(self) -> tuple[CaseScore, float]:
        """Mean scores of the validation images, and the threshold they are at."""
        net = self.method.inference_model.eval()
        predicted, truths = [], []
        for images, masks in self.data.validation_batches():
            with autocast(self.config.precision, self.device):
                logits = net(images.to(self.device))
            predicted += list(to_probabilities(logits).cpu().numpy())
            truths += list(masks)
        is_calibrated = self.config.calibrate and self.config.mask_classes.num_channels == 1
        threshold = best_threshold(predicted, truths) if is_calibrated else 0.5
        scores = [
            CaseScore.mean(score_case(p, truth, threshold=threshold, with_distances=False))
            for p, truth in zip(predicted, truths, strict=True)
        ]
        return CaseScore.mean(scores), threshold

    def _save_last(self) -> None:
        """Save where the training is, unless that is done already."""
        if self.progress.step != self._saved_step:
            self._save(self.run.last_checkpoint, keep_predecessor=True)
            self._saved_step, self._saved_at = self.progress.step, time.monotonic()

    def _save(self, path: Path, *, keep_predecessor: bool = False) -> None:
        optimizer = self.optimisation.optimizer
        save_checkpoint(
            path, self.progress, self.method, optimizer, keep_predecessor=keep_predecessor
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
        )
        save_model(self.run.model_folder, self.method.inference_model, card)

    def _note(self, epoch: int, losses: dict[str, float]) -> str:
        shown = " ".join(f"{name} {value:.3f}" for name, value in losses.items())
        best = self.progress.best_dice
        return f"epoch {epoch + 1} {shown}" + (f" best Dice {100 * best:.1f}" if best >= 0 else "")


@contextmanager
def requested_stop() -> Iterator[Callable[[], bool]]:
    """Within it the first SIGINT only asks to stop after the step; a second one stops at once."""
    requests: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        requests.append(number)
        signal.signal(signal.SIGINT, before)

    try:
        before = signal.signal(signal.SIGINT, remember)
    except ValueError:  # not in the main thread: whoever runs us handles signals
        yield lambda: False
        return
    try:
        yield lambda: bool(requests)
    finally:
        signal.signal(signal.SIGINT, before)
