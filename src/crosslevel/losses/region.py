"""The supervised loss on a part of an image: for mixed images, whose parts differ in trust."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import nll_loss, one_hot

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses.supervised import SMOOTH, dice_ce_loss, dice_ce_sum_loss
from crosslevel.types import IGNORED


def region_dice_ce_loss(logits: Tensor, labels: Tensor, region: Tensor) -> Tensor:
    """Return ½ (Dice + CE) of the pixels inside a region; the others might as well not exist.

    As `dice_ce_loss`: soft Dice of each image and foreground class, then the mean; the
    cross-entropy is the mean over all pixels of the regions.

    Source: Bai et al., *Bidirectional copy-paste for semi-supervised medical image segmentation*,
    CVPR 2023, Eq. 6.

    Args:
        logits: (B, C, H, W); C = 1 binary, else background + classes.
        labels: (B, H, W) class indices; pixels that are `IGNORED` lie in no region.
        region: (B, H, W) bool.

    Returns:
        Scalar; that of an empty region is 0.

    Raises:
        InputError: If the shapes do not fit each other.
    """
    pixels = (len(logits), *logits.shape[2:])
    if labels.shape != pixels or region.shape != pixels:
        raise InputError(
            f"Labels {tuple(labels.shape)} and region {tuple(region.shape)} must be {pixels} to "
            f"fit logits of {tuple(logits.shape)}."
        )
    region, labels = region & (labels != IGNORED), labels.masked_fill(labels == IGNORED, 0)
    log_p = to_log_class_probabilities(logits)
    inside = region.unsqueeze(1).to(log_p.dtype)
    truth = one_hot(labels, log_p.shape[1]).movedim(-1, 1).to(log_p.dtype)[:, 1:] * inside
    p = log_p.exp()[:, 1:] * inside
    overlap, total = (p * truth).sum(dim=(2, 3)), (p + truth).sum(dim=(2, 3))
    dice = (1 - (2 * overlap + SMOOTH) / (total + SMOOTH)).mean()
    losses = nll_loss(log_p, labels, reduction="none") * inside[:, 0]
    return (dice + losses.sum() / inside.sum().clamp_min(1)) / 2


def region_dice_ce_sum_loss(logits: Tensor, labels: Tensor, region: Tensor) -> Tensor:
    """Return Dice + CE, not halved, of the pixels inside a region.

    Args, returns and raises as `region_dice_ce_loss`.
    """
    return 2 * region_dice_ce_loss(logits, labels, region)


REGION_LOSSES: dict[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor, Tensor], Tensor]]
REGION_LOSSES = {dice_ce_loss: region_dice_ce_loss, dice_ce_sum_loss: region_dice_ce_sum_loss}
"""By the supervised loss, the same on a part of an image."""
