"""Perturbed features: other views of an image at the levels of a network instead of its pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import dropout2d

from crosslevel.models.segmenter import SegmentationNet


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


def logits_without_channels(
    net: SegmentationNet, batches: Sequence[Tensor], count: int, share: float
) -> Tensor:
    """Return logits of all images, the last `count` with channels of the encoder dropped.

    Source: Yang et al., CVPR 2023, section 3.2: each level loses channels of its own.

    Args:
        net: Of which each batch takes one pass.
        batches: Images (B, 3, H, W) each; the last holds at least `count`.
        count: Images that lose channels.
        share: Of the channels, in [0, 1]; with 0 none is lost.

    Returns:
        (N, C, H, W) of the N images of all batches, in order.
    """
    if not share:
        return torch.cat([net(images) for images in batches])
    *whole, last = batches
    logits = [net(images) for images in whole]
    clean = len(last) - count
    features = [
        torch.cat([level[:clean], channel_dropout(level[clean:], share)])
        for level in net.f.encode(last)
    ]
    return torch.cat([*logits, net.h(net.f.decode(features))])
