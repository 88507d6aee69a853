"""What every backbone `f` promises."""

from __future__ import annotations

from torch import nn


class Backbone(nn.Module):
    """f: (B, 3, H, W) → (B, F, H, W), at full resolution.

    Attributes:
        out_channels: F.
        stride: H and W must be divisible by this many pixels.
    """

    out_channels: int
    stride: int
