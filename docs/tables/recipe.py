"""Tables of the recipe, and the one of the README."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from crosslevel.runs.records import PerImage
from docs.tables.cells import gain, link, markdown, paired, spread
from docs.tables.comparisons import (
    ADDED,
    COMPARED,
    FEW_LESIONS,
    FRESH,
    ISIC,
    KVASIR,
    Entry,
    added,
    compared,
)
from docs.tables.curve import learning_curve
from docs.tables.published import ROOT, row

RECIPE = {
    f"{KVASIR}/256px-10-masks": ("Kvasir-SEG", "10"),
    f"{KVASIR}/256px-24-masks": ("Kvasir-SEG", "24"),
    f"{KVASIR}/256px-48-masks": ("Kvasir-SEG", "48"),
    f"{KVASIR}/256px-96-masks": ("Kvasir-SEG", "96"),
    f"{KVASIR}/256px-96-masks-first-split": ("Kvasir-SEG, first split", "96"),
    f"{ISIC}/256px-124-masks": ("ISIC 2018", "124"),
}
"""By protocol, how its data are called and how many masks it has."""
ALL_MASKS = f"{KVASIR}/256px-480-masks/supervised_ema"
CURVE = ROOT / "docs" / "images" / "recipe-curve.svg"
_CURVE_ROWS = {"the recipe": "fixmatch", "the masks alone": "supervised_ema"}
_MORE_WORK = (
    ("20", "unimatch", "UniMatch"),
    ("20", "fixmatch_dropout", "strong views lose channels"),
    ("20", "fixmatch_lite2_352px", "EfficientNet-Lite2 at 352 px"),
    ("120", "fixmatch_lite2_352px", "EfficientNet-Lite2 at 352 px"),
    ("120", "fixmatch_lite2_352px_2520_steps", "the same, twice as long"),
)

_BY_SIZE = {
    "10 in all": f"{KVASIR}/256px-10-masks-in-all/folds",
    "20 in all": f"{KVASIR}/256px-20-masks-in-all/folds",
    "50 in all": f"{KVASIR}/256px-50-masks-in-all/folds",
    "120": f"{KVASIR}/256px-120-masks/fixmatch",
    "480": f"{KVASIR}/256px-480-masks/supervised_ema",
}


def readme(page: Path) -> str:
    """Show what images without a mask are worth, in a few lines."""
    keys = [f"{KVASIR}/256px-10-masks", f"{KVASIR}/256px-96-masks"]
    lines = [["the recipe", *added(page, key, *RECIPE[key], "fixmatch")] for key in keys]
    for key, data, masks in ((FRESH, "Kvasir-SEG", "96"), (FEW_LESIONS, "ISIC 2018", "25")):
        clcc = added(page, key, data, masks, "clcc_further_tiles")
        lines.append(["CLCC, two sizes of tiles, 160 px", *clcc])
    return markdown(["method", *ADDED], lines)


def recipe(page: Path) -> str:
    """Show what images without a mask add to the recipe's network, by the number of masks."""
    lines = [added(page, key, *names, "fixmatch") for key, names in RECIPE.items()]
    return markdown(ADDED, lines)


def recipe_curve(page: Path) -> str:
    """Show the picture of the learning curve."""
    picture = os.path.relpath(CURVE, page.parent)
    return f"![Test Dice by number of masks: {' and '.join(_CURVE_ROWS)}]({picture})"


def recipe_curve_picture() -> str:
    """Draw the recipe and the same network on the masks alone."""
    keys = [key for key, (data, _) in RECIPE.items() if data == "Kvasir-SEG"]
    masks = [*(int(RECIPE[key][1]) for key in keys), 480]
    rows = {
        shown: [*(float(_mean(f"{key}/{row}")) for key in keys), float(_mean(ALL_MASKS))]
        for shown, row in _CURVE_ROWS.items()
    }
    return learning_curve(masks, rows)


def masks_in_all(page: Path) -> str:
    """Show what the recipe makes of a few masks, where no other mask chose anything."""
    lines = []
    for masks in ("10", "20"):
        key = f"{KVASIR}/256px-{masks}-masks-in-all"
        folds, divided = row(f"{key}/folds"), row(f"{key}-divided/divided")
        shown = [link(page, masks, key), str(len(folds)), spread(folds), spread(folds, "iou")]
        lines.append([*shown, spread(divided), *gain(*paired(folds, divided))])
    header = ("masks in all", "runs", "Dice", "mIoU", "divided", *COMPARED[2:])
    return markdown(header, lines)


def by_size(page: Path) -> str:
    """Show which lesions the recipe finds worst, by their size and the number of masks."""
    lines = []
    for masks, key in _BY_SIZE.items():
        runs = row(key)
        images = pd.concat([run.per_image for run in runs]).groupby(level=0).mean(numeric_only=True)
        quarters = pd.qcut(images[PerImage.FOREGROUND_SHARE], 4, labels=False)
        mean = 100 * images[["dice", "precision", "recall"]].groupby(quarters).mean()
        dice = [f"{value:.1f}" for value in mean["dice"]]
        ends = [f"{mean[name][end]:.0f}" for end in (0, 3) for name in ("precision", "recall")]
        lines.append([link(page, masks, key.rsplit("/", 1)[0]), str(len(runs)), *dice, *ends])
    sizes = ("Dice of the smallest quarter", "second", "third", "largest")
    of_ends = ("smallest: precision", "recall", "largest: precision", "recall")
    return markdown(("masks", "runs", *sizes, *of_ends), lines)


def more_work(page: Path) -> str:
    """Show what more work than the recipe's buys, by method, network, size and length."""
    entries: list[Entry] = [
        (f"{masks} masks, {what}", f"{KVASIR}/256px-{masks}-masks/{name}", _recipe_of(masks))
        for masks, name, what in _MORE_WORK
    ]
    return compared(page, ("instead of the recipe", "runs"), entries)


def _recipe_of(masks: str) -> str:
    return f"{KVASIR}/256px-{masks}-masks/fixmatch"


def _mean(key: str) -> str:
    return spread(row(key)).split(" ")[0]
