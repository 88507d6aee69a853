"""SegFormer: a transformer that sees the whole image at every level, and a decoder of one layer.

Written out, since no package of the core has one that takes images of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from crosslevel.models.backbone import Backbone

HEADS, SHRINKS = (1, 2, 5, 8), (8, 4, 2, 1)
"""Of the levels at strides 4, 8, 16 and 32: heads of the attention, and how much smaller along an
axis the map is that is attended to."""
DEPTH, EXPANSION, DECODER_WIDTH = 2, 4, 256


class SegFormer(Backbone):
    """The smallest SegFormer, with a random start.

    Source: Xie et al., *SegFormer: simple and efficient design for semantic segmentation with
    transformers*, NeurIPS 2021 (MiT-B0). Differs from the paper: no dropped paths, no dropout.

    Args:
        widths: Channels of the four levels, from stride 4 to 32.

    Example:
        >>> SegFormer()(torch.zeros(1, 3, 64, 32)).shape
        torch.Size([1, 256, 16, 8])
    """

    out_channels = DECODER_WIDTH
    stride = 32
    reduction = 4
    encoder_parts = ("levels",)

    def __init__(self, widths: Sequence[int] = (32, 64, 160, 256)) -> None:
        super().__init__()
        self.widths = tuple(widths)
        channels = list(pairwise((3, *widths)))
        self.levels = nn.ModuleList(
            Level(i, o, is_first=index == 0, heads=HEADS[index], shrink=SHRINKS[index])
            for index, (i, o) in enumerate(channels)
        )
        self.decoder = nn.ModuleList(nn.Conv2d(width, DECODER_WIDTH, 1) for width in widths)
        self.fuse = nn.Sequential(
            nn.Conv2d(len(widths) * DECODER_WIDTH, DECODER_WIDTH, 1, bias=False),
            nn.BatchNorm2d(DECODER_WIDTH),
            nn.ReLU(inplace=True),
        )

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16 and 32."""
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features

    @property
    def encoder_channels(self) -> Sequence[int]:
        """The widths."""
        return self.widths

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, F, H/4, W/4)."""
        size = features[0].shape[2:]
        maps = [
            interpolate(project(level), size=size, mode="bilinear")
            for project, level in zip(self.decoder, features, strict=True)
        ]
        decoded: Tensor = self.fuse(torch.cat(maps, dim=1))
        return decoded


class Level(nn.Module):
    """Overlapping patches, then blocks of attention: (B, in, H, W) → (B, out, H/s, W/s)."""

    def __init__(
        self, in_channels: int, width: int, *, is_first: bool, heads: int, shrink: int
    ) -> None:
        super().__init__()
        kernel, stride = (7, 4) if is_first else (3, 2)
        self.patches = nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, heads, shrink) for _ in range(DEPTH))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in, H, W) → (B, out, H/4, W/4) in the first level, else half the size."""
        x = self.norm_in(self.patches(x).permute(0, 2, 3, 1))
        for block in self.blocks:
            x = block(x)
        normalised: Tensor = self.norm_out(x)
        return normalised.permute(0, 3, 1, 2)


class Block(nn.Module):
    """Attention, then a small network that sees each place's neighbours: (B, H, W, F) → same."""

    def __init__(self, width: int, heads: int, shrink: int) -> None:
        super().__init__()
        self.attention, self.mix = Attention(width, heads, shrink), MixFFN(width)
        self.norm_attention, self.norm_mix = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, F) → same."""
        x = x + self.attention(self.norm_attention(x))
        mixed: Tensor = x + self.mix(self.norm_mix(x))
        return mixed


class Attention(nn.Module):
    """Attention of every place to a map that is `shrink` times smaller: (B, H, W, F) → same."""

    def __init__(self, width: int, heads: int, shrink: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.shrink = nn.Conv2d(width, width, shrink, shrink) if shrink > 1 else None
        self.norm = nn.LayerNorm(width) if shrink > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, F) → same."""
        attended = x
        if self.shrink is not None and self.norm is not None:
            attended = self.norm(self.shrink(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        query = self._heads(self.query(x))
        key, value = (self._heads(part) for part in self.key_value(attended).chunk(2, dim=-1))
        found = scaled_dot_product_attention(query, key, value)
        result: Tensor = self.out(found.transpose(1, 2).reshape(x.shape))
        return result

    def _heads(self, x: Tensor) -> Tensor:
        """Map (B, H, W, F) → (B, heads, H·W, F / heads)."""
        batch, height, width, features = x.shape
        parts = x.reshape(batch, height * width, self.heads, features // self.heads)
        return parts.transpose(1, 2)


class MixFFN(nn.Module):
    """Two linear layers with a 3×3 convolution between, which tells places apart."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = EXPANSION * width
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.near = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, H, W, F) → same."""
        hidden = self.near(self.widen(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        narrowed: Tensor = self.narrow(nn.functional.gelu(hidden))
        return narrowed
