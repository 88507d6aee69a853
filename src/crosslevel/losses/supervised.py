"""Supervised losses on labelled images: overlap (Dice) with cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from crosslevel.errors import InputError
from crosslevel.logits import to_probabilities, widen
from crosslevel.types import IGNORED

SMOOTH = 1.0


def dice_ce_loss(logits: Tensor, target: Tensor) -> Tensor:
    """½ (Dice + CE), the supervised loss of CLCC and of every method here (Eq. 4).

    Source: Zhao et al., ISBI 2022, Eq. 4. The paper does not define its Dice: here it is the soft
    Dice loss 1 - (2 Σpy + 1) / (Σp + Σy + 1) of each image and foreground class, then the mean.

    Args:
        logits: (B, C, H, W); C = 1 binary (sigmoid), else background + classes (softmax).
        target: (B, H, W) or (B, 1, H, W) class indices in 0 … max(1, C - 1), of any dtype;
            pixels that are `IGNORED` enter neither term.

    Returns:
        Scalar.

    Raises:
        InputError: If the shapes do not fit each other.

    Example:
        >>> import torch
        >>> y = torch.tensor([[[0, 1], [1, 0]]])
        >>> round(float(dice_ce_loss((2.0 * y[:, None] - 1) * 50, y)), 6)
        0.0
    """
    return dice_ce_sum_loss(logits, target) / 2


def dice_ce_sum_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return Dice + CE, not halved: what the paper's authors train with in their code.

    Args, returns and raises as `dice_ce_loss`.
    """
    logits, target = _fitting(logits, target)
    return _soft_dice(logits, target) + _cross_entropy(logits, target)


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the Dice term of `dice_ce_loss` alone.

    Args, returns and raises as `dice_ce_loss`.
    """
    return _soft_dice(*_fitting(logits, target))


SUPERVISED_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "dice_ce": dice_ce_loss,
    "dice_ce_sum": dice_ce_sum_loss,
}


def _fitting(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits of at least single precision, and class indices (B, H, W) of them."""
    if target.ndim == 4 and target.shape[1] == 1:
        target = target[:, 0]
    if target.shape != (logits.shape[0], *logits.shape[2:]):
        raise InputError(
            f"A target of {tuple(target.shape)} does not fit logits of {tuple(logits.shape)}: "
            "it must be (B, H, W) or (B, 1, H, W)."
        )
    return widen(logits), target


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return mean over the pixels that are counted."""
    target, counted = _counted(target, logits.dtype)
    if logits.shape[1] == 1:
        truth = target.unsqueeze(1).to(logits.dtype)
        losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")[:, 0]
    else:
        losses = F.cross_entropy(logits, target.long(), reduction="none")
    return (losses * counted).sum() / counted.sum().clamp(min=1)


def _soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    target, counted = _counted(target, logits.dtype)
    probabilities = to_probabilities(logits)
    if logits.shape[1] == 1:
        truth = target.unsqueeze(1).to(logits.dtype)
    else:
        truth = F.one_hot(target.long(), logits.shape[1]).movedim(-1, 1).to(logits.dtype)[:, 1:]
        probabilities = probabilities[:, 1:]
    probabilities, truth = probabilities * counted[:, None], truth * counted[:, None]
    overlap = (probabilities * truth).sum(dim=(2, 3))
    total = probabilities.sum(dim=(2, 3)) + truth.sum(dim=(2, 3))
    return (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()


def _counted(target: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return class indices with background for `IGNORED`, and 1 for each pixel that counts."""
    is_ignored = target == IGNORED
    return target.masked_fill(is_ignored, 0), (~is_ignored).to(dtype)
