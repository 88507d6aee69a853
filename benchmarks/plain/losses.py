"""The losses, written down as in the papers, for a binary task."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def supervised_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """½ (Dice + CE)."""
    truth = masks.unsqueeze(1).float()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth)
    return 0.5 * (dice_loss(logits, masks) + cross_entropy)


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the mean over images."""
    truth = masks.unsqueeze(1).float()
    p = torch.sigmoid(logits)
    overlap = (p * truth).sum((2, 3))
    return (1 - (2 * overlap + 1) / (p.sum((2, 3)) + truth.sum((2, 3)) + 1)).mean()


def contrastive_loss(whole: Tensor, tiles: Tensor, temperature: float = 0.07) -> Tensor:
    """Eq. 1 of CLCC: (B, D, n, n) and (B·n², D, 1, 1)."""
    images, dim = whole.shape[:2]
    queries = F.normalize(whole.flatten(2).transpose(1, 2), dim=2)
    keys = F.normalize(tiles.view(images, -1, dim), dim=2)
    positive = (queries * keys).sum(2, keepdim=True) / temperature
    others = torch.bmm(queries, queries.transpose(1, 2)) / temperature
    itself = torch.eye(others.shape[1], dtype=torch.bool, device=others.device)
    others = others.masked_fill(itself, float("-inf"))
    return -torch.log_softmax(torch.cat([positive, others], dim=2), dim=2)[:, :, 0].mean()


def consistency_loss(whole: Tensor, tiles: Tensor, n: int) -> Tensor:
    """Eq. 2 of CLCC: the sum over tiles of the mean-square difference."""
    target = cut(torch.sigmoid(whole.detach()), n)
    local = torch.sigmoid(tiles)
    count = n * n
    return sum(
        (F.mse_loss(local[i::count], target[i::count]) for i in range(count)), torch.zeros(())
    )


def cut(x: Tensor, n: int) -> Tensor:
    """Map (B, C, H, W) → (B·n², C, H/n, W/n)."""
    side = x.shape[2] // n
    tiles = [
        image[:, r * side : (r + 1) * side, c * side : (c + 1) * side]
        for image in x
        for r in range(n)
        for c in range(n)
    ]
    return torch.stack(tiles)


def two_classes(logits: Tensor) -> Tensor:
    """Return probabilities (B, 2, H, W) of background and foreground."""
    p = torch.sigmoid(logits)
    return torch.cat([1 - p, p], dim=1)


def uncertain_consistency_loss(
    student: Tensor, teacher: Tensor, mean: Tensor, threshold: float
) -> Tensor:
    """UAMT's: where the entropy of the teacher's mean is below the threshold."""
    entropy = -(mean * torch.log(mean + 1e-6)).sum(1, keepdim=True)
    mask = (entropy < threshold).float()
    return (mask * (student - teacher) ** 2).sum() / (2 * mask.sum()).clamp(min=1)


def pyramid_loss(scales: list[Tensor]) -> Tensor:
    """URPC's: each scale against the mean of all, weighted by their divergence."""
    probabilities = [two_classes(scale) for scale in scales]
    mean = torch.stack(probabilities).mean(0)
    total = torch.zeros(())
    for p in probabilities:
        divergence = (mean * (torch.log(mean + 1e-12) - torch.log(p + 1e-12))).sum(1, keepdim=True)
        weight = torch.exp(-divergence)
        squares = (weight * (mean - p) ** 2).mean()
        total = total + squares / (weight.mean() + 1e-8) + divergence.mean()
    return total / len(scales)
