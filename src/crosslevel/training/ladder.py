"""The recipe: what a run does where it is not told.

The page *Which method?* of the documentation says which of these choices were measured, on
validation images of one data set, and which were not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

NUM_STEPS = 1250
NUM_CHECKS = 15


@dataclass(frozen=True)
class Choice:
    """A method of the recipe.

    Attributes:
        method: Its name.
        reason: When it is chosen, for a person.
        args: Those that are not its defaults.
    """

    method: str
    reason: str
    args: dict[str, Any] = field(default_factory=dict)


WITH_UNLABELLED = Choice("fixmatch", "some images have no mask")
WITHOUT = Choice("supervised", "every image has a mask", {"decay": 0.99})


def method_for(num_unlabelled: int) -> Choice:
    """Return the method for data with so many unlabelled training images."""
    return WITH_UNLABELLED if num_unlabelled else WITHOUT


def recipe_epochs(steps_per_epoch: int) -> int:
    """Return the epochs in which about `NUM_STEPS` steps are done, whatever the number of masks."""
    return -(-NUM_STEPS // steps_per_epoch)


def check_interval(epochs: int) -> int:
    """Return the epochs between two checks, if there are to be about `NUM_CHECKS`."""
    return max(1, epochs // NUM_CHECKS)
