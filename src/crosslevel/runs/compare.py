"""Rows of runs compared over the same images, with the luck of a run counted.

Two runs of one configuration differ, and so do two sets of images. A difference between rows is
therefore given with an interval that counts both; `docs/explanation/statistics.md` says how, and
why no simpler one will do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from crosslevel.data.split import Split
from crosslevel.runs.finished import FinishedRun

REFERENCES = ("supervised", "supervised_ema", "clcc")
"""Rows that all others are compared with, where they are there; else the first row."""
ONE_RUN = "one run each"
"""The verdict on a difference whose luck cannot be told, however large it is."""
VERDICTS = ("better", "worse", "not distinguishable", ONE_RUN)
LEVEL = 0.95

Pair = tuple[FinishedRun, FinishedRun]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one row is than another on the same images.

    Attributes:
        mean: Mean difference of Dice, ×100.
        low: Lower end of its 95 % interval over runs and images; of one pair over images alone.
        high: Upper end.
        of_runs: The mean difference in each pair of runs.
    """

    mean: float
    low: float
    high: float
    of_runs: tuple[float, ...]

    def __str__(self) -> str:
        """As a table shows it, and in how many pairs of runs the row is ahead."""
        shown = f"{self.mean:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"
        if len(self.of_runs) == 1:
            return f"{shown} {ONE_RUN}"
        return f"{shown} {sum(gain > 0 for gain in self.of_runs)}/{len(self.of_runs)}"

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`; of one run each never "better", since its luck is not known."""
        if len(self.of_runs) == 1:
            return ONE_RUN
        if self.low <= 0 <= self.high:
            return "not distinguishable"
        return "better" if self.low > 0 else "worse"


def references(rows: Iterable[str]) -> list[str]:
    """Return the rows that all others are compared with: at least one, of two rows one."""
    names = list(rows)
    return ([name for name in REFERENCES if name in names] or names)[: max(1, len(names) - 1)]


def paired_difference(
    better: NDArray[np.float64], worse: NDArray[np.float64], draws: Sequence[int] | None = None
) -> Difference:
    """Compare two rows by the Dice of each run and image.

    The interval counts the luck of a run and of the choice of images. Runs of one draw share its
    masks: where there are several draws, the mean over the seeds of one is a run. With g the gains,
    r runs and n images, all of one mean plus an effect of the run, one of the image and a rest, it
    is

        mean ± √( (t²(r-1) · MS_runs + t²(n-1) · max(0, MS_images - MS_rest)) / (r n) )

    with the mean squares of a two-way analysis of variance (Searle, Casella, McCulloch, *Variance
    Components*, 1992, chapter 4) and Student's t of either. The first term is the usual interval of
    the means of runs; the second adds what all runs find in the same images. Where runs agree by
    luck, closer than their images allow, it is the interval over images.

    Args:
        better: (runs, images) or (images,), Dice in [0, 1].
        worse: The same runs and images, in the same order, of the row compared with.
        draws: Of each run; left out, each run has its own.

    Returns:
        The difference `better` - `worse`. The interval of one run each is over images alone; it is
        unbounded for a single image of one run.
    """
    gains = 100 * np.atleast_2d(better - worse)
    runs = _of_draws(gains, draws)
    half = max(_over_images(runs), _over_both(runs)) if runs.size > 1 else math.inf
    mean = float(runs.mean())
    return Difference(mean, mean - half, mean + half, tuple(gains.mean(axis=1).tolist()))


def _of_draws(gains: NDArray[np.float64], draws: Sequence[int] | None) -> NDArray[np.float64]:
    """Return the mean gains (draws, images) of each draw; of one draw those of its runs."""
    if draws is None or len(set(draws)) == 1:
        return gains
    return np.stack([gains[np.equal(draws, draw)].mean(axis=0) for draw in sorted(set(draws))])


def _over_images(gains: NDArray[np.float64]) -> float:
    """Half the width of the interval over images alone, of gains (runs, images)."""
    num_images = gains.shape[1]
    if num_images == 1:
        return 0.0
    return _student(num_images) * math.sqrt(gains.mean(axis=0).var(ddof=1) / num_images)


def _over_both(gains: NDArray[np.float64]) -> float:
    """Half the width of the interval over runs and images; 0 for one run."""
    num_runs, num_images = gains.shape
    if num_runs == 1:
        return 0.0
    of_runs, of_images = gains.mean(axis=1), gains.mean(axis=0)
    squared = _student(num_runs) ** 2 * of_runs.var(ddof=1) / num_runs
    if num_images > 1:
        rest = gains - of_runs[:, None] - of_images + gains.mean()
        of_rest = (rest**2).sum() / ((num_runs - 1) * (num_images - 1))
        shared = max(0.0, of_images.var(ddof=1) - of_rest / num_runs)
        squared += _student(num_images) ** 2 * shared / num_images
    return math.sqrt(squared)


def _student(number: int) -> float:
    """Quantile of Student's t for the mean of so many values."""
    return float(student.ppf((1 + LEVEL) / 2, number - 1))


def against(members: Sequence[FinishedRun], reference: Sequence[FinishedRun]) -> Difference | None:
    """Difference of Dice over the pairs of runs that both rows have (see `pairs`).

    Returns:
        None for a row against itself, and where `why_not_compared` has a reason.
    """
    if members[0].name == reference[0].name or why_not_compared(members, reference):
        return None
    paired = pairs(members, reference)
    ours, theirs = (
        pd.concat([run.dice for run in row], axis=1) for row in zip(*paired, strict=True)
    )
    draws = [run.config.draw for run, _ in paired]
    return paired_difference(ours.to_numpy().T, theirs.loc[ours.index].to_numpy().T, draws)


def why_not_compared(
    members: Sequence[FinishedRun], reference: Sequence[FinishedRun]
) -> str | None:
    """Why two rows cannot be compared image by image; None if they can."""
    paired = pairs(members, reference)
    if not paired:
        return "no draw in common"
    runs = list(chain(*paired))
    if any(run.dice.isna().any() or not run.dice.index.is_unique for run in runs):
        return "an image has no score, or two"
    if len({frozenset(run.dice.index) for run in runs}) > 1:
        return "not scored on the same images"
    if not all(_is_of_one_split(ours.split, theirs.split) for ours, theirs in paired):
        return "not of the same split of the data"
    return None


def _is_of_one_split(ours: Split | None, theirs: Split | None) -> bool:
    """Whether two splits are equal but for the masks that a method opened, or not both known."""
    if not (ours and theirs):
        return True
    return replace(ours, mask_hashes={}) == replace(theirs, mask_hashes={})


def pairs(members: Sequence[FinishedRun], reference: Sequence[FinishedRun]) -> list[Pair]:
    """Pair the runs of two rows: of one draw and seed, then what is left of one draw.

    A draw fixes the labelled images, which both rows learn from. A seed is luck: of different
    seeds any two may stand beside each other. A run without a partner is left out.
    """
    found: list[Pair] = []
    for draw in sorted({run.config.draw for run in members}):
        ours, theirs = (
            {run.config.seed: run for run in row if run.config.draw == draw}
            for row in (members, reference)
        )
        shared = sorted(ours.keys() & theirs.keys())
        found += [(ours[seed], theirs[seed]) for seed in shared]
        left = ([row[seed] for seed in sorted(row) if seed not in shared] for row in (ours, theirs))
        found += zip(*left, strict=False)
    return found


def by_row(runs: Iterable[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Put the runs of one name together, in the order they are found."""
    rows: dict[str, list[FinishedRun]] = defaultdict(list)
    for run in runs:
        rows[run.name].append(run)
    return dict(rows)
