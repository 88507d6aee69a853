"""What the images and masks of a training were like, and what of them was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from crosslevel.data.quality.report import Spread
from crosslevel.data.sheet import DataSheet
from crosslevel.report.page import Section
from crosslevel.runs.finished import FinishedRun

PARTS = {
    "train_labelled": "with a mask to learn from",
    "train_unlabelled": "without a mask to learn from",
    "val": "to choose the epoch",
    "test": "to test",
}
NOT_RECORDED = (
    "The run was started by an earlier version, which did not write down what its images are like: "
    "`crosslevel data check` says it of a folder."
)


def data_section(runs: Sequence[FinishedRun]) -> Section:
    """Return the sheet of the first run's data: counts, sizes, shares, parts, what was left out.

    Args:
        runs: Of one data set, which the page compares.
    """
    run = runs[0]
    facts = [*_of_sheet(run.sheet)] if run.sheet else []
    facts += _of_split(run)
    table = pd.DataFrame(facts, columns=["Fact", "Value"]) if facts else None
    texts = [] if run.sheet else [NOT_RECORDED]
    if len(runs) > 1:
        texts.append(f"As {run.label} found it.")
    return Section("Data", texts, table=table, is_prose=True)


def _of_sheet(sheet: DataSheet) -> Iterator[tuple[str, str]]:
    yield "Images", f"{sheet.num_images}, {sheet.num_masks} of them with a mask"
    if sheet.height and sheet.width:
        sizes = f"{sheet.num_sizes} sizes" if sheet.num_sizes > 1 else "all of one size"
        yield "Size", f"{_pixels(sheet.width)} wide, {_pixels(sheet.height)} high; {sizes}"
    yield "Pixels", "; ".join(f"{number} are {kind}" for kind, number in sheet.kinds.items())
    opened = sheet.num_masks_opened
    yield "Masks opened", f"{opened}, {sheet.num_empty_masks or 'none'} of them empty"
    for name, number in sheet.masks_with.items():
        spread = sheet.classes.get(name)
        share = f", {_percent(spread)} of its pixels" if spread else ""
        yield f"Class {name}", f"in {number} masks{share}"
    yield "Groups", _groups(sheet)
    for reason, number in sheet.left_out.items():
        yield f"Not used: {number}", reason
    if not sheet.left_out:
        yield "Not used", "nothing: every image and mask was used"


def _of_split(run: FinishedRun) -> Iterator[tuple[str, str]]:
    if run.split is None:
        return
    counts = {PARTS[name]: len(ids) for name, ids in run.split.parts().items() if ids}
    yield "Parts", "; ".join(f"{number} {what}" for what, number in counts.items())
    if run.split.folds:
        held_out = sum(i in run.split.folds for i in run.split.train_labelled)
        yield "Folds", f"{len(run.split.fold_names)}, which hold out {held_out} masks in turn"


def _groups(sheet: DataSheet) -> str:
    if not sheet.num_groups:
        return "the data do not say which images belong together; each counts as its own"
    parts = "; ".join(f"{number} {PARTS[name]}" for name, number in sheet.groups.items())
    return f"{sheet.num_groups}; of these {parts}"


def _pixels(spread: Spread) -> str:
    if spread.min == spread.max:
        return f"{spread.min:.0f} px"
    return f"{spread.min:.0f} to {spread.max:.0f} px (median {spread.median:.0f})"


def _percent(spread: Spread) -> str:
    return f"{spread.min:.1%} to {spread.max:.1%}, {spread.mean:.1%} on average,"
