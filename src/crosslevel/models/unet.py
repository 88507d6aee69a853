"""The U-Net of the paper's bench: a classical encoder-decoder trained from scratch.

Written out rather than taken from a library: the generic ones pad, copy and widen more than this
network needs, which made a training step a fifth slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from crosslevel.models.backbone import Backbone


class UNet(Backbone):
    """A U-Net without its last 1×1 convolution: the backbone `f` of CLCC.

    Source: Ronneberger et al., *U-Net*, 2015, with the widths of the CLCC authors' code (the
    classical 64 … 1024 divided by 4). Differs from the paper of U-Net: padded convolutions, and
    BatchNorm and ReLU after every one of them.

    Args:
        widths: Channels of each level, from full resolution down.
        in_channels: Channels of the image.

    Example:
        >>> UNet()(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 16, 32, 32])
    """

    def __init__(
        self, widths: Sequence[int] = (16, 32, 64, 128, 256), in_channels: int = 3
    ) -> None:
        super().__init__()
        self.out_channels = widths[0]
        self.stride = 2 ** (len(widths) - 1)
        self.encoder = nn.ModuleList(_conv_block(i, o) for i, o in pairwise((in_channels, *widths)))
        deep_to_shallow = list(pairwise(reversed(widths)))
        self.upsample = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, 2) for i, o in deep_to_shallow)
        self.decoder = nn.ModuleList(_conv_block(2 * o, o) for _, o in deep_to_shallow)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Decoder features of (B, 3, H, W), full resolution first, each next at half of it."""
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        features = [skips.pop()]
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            features.append(block(torch.cat([skips.pop(), upsample(features[-1])], dim=1)))
        return features[::-1]

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, widths[0], H, W); H and W divisible by `stride`."""
        return self.pyramid(x)[0]


def _conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [
            nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
