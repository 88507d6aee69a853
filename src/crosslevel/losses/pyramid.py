"""Consistency among the scales of one network, rectified by their disagreement: URPC's loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities

EPSILON = 1e-8


def pyramid_consistency_loss(logits: Sequence[Tensor]) -> Tensor:
    """Draw every scale to the mean of all scales, less so where it disagrees most.

    Source: Luo et al., *Efficient semi-supervised gross target volume of nasopharyngeal carcinoma
    segmentation via uncertainty rectified pyramid consistency*, MICCAI 2021, Eq. 3-5, with the
    divergence KL(mean ‖ scale) of its authors' code. With p̄ the mean of the scales' probabilities,
    D_s = Σ_c p̄ (ln p̄ - ln p_s) for each pixel and w_s = exp(-D_s), the loss is the mean over
    scales of mean(w_s (p̄ - p_s)²) / mean(w_s) + mean(D_s). Nothing is detached, as there.

    Args:
        logits: One (B, C, H, W) map for each scale, all brought to full size.

    Returns:
        Scalar, 0 for scales that agree.

    Raises:
        InputError: If the scales are not of one shape.
    """
    shapes = {tuple(scale.shape) for scale in logits}
    if len(shapes) > 1:
        raise InputError(f"Scales must be brought to one shape; found {sorted(shapes)}.")
    log_scales = torch.stack([to_log_class_probabilities(scale) for scale in logits])
    log_mean = log_scales.logsumexp(dim=0) - math.log(len(logits))
    mean = log_mean.exp()
    terms = []
    for log_scale in log_scales:
        divergence = (mean * (log_mean - log_scale)).sum(dim=1, keepdim=True)
        weight = (-divergence).exp()
        squares = weight * (mean - log_scale.exp()).square()
        terms.append(squares.mean() / (weight.mean() + EPSILON) + divergence.mean())
    return torch.stack(terms).mean()
