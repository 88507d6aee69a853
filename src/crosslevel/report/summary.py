"""What one run is, in two sentences: what was trained on what, and how good it honestly is."""

from __future__ import annotations

from crosslevel.methods import WITHOUT_UNLABELLED
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import OUT_OF_FOLD, PerImage, scored
from crosslevel.types import FOREGROUND


def summary(run: FinishedRun) -> str:
    """Return the first lines of the page of one run."""
    return f"{_trained(run)} {_scored(run)}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which takes an s unless there is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def num_without_masks(run: FinishedRun) -> int:
    """Return how many images without masks a run learned from.

    A method of somebody's own is taken at the word of its split: its code is not run for a page.
    """
    if run.split is None or run.config.method in WITHOUT_UNLABELLED:
        return 0
    return len(run.split.train_unlabelled)


def _trained(run: FinishedRun) -> str:
    config = run.config
    names = config.mask_classes.names
    what = "" if names == [FOREGROUND] else f" of {', '.join(names)}"
    how = f"({config.model.name}, {config.size} px)"
    return f"A segmenter{what} {how} was trained by {config.method} on {_learned_from(run)}."


def _learned_from(run: FinishedRun) -> str:
    if run.split is None:
        return f"{run.config.labelled} labelled images"
    masks = counted(len(run.split.train_labelled), "image")
    others = num_without_masks(run)
    return f"{masks} with masks" + (f" and {others} without" if others else "")


def _scored(run: FinishedRun) -> str:
    found = run.summary
    interval = ""
    if found.dice_interval:
        low, high = found.dice_interval
        interval = f" (95 % interval over the images {low:.1f} to {high:.1f})"
    kind = "test image" if found.subset == "test" else "image"
    number = counted(len(scored(run.per_image)), kind)
    return f"Its mean Dice is {found.mean[PerImage.DICE]:.1f}{interval} {_on_what(run, number)}."


def _on_what(run: FinishedRun, number: str) -> str:
    found = run.summary
    if found.subset == OUT_OF_FOLD:
        return (
            f"out of fold: {number}, each scored by a network of the same training that did not "
            "learn from it; the segmenter itself learned from all of them"
        )
    if seen := (found.num_trained_on or 0) + (found.num_validated_on or 0):
        return f"on {number}, of which {seen} were used in training: it flatters the segmenter"
    part = "" if found.subset == "test" else f" of the part {found.subset}"
    return f"on {number}{part} that it did not learn from"
