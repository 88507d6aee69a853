"""What the folds of a run found, as `folds/out_of_fold.json` keeps it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from crosslevel.runs.decoding import as_object, as_record
from crosslevel.runs.expected_dice import ExpectedDice


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfFold:
    """What `out_of_fold.json` says: the score of masks by networks that did not learn from them.

    It is of the images at the network's size, each at the threshold that suits the other folds.

    Attributes:
        num_folds: Networks.
        num_masks: Images that were scored.
        dice: Mean Dice, ×100.
        interval: Its 95 % interval over the images.
        threshold: From which probability on a pixel is foreground; the nearest to 0.5 of those not
            distinguishable from the best over all folds.
        expected_dice: How true the expected Dice of these masks is; None of few masks, and until
            the network that is shipped is calibrated by them.
    """

    num_folds: int
    num_masks: int
    dice: float
    interval: tuple[float, float]
    threshold: float
    expected_dice: ExpectedDice | None = None

    @classmethod
    def from_json(cls, text: str) -> OutOfFold:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it is not JSON, or something is missing.
        """
        content = as_object(json.loads(text))
        expected = content.get("expected_dice")
        return as_record(
            cls,
            {
                **content,
                "interval": tuple(content.get("interval", ())),
                "expected_dice": expected and ExpectedDice.recorded_in(as_object(expected)),
            },
        )

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def __str__(self) -> str:
        """For a person."""
        low, high = self.interval
        return (
            f"Out-of-fold Dice {self.dice:.1f} [{low:.1f}, {high:.1f}] at the network's size: "
            f"{self.num_masks} masks, each scored by a network that did not learn from it, and "
            "learned for less long than the one that is shipped"
        )
