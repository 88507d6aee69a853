"""The projection head `p`: from a full-resolution feature map to one vector for each tile."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.system.sharing import shared_out

End = Literal["linear", "relu"]


class Projector(nn.Sequential):
    """Three convolutions whose kernel equals their stride, so receptive fields never overlap.

    Source: Zhao et al., ISBI 2022, Sec. 2.1 (three convolutional layers, receptive fields on Z
    that do not overlap); kernels and widths of its authors' code for tiles of 64 px: 4, 4, 4 and
    64, 64, 128 channels, BatchNorm and ReLU between them. Differs from that code: no BatchNorm and
    no activation after the last, which keeps every vector in the positive orthant.

    Args:
        in_channels: Channels of the feature map.
        tile_size: Side of a tile in pixels, the product of the three kernels.
        hidden: Channels between the convolutions.
        dim: D, the length of a tile's vector.
        end: "linear", or "relu" for that code's: BatchNorm and ReLU after the last, too.

    Raises:
        InputError: If `tile_size` does not suit three convolutions (see `kernels_for`).

    Example:
        >>> import torch
        >>> Projector(16, tile_size=32)(torch.zeros(1, 16, 160, 160)).shape
        torch.Size([1, 128, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        tile_size: int,
        *,
        hidden: int = 64,
        dim: int = 128,
        end: End = "linear",
    ) -> None:
        channels = list(pairwise((in_channels, hidden, hidden, dim)))
        layers: list[nn.Module] = []
        for kernel, (inputs, outputs) in zip(kernels_for(tile_size), channels, strict=True):
            layers += [
                nn.Conv2d(inputs, outputs, kernel, stride=kernel),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*(layers if end == "relu" else layers[:-2]))

    @shared_out
    def forward(self, features: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) → (B, D, H / tile_size, W / tile_size)."""
        return super().forward(features)  # type: ignore[no-any-return, no-untyped-call]


def kernels_for(tile_size: int) -> tuple[int, int, int]:
    """Return the three kernels, as equal as they can be, largest first.

    Tiles of less than 8 pixels, which are those of deep maps, have kernels of 1 among them.

    Raises:
        InputError: If a `tile_size` of 8 or more has no three factors greater than 1.

    Example:
        >>> kernels_for(64), kernels_for(32), kernels_for(48), kernels_for(4)
        ((4, 4, 4), (4, 4, 2), (4, 4, 3), (2, 2, 1))
    """
    least = 2 if tile_size >= 8 else 1
    factors = [
        (a, b, tile_size // (a * b))
        for a in range(least, tile_size + 1)
        for b in range(least, a + 1)
        if tile_size % (a * b) == 0 and least <= tile_size // (a * b) <= b
    ]
    if not factors:
        raise InputError(
            f"Tiles of {tile_size} px cannot be projected by three convolutions: "
            "choose a size and number of tiles so that a tile's side is a multiple of 8."
        )
    return min(factors)
