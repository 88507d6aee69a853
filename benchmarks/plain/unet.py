"""A classical U-Net; names of its parts are ours, so that both start with the same weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution, BatchNorm, ReLU, twice."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PlainUNet(nn.Module):
    """(B, 3, H, W) → decoder maps, full resolution first."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 128, 256)) -> None:
        super().__init__()
        inputs = (3, *widths[:-1])
        self.encoder = nn.ModuleList(double_conv(i, o) for i, o in zip(inputs, widths, strict=True))
        up = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.upsample = nn.ModuleList(nn.ConvTranspose2d(i, o, 2, stride=2) for i, o in up)
        self.decoder = nn.ModuleList(double_conv(2 * o, o) for _, o in up)
        self.pool = nn.MaxPool2d(2)

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Maps of all levels of the decoder."""
        return self.decode(self.encode(x))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Maps of all levels of the encoder, full resolution first."""
        skips: list[Tensor] = []
        for block in self.encoder:
            x = block(self.pool(skips[-1]) if skips else x)
            skips.append(x)
        return skips

    def decode(self, skips: list[Tensor]) -> list[Tensor]:
        """Maps of all levels of the decoder, full resolution first."""
        skips = list(skips)
        maps = [skips.pop()]
        for upsample, block in zip(self.upsample, self.decoder, strict=True):
            maps.append(block(torch.cat([skips.pop(), upsample(maps[-1])], dim=1)))
        return maps[::-1]

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) → (B, 16, H, W)."""
        return self.pyramid(x)[0]


class PlainNet(nn.Module):
    """Backbone and 1×1 head: (B, 3, H, W) → (B, 1, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.f = PlainUNet()
        self.h = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.h(self.f(x))  # type: ignore[no-any-return]
