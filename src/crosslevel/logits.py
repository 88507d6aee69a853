"""Logits to probabilities to classes: the one place that knows a binary task has one channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid


def to_probabilities(logits: Tensor) -> Tensor:
    """Turn (B, C, H, W) logits into probabilities: sigmoid for C = 1, else softmax over channels.

    Returns:
        (B, C, H, W) in [0, 1], float32 or wider (half-precision logits are widened).

    Example:
        >>> float(to_probabilities(torch.zeros(1, 1, 1, 1)))
        0.5
    """
    logits = widen(logits)
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


def to_log_class_probabilities(logits: Tensor) -> Tensor:
    """Logarithms of the probabilities of every class, background included.

    Args:
        logits: (B, C, H, W); C = 1 binary, else background + classes.

    Returns:
        (B, max(2, C), H, W), finite for any finite logits; their exponentials sum to 1.

    Example:
        >>> to_log_class_probabilities(torch.zeros(1, 1, 1, 1)).exp().flatten()
        tensor([0.5000, 0.5000])
    """
    logits = widen(logits)
    if logits.shape[1] == 1:
        return torch.cat([logsigmoid(-logits), logsigmoid(logits)], dim=1)
    return log_softmax(logits, dim=1)


def widen(x: Tensor) -> Tensor:
    """Half precision becomes float32, in which losses are computed; anything else stays."""
    return x.float() if x.itemsize < 4 else x


def to_classes(
    probabilities: NDArray[np.floating[Any]], threshold: float = 0.5
) -> NDArray[np.uint8]:
    """Map (C, H, W) probabilities → (H, W) class indices, as `score_case` counts them."""
    classes = probabilities[0] >= threshold if len(probabilities) == 1 else probabilities.argmax(0)
    return np.asarray(classes, np.uint8)
