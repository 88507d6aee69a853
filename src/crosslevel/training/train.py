"""Training: from a folder and a configuration to a run folder, resumable at any step.

Every step is a function of the seed and its number (see `data.datamodule`), so a run that was
killed and repeated ends with the weights of one that was not (same machine, fp32, same threads).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from crosslevel.config.train import TrainConfig, as_started
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.prepare import Prepared, prepare
from crosslevel.data.quality.bad_files import to_text
from crosslevel.errors import InputError
from crosslevel.methods import find_method, source_hash
from crosslevel.methods.base import Method
from crosslevel.methods.build import build_method, with_all_args
from crosslevel.runs.folder import RunFolder, lock, open_run, write_start
from crosslevel.system.console import Reporter
from crosslevel.system.devices import describe_device, pick_device, resolve_precision
from crosslevel.system.files import write_text
from crosslevel.system.memory import return_freed_memory
from crosslevel.training.budget import epochs_within
from crosslevel.training.ladder import describe, settle
from crosslevel.training.loop import Trainer


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
