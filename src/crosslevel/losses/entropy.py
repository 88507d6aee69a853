"""Entropy of predictions: low where a network is certain, whether or not it is right."""

from __future__ import annotations

import math

from torch import Tensor

from crosslevel.logits import to_log_class_probabilities


def entropy_loss(logits: Tensor) -> Tensor:
    """Return the mean entropy of the pixels' class probabilities, divided by its maximum ln K.

    Source: Grandvalet and Bengio, *Semi-supervised learning by entropy minimization*, NeurIPS 2004,
    Eq. 6, with the division by ln K of Vu et al., *ADVENT*, CVPR 2019.

    Args:
        logits: (B, C, H, W); C = 1 binary, else background + classes.

    Returns:
        Scalar in [0, 1].

    Example:
        >>> import torch
        >>> float(entropy_loss(torch.zeros(1, 1, 2, 2)))
        1.0
    """
    log_p = to_log_class_probabilities(logits)
    return -(log_p.exp() * log_p).sum(dim=1).mean() / math.log(log_p.shape[1])
