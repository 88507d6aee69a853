"""How far a segmenter's own words can be trusted: `calibration.json` beside its weights.

It is fitted on images that the weights were not trained on (`crosslevel.evaluation.calibrate`) and
turns the network's probabilities, and its confidence in a mask, into numbers that hold on average.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from crosslevel.config.reading import from_dict
from crosslevel.errors import InputError
from crosslevel.models.folder import weights_hash
from crosslevel.system.files import write_text

HeldOutSource = Literal["validation", "out-of-fold"]
FILE = "calibration.json"
LEAST = 1e-6
"""What is nearer to 0 or 1 is taken as if it were this near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A rising line between log odds: what was said → what held.

    Attributes:
        slope: Above 0; below 1 where too much was said, either way.
        shift: Below 0 where too much was said throughout.

    Example:
        >>> Line(slope=1.0, shift=0.0)(np.array([0.25]))
        array([0.25])
    """

    slope: float
    shift: float

    def __post_init__(self) -> None:
        """Refuse a line that would turn an order around.

        Raises:
            InputError: If the slope is not above 0.
        """
        if not (self.slope > 0 and np.isfinite([self.slope, self.shift]).all()):
            raise InputError(
                f"slope is {self.slope}; it must be above 0, and shift ({self.shift}) finite."
            )

    def __call__(self, said: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Map numbers in [0, 1] to numbers in [0, 1], of the same shape."""
        moved: NDArray[np.floating[Any]] = expit(self.slope * log_odds(said) + self.shift)
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns a segmenter's own words into numbers that hold on average.

    Attributes:
        source: Images it was fitted on: the "validation" part, which also chose epoch and
            threshold, or predictions "out-of-fold".
        num_images: How many.
        num_empty: Of these, how many had a mask without foreground predicted.
        threshold: From which probability on a pixel was foreground.
        pixels: Probability of a pixel → share of such pixels that are foreground. With several
            classes only its slope counts: all probabilities to its power, made to sum to 1.
        masks: Certainty of a mask with foreground → its expected Dice.
        empty_masks: Certainty of a mask without → the chance that nothing is there.
        weights: SHA-256 of the `model.safetensors` it belongs to.
    """

    source: HeldOutSource
    num_images: int
    num_empty: int
    threshold: float
    pixels: Line
    masks: Line
    empty_masks: Line
    weights: str = ""

    def probabilities(self, said: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Map the network's probabilities (C, …) to calibrated ones; C = 1 for a binary task."""
        if len(said) == 1:
            return self.pixels(said)
        logs = np.log(np.maximum(said, LEAST))
        shares: NDArray[np.floating[Any]] = softmax(self.pixels.slope * logs, axis=0)
        return shares

    def expected_dice(self, certainty: float, *, is_empty: bool) -> float:
        """Return the Dice in [0, 1] that masks of this certainty have on average."""
        line = self.empty_masks if is_empty else self.masks
        return float(line(np.array(certainty)))


def log_odds(said: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the log odds of numbers in [0, 1], finite at both ends."""
    odds: NDArray[np.floating[Any]] = logit(np.clip(said, LEAST, 1 - LEAST))
    return odds


def save_calibration(folder: Path, calibration: Calibration) -> None:
    """Write it beside the weights it belongs to."""
    write_text(folder / FILE, json.dumps(asdict(calibration), indent=2) + "\n")


def load_calibration(folder: Path) -> Calibration | None:
    """Return the calibration of a model folder; None if it has none, or one of other weights.

    Raises:
        InputError: If the file is damaged.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        found = from_dict(Calibration, json.loads(file.read_bytes()), where=str(file))
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file} is not a calibration ({error}): delete it, and repeat the command of the "
            "training to get it anew."
        ) from error
    return found if found.weights == weights_hash(folder) else None
