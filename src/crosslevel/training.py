"""Training: from a folder and a configuration to a run folder, resumable at any step.

Every step is a function of the seed and its number (see `data.datamodule`), so a run that was
killed and repeated ends with the weights of one that was not (same machine, fp32, same threads).
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType

import pandas as pd
import torch
from torch.utils.tensorboard import SummaryWriter

from crosslevel.checkpoints import Progress, load_checkpoint, save_checkpoint
from crosslevel.config import TrainConfig, from_dict
from crosslevel.console import Advance, Reporter, duration
from crosslevel.data.datamodule import DataModule, Sampling, step_seed
from crosslevel.data.prepare import prepare
from crosslevel.errors import Interrupted, RunError
from crosslevel.files import write_text
from crosslevel.losses import SUPERVISED_LOSSES
from crosslevel.losses.probability import to_probabilities
from crosslevel.methods import find_method
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.metrics import CaseScore, score_case
from crosslevel.model_folder import ModelCard, save_model
from crosslevel.precision import autocast, pick_device, resolve_precision
from crosslevel.run_folder import RunFolder, open_run, write_start
from crosslevel.types import Batch


def train(
    data: Path | str,
    out: Path | str,
    config: TrainConfig | None = None,
    *,
    reporter: Reporter | None = None,
) -> RunFolder:
    """Train a segmenter on a folder of images and a few masks, or go on where it was stopped.

    Args:
        data: A folder in one of the known layouts, or a CSV of paths (see `index_cases`).
        out: The run folder; if it holds this run already, it is resumed.
        config: What to train; the paper's CLCC on 320 px if left out.
        reporter: Who tells the user; silent if left out.

    Returns:
        The run folder, with the best model in `model/`.

    Raises:
        DataError: All problems of the data at once, before anything is trained.
        InputError: If the configuration does not fit the data, the method or the run folder.
        RunError: If a loss is not finite.
        Interrupted: After SIGINT, when everything is saved.
    """
    reporter = reporter or Reporter(quiet=True)
    config = config or TrainConfig()
    config = with_all_args(config)
    run = open_run(Path(out), config)
    is_resumed = run.config_file.is_file()
    device = pick_device()
    precision = run.config().precision if is_resumed else config.precision
    config = replace(config, precision=resolve_precision(precision, device))
    method = build_method(config).to(device)
    method = method.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    prepared = prepare(Path(data), config, reporter, run.split_file if is_resumed else None)
    if not is_resumed:
        facts = {"data": str(Path(data).resolve()), "threads": torch.get_num_threads()}
        write_start(run, config, prepared.split.to_json(), facts)
    sampling = Sampling(
        batch_labelled=config.batch_labelled,
        batch_unlabelled=config.batch_unlabelled if method.uses_unlabelled else 0,
        seed=config.seed,
    )
    datamodule = DataModule(
        prepared.parts, prepared.split.hashes, config.mask_classes, config.size, sampling
    )
    Trainer(method, datamodule, config, run, reporter).fit()
    return run


def with_all_args(config: TrainConfig) -> TrainConfig:
    """The configuration with every argument of its method spelled out, also the defaults.

    Raises:
        InputError: If the method's name or an argument is wrong.
    """
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
    )
    torch.manual_seed(config.seed)
    return method_class(args, task)


def learning_rate_factor(progress: float, warmup: float, decay: str) -> float:
    """Share of the highest learning rate at `progress` in [0, 1] of a training.

    Linear from 0 over the first `warmup`, then "cosine" to 0, or "none" (stays at 1).

    Example:
        >>> [round(learning_rate_factor(p, 0.2, "cosine"), 2) for p in (0.1, 0.2, 0.6, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return progress / warmup
    if decay == "none" or warmup >= 1:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


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
        self.num_steps = config.epochs * data.steps_per_epoch
        self.optimizer = torch.optim.AdamW(
            [p for p in method.parameters() if p.requires_grad],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.progress = Progress()

    def fit(self) -> None:
        """Train to the end, from the last checkpoint if there is one.

        Raises:
            RunError: If a loss is not finite.
            Interrupted: After SIGINT, when the checkpoint is written.
        """
        if self.run.last_checkpoint.is_file():
            self.progress = load_checkpoint(self.run.last_checkpoint, self.method, self.optimizer)
            self.reporter.say(f"Resuming after step {self.progress.step} of {self.num_steps}")
        board = SummaryWriter(
            str(self.run.path / "tensorboard"), purge_step=len(self.progress.rows) + 1
        )
        label = f"{self.config.method} ({self.config.precision})"
        with (
            board,
            requested_stop() as is_stop_requested,
            self.reporter.task(label, self.num_steps, self.progress.step) as advance,
        ):
            while self.progress.step < self.num_steps:
                if self._epoch(advance, is_stop_requested):
                    for name, value in self.progress.rows[-1].items():
                        board.add_scalar(name, value, len(self.progress.rows))
                if is_stop_requested() and self.progress.step < self.num_steps:
                    raise Interrupted(
                        f"Stopped after step {self.progress.step} of {self.num_steps}; everything "
                        f"is saved in {self.run.path}. Repeat the same command to go on."
                    )
        self.reporter.say(
            f"Best validation Dice {100 * self.progress.best_dice:.2f} "
            f"after {duration(self.progress.seconds)} of training"
        )

    def _epoch(self, advance: Advance, is_stop_requested: Callable[[], bool]) -> bool:
        """The rest of the epoch under way, then validation, log and checkpoint.

        Returns:
            False if a stop was requested before its last step, and only a checkpoint was written.
        """
        start = time.monotonic()
        epoch = self.progress.step // self.data.steps_per_epoch
        end = (epoch + 1) * self.data.steps_per_epoch
        self.method.train()
        for step in range(self.progress.step, end):
            losses = self._step(step)
            for name, value in losses.items():
                self.progress.sums[name] = self.progress.sums.get(name, 0.0) + value
            self.progress.step = step + 1
            advance(1, self._note(epoch, losses))
            if is_stop_requested() and self.progress.step < end:
                self.progress.seconds += time.monotonic() - start
                self._save(self.run.last_checkpoint)
                return False
        self._finish_epoch(epoch, start)
        return True

    def _finish_epoch(self, epoch: int, start: float) -> None:
        progress = self.progress
        means = {f"loss/{n}": s / self.data.steps_per_epoch for n, s in progress.sums.items()}
        row = {
            "epoch": epoch + 1,
            "step": progress.step,
            "learning_rate": self._learning_rate(progress.step - 1),
        }
        is_last = progress.step == self.num_steps
        score = self._validate() if is_last or (epoch + 1) % self.config.check_every == 0 else None
        if score:
            row |= {"val/dice": score.dice, "val/iou": score.iou, "val/mae": score.mae}
        progress.seconds += time.monotonic() - start
        progress.rows.append({**row, **means, "seconds": round(progress.seconds, 1)})
        progress.sums = {}
        is_best = score is not None and score.dice > progress.best_dice
        if score and is_best:
            progress.best_dice = score.dice
            self._export()
            self._save(self.run.best_checkpoint)
        write_text(self.run.log_file, pd.DataFrame(progress.rows).to_csv(index=False))
        self._save(self.run.last_checkpoint)  # the last, so that a kill before it repeats the epoch

    def _step(self, step: int) -> dict[str, float]:
        clock = Clock(step, self.num_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        torch.manual_seed(step_seed(self.config.seed, step))
        batch = self._to_device(self.data.batch(step))
        with autocast(self.config.precision, self.device):
            losses = self.method.training_step(batch, clock)
        values = {name: float(loss.detach()) for name, loss in losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise RunError(
                    f"The loss {name!r} became {value} at step {step}. Start again with another "
                    "--out and a lower --learning_rate or --precision fp32."
                )
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.method.after_step(clock)
        return values

    @torch.no_grad()
    def _validate(self) -> CaseScore:
        net = self.method.inference_model.eval()
        scores = []
        for images, masks in self.data.validation_batches():
            with autocast(self.config.precision, self.device):
                logits = net(images.to(self.device))
            probabilities = to_probabilities(logits).cpu().numpy()
            scores += [
                CaseScore.mean(score_case(probability, mask, with_distances=False))
                for probability, mask in zip(probabilities, masks, strict=True)
            ]
        return CaseScore.mean(scores)

    def _learning_rate(self, step: int) -> float:
        middle = (step + 0.5) / self.num_steps
        factor = learning_rate_factor(middle, self.config.warmup, self.config.decay)
        return self.config.learning_rate * factor

    def _save(self, path: Path) -> None:
        save_checkpoint(path, self.progress, self.method, self.optimizer)

    def _export(self) -> None:
        classes = self.config.mask_classes
        card = ModelCard(
            method=self.config.method,
            model=self.config.model,
            classes=classes.names,
            num_channels=classes.num_channels,
            size=self.config.size,
        )
        save_model(self.run.model_folder, self.method.inference_model, card)

    def _to_device(self, batch: Batch) -> Batch:
        return Batch(
            images=batch.images.to(self.device),
            masks=batch.masks.to(self.device),
            unlabelled=batch.unlabelled.to(self.device),
        )

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
