"""The recipe: what a run does where it is not told.

The page *Which method?* of the documentation says which of these choices were measured, on
validation images of one data set, and which were not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

NUM_STEPS = 1250
NUM_CHECKS = 15
NUM_FOLDS = 3
MOST_IN_FOLDS = 100
"""Masks up to which all of them are dealt out to folds; more are divided once."""
FOLD_SHARE = 1.0
"""Steps of a fold, as a share of those of the network that learns from all masks."""
FOLD_CHECKS = 5
"""Checks of a fold on what it holds out."""


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


RUNGS = (
    Choice("fixmatch", "some images have no mask", {"buffers": "average"}),
    Choice(
        "unimatch",
        "some images have no mask, and the time suffices for two views of each",
        {"buffers": "average"},
    ),
)
"""With unlabelled images, from the least work to the most."""
WITHOUT = Choice("supervised", "every image has a mask", {"decay": 0.99})
WORK_OF_NEXT_RUNG = 2.0
"""Steps of the lowest rung that take as long as one of the next, at the least."""


def method_for(num_unlabelled: int, rung: int = 0) -> Choice:
    """Return the method for data with so many unlabelled training images, on a rung of `RUNGS`."""
    return RUNGS[rung] if num_unlabelled else WITHOUT


def rung_for(num_steps: int, of_recipe: int) -> int:
    """Return the highest rung on which a run may be as long as the recipe's, in the time there is.

    Args:
        num_steps: That fit into the time on the lowest rung.
        of_recipe: That the recipe has.

    Example:
        >>> rung_for(2000, 1250), rung_for(3000, 1250)
        (0, 1)
    """
    return int(num_steps >= WORK_OF_NEXT_RUNG * of_recipe)


def num_folds(num_masks: int) -> int:
    """Return in how many folds so many masks are held out, 0 if they are divided once instead.

    Args:
        num_masks: That no one has given to a test part; those of one group count once.

    Example:
        >>> [num_folds(masks) for masks in (1, 2, 6, 10, 100, 101)]
        [0, 2, 3, 3, 3, 0]
    """
    if not 2 <= num_masks <= MOST_IN_FOLDS:
        return 0
    return min(NUM_FOLDS, max(2, num_masks // 2))


def recipe_epochs(steps_per_epoch: float) -> int:
    """Return the epochs in which about `NUM_STEPS` steps are done, whatever the number of masks.

    Args:
        steps_per_epoch: Those of the folds included, if there are any.
    """
    return math.ceil(NUM_STEPS / steps_per_epoch)


def check_interval(epochs: int) -> int:
    """Return the epochs between two checks, if there are to be about `NUM_CHECKS`."""
    return max(1, epochs // NUM_CHECKS)
