"""Rows of runs compared image by image, over the same images and draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import bootstrap, wilcoxon

from crosslevel.runs.finished import FinishedRun

REFERENCES = ("supervised", "supervised_ema", "clcc")
"""Rows that all others are compared with, where they are there; else the first row."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one row is than another on the same images and draws.

    Attributes:
        mean: Mean difference of Dice, ×100.
        low: Lower end of its 95 % bootstrap interval over images.
        high: Upper end.
        p: Of Wilcoxon's signed-rank test over images.
        of_runs: The mean difference in each pair of runs, of one draw and seed.
    """

    mean: float
    low: float
    high: float
    p: float
    of_runs: tuple[float, ...]

    def __str__(self) -> str:
        """As a table shows it; of several pairs of runs also in how many the row is ahead."""
        shown = f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}] p={self.p:.2g}"
        num_ahead = sum(gain > 0 for gain in self.of_runs)
        return shown + (f" {num_ahead}/{len(self.of_runs)}" if len(self.of_runs) > 1 else "")

    @property
    def verdict(self) -> str:
        """No more than the images allow, nor than the runs agree on."""
        if self.low <= 0 <= self.high:
            return "not told apart"
        if min(self.of_runs) < 0 < max(self.of_runs):
            return "runs disagree"
        return "better" if self.low > 0 else "worse"


def references(rows: Iterable[str]) -> list[str]:
    """Which of these rows all others are compared with: at least one, and of two rows one."""
    names = list(rows)
    return ([name for name in REFERENCES if name in names] or names)[: max(1, len(names) - 1)]


def paired_difference(better: NDArray[np.float64], worse: NDArray[np.float64]) -> Difference:
    """Compare two rows by the Dice of each image, averaged over the runs.

    Args:
        better: (runs, images) or (images,), Dice in [0, 1].
        worse: The same runs and images, in the same order, of the row compared with.

    Returns:
        The difference `better` - `worse`; its interval is the percentile bootstrap over images,
        which is unbounded for a single one.
    """
    of_runs = 100 * np.atleast_2d(better - worse)
    means = tuple(of_runs.mean(axis=1).tolist())
    gains = of_runs.mean(axis=0)
    if not gains.any():
        return Difference(0.0, 0.0, 0.0, 1.0, means)
    if len(gains) == 1:
        return Difference(float(gains[0]), -math.inf, math.inf, 1.0, means)
    interval = bootstrap(
        (gains,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    p = float(wilcoxon(gains).pvalue)
    return Difference(float(gains.mean()), float(interval.low), float(interval.high), p, means)


def against(members: Sequence[FinishedRun], reference: Sequence[FinishedRun]) -> Difference | None:
    """Difference of Dice over the draws and seeds that both rows have finished.

    Returns:
        None for a row against itself, and where `why_not_compared` has a reason.
    """
    if members[0].name == reference[0].name or why_not_compared(members, reference):
        return None
    rows = zip(*_pairs(members, reference), strict=True)
    ours, theirs = (pd.concat([run.dice for run in row], axis=1) for row in rows)
    return paired_difference(ours.to_numpy().T, theirs.loc[ours.index].to_numpy().T)


def why_not_compared(
    members: Sequence[FinishedRun], reference: Sequence[FinishedRun]
) -> str | None:
    """Why two rows cannot be compared image by image; None if they can."""
    pairs = _pairs(members, reference)
    if not pairs:
        return "no draw and seed in common"
    paired = [run for pair in pairs for run in pair]
    if any(run.dice.isna().any() or not run.dice.index.is_unique for run in paired):
        return "an image has no score, or two"
    if len({frozenset(run.dice.index) for run in paired}) > 1:
        return "not scored on the same images"
    if any(ours.split and theirs.split and ours.split != theirs.split for ours, theirs in pairs):
        return "not of the same split of the data"
    return None


def _pairs(
    members: Sequence[FinishedRun], reference: Sequence[FinishedRun]
) -> list[tuple[FinishedRun, FinishedRun]]:
    """Those of one draw and seed."""
    ours, theirs = (
        {(run.config.draw, run.config.seed): run for run in row} for row in (members, reference)
    )
    return [(ours[key], theirs[key]) for key in sorted(ours.keys() & theirs.keys())]


def _by_row(runs: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    rows: dict[str, list[FinishedRun]] = {}
    for run in runs:
        rows.setdefault(run.name, []).append(run)
    return rows
