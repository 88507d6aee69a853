"""Logits to probabilities, the one place that knows a binary task has a single channel."""

from __future__ import annotations

from torch import Tensor


def to_probabilities(logits: Tensor) -> Tensor:
    """Probabilities of (B, C, H, W) logits: sigmoid for C = 1, softmax over channels otherwise.

    Returns:
        (B, C, H, W) in [0, 1], float32 or wider (half-precision logits are widened).

    Example:
        >>> import torch
        >>> float(to_probabilities(torch.zeros(1, 1, 1, 1)))
        0.5
    """
    logits = logits.float() if logits.itemsize < 4 else logits
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
