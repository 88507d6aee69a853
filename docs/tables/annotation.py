"""Tables of what `annotate` is worth: its orders beside luck, its suggestions beside none."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from scipy.stats import t as student

from docs.tables.cells import markdown
from docs.tables.published import log_of_try

_LEVEL = 0.95
_FIRST = 10
"""Masks of the first round, which both orders share."""


def order(page: Path) -> str:
    """Show Dice by luck and by our order, and their paired difference over the starts."""
    del page
    found = log_of_try("kvasir-order/order").query("masks > @_FIRST")
    kinds = {"as chosen": "dice", "0.5": "dice_at_half"}
    lines = [
        [str(masks), name, *_compared(rows.pivot_table(column, "start", "ranking"))]
        for name, column in kinds.items()
        for masks, rows in found.groupby("masks")
    ]
    header = ["masks", "threshold", "by luck", "by `both`", "difference [95 % interval]"]
    return markdown(header, lines)


def effort(page: Path) -> str:
    """Show what is left to do with a suggestion, as a share of the work from scratch."""
    del page
    found = log_of_try("kvasir-effort/effort")
    good = found.query("dice_suggested >= 0.8")
    shares = {
        "pixels changed": _share(found, "pixels_changed", "pixels_from_scratch"),
        "outline drawn": _share(found, "outline_px", "outline_px_from_scratch"),
        "outline drawn, of suggestions with Dice 0.8 or more": _share(
            good, "outline_px", "outline_px_from_scratch"
        ),
        "strokes": _share(found, "strokes", "strokes_from_scratch"),
    }
    lines = [
        [
            what,
            *(f"{one:.2f}" for one in of_starts),
            "{:.2f} [{:.2f}, {:.2f}]".format(*_mean(of_starts)),
        ]
        for what, of_starts in shares.items()
    ]
    starts = [f"draw {draw}" for draw in sorted(found["draw"].unique())]
    return markdown(["what", *starts, "mean [95 % interval]"], lines)


def _share(rows: pd.DataFrame, with_it: str, without: str) -> pd.Series:
    sums = rows.groupby("draw")[[with_it, without]].sum()
    return sums[with_it] / sums[without]


def _compared(dice: pd.DataFrame) -> list[str]:
    means = [f"{dice[name].mean():.1f}" for name in ("random", "both")]
    gain = _mean(dice["both"] - dice["random"])
    return [*means, "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain)]


def _mean(of_starts: pd.Series) -> tuple[float, float, float]:
    """Return the mean over starts with the ends of its interval, by Student's t."""
    spread = of_starts.std() / math.sqrt(len(of_starts))
    half = student.ppf((1 + _LEVEL) / 2, len(of_starts) - 1) * spread
    return of_starts.mean(), of_starts.mean() - half, of_starts.mean() + half
