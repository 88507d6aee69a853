"""Tables of what logs and single images show."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from docs.tables.cells import markdown
from docs.tables.clcc import APART, FIRST, JOINT
from docs.tables.comparisons import KVASIR
from docs.tables.published import log_of_try, protocol, run


def supervised_loss(page: Path) -> str:
    """Show how well the labelled images are fitted, by what the first third learns from."""
    del page
    tries = "kvasir-160px-draw1"
    logs = {
        "nothing: the supervised network": _log(f"{APART}/supervised"),
        "nothing: the same on another machine": _log(f"{JOINT}/supervised"),
        "nothing: the same with another seed": log_of_try(f"{tries}/supervised-seed1"),
        "nothing: CLCC's default": _log(f"{APART}/clcc"),
        "nothing: CLCC without contrast": _log(f"{APART}/clcc_without_contrast"),
        "the mean teacher": _log(f"{APART}/mean_teacher"),
        "the mean teacher, in one batch": _log(f"{JOINT}/mean_teacher"),
        "contrast, α = 0.01, τ = 0.5 (stopped)": log_of_try(f"{tries}/early-0.01"),
        "contrast, α = 0.1, τ = 0.5": _log(f"{FIRST}/clcc"),
        "contrast of the authors' code (stopped)": log_of_try(f"{tries}/early-authors"),
    }
    spans = [(16, 20), (26, 30), (41, 45)]
    header = ["what the first third learns from, too", *(f"epochs {a}–{b}" for a, b in spans)]
    lines = [[what, *(_mean_loss(log, *span) for span in spans)] for what, log in logs.items()]
    return markdown(header, lines)


def weights(page: Path) -> str:
    """Show what weights of CLCC's losses reach on validation images at 96 px."""
    del page
    logs = {
        "supervised U-Net": "supervised",
        "as the paper, but Eq. 2 averaged: α = 1, τ = 0.07, then β = 1": "mean",
        "without contrast, β = 1": "mean-nocontrast",
        "without contrast, β = 3": "mean-3",
        "without contrast, β = 9, the sum over these 9 tiles": "mean-9",
        "weak contrast: α = 0.1, τ = 0.5, then β = 3": "warm-3",
    }
    return markdown(
        ["CLCC in one batch, 96 px, 9 tiles", "validation Dice, last ten epochs"],
        [[what, _last_ten(log_of_try(f"kvasir-96px/{log}"))] for what, log in logs.items()],
    )


def joint_batch(page: Path) -> str:
    """Show the validation Dice of draw 1, check by check."""
    del page
    name = "supervised, in one batch with unlabelled images"
    logs = {
        "supervised": _log(f"{JOINT}/supervised"),
        name: log_of_try("kvasir-160px-joint-batch/joint160"),
        **{other: _log(f"{JOINT}/{other}") for other in ("mean_teacher", "clcc", "urpc")},
    }
    epochs = range(5, 50, 5)
    lines = [
        [what, *(f"{100 * log.set_index('epoch')['val/dice'][e]:.1f}" for e in epochs)]
        for what, log in logs.items()
    ]
    return markdown(["epoch", *map(str, epochs)], lines)


def lesion_sizes(page: Path) -> str:
    """Show what tries of 20 masks score on lesions of each size, on validation images."""
    del page
    images = log_of_try("kvasir-256px-20-masks/sizes")
    quarters = pd.qcut(images.pop("foreground_share"), 4, labels=False)
    lines = []
    for name, dice in (100 * images.drop(columns="id")).items():
        row, draw = str(name).split("-draw")
        means = [dice.mean(), *dice.groupby(quarters).mean()]
        lines.append([f"`{row}`", draw, *(f"{mean:.1f}" for mean in means)])
    return markdown(
        ("row", "draw", "Dice", "smallest quarter", "second", "third", "largest"), lines
    )


def confidence(page: Path) -> str:
    """Show how well the masks of lowest confidence are those of lowest Dice."""
    del page
    first_split = protocol(f"{KVASIR}/256px-96-masks-first-split")
    lines = []
    for name, runs in first_split.rows.items():
        for one in runs:
            scores = one.per_image.sort_values("confidence", kind="stable")
            tenth = len(scores) // 10
            parts = [scores.dice, scores.confidence, scores.dice[:tenth], scores.dice[tenth:]]
            means = [f"{100 * part.mean():.1f}" for part in parts]
            order = scores.dice.corr(scores.confidence, method="spearman")
            lines.append([name, str(one.config.draw), *means, f"{order:.2f}"])
    header = ["row", "draw", "Dice of all", "mean confidence", "Dice of the 16 of lowest"]
    return markdown([*header, "Dice of the other 144", "Spearman"], lines)


def _log(key: str) -> pd.DataFrame:
    return run(f"{key}-draw1-seed0").log


def _mean_loss(log: pd.DataFrame, first: int, last: int) -> str:
    chosen = log.set_index("epoch")["loss/supervised"].loc[first:last]
    return f"{chosen.mean():.3f}" if len(chosen) == last - first + 1 else ""


def _last_ten(log: pd.DataFrame) -> str:
    return f"{100 * log['val/dice'].tail(10).mean():.1f}"
