"""Early stopping: whether a training has stopped to become better."""

from __future__ import annotations

import math
from collections.abc import Iterable


def has_stalled(dice: Iterable[float], patience: int | None) -> bool:
    """Return whether so many checks in a row found no network better than all before.

    Args:
        dice: Validation Dice of each check, in order; one that is not a number does not count.
        patience: Checks; None never has enough.

    Example:
        >>> [has_stalled([0.5, 0.7, 0.6, 0.7], patience) for patience in (2, 3, None)]
        [True, False, False]
    """
    best, num_since = -1.0, 0
    for value in dice:
        if math.isnan(value):
            continue
        best, num_since = (value, 0) if value > best else (best, num_since + 1)
    return patience is not None and num_since >= patience
