"""What `summary.json` says of expected Dice; a part of `crosslevel.runs.records`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crosslevel.runs.decoding import as_object, as_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Images whose expected Dice is alike, all numbers in [0, 1].

    Attributes:
        num_images: How many.
        expected: Mean expected Dice.
        dice: Mean true Dice.
        luck: By how much the two would differ on average if the expected Dice were perfect.
    """

    num_images: int
    expected: float
    dice: float
    luck: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedDice:
    """How true the expected Dice is, which was fitted on other images.

    Attributes:
        num_images: Images with an expected and a true Dice.
        spearman: Rank correlation of the two over the images.
        spearman_low: Lower end of its 95 % interval.
        spearman_high: Upper end.
        error: Calibration error in [0, 1]: mean difference of the two in groups of images.
        luck: What it would be if the expected Dice were perfect, since groups are small.
        groups: From low to high expected Dice.
        pixel_error: Calibration error of the probabilities of pixels as they are written.
        pixel_error_before: The same as the network gives them.
    """

    num_images: int
    spearman: float
    spearman_low: float
    spearman_high: float
    error: float
    luck: float
    groups: list[Group]
    pixel_error: float | None = None
    pixel_error_before: float | None = None

    @classmethod
    def recorded_in(cls, content: Mapping[str, Any]) -> ExpectedDice:
        """Read it.

        Raises:
            ValueError: If something is missing.
        """
        groups = [as_record(Group, as_object(group)) for group in content.get("groups", ())]
        return as_record(cls, {**content, "groups": groups})

    def __str__(self) -> str:
        """For a person."""
        text = (
            f"Expected Dice, in groups of images, is off by {100 * self.error:.1f} on average "
            f"(by luck alone {100 * self.luck:.1f}). Its rank correlation with the Dice is "
            f"{self.spearman:.2f} [{self.spearman_low:.2f}, {self.spearman_high:.2f}]."
        )
        if self.pixel_error is None or self.pixel_error_before is None:
            return text
        return (
            f"{text} Probabilities of pixels are off by {100 * self.pixel_error:.1f} %, "
            f"{100 * self.pixel_error_before:.1f} % before calibration."
        )
