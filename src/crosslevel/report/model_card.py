"""The page that a model has on a hub: what it is, how it was trained, how good it is, its limits.

It tells counts, never names: no image, folder, patient or user of the run appears in it.
"""

from __future__ import annotations

from math import sqrt

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from scipy.stats import t as student

from crosslevel.data.split import Split
from crosslevel.models.folder import ModelCard
from crosslevel.report.summary import num_without_masks
from crosslevel.runs.finished import FinishedRun
from crosslevel.runs.records import IN_PERCENT, OUT_OF_FOLD, SCORES, Summary, scored
from crosslevel.types import BEFORE_WINDOWS

LEVEL = 0.95


def model_card(run: FinishedRun, card: ModelCard, *, address: str, licence: str) -> str:
    """Return the text in Markdown.

    Args:
        run: The evaluated run.
        card: Of its model.
        address: Where the model will be, "hf:owner/name".
        licence: Its identifier there ("apache-2.0", "cc-by-nc-4.0", "other").
    """
    environment = Environment(
        loader=PackageLoader("crosslevel.report"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.jinja").render(
        license=licence,
        title=address.rpartition("/")[2],
        lead=_lead(run),
        address=address,
        classes=_classes(card),
        card=card,
        how_read=_how_read(card),
        training=_training(run),
        score_lead=_score_lead(run),
        scores=_scores(scored(run.per_image)),
    )


def _lead(run: FinishedRun) -> str:
    return (
        f"A segmenter of medical images, trained with Crosslevel by the method "
        f"`{run.config.method}` on {_counts(run)}."
    )


def _counts(run: FinishedRun) -> str:
    if run.split is None:
        return f"{run.config.labelled} masks"
    masks = f"{len(run.split.train_labelled)} images with masks"
    others = num_without_masks(run)
    return f"{masks} and {others} without" if others else masks


def _classes(card: ModelCard) -> list[str]:
    if card.num_channels == 1:
        return [f"`{card.classes[0]}`, where the probability is at least {card.threshold:.2f}"]
    return [f"`{name}`, {number} in a mask" for number, name in enumerate(card.classes, start=1)]


def _how_read(card: ModelCard) -> str:
    if card.reading == BEFORE_WINDOWS or not card.reading.window:
        return ""
    return f"Images deeper than 8 bits are read with the window {card.reading.window}."


def _training(run: FinishedRun) -> list[tuple[str, str]]:
    config, own = run.config, run.environment
    rows = [
        ("method", f"`{config.method}`"),
        ("network", f"`{config.model.name}`"),
        ("steps", f"{run.num_steps} ({len(run.log)} epochs)"),
        ("size", f"{config.size} px"),
        ("seed", str(config.seed)),
    ]
    if run.split is not None:
        rows.append(("masks", _masks(run.split)))
        others = num_without_masks(run)
        rows.append(("images without a mask", str(others) if others else "not used"))
    version = own.packages.get("crosslevel")
    return rows + ([("crosslevel", version)] if version else [])


def _masks(split: Split) -> str:
    learned = f"{len(split.train_labelled)} to learn from"
    if split.folds:  # they hold out images without a mask, too, that share a group with a mask
        held_out = sum(i in split.folds for i in split.train_labelled)
        return f"{learned}, {held_out} of them held out in turn in {_folds(split)}"
    return f"{learned}, {len(split.val)} to choose"


def _folds(split: Split) -> str:
    return f"{len(split.fold_names)} folds"


def _score_lead(run: FinishedRun) -> str:
    summary = run.summary
    if summary.subset == OUT_OF_FOLD:
        folds = f" ({_folds(run.split)})" if run.split else ""
        return (
            f"Out-of-fold{folds}: each of {summary.num_cases} images with masks was scored by a "
            "network that did not learn from it, trained like this model. This model itself "
            "learned from all of them, so it has no score of its own. At "
            f"{summary.metric_size} size.{_without_foreground(summary)}"
        )
    seen = (summary.num_trained_on or 0) + (summary.num_validated_on or 0)
    warning = (
        f" **{seen} of them were used in training, so these scores flatter the model.**"
        if seen
        else ""
    )
    return (
        f"On {summary.num_cases} images with masks (part `{summary.subset}`), at "
        f"{summary.metric_size} size.{_without_foreground(summary)}{warning}"
    )


def _without_foreground(summary: Summary) -> str:
    """Return what the table leaves out, as every other mean does."""
    if summary.healthy is None or summary.healthy.num_images == summary.num_cases:
        return ""
    return f" The table is of those with foreground. {summary.healthy}."


def _scores(per_image: pd.DataFrame) -> list[tuple[str, str, str]]:
    found = [name for name in SCORES if name in per_image and per_image[name].notna().any()]
    return [(SCORES[name], *_mean_and_interval(per_image[name], name)) for name in found]


def _mean_and_interval(values: pd.Series[float], name: str) -> tuple[str, str]:
    known = values.dropna() * (100 if name in IN_PERCENT else 1)
    mean = known.mean()
    if len(known) < 2:
        return f"{mean:.1f}", "–"
    reach = student.ppf((1 + LEVEL) / 2, len(known) - 1) * known.std() / sqrt(len(known))
    return f"{mean:.1f}", f"{mean - reach:.1f} to {mean + reach:.1f}"
