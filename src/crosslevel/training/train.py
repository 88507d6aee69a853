"""Training: from a folder and a configuration to a run folder, resumable at any step.

Every step is a function of the seed and its number (see `data.datamodule`), so a run that was
killed and repeated ends with the weights of one that was not (same machine, fp32, same threads).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from crosslevel.config.files import to_yaml
from crosslevel.config.settled import SettledConfig, as_started
from crosslevel.config.train import TrainConfig
from crosslevel.data.annotations.settling import with_their_classes
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.prepare import Prepared, prepare
from crosslevel.data.quality.bad_files import to_text
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.evaluation.calibrate import HeldOut
from crosslevel.methods import WITHOUT_UNLABELLED, find_method, source_hash
from crosslevel.methods.base import Method
from crosslevel.methods.build import build_method, with_all_args, with_later_args
from crosslevel.models.calibration import HeldOutSource
from crosslevel.models.folder import copy_model, load_card, refuse_unloadable
from crosslevel.models.footprint import refuse_too_large
from crosslevel.models.growing import weights_for
from crosslevel.models.pretrained import weights_hash
from crosslevel.runs.folder import RunFolder, lock, open_run, write_start
from crosslevel.runs.records import Environment
from crosslevel.system.console import Reporter
from crosslevel.system.devices import Place, describe_device, this_place
from crosslevel.system.distributed import wait_for_all
from crosslevel.system.files import write_text
from crosslevel.system.memory import return_freed_memory
from crosslevel.system.randomness import preserved_generators
from crosslevel.training.budget import measure_pace
from crosslevel.training.calibration import calibrate_model, observe_model
from crosslevel.training.folds import Folds
from crosslevel.training.idle import idle_options
from crosslevel.training.leaks import check_pretraining, check_start
from crosslevel.training.loop import Shipping, Trainer
from crosslevel.training.plan import (
    Facts,
    Plan,
    choose_folds,
    hint_of_folds,
    plan,
    refuse_contradiction,
    refuse_several_processes,
    rung_within,
)
from crosslevel.training.resuming import about_resuming
from crosslevel.training.step import to_device


def train(
    data: Path | str,
    out: Path | str,
    config: TrainConfig | None = None,
    *,
    budget: float | None = None,
    needs_test: bool = False,
    reporter: Reporter | None = None,
    place: Place | None = None,
) -> RunFolder:
    """Train a segmenter on a folder of images and a few masks, or go on where it was stopped.

    Args:
        data: A folder in one of the known layouts, or a CSV of paths (see `index_cases`).
        out: The run folder; if it holds this run already, it is resumed.
        config: What to train; the recipe for any data if left out.
        budget: Seconds; decides `epochs`, which must be "auto". About, since it is planned.
        needs_test: Refuse data without test images, since the run is to be scored on them.
        reporter: Who tells the user; silent if left out.
        place: Where this process computes, and which of several it is (see `joined_place`); alone
            on the fastest device if left out.

    Returns:
        The run folder, with the best model in `model/`.

    Raises:
        DataError: All problems of the data at once, before anything is trained.
        InputError: If the configuration does not fit the data, the method or the run folder.
        RunError: If a loss is not finite, or another process trains in the run folder.
        Interrupted: After SIGINT, when everything is saved.
    """
    reporter = reporter or Reporter(quiet=True)
    asked = with_all_args(config or TrainConfig())
    place = place or this_place()
    refuse_contradiction(asked, budget)
    asked = with_their_classes(asked, Path(data), reporter)
    if warning := asked.model.warning:
        reporter.say(f"warning: {warning}")
    run = open_run(Path(out), asked, with_later_args, may_lengthen=True)
    folds = run.config().folds if run.config_file.is_file() else asked.folds
    refuse_several_processes(folds, budget, place)
    with _alone(run, place):
        is_resumed = run.config_file.is_file()
        if is_resumed:
            asked = _lengthened(as_started(asked, run.config()), run, place, reporter)
        start = _Start(asked, run, place, reporter, is_resumed=is_resumed)
        ready = start.get_ready(Path(data), budget, needs_test=needs_test)
        if place.is_first:
            wait_for_all(place)  # the others go on from what it has written
        return_freed_memory()
        reporter.say(f"Training {ready.planned}")
        ready.fit(run, place, reporter)
        wait_for_all(place)
    return run


@contextmanager
def _alone(run: RunFolder, place: Place) -> Iterator[None]:
    """Within it no other command trains in this folder; processes begin after their first."""
    if place.is_first:
        with lock(run):
            yield
    else:
        wait_for_all(place)
        yield


def _lengthened(
    asked: SettledConfig, run: RunFolder, place: Place, reporter: Reporter
) -> SettledConfig:
    """Write down that a run that was trained to its end is to go on, if so."""
    before = run.config().epochs
    if asked.epochs > before and place.is_first:
        reporter.say(
            f"Going on from {before} to {asked.epochs} epochs: the learning rate rises again to "
            "what it is there in a run of that length."
        )
        write_text(run.config_file, to_yaml(asked))
    return asked


@dataclass(frozen=True)
class _Ready:
    """What is trained, as planned and written down.

    Attributes:
        method: On its device.
        planned: How, and why so.
        data: Where batches come from.
        split: Which case is where.
        environment: What it is trained in.
        start: Weights that it starts from; None for those of its seed.
    """

    method: Method
    planned: Plan
    data: DataModule
    split: Split
    environment: Environment
    start: Mapping[str, Tensor] | None

    def fit(self, run: RunFolder, place: Place, reporter: Reporter) -> None:
        """Train the folds of the run, if it has some, and the network that is shipped."""
        config, found = self.planned.config, None
        held_out = self._validated(run, place)
        if self.split.folds:
            folds = Folds(run, config, self.data, self.split, self.start, place, reporter)
            found = folds.train(self.environment)
            self.method.start_from(folds.mean_weights())
            held_out = folds.observe(found.threshold)
        shipping = Shipping(found.threshold) if found else None
        Trainer(self.method, self.data, config, run, reporter, place, shipping=shipping).fit()
        source: HeldOutSource = "out-of-fold" if found else "validation"
        if place.is_first and (line := calibrate_model(run.model_folder, held_out, source)):
            reporter.say(line)
        if found:
            reporter.say(str(found))

    def _validated(self, run: RunFolder, place: Place) -> Iterator[HeldOut]:
        """Yield what validation images leave behind, once the model is there."""
        yield from observe_model(run.model_folder, self.data.validation_batches(), place)


@dataclass(frozen=True)
class _Start:
    """All that comes before the first step.

    Attributes:
        asked: What to train; of a run that goes on, nothing in it is "auto".
        run: Where it is written down.
        place: Where it computes.
        reporter: Who tells the user.
        is_resumed: The run has begun before.
    """

    asked: TrainConfig
    run: RunFolder
    place: Place
    reporter: Reporter
    is_resumed: bool

    def get_ready(self, folder: Path, budget: float | None, *, needs_test: bool) -> _Ready:
        """Return what is trained, as planned and written down, and where its batches come from.

        Names and hashes of the images, which may be very many, are forgotten here.
        """
        supposed = plan(self.asked, Facts(), self.place).config
        method = build_method(supposed)  # refuses what cannot be trained before the long work
        self._refuse_unusable(method, supposed)
        prepared = prepare(
            folder,
            self.asked,
            self.reporter,
            self.run.split_file if self.is_resumed else None,
            partial(choose_folds, self.asked, self.place),
            self._split_before(),
        )
        split = prepared.split
        for line in [] if self.is_resumed else hint_of_folds(self.asked, self.place, prepared):
            self.reporter.say(line)
        if needs_test and not (split.test or split.folds):
            raise InputError(
                f"The split of {folder} has no test images to score the run on: give some masked "
                "images the part test, or train without --evaluate and score the run with "
                "`crosslevel evaluate RUN --subset val`."
            )
        check_pretraining(supposed.model, split, self.reporter)
        check_start(self.asked.start_from, split, self.reporter)
        facts = Facts.of(split, prepared.window, budget)
        planned = plan(self.asked, facts, self.place)
        if planned.config.method != supposed.method:
            method = build_method(planned.config)
        method = to_device(method, self.place.device)
        data = _data_module(prepared, planned.config, method.detail)
        if budget is not None and not self.is_resumed:
            out = split.of_fold(split.fold_names[0]).val if split.folds else ()
            trial = data.held_out(out) if out else data
            method, planned = self._within_budget(method, planned, facts, trial)
        for line in idle_options(self.asked, planned.config, method, facts.num_unlabelled):
            self.reporter.say(f"warning: {line}")
        environment = self._write_down(folder, prepared, planned.config)
        start = self._start(planned.config, method)
        return _Ready(method, planned, data, split, environment, start)

    def _within_budget(
        self, method: Method, planned: Plan, facts: Facts, data: DataModule
    ) -> tuple[Method, Plan]:
        """Return the method, or the next of the ladder if the time suffices, and its plan."""
        timed = self._timed(method, planned, facts, data)
        rung = rung_within(self.asked, facts, timed, self.place)
        if not rung:
            return method, timed
        higher = replace(facts, rung=rung)
        of_recipe = plan(self.asked, replace(higher, budget=None), self.place)
        other = to_device(build_method(of_recipe.config), self.place.device)
        found = self._timed(other, of_recipe, higher, data)
        return (other, found) if found.num_steps >= of_recipe.num_steps else (method, timed)

    def _timed(self, method: Method, planned: Plan, facts: Facts, data: DataModule) -> Plan:
        """Return the plan for the time there is, at the pace of a few steps."""
        pace = measure_pace(method, planned.config, data)
        return plan(self.asked, replace(facts, pace=pace), self.place)

    def _refuse_unusable(self, method: Method, config: SettledConfig) -> None:
        """Refuse what fails for sure, if only at its end."""
        channels = config.mask_classes.num_channels
        with preserved_generators():
            refuse_unloadable(method.inference_model, config.model, channels)
            if self.place.device.type == "cpu":
                refuse_too_large(config.model, channels, config.size)

    def _split_before(self) -> Split | None:
        """Return the split of the run that this one starts from: the images it learned from.

        Raises:
            InputError: If there is no such run, or it has no model.
        """
        if not self.asked.start_from or self.is_resumed:
            return None
        begun = RunFolder(self.asked.start_from)
        method = begun.config().method
        load_card(begun.model_folder)
        split = Split.load(begun.split_file)
        if method in WITHOUT_UNLABELLED:
            return replace(split, train_unlabelled=(), folds={})
        return split

    def _start(self, config: SettledConfig, method: Method) -> dict[str, Tensor] | None:
        """Let the method start from the weights of another run, of which a copy is kept."""
        if not config.start_from:
            return None
        classes = config.mask_classes.names
        fresh = method.inference_model.state_dict()
        weights = weights_for(self.run.start_folder, config.model, classes, fresh)
        method.start_from(weights)
        return weights

    def _write_down(self, folder: Path, prepared: Prepared, config: SettledConfig) -> Environment:
        pretrained = config.model.pretraining
        environment = Environment.here(
            data=str(folder.resolve()),
            threads=torch.get_num_threads(),
            device=describe_device(self.place.device),
            method_source=source_hash(config.method),
            pretrained_weights=pretrained and weights_hash(pretrained),
            num_masks=prepared.num_masks,
        )
        if self.is_resumed:
            self._report_resumed(environment)
            return environment
        if config.start_from:
            copy_model(RunFolder(config.start_from).model_folder, self.run.start_folder)
        if config.skip_bad:
            write_text(self.run.set_aside_file, to_text(prepared.set_aside))
        if prepared.sheet:
            write_text(self.run.data_file, prepared.sheet.to_json())
        write_start(self.run, config, prepared.split.to_json(), environment)
        return environment

    def _report_resumed(self, now: Environment) -> None:
        for line in about_resuming(self.asked.method, self.run.environment(), now):
            self.reporter.say(f"warning: {line}")
        if self.asked.skip_bad:
            self.reporter.say(
                f"Files set aside at the start are listed in {self.run.set_aside_file}"
            )


def _data_module(prepared: Prepared, config: SettledConfig, detail: int) -> DataModule:
    uses_unlabelled = find_method(config.method).uses_unlabelled
    sampling = Sampling(
        batch_labelled=config.batch_labelled,
        batch_unlabelled=config.batch_unlabelled if uses_unlabelled else 0,
        seed=config.seed,
        warp=config.warp,
        balanced=config.balanced,
        detail=detail,
    )
    return DataModule(
        prepared.parts,
        prepared.split.hashes,
        config.mask_classes,
        config.size,
        sampling,
        config.reading,
    )
