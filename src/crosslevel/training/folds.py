"""Folds: each mask is held out once, scored by a network that did not learn from it.

The folds are short runs in `folds/` of the run folder. They give its score and its threshold. The
network that is shipped starts at the mean of their weights and learns from all masks, so that no
step is wasted either (measured: the page *Which method?*).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import DataModule
from crosslevel.data.split import Split
from crosslevel.evaluation.calibrate import HeldOut
from crosslevel.evaluation.counts import THRESHOLDS, Counts, cautious_threshold
from crosslevel.evaluation.trust import measure_without_own
from crosslevel.methods.build import build_method
from crosslevel.models.folder import load_model, set_threshold
from crosslevel.runs.compare import paired_difference
from crosslevel.runs.folder import RunFolder, write_start
from crosslevel.runs.out_of_fold import OutOfFold
from crosslevel.runs.records import Environment
from crosslevel.system.console import Reporter
from crosslevel.system.devices import Place
from crosslevel.system.files import write_text
from crosslevel.training.calibration import observe_model
from crosslevel.training.ladder import FOLD_CHECKS
from crosslevel.training.loop import Shipping, Trainer
from crosslevel.training.step import to_device
from crosslevel.training.surer import as_sure, some_images, surer_by
from crosslevel.training.validation import count


@dataclass(frozen=True)
class Folds:
    """The folds of a run.

    Attributes:
        run: Its folder.
        config: Of the run; that of a fold differs in its length alone.
        data: All masks, and nothing to validate.
        split: Says which fold holds out which.
        start: Weights that each fold starts from; None for those of its seed.
        place: Where it computes.
        reporter: Who tells the user.
    """

    run: RunFolder
    config: SettledConfig
    data: DataModule
    split: Split
    start: Mapping[str, Tensor] | None
    place: Place
    reporter: Reporter

    def train(self, environment: Environment) -> OutOfFold:
        """Train every fold, from where each was stopped, and score what they held out.

        Args:
            environment: Of the run, written down for each fold, too.

        Raises:
            RunError: If a loss is not finite.
            Interrupted: After SIGINT, when the checkpoint of the fold under way is written.
        """
        if self.run.out_of_fold_file.is_file():
            return OutOfFold.from_json(self.run.out_of_fold_file.read_text())
        names = self.split.fold_names
        config = fold_config(self.config)
        for name in names:
            fold = self.run.fold(name)
            if not fold.config_file.is_file():
                write_start(fold, config, self.split.of_fold(name).to_json(), environment)
            if not _is_trained(fold, config):
                self._train(name, config)
            shutil.rmtree(fold.last_checkpoint.parent, ignore_errors=True)
        counts = [self._count(name, config) for name in names]
        with_empty = not any(of_fold.has_foreground for of_fold in counts)
        found = self._score([of_fold.dice(with_empty=with_empty) for of_fold in counts])
        write_text(self.run.out_of_fold_file, found.to_json())
        return found

    def mean_weights(self) -> dict[str, Tensor]:
        """Return the mean of the folds' weights, from which the network of all masks starts."""
        folders = [self.run.fold(name).model_folder for name in self.split.fold_names]
        states = [load_model(folder)[0].state_dict() for folder in folders]
        return {
            name: torch.stack([state[name].double() for state in states]).mean(dim=0).to(first)
            for name, first in states[0].items()
        }

    def observe(self, threshold: float) -> Iterator[HeldOut]:
        """Yield what each mask leaves behind, seen by the network that did not learn from it.

        It is as sure as the network that is shipped would be. How true the expected Dice is by
        that, is written to the folds' score.

        Args:
            threshold: That of the network that is shipped.
        """
        held_out = [*self._observe(threshold)]
        found = OutOfFold.from_json(self.run.out_of_fold_file.read_text())
        found = replace(found, expected_dice=measure_without_own(held_out))
        write_text(self.run.out_of_fold_file, found.to_json())
        yield from held_out

    def _observe(self, threshold: float) -> Iterator[HeldOut]:
        shipped, _ = load_model(self.run.model_folder)
        for name in self.split.fold_names:
            folder, data = self.run.fold(name).model_folder, self._data(name)
            net, _ = load_model(folder)
            device = self.place.device
            images = some_images(data.training_arrays()).to(device)
            difference = surer_by(shipped.to(device), net.to(device), images, threshold)
            for seen in observe_model(folder, data.validation_batches(), self.place, threshold):
                yield as_sure(seen, difference)

    def _train(self, name: str, config: SettledConfig) -> None:
        method = to_device(build_method(config), self.place.device)
        if self.start:
            method.start_from(self.start)
        label = f"Fold {name} of {len(self.split.fold_names)}, {config.method}"
        data = self._data(name)
        shipping = Shipping(threshold=0.5, label=label)
        run = self.run.fold(name)
        Trainer(method, data, config, run, self.reporter, self.place, shipping=shipping).fit()

    def _data(self, name: str) -> DataModule:
        return self.data.held_out({i for i, fold in self.split.folds.items() if fold == name})

    def _count(self, name: str, config: SettledConfig) -> Counts:
        """Count what the network of a fold gets right in the images that the fold held out."""
        net, _ = load_model(self.run.fold(name).model_folder)
        batches = self._data(name).validation_batches()
        thresholds = THRESHOLDS if _is_calibrated(config) else (0.5,)
        return count(net.to(self.place.device), batches, config.precision, thresholds)

    def _score(self, dice: Sequence[NDArray[np.float64]]) -> OutOfFold:
        """Score each fold at the threshold that suits all others, and write it into its card.

        Args:
            dice: (images, thresholds) of each fold.
        """
        thresholds = THRESHOLDS if _is_calibrated(self.config) else (0.5,)
        scores: list[float] = []
        for place, name in enumerate(self.split.fold_names):
            others = np.concatenate([found for i, found in enumerate(dice) if i != place])
            threshold = cautious_threshold(others, thresholds)
            set_threshold(self.run.fold(name).model_folder, threshold)
            scores += dice[place][:, thresholds.index(threshold)].tolist()
        return out_of_fold(scores, cautious_threshold(np.concatenate(dice), thresholds), len(dice))


def fold_config(config: SettledConfig) -> SettledConfig:
    """Return the configuration of the folds of a run."""
    epochs = config.fold_epochs
    check_every = max(1, epochs // FOLD_CHECKS)
    return replace(
        config, epochs=epochs, check_every=check_every, folds=0, fold_epochs=1, patience=None
    )


def out_of_fold(dice: Iterable[float], threshold: float, num_folds: int) -> OutOfFold:
    """Return the mean of Dice in [0, 1], one of each mask, with its interval over the images."""
    scores = np.array(list(dice))
    mean = paired_difference(scores, np.zeros_like(scores))
    return OutOfFold(
        num_folds=num_folds,
        num_masks=len(scores),
        dice=round(mean.mean, 4),
        interval=(round(max(0.0, mean.low), 4), round(min(100.0, mean.high), 4)),
        threshold=threshold,
    )


def _is_trained(fold: RunFolder, config: SettledConfig) -> bool:
    """Return whether nothing is left to do; the log's last row is written after the model."""
    return fold.log_file.is_file() and fold.num_epochs_done >= config.epochs


def _is_calibrated(config: SettledConfig) -> bool:
    return config.calibrate and config.mask_classes.num_channels == 1
