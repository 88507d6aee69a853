"""Pseudo-labels: a network's confident predictions as the truth of another view."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import nll_loss

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities


def pseudo_labels(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the most probable class of each pixel, and how probable it is.

    Args:
        logits: (B, C, H, W); C = 1 binary, else background + classes.

    Returns:
        Class indices (B, H, W) int64, and confidences (B, H, W) in [1 / max(2, C), 1].

    Example:
        >>> import torch
        >>> labels, confidence = pseudo_labels(torch.tensor([[[[-2.0, 0.1]]]]))
        >>> labels.flatten().tolist(), [round(p, 2) for p in confidence.flatten().tolist()]
        ([0, 1], [0.88, 0.52])
    """
    confidence, labels = to_log_class_probabilities(logits).exp().max(dim=1)
    return labels, confidence


def pseudo_label_loss(logits: Tensor, labels: Tensor, keep: Tensor) -> Tensor:
    """Cross-entropy with pseudo-labels where they are kept, averaged over *all* pixels.

    So that few confident pixels weigh little, as in FixMatch: the sum over kept pixels is divided
    by the number of pixels, not of kept ones.

    Args:
        logits: (B, C, H, W) of the network that learns.
        labels: (B, H, W) class indices.
        keep: (B, H, W) bool.

    Returns:
        Scalar, 0 if nothing is kept.

    Raises:
        InputError: If the shapes do not fit each other.
    """
    pixels = (len(logits), *logits.shape[2:])
    if labels.shape != pixels or keep.shape != pixels:
        raise InputError(
            f"Labels {tuple(labels.shape)} and kept pixels {tuple(keep.shape)} must be {pixels} "
            f"to fit logits of {tuple(logits.shape)}."
        )
    losses = nll_loss(to_log_class_probabilities(logits), labels, reduction="none")
    return (losses * keep).mean()
