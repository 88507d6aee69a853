"""Pretraining: from a folder of images to the weights of a backbone, resumable at any step.

Steps, log and checkpoints are those of a training, and no mask is opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crosslevel.config.files import differences, pretraining_from_yaml, to_yaml
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.images_only import prepare_images
from crosslevel.data.prepare import Prepared
from crosslevel.data.quality.bad_files import to_text
from crosslevel.errors import InputError
from crosslevel.models.pretrained import CARD, PretrainedCard, save_pretrained
from crosslevel.pretraining import source_hash
from crosslevel.pretraining.base import PretextTask
from crosslevel.pretraining.build import build_task, with_all_args
from crosslevel.runs.folder import RunFolder, lock
from crosslevel.runs.records import Environment
from crosslevel.system.console import Reporter
from crosslevel.system.devices import describe_device, this_place
from crosslevel.system.files import write_text
from crosslevel.training.loop import Loop
from crosslevel.training.plan import choose_folds
from crosslevel.training.step import to_device

CONFIG = "pretrain.yaml"


def pretrain(
    data: Path | str,
    out: Path | str,
    config: PretrainConfig | None = None,
    *,
    reporter: Reporter | None = None,
) -> Path:
    """Let a backbone learn from the images of a folder, or go on where it was stopped.

    Args:
        data: A folder in one of the known layouts, or a CSV of paths (see `index_cases`).
        out: Where everything is written; if it holds this pretraining already, it is resumed.
        config: What to learn; SimCLR if left out.
        reporter: Who tells the user; silent if left out.

    Returns:
        The folder, which `--model.weights` of a training takes.

    Raises:
        DataError: All problems of the images at once, before anything is learned.
        InputError: If the configuration does not fit the task or the folder.
        RunError: If a loss is not finite, or another process works in the folder.
        Interrupted: After SIGINT, when everything is saved.
    """
    reporter = reporter or Reporter(quiet=True)
    asked = with_all_args(config or PretrainConfig())
    if warning := asked.model.warning:
        reporter.say(f"warning: {warning}")
    run = RunFolder(Path(out))
    _refuse_other_things(run.path)
    with lock(run):
        return _Pretraining(asked, run, reporter).complete(Path(data))


@dataclass(frozen=True)
class _Pretraining:
    """A pretraining from its configuration to its weights.

    Attributes:
        asked: What to learn.
        run: Where it is written down.
        reporter: Who tells the user.
    """

    asked: PretrainConfig
    run: RunFolder
    reporter: Reporter

    def complete(self, folder: Path) -> Path:
        """Do what is left of it."""
        started = self._started()
        asked = started or self.asked
        task = build_task(asked)  # refuses what cannot be learned before the long work
        place = this_place()
        prepared = prepare_images(
            folder,
            asked.for_data,
            self.reporter,
            with_test=asked.test_images,
            choose_folds=partial(choose_folds, asked.for_data, place),
            resumed_split=self.run.split_file if started else None,
        )
        settled = started or _settled(asked, prepared, place.faster_precision)
        task = to_device(task, place.device)
        if not started:
            self._write_down(folder, prepared, settled, describe_device(place.device))
        self._learn(task, prepared, settled)
        return self.run.path

    def _started(self) -> PretrainConfig | None:
        """Return what was begun here, once sure that it is what is asked for; None if nothing was.

        Raises:
            InputError: Naming what differs.
        """
        file = self.run.path / CONFIG
        if not file.is_file():
            return None
        started = pretraining_from_yaml(file)
        autos = {n: getattr(started, n) for n, v in vars(self.asked).items() if v == "auto"}
        if changed := differences(started, replace(self.asked, **autos)):
            raise InputError(
                f"{self.run.path} holds a pretraining with another configuration:\n  "
                + "\n  ".join(changed)
                + "\nTo resume, repeat the command that started it; or choose another --out."
            )
        return started

    def _write_down(
        self, folder: Path, prepared: Prepared, settled: PretrainConfig, device: str
    ) -> None:
        """Write what is known before the first step; the configuration last, since it marks it."""
        environment = Environment.here(
            data=str(folder.resolve()),
            threads=torch.get_num_threads(),
            device=device,
            method_source=source_hash(settled.method),
        )
        if settled.skip_bad:
            write_text(self.run.set_aside_file, to_text(prepared.set_aside))
        write_text(self.run.split_file, prepared.split.to_json())
        write_text(self.run.environment_file, environment.to_json())
        write_text(self.run.path / CONFIG, to_yaml(settled))

    def _learn(self, task: PretextTask, prepared: Prepared, config: PretrainConfig) -> None:
        assert config.window != "auto", "settled"
        assert config.precision != "auto", "settled"
        loop_config = config.for_loop(config.window, config.precision)
        sampling = Sampling(
            batch_labelled=1,
            batch_unlabelled=config.batch,
            seed=config.seed,
            turns=False,
            detail=task.detail,
        )
        data = DataModule(
            prepared.parts,
            prepared.split.hashes,
            loop_config.mask_classes,
            config.size,
            sampling,
            loop_config.reading,
        )
        steps = config.epochs * data.steps_per_epoch
        model = f"{config.model.label}, {config.size} px"
        self.reporter.say(f"Learning {config.method}, {model}, {steps} steps, {config.precision}")
        Loop(task, data, loop_config, self.run, self.reporter).fit()
        seen = prepared.parts["train_unlabelled"]
        card = PretrainedCard(
            task=config.method,
            model=config.model,
            has_decoder=task.learns == "backbone",
            size=config.size,
            images=tuple(sorted(prepared.split.hashes[case.id] for case in seen)),
            with_test=config.test_images,
        )
        save_pretrained(self.run.path, task.f, card)


def _settled(asked: PretrainConfig, prepared: Prepared, faster: str) -> PretrainConfig:
    """Return the configuration without "auto"."""
    values: dict[str, Any] = {
        "precision": faster if asked.precision == "auto" else asked.precision,
        "window": prepared.window if asked.window == "auto" else asked.window,
    }
    return replace(asked, **values)


def _refuse_other_things(path: Path) -> None:
    """Refuse a place where something else is.

    Raises:
        InputError: Naming the place.
    """
    if not path.exists() or (path / CONFIG).is_file():
        return
    started = {"split.json", "set_aside.txt", "environment.json", CARD}
    if not path.is_dir() or any(
        not p.name.startswith(".") and p.name not in started for p in path.iterdir()
    ):
        raise InputError(f"{path} exists and is not a pretraining: choose another --out.")
