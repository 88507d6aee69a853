"""Sharpened predictions as targets: soft pseudo-labels that are nearly certain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities


def sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    """Return p^(1/T) / (p^(1/T) + (1 - p)^(1/T)), for each class by itself.

    Args:
        probabilities: Of any shape, in [0, 1].
        temperature: T; 1 changes nothing, towards 0 they become 0 or 1.

    Example:
        >>> sharpened(torch.tensor([0.5, 0.6, 0.9]), 0.1).round(decimals=2).tolist()
        [0.5, 0.9800000190734863, 1.0]
    """
    against = 1 - probabilities
    larger = torch.maximum(probabilities, against).detach()  # else both powers may be 0
    p, q = (probabilities / larger) ** (1 / temperature), (against / larger) ** (1 / temperature)
    return p / (p + q)


def mutual_consistency_loss(logits: Sequence[Tensor], temperature: float = 0.1) -> Tensor:
    """Return how far each prediction is from what each other one becomes when it is sharpened.

    Source: Wu et al., *Semi-supervised left atrium segmentation with mutual consistency training*,
    MICCAI 2021, Eq. 2 and 3: the sum over ordered pairs of the mean squares. Nothing is detached,
    as in its authors' code.

    Args:
        logits: (B, C, H, W) of each decoder; C = 1 binary, else background + classes.
        temperature: T of the sharpening.

    Returns:
        Scalar.

    Raises:
        InputError: If they are not of one shape.
    """
    shapes = {tuple(one.shape) for one in logits}
    if len(shapes) > 1:
        raise InputError(f"Decoders must predict one shape; found {sorted(shapes)}.")
    predictions = [to_log_class_probabilities(one).exp() for one in logits]
    pairs = permutations(predictions, 2)
    squares = [(p - sharpened(q, temperature)).square().mean() for p, q in pairs]
    return torch.stack(squares).sum()
