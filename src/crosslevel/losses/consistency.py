"""The cross-level consistency loss: a tile's prediction against the full image's."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities, to_probabilities
from crosslevel.tiles import to_tiles

Reduction = Literal["sum", "mean"]
Confidence = Literal["ignored", "weighed"]

EPSILON = 1e-6


def cross_level_consistency_loss(
    global_logits: Tensor,
    local_logits: Tensor,
    n: int,
    *,
    reduction: Reduction = "sum",
    detach_global: bool = True,
    confidence: Confidence = "ignored",
) -> Tensor:
    """Return the mean-square difference of the tiles' and the full image's predictions (Eq. 2).

    Source: Zhao et al., ISBI 2022, Eq. 2. The paper compares "predictions"; as in its authors'
    code these are probabilities, and the full image's side is a fixed target.

    Args:
        global_logits: h(Z), (B, C, H, W).
        local_logits: h(z), (B·n·n, C, H/n, W/n), tiles row-major.
        n: Tiles along each axis.
        reduction: Over the n² tiles; "sum" is the paper's, "mean" weighs n² times less. Over
            images, channels and pixels it is always the mean.
        detach_global: Let no gradient flow into the full image's prediction.
        confidence: "weighed" makes the mean over pixels a weighted one, by how sure the full
            image's prediction is (see `sureness`); the paper weighs all alike.

    Returns:
        Scalar.

    Raises:
        InputError: If the shapes do not fit each other, or an option is unknown.

    Example:
        >>> import torch
        >>> sure, unsure = torch.full((1, 1, 4, 4), 50.0), torch.zeros(4, 1, 2, 2)
        >>> float(cross_level_consistency_loss(sure, unsure, 2))  # 4 tiles of (1 - ½)²
        1.0
    """
    if reduction not in ("sum", "mean"):
        raise InputError(f"reduction is {reduction!r}; it must be 'sum' or 'mean'.")
    if confidence not in ("ignored", "weighed"):
        raise InputError(f"confidence is {confidence!r}; it must be 'ignored' or 'weighed'.")
    target = to_tiles(to_probabilities(global_logits), n)
    if target.shape != local_logits.shape:
        raise InputError(
            f"Logits of the tiles must be {tuple(target.shape)} to match {n}×{n} tiles of the "
            f"full image's; found {tuple(local_logits.shape)}."
        )
    if detach_global:
        target = target.detach()
    squares = (to_probabilities(local_logits) - target).square()
    if confidence == "weighed":
        weights = to_tiles(sureness(global_logits), n)
        mean = (weights * squares).mean() / weights.mean().clamp_min(EPSILON)
    else:
        mean = squares.mean()
    return mean * (n * n) if reduction == "sum" else mean


def sureness(logits: Tensor) -> Tensor:
    """Return 0 where all K classes are equally probable, 1 where one is certain.

    (K p - 1) / (K - 1) with p of the most probable class; for two classes that is |2 p - 1|.

    Args:
        logits: (B, C, H, W); C = 1 binary, else background + classes.

    Returns:
        (B, 1, H, W) in [0, 1], without gradient.

    Example:
        >>> import torch
        >>> sureness(torch.tensor([[[[0.0, -50.0, 50.0]]]])).flatten().tolist()
        [0.0, 1.0, 1.0]
    """
    probabilities = to_log_class_probabilities(logits.detach()).exp()
    num_classes = probabilities.shape[1]
    return (num_classes * probabilities.amax(dim=1, keepdim=True) - 1) / (num_classes - 1)
