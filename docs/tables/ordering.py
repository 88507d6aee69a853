"""The table of what an order of images to annotate is worth beside luck."""

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


def _compared(dice: pd.DataFrame) -> list[str]:
    gains = dice["both"] - dice["random"]
    half = student.ppf((1 + _LEVEL) / 2, len(gains) - 1) * gains.std() / math.sqrt(len(gains))
    low, high = gains.mean() - half, gains.mean() + half
    means = [f"{dice[name].mean():.1f}" for name in ("random", "both")]
    return [*means, f"{gains.mean():+.1f} [{low:+.1f}, {high:+.1f}]"]
