"""How far predictions of one pixel lie apart, as distributions over the classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities


def symmetric_kl_loss(logits: Sequence[Tensor]) -> Tensor:
    """Return ½ (KL(p ‖ q) + KL(q ‖ p)), averaged over pixels and pairs; both sides learn.

    Source: Liang et al., *R-Drop: regularized dropout for neural networks*, NeurIPS 2021, Eq. 3.

    Args:
        logits: (B, C, H, W) of each pass, at least two; C = 1 binary, else background + classes.

    Returns:
        Scalar, 0 for equal predictions.

    Raises:
        InputError: If they are not of one shape.
    """
    pairs = combinations(_log_probabilities(logits), 2)
    divergences = [
        ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=1) for log_p, log_q in pairs
    ]
    return torch.stack(divergences).mean() / 2


def jensen_shannon_loss(logits: Sequence[Tensor]) -> Tensor:
    """Return the entropy of the views' mean less their mean entropy, averaged over the pixels.

    Source: Qiao et al., *Deep co-training for semi-supervised image recognition*, ECCV 2018, Eq. 2.

    Args:
        logits: (B, C, H, W) of each view; C = 1 binary, else background + classes.

    Returns:
        Scalar in [0, ln K], 0 for equal predictions.

    Raises:
        InputError: If they are not of one shape.
    """
    log_views = _log_probabilities(logits)
    log_mean = log_views.logsumexp(dim=0) - math.log(len(logits))
    return (log_views.exp() * (log_views - log_mean)).sum(dim=2).mean()


def soft_cross_entropy_loss(logits: Tensor, target_logits: Tensor) -> Tensor:
    """Return -Σ q ln p, averaged over the pixels, with q a prediction that is a fixed target.

    Args:
        logits: (B, C, H, W) of the prediction p that learns.
        target_logits: Of q, of the same shape; no gradient flows into them.

    Returns:
        Scalar, at least the entropy of q.

    Raises:
        InputError: If they are not of one shape.
    """
    log_p, log_q = _log_probabilities([logits, target_logits.detach()])
    products: Tensor = log_q.exp() * log_p
    return -products.sum(dim=1).mean()


def _log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Return (V, B, K, H, W) of V views of one shape."""
    shapes = {tuple(view.shape) for view in logits}
    if len(shapes) > 1:
        raise InputError(f"Predictions of one pixel must have one shape; found {sorted(shapes)}.")
    return torch.stack([to_log_class_probabilities(view) for view in logits])
