"""Tables that compare rows: the recipe, and CLCC part by part."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from docs.tables.cells import gain, link, markdown, paired, spread
from docs.tables.curve import learning_curve
from docs.tables.published import ROOT, protocol, row

KVASIR, ISIC = "kvasir-seg-800", "isic2018-task1-512"
APART, JOINT = f"{KVASIR}/160px-apart", f"{KVASIR}/160px-one-batch"
SIDE_BY_SIDE = f"{KVASIR}/96px-48-masks-gpu"
FIRST = f"{KVASIR}/160px-apart-contrast-first"
FEW_LESIONS = f"{ISIC}/160px-25-masks"
FRESH, AUTHORS = f"{KVASIR}/160px-new-split", f"{KVASIR}/160px-authors"
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
_IDEAS = {
    "same_view": "tiles as they are",
    "view": "tiles of another view",
    "depth": "and vectors from deep maps",
    "queue": "and negatives of the batch and a queue",
    "same_class": "and negatives weighed by class",
    "balanced": "and anchors balanced by class",
    "mixed": "and soft positives where classes meet",
    "teacher": "and the image's vectors by a teacher",
    "temperature": "and τ = 0.1",
}
COMPARED = ("Dice", "compared with", "difference [95 % interval]", "verdict")

_SIZES = {
    "clcc_without_contrast": "tiles of a fifth",
    "clcc_further_tiles": "tiles of both sizes",
    "clcc_half_tiles": "tiles of half",
}
Entry = tuple[str, str, str]
"""How a line is called, its row, and the row it is compared with."""


def readme(page: Path) -> str:
    """Show what images without a mask are worth, in a few lines."""
    keys = [f"{KVASIR}/256px-10-masks", f"{KVASIR}/256px-96-masks"]
    lines = [["the recipe", *_added(page, key, *RECIPE[key], "fixmatch")] for key in keys]
    for key, data, masks in ((FRESH, "Kvasir-SEG", "96"), (FEW_LESIONS, "ISIC 2018", "25")):
        clcc = _added(page, key, data, masks, "clcc_further_tiles")
        lines.append(["CLCC, two sizes of tiles, 160 px", *clcc])
    return markdown(["method", *_ADDED], lines)


def recipe(page: Path) -> str:
    """Show what images without a mask add to the recipe's network, by the number of masks."""
    lines = [_added(page, key, *names, "fixmatch") for key, names in RECIPE.items()]
    return markdown(_ADDED, lines)


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


def clcc_ladder(page: Path) -> str:
    """Show CLCC from the paper's form to the default, each beside its supervised network."""
    first_split = f"{KVASIR}/160px-first-split"
    return _compared(
        page,
        ("CLCC", "draws"),
        [
            ("as the paper states it", f"{first_split}/clcc", f"{first_split}/supervised"),
            ("weights chosen here, one batch", f"{JOINT}/clcc", f"{JOINT}/supervised"),
            ("normalised apart, contrast first", f"{FIRST}/clcc", f"{APART}/supervised"),
            ("normalised apart, contrast late: default", f"{APART}/clcc", f"{APART}/supervised"),
            (
                "the default without contrast",
                f"{APART}/clcc_without_contrast",
                f"{APART}/supervised",
            ),
            ("the default", f"{APART}/clcc", f"{JOINT}/supervised"),
        ],
    )


def clcc_fresh(page: Path) -> str:
    """Show what each part of CLCC adds on a split that chose nothing."""
    consistency, further = f"{FRESH}/clcc_without_contrast", f"{FRESH}/clcc_further_tiles"
    both = f"{FRESH}/clcc_contrast_first_further_tiles"
    return _compared(
        page,
        ("CLCC, normalised apart", "runs"),
        [
            ("consistency alone", consistency, f"{FRESH}/supervised"),
            ("consistency of two sizes of tiles", further, f"{FRESH}/supervised"),
            ("the same", further, consistency),
            ("contrast first, then consistency", f"{FRESH}/clcc_contrast_first", consistency),
            ("contrast first, then two sizes of tiles", both, further),
            ("masks alone, 240 epochs", f"{FRESH}/supervised_240_epochs", f"{FRESH}/supervised"),
            ("two sizes of tiles", further, f"{FRESH}/supervised_240_epochs"),
            (
                "two sizes of tiles, plain decoder",
                f"{FRESH}/clcc_plain_decoder_further_tiles",
                f"{FRESH}/supervised_plain_decoder",
            ),
            (
                "mean teacher of weight 3",
                f"{FRESH}/mean_teacher_weight_3",
                f"{FRESH}/supervised",
            ),
        ],
    )


def contrast_ideas(page: Path) -> str:
    """Show what makes the contrast a task, one idea at a time, against consistency alone."""
    entries: list[Entry] = [
        (what, f"{FRESH}/clcc_contrast_{name}", f"{FRESH}/clcc_without_contrast")
        for name, what in _IDEAS.items()
    ]
    return _compared(page, ("contrast first, then consistency", "runs"), entries)


def clcc_authors(page: Path) -> str:
    """Show the paper's rows with its authors' network and schedule."""
    names = (
        *("uamt", "urpc", "mean_teacher"),
        *("clcc_without_consistency", "clcc_without_contrast", "clcc"),
    )
    entries: list[Entry] = [
        ("supervised", f"{AUTHORS}/supervised", f"{FRESH}/supervised"),
        (
            "its decoder and initial weights alone, supervised",
            f"{FRESH}/supervised_plain_decoder",
            f"{FRESH}/supervised",
        ),
        *((name, f"{AUTHORS}/{name}", f"{AUTHORS}/supervised") for name in names),
        ("ours of two sizes", f"{AUTHORS}/clcc_apart_further_tiles", f"{AUTHORS}/supervised"),
    ]
    return _compared(page, ("the authors' network and schedule", "runs"), entries)


def clcc_elsewhere(page: Path) -> str:
    """Show CLCC at the paper's size, and on the other data set."""
    return _compared(
        page,
        ("CLCC, normalised apart", "draws"),
        [
            (
                "Kvasir-SEG, 320 px, 300 epochs, default",
                f"{KVASIR}/320px/clcc",
                f"{KVASIR}/320px/supervised",
            ),
            (
                "ISIC 2018, 124 masks, 100 epochs, default",
                f"{ISIC}/160px-apart/clcc",
                f"{ISIC}/160px-apart/supervised",
            ),
            *(
                (
                    f"ISIC 2018, 25 masks, 300 epochs, {what}",
                    f"{FEW_LESIONS}/{name}",
                    f"{FEW_LESIONS}/supervised",
                )
                for name, what in _SIZES.items()
            ),
            (
                "ISIC 2018, 124 masks, 100 epochs, tiles of both sizes",
                f"{ISIC}/160px-124-masks-gpu/clcc_further_tiles",
                f"{ISIC}/160px-124-masks-gpu/supervised",
            ),
        ],
    )


def contrast(page: Path) -> str:
    """Show what the contrast adds, and what its place in the run changes."""
    late, without = f"{APART}/clcc", f"{APART}/clcc_without_contrast"
    return _compared(
        page,
        ("CLCC, normalised apart", "draws"),
        [("contrast first", f"{FIRST}/clcc", late), ("contrast late", late, without)],
    )


def batchnorm(page: Path) -> str:
    """Show rows in one batch of BatchNorm and normalised apart, each against its reference."""
    names = ("mean_teacher", "clcc_without_contrast", "clcc")
    entries: list[Entry] = [
        (f"{name}, {how}", f"{key}/{name}", f"{key}/supervised")
        for name in names
        for how, key in (("in one batch", JOINT), ("apart", APART))
    ]
    return _compared(page, ("row", "draws"), entries)


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


def more_work(page: Path) -> str:
    """Show what more work than the recipe's buys, by method, network, size and length."""
    entries: list[Entry] = [
        (f"{masks} masks, {what}", f"{KVASIR}/256px-{masks}-masks/{name}", _recipe_of(masks))
        for masks, name, what in _MORE_WORK
    ]
    return _compared(page, ("instead of the recipe", "runs"), entries)


def _recipe_of(masks: str) -> str:
    return f"{KVASIR}/256px-{masks}-masks/fixmatch"


_MORE_WORK = (
    ("20", "unimatch", "UniMatch"),
    ("20", "fixmatch_dropout", "strong views lose channels"),
    ("20", "fixmatch_lite2_352px", "EfficientNet-Lite2 at 352 px"),
    ("120", "fixmatch_lite2_352px", "EfficientNet-Lite2 at 352 px"),
    ("120", "fixmatch_lite2_352px_2520_steps", "the same, twice as long"),
)
_ADDED = ("data", "masks", "runs", "on the masks alone", "with all images", *COMPARED[2:])


def _added(page: Path, key: str, data: str, masks: str, name: str) -> list[str]:
    """Return what images without a mask add in a protocol."""
    ours, theirs = row(f"{key}/{name}"), protocol(key).reference
    assert theirs is not None, f"{key} names no reference"
    means = spread(theirs), spread(ours)
    return [link(page, data, key), masks, str(len(ours)), *means, *gain(ours, theirs)]


def _compared(page: Path, header: tuple[str, str], entries: Iterable[Entry]) -> str:
    lines = []
    for what, key, other in entries:
        ours, theirs = paired(row(key), row(other))
        shown = [link(page, what, key.rsplit("/", 1)[0]), str(len(ours)), spread(ours)]
        lines.append([*shown, f"{theirs[0].name}, {spread(theirs)}", *gain(ours, theirs)])
    return markdown([*header, *COMPARED], lines)


def _mean(key: str) -> str:
    return spread(row(key)).split(" ")[0]
