"""Scores of many images at many thresholds, from counts alone: no probability is kept.

An image leaves a few dozen numbers behind, counted on the device that predicted it. They are
what `score_case` counts at each threshold, so the scores are the same to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.evaluation.metrics import CaseScore, class_scores
from crosslevel.runs.compare import paired_difference
from crosslevel.system.devices import Place, widest_float
from crosslevel.system.distributed import gathered
from crosslevel.types import IGNORED

THRESHOLDS = tuple(float(t) for t in np.linspace(0.1, 0.9, 17).round(2))
"""Candidates of a search."""
TOLERANCE = 0.2
"""Points of Dice that make no difference between two thresholds."""


class Counts:
    """Counts of images, of which `update` is given one batch after the other.

    Args:
        thresholds: Probabilities from which on a pixel may count as foreground. They matter
            to a binary task alone: of several classes the most probable one wins.

    Example:
        >>> counts = Counts([0.1, 0.5])
        >>> counts.update(torch.tensor([[[[0.9, 0.2]]]]), torch.tensor([[[1, 1]]]))
        >>> counts.mean_score(0.1).dice, round(counts.mean_score().dice, 3)
        (1.0, 0.667)
    """

    def __init__(self, thresholds: Sequence[float] = (0.5,)) -> None:
        self.thresholds = list(thresholds)
        self._counts: list[Tensor] = []
        self._errors: list[Tensor] = []

    def update(self, probabilities: Tensor, truths: Tensor) -> None:
        """Count a batch; what is kept stays on its device until a score is asked for.

        Args:
            probabilities: (B, C, H, W) in [0, 1]; C = 1 binary, else background + classes.
            truths: (B, H, W) class indices, on the same device. Pixels that are `IGNORED` are not
                counted, nor is an image of nothing else.

        Raises:
            InputError: If the shapes differ.
        """
        if (probabilities.shape[0], *probabilities.shape[2:]) != tuple(truths.shape):
            shapes = f"{tuple(probabilities.shape)} and masks {tuple(truths.shape)}"
            raise InputError(f"Probabilities {shapes} differ: give each image its mask.")
        counted = truths != IGNORED
        foreground = probabilities if probabilities.shape[1] == 1 else probabilities[:, 1:]
        actual = torch.arange(1, foreground.shape[1] + 1, device=truths.device)[:, None, None]
        error = (foreground - (truths[:, None] == actual).to(foreground)).abs()
        errors = (error * counted[:, None]).sum(dim=(2, 3), dtype=widest_float(error.device))
        pixels = counted.sum(dim=(1, 2))[:, None]
        self._errors.append(torch.cat([errors / pixels.clamp_min(1), pixels], dim=1))
        if probabilities.shape[1] == 1:
            shown = probabilities[:, 0] * counted
            counts = _at_thresholds(shown, truths, self.thresholds)
        else:
            counts = _of_most_probable(probabilities, truths, counted)
        self._counts.append(counts)

    def of_all(self, place: Place) -> Counts:
        """Return the counts of all processes together; all call it at the same point."""
        own = [part.cpu() for part in self._counts], [part.cpu() for part in self._errors]
        together = Counts(self.thresholds)
        for counts, errors in gathered(place, own):
            together._counts += counts
            together._errors += errors
        return together

    def best_threshold(self) -> float:
        """Return a threshold by the Dice of images with foreground, if any: see below."""
        return cautious_threshold(self.dice(), self.thresholds)

    def dice(self, *, with_empty: bool | None = None) -> NDArray[np.float64]:
        """Return the Dice of each image that is scored: the mean of its classes.

        A class in neither prediction nor mask has no part in the mean, unless none is in either.

        Args:
            with_empty: Whether images without foreground are scored, too; left out, they are where
                none has any.

        Returns:
            (images, thresholds), or (images, 1) with several classes.
        """
        counts = torch.cat(self._counts, dim=1)[:, self._scored(with_empty)]
        predicted, overlap, actual = counts.cpu().numpy()
        total = predicted + actual
        is_there = (total > 0) | (total == 0).all(axis=2, keepdims=True)
        of_classes = np.where(total > 0, 2 * overlap / np.maximum(total, 1), 1.0) * is_there
        dice: NDArray[np.float64] = of_classes.sum(axis=2) / is_there.sum(axis=2)
        return dice

    @property
    def has_foreground(self) -> bool:
        """Whether any image shows some."""
        return any(bool(part[2].any()) for part in self._counts)

    def mean_score(self, threshold: float = 0.5) -> CaseScore:
        """Return the mean of the images' scores, each the mean of its classes, without distances.

        An image without foreground has no part in it, unless none has any: to predict nothing
        would else be the best of a data set in which most images are empty.

        Args:
            threshold: One of those the pixels were counted at; of no effect with several classes.
        """
        counts = torch.cat(self._counts, dim=1)
        place = self.thresholds.index(threshold) if counts.shape[2] > 1 else 0
        of_images = counts[:, :, place].movedim(0, -1).cpu().tolist()  # (images, classes, 3)
        is_scored = self._scored()[:, None]
        errors = torch.cat([torch.cat(self._errors), is_scored], dim=1).cpu().tolist()
        return CaseScore.mean(
            [
                CaseScore.mean(class_scores(of_classes, error, int(num_pixels)))
                for of_classes, (*error, num_pixels, is_here) in zip(of_images, errors, strict=True)
                if is_here
            ]
        )

    def _scored(self, with_empty: bool | None = None) -> Tensor:
        """Tell which images enter a mean: those with foreground, or all with a pixel to count."""
        counted = torch.cat(self._errors)[:, -1] > 0
        actual = torch.cat(self._counts, dim=1)[2, :, 0].sum(dim=-1)
        has_foreground = counted & (actual > 0)
        if with_empty is not None:
            return counted if with_empty else has_foreground
        return torch.where(has_foreground.any(), has_foreground, counted)


def _at_thresholds(probability: Tensor, truths: Tensor, thresholds: Sequence[float]) -> Tensor:
    """Count a binary task at each threshold: (3, B, thresholds, 1).

    Args:
        probability: (B, H, W) in [0, 1].
        truths: (B, H, W), 0 and 1.
        thresholds: From which on a pixel is foreground.
    """
    actual = truths == 1
    counts = [_count(probability >= threshold, actual) for threshold in thresholds]
    return torch.stack(counts, dim=-1)[..., None]


def _of_most_probable(probabilities: Tensor, truths: Tensor, counted: Tensor) -> Tensor:
    """Count each foreground class where it is the most probable one: (3, B, 1, C - 1).

    Args:
        probabilities: (B, C, H, W) of background and classes.
        truths: (B, H, W) class indices.
        counted: (B, H, W) bool; elsewhere nothing is predicted.
    """
    predicted = probabilities.argmax(dim=1) * counted
    classes = range(1, probabilities.shape[1])
    counts = [_count(predicted == index, truths == index) for index in classes]
    return torch.stack(counts, dim=-1)[:, :, None]


def _count(predicted: Tensor, actual: Tensor) -> Tensor:
    """Return pixels predicted, in both, and true, of (B, H, W) each: (3, B)."""
    both = predicted & actual
    return torch.stack([pixels.count_nonzero(dim=(1, 2)) for pixels in (predicted, both, actual)])


def cautious_threshold(dice: NDArray[np.float64], thresholds: Sequence[float]) -> float:
    """Return the threshold nearest to 0.5 that is not distinguishable from the best.

    Few masks tell little about a threshold: the best for four of them was far from the best for
    others (`results/tries/kvasir-order`). Of two as near to 0.5 it is the lower; of no mask, 0.5.

    Args:
        dice: (images, thresholds) in [0, 1].
        thresholds: From which probability on a pixel is foreground.

    Example:
        >>> dice = np.array([[0.6, 0.5], [0.5, 0.6], [0.62, 0.5]])
        >>> cautious_threshold(dice, [0.1, 0.5]), cautious_threshold(dice[[0, 2, 2]], [0.1, 0.5])
        (0.5, 0.1)
    """
    if not len(dice):
        return 0.5
    best = dice[:, dice.mean(axis=0).argmax()]
    gains = [paired_difference(best, dice[:, place]) for place in range(len(thresholds))]
    near = [t for t, gain in zip(thresholds, gains, strict=True) if gain.low <= TOLERANCE]
    return min(near, key=lambda t: round(abs(t - 0.5), 9))
