"""Perturbed features: other views of an image at the levels of a network instead of its pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import dropout2d


def feature_noise(features: Tensor, limit: float = 0.3) -> Tensor:
    """Return features times 1 + U(-limit, limit), one draw for the whole batch: (B, F, H, W)."""
    noise = torch.empty_like(features[0]).uniform_(-limit, limit)
    return features * (1 + noise)


def feature_dropout(features: Tensor, lowest: float = 0.7, highest: float = 0.9) -> Tensor:
    """Zero where the mean over channels is near its maximum: (B, F, H, W) → same.

    "Near" is at least t times the maximum of the image, t uniform in [lowest, highest].
    """
    attention = features.mean(dim=1, keepdim=True)
    share = torch.empty((), device=features.device).uniform_(lowest, highest)
    limit = attention.amax(dim=(2, 3), keepdim=True) * share
    return features * (attention < limit)


def channel_dropout(features: Tensor, share: float = 0.3) -> Tensor:
    """Zero a share of the channels, other ones for each image: (B, F, H, W) → same."""
    return dropout2d(features, share)
