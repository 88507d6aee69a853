"""Another clinic's images: a trained segmenter learns from them without any mask.

Each step says what it changed. The run it starts from is never touched.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from crosslevel.data.reading import read_as_trained
from crosslevel.data.split import Split
from crosslevel.errors import DataError, InputError, one_line
from crosslevel.evaluation.counts import THRESHOLDS
from crosslevel.images.preprocess import resize_image
from crosslevel.inference.outputs import find_images
from crosslevel.inference.segmenter import model_folder
from crosslevel.models.folder import ModelCard, load_model, save_model
from crosslevel.runs.folder import RunFolder
from crosslevel.system.console import Reporter
from crosslevel.system.devices import this_place
from crosslevel.system.files import write_text
from crosslevel.training.adapt_options import AdaptOptions
from crosslevel.training.unlabelled import (
    Images,
    best_threshold,
    probabilities_of,
    reestimate_batchnorm,
    self_train,
)

MOST_IMAGES, LEAST_IMAGES = 1000, 8


@dataclass(frozen=True, slots=True)
class Step:
    """What a step did, on the new images.

    Attributes:
        name: Of the step.
        did: In words.
        foreground: Share of all pixels that are foreground after it, in [0, 1].
        changed: Share of all pixels whose class it changed, in [0, 1].
    """

    name: str
    did: str
    foreground: float
    changed: float

    def __str__(self) -> str:
        """For a person."""
        return (
            f"{self.name}: {self.did}. It changes {100 * self.changed:.1f} % of all pixels; "
            f"{100 * self.foreground:.1f} % are foreground now."
        )


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What `adaptation.json` says, and where the new model is.

    Attributes:
        source: The run that was adapted, which is as it was.
        num_images: New images that were learned from.
        foreground: Share of their pixels that were foreground before, in [0, 1].
        steps: What was done, in order.
        problems: One line for each image that could not be read.
    """

    source: str
    num_images: int
    foreground: float
    steps: list[Step]
    problems: list[str]


def adapt(
    run: Path | str,
    images: str | Path | Sequence[str | Path],
    out: Path | str,
    *,
    options: AdaptOptions | None = None,
    reporter: Reporter | None = None,
) -> Adaptation:
    """Write a copy of a run whose model has learned from images without masks.

    Args:
        run: A run folder, or a model folder; only read.
        images: Files, folders or patterns of the new images; at most `MOST_IMAGES` are used.
        out: The new run folder, in which there is nothing yet.
        options: Which steps are taken.
        reporter: Who tells the user; silent if left out.

    Returns:
        What each step changed, also written to `adaptation.json`.

    Raises:
        InputError: If there is no model or no image, fewer than `LEAST_IMAGES` can be read, or
            `out` is in use.
    """
    reporter, options = reporter or Reporter(quiet=True), options or AdaptOptions()
    source, target = Path(run), RunFolder(Path(out))
    if target.path.exists() and (not target.path.is_dir() or any(target.path.iterdir())):
        raise InputError(f"{target.path} exists and is not empty: choose another --out.")
    net, card = load_model(model_folder(run))
    if options.threshold and card.num_channels > 1:
        raise InputError(
            f"The model has the classes {', '.join(card.classes)}, of which the most probable one "
            "wins: leave out --threshold."
        )
    read, problems = _read(images, target.path, card, reporter)
    work = _Work(net.to(this_place().device), read, card.threshold, reporter)
    before = work.foreground
    steps = work.take(options)
    record = Adaptation(str(source), len(read), before, steps, problems)
    _copy_run(RunFolder(source), target)
    save_model(target.model_folder, net, replace(card, threshold=work.threshold))
    write_text(target.adaptation_file, json.dumps(asdict(record), indent=2) + "\n")
    return record


class _Work:
    """Takes the steps and measures what each changes.

    Args:
        net: Changed in place.
        images: (N, S, S, 3), new ones.
        threshold: Of the model.
        reporter: Who tells the user.
    """

    def __init__(
        self, net: nn.Module, images: Images, threshold: float, reporter: Reporter
    ) -> None:
        self.net, self.images, self.threshold = net, images, threshold
        self._reporter = reporter
        self._probabilities = probabilities_of(net, images)
        self._classes = self._to_classes()

    @property
    def foreground(self) -> float:
        """Share of all pixels."""
        return round(float((self._classes > 0).float().mean()), 4)

    def take(self, options: AdaptOptions) -> list[Step]:
        steps = []
        if options.batchnorm:
            layers = reestimate_batchnorm(self.net, self.images)
            steps.append(self._measured("BatchNorm", f"statistics of {layers} layers re-estimated"))
        if options.self_training:
            with self._reporter.task("Self-training", options.self_training) as advance:
                self_train(self.net, self.images, options.self_training, advance)
            steps.append(self._measured("Self-training", f"{options.self_training} steps"))
        if options.threshold:
            before = self.threshold
            self.threshold = best_threshold(self._probabilities, list(THRESHOLDS))
            steps.append(self._measured("Threshold", f"{before:g} → {self.threshold:g}"))
        return steps

    def _measured(self, name: str, did: str) -> Step:
        before = self._classes
        self._probabilities = probabilities_of(self.net, self.images)
        self._classes = self._to_classes()
        changed = round(float((before != self._classes).float().mean()), 4)
        step = Step(name, did, self.foreground, changed)
        self._reporter.say(str(step))
        return step

    def _to_classes(self) -> Tensor:
        """Return (N, S, S) class indices."""
        if self._probabilities.shape[1] > 1:
            return self._probabilities.argmax(dim=1)
        return (self._probabilities[:, 0] >= self.threshold).long()


def _read(
    images: str | Path | Sequence[str | Path], out: Path, card: ModelCard, reporter: Reporter
) -> tuple[Images, list[str]]:
    """Return the new images at the network's size, and what is wrong with the others."""
    named = [images] if isinstance(images, str | Path) else images
    files = find_images(named, out, card.reading)
    shots = [(path, frame) for path in files.masks for frame in files.frames[path]]
    if len(shots) > MOST_IMAGES:
        reporter.say(f"{MOST_IMAGES} of {len(shots)} images are used, evenly chosen")
        places = np.linspace(0, len(shots) - 1, MOST_IMAGES).round().astype(int)
        shots = [shots[place] for place in places]
    read, problems = [], []
    for path, frame in shots:
        try:
            image, _ = read_as_trained(path, card.reading, frame)
        except DataError as error:
            problems.append(one_line(str(error)))
            continue
        read.append(resize_image(image, card.size))
    if len(read) < LEAST_IMAGES:
        found = "; ".join([f"found are {len(read)}", *problems])
        raise InputError(f"At least {LEAST_IMAGES} new images are needed: {found}. Give more.")
    return np.stack(read), problems


def _copy_run(source: RunFolder, target: RunFolder) -> None:
    """Copy what says how a run was trained, so that its copy can be evaluated and exported.

    Networks of folds are not adapted, so the copy has no folds that could score it.
    """
    target.path.mkdir(parents=True, exist_ok=True)
    for file in (source.environment_file, source.config_file):
        if file.is_file():
            shutil.copyfile(file, target.path / file.name)
    if source.split_file.is_file():
        split = replace(Split.load(source.split_file), folds={})
        write_text(target.split_file, split.to_json())
