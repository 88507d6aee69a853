"""How true the numbers of a calibration are on images with masks: their order and their size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosslevel.evaluation.calibrate import HeldOut, expected_without_own
from crosslevel.models.calibration import Calibration
from crosslevel.runs.expected_dice import ExpectedDice, Group

MOST_GROUPS, LEAST_IN_GROUP = 10, 16
Z_95 = NormalDist().inv_cdf(0.975)
PIXEL_BINS = 15


def measure_all(held_out: Sequence[HeldOut], judge: Calibration) -> ExpectedDice | None:
    """Compare what a calibration says with what is true, of masks and of pixels.

    Returns:
        As `measure`.
    """
    expected = [judge.expected_dice(one.certainty, is_empty=one.is_empty) for one in held_out]
    found = measure(np.array(expected), np.array([one.dice for one in held_out]))
    if found is None:
        return None
    said = np.concatenate([one.pixels for one in held_out], axis=1)
    truth = np.concatenate([one.truth for one in held_out])
    after, before = (_pixel_error(p, truth) for p in (judge.probabilities(said), said))
    return replace(found, pixel_error=round(after, 4), pixel_error_before=round(before, 4))


def measure_without_own(held_out: Sequence[HeldOut]) -> ExpectedDice | None:
    """Compare the expected Dice of each image, by a fit on others, with the true one.

    Returns:
        As `measure`.
    """
    return measure(expected_without_own(held_out), np.array([one.dice for one in held_out]))


def measure(expected: NDArray[np.float64], dice: NDArray[np.float64]) -> ExpectedDice | None:
    """Compare expected with true Dice.

    Args:
        expected: (N,) in [0, 1].
        dice: (N,) in [0, 1]; images that have none are left out.

    Returns:
        None of fewer than `LEAST_IN_GROUP` images, or if all of either are equal.
    """
    known = np.isfinite(dice) & np.isfinite(expected)
    expected, dice = expected[known], dice[known]
    if len(dice) < LEAST_IN_GROUP or np.ptp(expected) == 0 or np.ptp(dice) == 0:
        return None
    groups = _groups(expected, dice)
    sizes = np.array([group.num_images for group in groups]) / len(dice)
    apart = np.array([abs(group.expected - group.dice) for group in groups])
    luck = np.array([group.luck for group in groups])
    spearman, low, high = rank_correlation(expected, dice)
    return ExpectedDice(
        num_images=len(dice),
        spearman=round(spearman, 4),
        spearman_low=round(low, 4),
        spearman_high=round(high, 4),
        error=round(float(sizes @ apart), 4),
        luck=round(float(sizes @ luck), 4),
        groups=groups,
    )


def rank_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Return Spearman's correlation of at least four pairs, with its 95 % interval.

    Source: Bonett and Wright, *Sample size requirements for estimating Pearson, Kendall and
    Spearman correlations*, Psychometrika 65, 2000.
    """
    from scipy.stats import spearmanr

    rho = float(spearmanr(first, second)[0])
    middle = math.atanh(np.clip(rho, -1 + 1e-9, 1 - 1e-9))
    reach = Z_95 * math.sqrt((1 + rho**2 / 2) / (len(first) - 3))
    return rho, math.tanh(middle - reach), math.tanh(middle + reach)


def _pixel_error(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.uint8]) -> float:
    """Return the mean over the foreground classes of (C, K) probabilities."""
    classes = probabilities if len(probabilities) == 1 else probabilities[1:]
    errors = [pixel_error(p, truth == index) for index, p in enumerate(classes, start=1)]
    return float(np.mean(errors))


def pixel_error(said: NDArray[np.floating[Any]], held: NDArray[np.bool_]) -> float:
    """Return the expected calibration error of pixels: of bins of equal width, by their share.

    Source: Guo et al., *On calibration of modern neural networks*, 2017, equation 3. Differs from
    the paper: of the probability that a pixel is foreground, not of the class that won.

    Args:
        said: (K,) probabilities.
        held: (K,) whether it was so.
    """
    place = np.minimum((said * PIXEL_BINS).astype(int), PIXEL_BINS - 1)
    apart = np.bincount(place, said.astype(np.float64) - held, PIXEL_BINS)
    return float(np.abs(apart).sum() / max(len(said), 1))


def _groups(expected: NDArray[np.float64], dice: NDArray[np.float64]) -> list[Group]:
    """Return equal groups from low to high expected Dice."""
    number = max(1, min(MOST_GROUPS, len(dice) // LEAST_IN_GROUP))
    parts = np.array_split(np.argsort(expected, kind="stable"), number)
    return [_group(expected[part], dice[part]) for part in parts]


def _group(expected: NDArray[np.float64], dice: NDArray[np.float64]) -> Group:
    """The mean of n numbers is off by √(2/π) of its standard error on average."""
    spread = float((dice - expected).std(ddof=1))
    return Group(
        num_images=len(dice),
        expected=round(float(expected.mean()), 4),
        dice=round(float(dice.mean()), 4),
        luck=round(math.sqrt(2 / math.pi / len(dice)) * spread, 4),
    )
