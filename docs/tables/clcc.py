"""Tables of CLCC, part by part, and of what stands beside it."""

from __future__ import annotations

from pathlib import Path

from docs.tables.comparisons import FEW_LESIONS, FRESH, ISIC, KVASIR, Entry, compared

APART, JOINT = f"{KVASIR}/160px-apart", f"{KVASIR}/160px-one-batch"
FIRST = f"{KVASIR}/160px-apart-contrast-first"
AUTHORS, AUTHORS_ISIC = f"{KVASIR}/160px-authors", f"{ISIC}/160px-authors"
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
_SIZES = {
    "clcc_without_contrast": "tiles of a fifth",
    "clcc_further_tiles": "tiles of both sizes",
    "clcc_half_tiles": "tiles of half",
}


def ladder(page: Path) -> str:
    """Show CLCC from the paper's form to the default, each beside its supervised network."""
    first_split = f"{KVASIR}/160px-first-split"
    return compared(
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


def fresh(page: Path) -> str:
    """Show what each part of CLCC adds on a split that chose nothing."""
    consistency, further = f"{FRESH}/clcc_without_contrast", f"{FRESH}/clcc_further_tiles"
    both = f"{FRESH}/clcc_contrast_first_further_tiles"
    return compared(
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
    return compared(page, ("contrast first, then consistency", "runs"), entries)


def authors(page: Path) -> str:
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
    return compared(page, ("the authors' network and schedule", "runs"), entries)


def authors_isic(page: Path) -> str:
    """Show the rows of the paper's second table with its authors' network and schedule."""
    entries: list[Entry] = [
        (name, f"{AUTHORS_ISIC}/{name}", f"{AUTHORS_ISIC}/supervised")
        for name in ("uamt", "urpc", "clcc")
    ]
    return compared(page, ("the authors' network and schedule", "draws"), entries)


def elsewhere(page: Path) -> str:
    """Show CLCC at the paper's size, and on the other data set."""
    return compared(
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
    return compared(
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
    return compared(page, ("row", "draws"), entries)
