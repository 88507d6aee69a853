"""Consistency with a teacher, where the teacher is certain: the loss of UAMT."""

from __future__ import annotations

import math

from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.logits import widen
from crosslevel.losses.ramp import exponential_ramp

EPSILON = 1e-6


def entropy(probabilities: Tensor) -> Tensor:
    """-Σ p ln p over the classes: (B, K, H, W) → (B, 1, H, W), between 0 and ln K.

    Example:
        >>> import torch
        >>> round(float(entropy(torch.full((1, 2, 1, 1), 0.5))), 3)  # ln 2
        0.693
    """
    return -(probabilities * (probabilities + EPSILON).log()).sum(dim=1, keepdim=True)


def uncertainty_threshold(progress: float | Tensor, num_classes: int) -> float | Tensor:
    """Highest entropy that still counts as certain: ¾ ln K at first, ln K at the end.

    Source: Yu et al., *Uncertainty-aware self-ensembling model*, MICCAI 2019, with ln K for ln 2.

    Args:
        progress: Share of the training done, in [0, 1].
        num_classes: K, background included.
    """
    return (0.75 + 0.25 * exponential_ramp(progress)) * math.log(num_classes)


def certain_consistency_loss(
    student: Tensor, teacher: Tensor, uncertainty: Tensor, threshold: float | Tensor
) -> Tensor:
    """Return the mean-square difference of class probabilities over the pixels that are certain.

    Source: Yu et al., MICCAI 2019, Eq. 3: Σ m (p_S - p_T)² / (K Σ m) with m = [u < threshold].
    Differs from the codes of SSL4MIS and PyMIC, which have 2 in the place of K.

    Args:
        student: (B, K, H, W) class probabilities.
        teacher: The same of the teacher; no gradient flows into it.
        uncertainty: (B, 1, H, W) entropy.
        threshold: See `uncertainty_threshold`.

    Returns:
        Scalar; 0 where no pixel is certain.

    Raises:
        InputError: If the shapes do not fit each other.
    """
    one_channel = (len(student), 1, *student.shape[2:])
    if student.shape != teacher.shape or uncertainty.shape != one_channel:
        raise InputError(
            f"Student {tuple(student.shape)}, teacher {tuple(teacher.shape)} and uncertainty "
            f"{tuple(uncertainty.shape)} must be of one size."
        )
    student, teacher = widen(student), widen(teacher.detach())
    certain = (uncertainty < threshold).to(student.dtype)
    squares = certain * (student - teacher).square()
    return squares.sum() / (student.shape[1] * certain.sum()).clamp_min(1)
