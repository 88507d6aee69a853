"""Whether the masks of a data set are drawn in the values of the run that is scored on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from crosslevel.data.annotations.classes import classes_of as labels_to_classes
from crosslevel.data.annotations.classes import left_out
from crosslevel.data.annotations.painting import plain_label
from crosslevel.data.formats.unclear import Level, UnclearMaskError, describe, sort_levels
from crosslevel.data.quality.about_masks import about_unnamed
from crosslevel.data.reading import inspect_case_mask
from crosslevel.errors import DataError, InputError
from crosslevel.evaluation.options import EvaluateOptions
from crosslevel.types import FOREGROUND, IGNORED, Case, Classes, Reading, ShapeMask

_NAMED = 8


def classes_of(run: Classes, asked: EvaluateOptions) -> Classes:
    """Return how the masks to be scored are read: as the run's, but for what is asked.

    Raises:
        InputError: The classes asked for are not the run's.
    """
    if asked.instances and len(run.names) > 1:
        raise InputError(f"The run has the classes {', '.join(run.names)}: leave out --instances.")
    if asked.instances:
        return Classes(ignore=asked.ignore, instances=True)
    ignore = run.ignore if asked.ignore is None else asked.ignore
    if not asked.classes:
        return replace(run, ignore=ignore)
    if len(run.names) > 1 and set(asked.classes) != set(run.values):
        raise InputError(
            f"The run has the classes {', '.join(run.names)}: say how each of them is drawn in "
            f"these masks (found: {', '.join(asked.classes)})."
        )
    if len(run.names) == 1 != len(asked.classes):
        raise InputError(
            f"The run has one class, {run.names[0]}; --classes names {len(asked.classes)}."
        )
    names = run.values if len(run.names) > 1 else asked.classes
    classes = Classes({name: asked.classes[name] for name in names}, ignore)
    classes.check()
    return classes


def refuse_other_values(cases: Iterable[Case], classes: Classes, reading: Reading) -> None:
    """Refuse masks of which none has a pixel of any class, while they are drawn in something else.

    The first mask that has one ends the search.

    Raises:
        DataError: Naming the values found and the option to give, or the labels of shapes.
    """
    cases = list(cases)
    _refuse_other_labels(cases, classes)
    others: set[Level] = set()
    unclear: list[UnclearMaskError] = []
    first: Case | None = None
    for case in cases:
        try:
            content = inspect_case_mask(case, classes, reading)
        except UnclearMaskError as error:
            unclear.append(error)
        except DataError:  # named when it is scored
            continue
        else:
            if ((content.indices > 0) & (content.indices < IGNORED)).any():
                return
            others |= content.unnamed.keys()
        first = first or case
    if first is None or not (others or unclear):
        return
    if unclear:
        raise DataError([f"{first.mask_files[0]}: holds {describe(unclear, others)}"])
    found = sort_levels(others)
    drawn = ", ".join(f"{name} is {value}" for name, value in classes.values.items())
    options = " ".join(f"--classes.{name} {found[0]}" for name in classes.values)
    raise DataError(
        [
            f"{first.mask_files[0]}: no mask has a pixel of any class ({drawn}); found are the "
            f"values {', '.join(map(str, found[:_NAMED]))}. Say how these masks are drawn, for "
            f"instance with {options}."
        ]
    )


def of_no_class(masks: Sequence[tuple[Path, Collection[Level]]]) -> list[str]:
    """Return a line on the values of no class, each mask with those that it holds, if any does."""
    remedy = "If it is something else, leave it out of the scores with --ignore."
    return [f"{line} {remedy}" for line in about_unnamed(masks)]


def about_labels(cases: Iterable[Case], classes: Classes) -> list[str]:
    """Return a line on each label of shapes of no class, or on several that are one class."""
    labels = sorted({shape.label for mask in _shape_masks(cases) for shape in mask.shapes})
    if not labels or classes.instances:
        return []
    if classes.names != [FOREGROUND]:
        return left_out(classes, labels)
    found = list(labels_to_classes(dict.fromkeys(labels)))
    if len(found) < 2:
        return []
    return [
        f"labels {', '.join(found)}: all their shapes count as foreground, since the run has one "
        f"class without a name. To score one label alone, name it (--classes.{found[0]} 1)."
    ]


def _shape_masks(cases: Iterable[Case]) -> list[ShapeMask]:
    return [case.mask for case in cases if isinstance(case.mask, ShapeMask)]


def _refuse_other_labels(cases: Iterable[Case], classes: Classes) -> None:
    masks = _shape_masks(cases)
    labels = {shape.label for mask in masks for shape in mask.shapes}
    wanted = {*classes.names} - {FOREGROUND}
    if labels and wanted and not {*map(plain_label, labels)} & {*map(plain_label, wanted)}:
        line = (
            f"{masks[0].file}: no shape has a label of the run ({', '.join(sorted(wanted))}); "
            f"found are {', '.join(sorted(labels))}. Rename the labels"
        )
        if len(classes.names) == 1:
            line += ", or give --instances if shapes of any label are what the run finds"
        raise DataError([f"{line}."])
