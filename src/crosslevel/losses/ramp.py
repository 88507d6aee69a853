"""How the weight of a loss rises over a training: late, if its targets are poor at first."""

from __future__ import annotations

import math

from torch import Tensor


def exponential_ramp(progress: float | Tensor) -> float | Tensor:
    """Return exp(-5 (1 - progress)²): from nearly 0 to 1 at the end of the training.

    Source: Laine and Aila, *Temporal ensembling*, 2017. The length is the whole training, as the
    published codes of UAMT and URPC have it for their own number of steps.

    Args:
        progress: Share of the training done, in [0, 1]; a scalar on the device gives one.

    Example:
        >>> [round(exponential_ramp(p), 3) for p in (0.0, 0.5, 1.0)]
        [0.007, 0.287, 1.0]
    """
    exponent = -5 * (1 - progress) ** 2
    return exponent.exp() if isinstance(exponent, Tensor) else math.exp(exponent)


def linear_ramp(progress: float | Tensor, share: float) -> float | Tensor:
    """Return what rises evenly from 0 to 1 over the first `share` of the training, then stays.

    Args:
        progress: Share of the training done, in [0, 1]; a scalar on the device gives one.
        share: Of the training, in [0, 1]; with 0 it is always 1.

    Example:
        >>> [linear_ramp(p, 0.5) for p in (0.0, 0.25, 0.5, 1.0)]
        [0.0, 0.5, 1.0, 1.0]
    """
    if not share:
        return 1.0
    risen = progress / share
    return risen.clamp_max(1.0) if isinstance(risen, Tensor) else min(1.0, risen)
