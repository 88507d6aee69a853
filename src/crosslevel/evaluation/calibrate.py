"""Fitting a calibration on images held out, and measuring how true its numbers are.

The seam for whoever has predictions of images that were not trained on: `observe` each of them with
its true mask, give all to `calibrate`, and write what comes back beside the weights
(`crosslevel.models.calibration.save_calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, logsumexp

from crosslevel.evaluation.metrics import CaseScore, score_case
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.logits import to_classes
from crosslevel.models.calibration import LEAST, Calibration, HeldOutSource, Line, log_odds
from crosslevel.types import IGNORED

GRID = 24
"""Pixels of an image that are kept along each side: neighbours say nearly the same."""
USUAL_MASKS = Line(slope=1.2, shift=-1.4)
"""What held in three short runs on two data sets (see the page *Masks you can trust*)."""
USUAL_PIXELS = Line(slope=1.0, shift=0.0)
WEIGHT = 3.0
"""How firmly a line stays what is usual where images are few: as if by about as many of them."""
SLOPES = (0.01, 20.0)
"""Between which that of several classes is looked for."""
NUM_PARTS = 10


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What an image that was not trained on leaves behind, a few kilobytes.

    Attributes:
        certainty: Of the mask predicted, in [0, 1] (see `MaskConfidence.certainty`).
        is_empty: The mask has no foreground.
        dice: True Dice of the mask; of an empty one, 1 if nothing is there and 0 if something is.
        pixels: (C, K) probabilities of pixels on a grid.
        truth: (K,) their true class indices.
    """

    certainty: float
    is_empty: bool
    dice: float
    pixels: NDArray[np.float32]
    truth: NDArray[np.uint8]


def observe(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.uint8], threshold: float
) -> HeldOut | None:
    """Return what is kept of an image that was not trained on; None if all of it is ignored.

    Args:
        probabilities: (C, H, W) in [0, 1], as the network gives them.
        truth: (H, W) class indices, or `IGNORED`.
        threshold: Binary only: foreground where the probability is at least this.
    """
    mask = to_classes(probabilities, threshold)
    confidence = MaskConfidence(threshold)
    confidence.update(probabilities, mask)
    counted = truth != IGNORED
    if not counted.any():
        return None
    if is_empty := not mask.any():
        dice = float(not (truth[counted] > 0).any())
    else:
        scores = score_case(probabilities, truth, threshold=threshold, with_distances=False)
        dice = CaseScore.mean(scores).dice
    rows, columns = (np.linspace(0, side - 1, min(side, GRID)).round() for side in truth.shape)
    grid = np.ix_(rows.astype(int), columns.astype(int))
    kept = counted[grid]
    pixels = np.stack([channel[grid][kept] for channel in probabilities]).astype(np.float32)
    return HeldOut(confidence.certainty(), is_empty, dice, pixels, truth[grid][kept])


def calibrate(
    held_out: Sequence[HeldOut], source: HeldOutSource, threshold: float, weights: str
) -> Calibration:
    """Fit a calibration; with few images it stays near what is usual.

    Args:
        held_out: At least one image.
        source: Where they come from.
        threshold: At which they were observed.
        weights: SHA-256 of the weights that ship with it.
    """
    empty = [one for one in held_out if one.is_empty]
    return Calibration(
        source=source,
        num_images=len(held_out),
        num_empty=len(empty),
        threshold=threshold,
        pixels=_fit_pixels(held_out),
        masks=_fit_masks([one for one in held_out if not one.is_empty]),
        empty_masks=_fit_masks(empty),
        weights=weights,
    )


def expected_without_own(held_out: Sequence[HeldOut]) -> NDArray[np.float64]:
    """Return the expected Dice of each image by a fit on other images: ten parts, or each alone."""
    part = np.arange(len(held_out)) % NUM_PARTS
    expected = np.zeros(len(held_out))
    for number in range(min(NUM_PARTS, len(held_out))):
        others = [one for one, own in zip(held_out, part, strict=True) if own != number]
        lines = {kind: _fit_masks([o for o in others if o.is_empty == kind]) for kind in (0, 1)}
        for place in range(number, len(held_out), NUM_PARTS):
            one = held_out[place]
            expected[place] = lines[one.is_empty](np.array(one.certainty))
    return expected


def _fit_masks(held_out: Sequence[HeldOut]) -> Line:
    said = np.array([one.certainty for one in held_out])
    held = np.array([one.dice for one in held_out])
    return _fit_line(said, held, np.ones(len(said)), USUAL_MASKS)


def _fit_pixels(held_out: Sequence[HeldOut]) -> Line:
    """Fit a line for a binary task, only its slope for several classes; images count alike."""
    shares = np.concatenate([np.full(len(one.truth), 1 / len(one.truth)) for one in held_out])
    truth = np.concatenate([one.truth for one in held_out])
    pixels = np.concatenate([one.pixels for one in held_out], axis=1)
    if len(pixels) == 1:
        return _fit_line(pixels[0], (truth > 0).astype(float), shares, USUAL_PIXELS)
    logs = np.log(np.maximum(pixels, LEAST).astype(np.float64))
    own = np.take_along_axis(logs, truth[None].astype(int), axis=0)[0]

    def loss(slope: float) -> float:
        missed = logsumexp(slope * logs, axis=0) - slope * own
        return float(shares @ missed) + WEIGHT / 2 * (slope - USUAL_PIXELS.slope) ** 2

    return Line(slope=float(minimize_scalar(loss, bounds=SLOPES, method="bounded").x), shift=0.0)


def _fit_line(
    said: NDArray[np.floating[Any]],
    held: NDArray[np.float64],
    shares: NDArray[np.float64],
    usual: Line,
) -> Line:
    """Return the most likely line, with a normal prior around the usual one.

    Args:
        said: (N,) in [0, 1].
        held: (N,) in [0, 1]: what was true of each.
        shares: (N,) how much each counts.
        usual: The line of no data at all.
    """
    odds = log_odds(said).astype(np.float64)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, shift = math.exp(values[0]), values[1]
        found = slope * odds + shift
        off = np.array([slope - usual.slope, shift - usual.shift])
        error = shares * (expit(found) - held)
        likelihood = float(shares @ (np.logaddexp(0, found) - held * found))
        slopes = np.array([error @ odds, error.sum()]) + WEIGHT * off
        return likelihood + WEIGHT / 2 * float(off @ off), slopes * np.array([slope, 1.0])

    start = [math.log(usual.slope), usual.shift]
    slope, shift = minimize(loss, start, jac=True, method="BFGS").x
    return Line(slope=math.exp(slope), shift=float(shift))
