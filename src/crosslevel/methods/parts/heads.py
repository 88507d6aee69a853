"""Small networks for each cell of a map, and a map as a list of cells."""

from __future__ import annotations

from torch import Tensor, nn


def head(in_channels: int, out_channels: int, hidden: int | None = None) -> nn.Sequential:
    """Return two 1×1 convolutions with a ReLU between: a small network for each cell of a map.

    Args:
        in_channels: Of the map.
        out_channels: D.
        hidden: Channels between; as many as the map has if left out.
    """
    between = hidden or in_channels
    return nn.Sequential(
        nn.Conv2d(in_channels, between, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(between, out_channels, 1),
    )


def pooled(maps: Tensor) -> Tensor:
    """Return the mean of each map, as a map of one cell: (B, F, h, w) → (B, F, 1, 1)."""
    return maps.mean(dim=(2, 3), keepdim=True)


def cells(maps: Tensor) -> Tensor:
    """Return the vectors of a map row by row: (B, D, h, w) → (B, h·w, D)."""
    return maps.flatten(2).transpose(1, 2)
