"""What shows only over all the masks of a data set: values that mean several things, doubts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from crosslevel.data.formats.unclear import (
    IGNORE_VALUES,
    Level,
    classes_option,
    describe,
    sort_levels,
    values_of,
)
from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.findings import Findings, MaskFinding
from crosslevel.data.quality.naming import some
from crosslevel.types import Classes

_FULL_BORDER = 0.9  # foreground among the outermost pixels of a mask drawn the wrong way round
_LARGEST_BETWEEN = 0.1  # grey pixels of a mask; those of blurred edges are far fewer
_A_FEW = 0.1  # share of the masks that are single mistakes, not the way the data set is drawn
_SAME_MEANING = {1, *IGNORE_VALUES}  # full scale of 1, 8 and 16 bits
_MOST_NAMED = 8
_FEWEST_SAME = 4  # masks
_SAME = 0.02  # share of the pixels in which masks may differ from the middle one


def unclear_masks(found: Findings) -> tuple[list[BadFile], list[str]]:
    """Single masks that are unlike the others, or one fault about the way all are drawn."""
    masks, unclear = list(found.masks.values()), found.unclear
    if not unclear:
        return [], []
    if len(unclear) <= max(1, _A_FEW * len(masks)) < len(masks):
        drawn = Counter(mask.drawn for mask in masks).most_common(1)[0][0]
        remedy = f"Most other masks are drawn {drawn}: draw it like them"
        return [
            BadFile(u.path, f"{u.path}: holds {values_of([u])}. {remedy}.", case_id)
            for case_id, u in unclear.items()
        ], []
    also = {level for mask in masks for level in mask.levels}
    what = describe(list(unclear.values()), also)
    verb = "holds" if len(unclear) == 1 else f"{len(unclear)} masks; together they hold"
    return [], [f"{some([u.path for u in unclear.values()])}: {verb} {what}"]


def about_masks(masks: Sequence[MaskFinding], classes: Classes) -> tuple[list[str], list[str]]:
    """Faults and warnings that show only over all the masks."""
    empty = [mask.path for mask in masks if mask.shares[0] == 1]
    full = [mask.path for mask in masks if max(mask.shares[1:]) == 1]
    if masks and len(empty) + len(full) == len(masks):
        unnamed = _unnamed(masks)
        line = (
            f"{some([mask.path for mask in masks])}: every mask is all one class ({len(empty)} "
            f"all background, {len(full)} all foreground). Check that these are the masks."
        )
        if unnamed:
            option = classes_option(list(unnamed))
            line += f" No class has the {_listed(unnamed)}: if it is one, name it ({option})."
        elif not classes.values:
            line += " If classes are drawn in other values, name them with --classes."
        return [line], []
    faults, warnings = _about_differing_values(masks, classes)
    inverted = [m.path for m in masks if 0 < m.shares[0] < 0.5 and m.border >= _FULL_BORDER]
    grey = [mask.path for mask in masks if mask.between > _LARGEST_BETWEEN]
    doubts = (
        (empty, "all background. Check that this is meant."),
        (full, "all foreground. Check that this is meant."),
        (inverted, "mostly foreground up to the border. Invert what is drawn the other way round."),
        (grey, "largely grey, neither background nor foreground. Check that it is a mask."),
    )
    warnings += _about_sameness(masks)
    warnings += [
        f"{some(paths)}: {'the mask is' if len(paths) == 1 else f'{len(paths)} masks are'} {what}"
        for paths, what in doubts
        if paths
    ]
    return faults, [*warnings, *_about_classes(masks, classes)]


def about_labelled(masks: Sequence[MaskFinding], classes: Classes) -> list[str]:
    """Return a warning of each class that none of the masks to be learned from shows."""
    return [
        f"none of the {len(masks)} labelled masks shows {name}: it cannot be learned. Use more "
        "masks (--labelled), or another choice of them (--draw)."
        for place, name in enumerate(classes.names, start=1)
        if masks and not any(mask.shares[place] > 0 for mask in masks)
    ]


def about_unnamed(masks: Sequence[tuple[Path, Collection[Level]]]) -> list[str]:
    """Return a line on the values of no class, each mask with those that it holds, if any does."""
    holding = list(dict.fromkeys(path for path, levels in masks if levels))
    if not holding:
        return []
    values = _listed(_counted(levels for _, levels in masks))
    return [f"{some(holding)}: {values} is of no class and counts as background."]


def describe_reading(masks: Sequence[MaskFinding], classes: Classes) -> list[str]:
    """Return lines on how the values of the masks were understood."""
    if not masks:
        return []
    ignored = [] if classes.ignore is None else [f"{classes.ignore} → counts nowhere"]
    if classes.values and masks[0].drawn:  # only shapes have words for it then
        numbered = ", ".join(f"{name} → {i}" for i, name in enumerate(classes.values, start=1))
        return [f"{masks[0].drawn}: {numbered}, other labels → background"]
    if classes.values:
        named = [f"{value} → {name}" for name, value in classes.values.items()]
        return [", ".join([*named, *ignored, "all else → background"])]
    if classes.instances:
        return [", ".join([*ignored, "every number or colour but 0 → foreground"])]
    drawn = Counter(mask.drawn for mask in masks).most_common(_MOST_NAMED)
    how = ", ".join(f"{count} {how}" for how, count in drawn)
    return ["; ".join([f"{how}: what is drawn → foreground", *ignored])]


def _about_differing_values(
    masks: Sequence[MaskFinding], classes: Classes
) -> tuple[list[str], list[str]]:
    """Binary masks of which each is clear, but not all are drawn alike."""
    if classes.values or classes.instances:
        return [], []
    drawn_with: dict[Level, list[MaskFinding]] = defaultdict(list)
    for mask in masks:
        if len(mask.levels) == 1:
            drawn_with[mask.levels[0]].append(mask)
    levels = sort_levels(drawn_with)
    if len(levels) < 2:
        return [], []
    counts = ", ".join(f"{len(drawn_with[level])} in {level}" for level in levels[:_MOST_NAMED])
    example = some([drawn_with[level][0].path for level in levels])
    line = f"{example}: the masks are drawn in different values on 0 ({counts})."
    remedy = f"If these are classes, give {classes_option(levels)}"
    if set(levels) <= _SAME_MEANING:
        return [], [f"{line} Each is read as foreground. {remedy}."]
    return [f"{line} {remedy}; if all of them are foreground, give --instances."], []


def _about_sameness(masks: Sequence[MaskFinding]) -> list[str]:
    """Return a doubt if the masks of all images show the same, as those of a field of view do."""
    outlines = [mask.outline for mask in masks if mask.outline is not None]
    if len(outlines) < _FEWEST_SAME or len(outlines) < len(masks):
        return []
    stack = np.stack(outlines).astype(np.float32)
    differences = np.abs(stack - np.median(stack, axis=0)).mean(axis=(1, 2)) / 255
    if differences.max() > _SAME:
        return []
    return [
        f"{some([mask.path for mask in masks])}: the masks of all images are nearly the same. "
        f"Check that they show what is to be found, and not the field of view."
    ]


def _about_classes(masks: Sequence[MaskFinding], classes: Classes) -> list[str]:
    lines = [
        f"class {name} ({value}): occurs in no mask. Check its value."
        for index, (name, value) in enumerate(classes.values.items(), start=1)
        if masks and not any(mask.shares[index] for mask in masks)
    ]
    if classes.ignore is not None and masks and not any(mask.ignored for mask in masks):
        lines.append(f"ignore ({classes.ignore}): occurs in no mask. Check the value.")
    if unnamed := _unnamed(masks):
        option = classes_option(list(unnamed), len(classes.values))
        lines += [
            f"{line} Name it, too ({option}), or leave it out of loss and scores with --ignore."
            for line in about_unnamed([(mask.path, mask.unnamed) for mask in masks])
        ]
    if softened := [mask.path for mask in masks if mask.softened]:
        lines.append(
            f"{some(softened)}: {len(softened)} masks have softened edges, whose pixels count as "
            f"what is nearest. Export masks without smoothing."
        )
    return lines


def _unnamed(masks: Sequence[MaskFinding]) -> dict[Level, int]:
    """Return values of no class, and how many masks have each."""
    return _counted(mask.unnamed for mask in masks)


def _counted(levels_of_masks: Iterable[Collection[Level]]) -> dict[Level, int]:
    counts = Counter(level for levels in levels_of_masks for level in levels)
    return {level: counts[level] for level in sort_levels(counts)}


def _listed(unnamed: dict[Level, int]) -> str:
    named = [f"{level} (in {count} masks)" for level, count in unnamed.items()]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"value {', '.join(named[:_MOST_NAMED])}{more}"
