"""The U-Net of the paper's bench: a classical encoder-decoder trained from scratch.

Written out rather than taken from a library: the generic ones pad, copy and widen more than this
network needs, which made a training step a fifth slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from crosslevel.config.model import Decoder, Initial
from crosslevel.models.backbone import Backbone


class UNet(Backbone):
    """A U-Net without its last 1×1 convolution: the backbone `f` of CLCC.

    Source: Ronneberger et al., *U-Net*, 2015, with the widths of the CLCC authors' code (the
    classical 64 … 1024 divided by 4). Differs from the paper of U-Net: padded convolutions, and
    BatchNorm and ReLU after every one of them. The CLCC authors' code has the decoder "plain" and
    the initial weights "he", as far as its description goes.

    Args:
        widths: Channels of each level, from full resolution down.
        in_channels: Channels of the image.
        decoder: "batchnorm", enlarged by 2×2 transposed convolutions; or "plain", without BatchNorm
            and enlarged by 4×4 ones, whose results overlap.
        initial: Initial weights of convolutions: torch's own, or those of He et al., which are
            √6 times larger.

    Example:
        >>> UNet()(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 16, 32, 32])
    """

    encoder_parts = ("encoder",)

    def __init__(
        self,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        in_channels: int = 3,
        *,
        decoder: Decoder = "batchnorm",
        initial: Initial = "torch",
    ) -> None:
        super().__init__()
        self.out_channels = widths[0]
        self.widths = tuple(widths)
        self.stride = 2 ** (len(widths) - 1)
        self.encoder = nn.ModuleList(conv_block(i, o) for i, o in pairwise((in_channels, *widths)))
        deep_to_shallow = list(pairwise(reversed(widths)))
        if decoder == "batchnorm":
            self.upsample = nn.ModuleList(Doubling(i, o) for i, o in deep_to_shallow)
            self.decoder = nn.ModuleList(conv_block(2 * o, o) for _, o in deep_to_shallow)
        else:
            self.upsample = nn.ModuleList(
                nn.ConvTranspose2d(i, o, kernel_size=4, stride=2, padding=1)
                for i, o in deep_to_shallow
            )
            self.decoder = nn.ModuleList(plain_block(2 * o, o) for _, o in deep_to_shallow)
        if initial == "he":
            self.apply(start_as_he)

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return one map for each level, each next at half the resolution."""
        features: list[Tensor] = []
        for block in self.encoder:
            features.append(block(nn.functional.max_pool2d(features[-1], 2) if features else x))
        return features

    @property
    def encoder_channels(self) -> Sequence[int]:
        """The widths."""
        return self.widths

    @property
    def level_channels(self) -> Sequence[int]:
        """The widths; the deepest level is the encoder's."""
        return self.widths

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, widths[0], H, W)."""
        return self.decode_pyramid(features)[0]

    def decode_pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return every level of the decoder, full resolution first, each next at half of it."""
        deepest, *skips = reversed(features)
        decoded = [deepest]
        for skip, upsample, block in zip(skips, self.upsample, self.decoder, strict=True):
            decoded.append(block(torch.cat([skip, upsample(decoded[-1])], dim=1)))
        return decoded[::-1]


class Doubling(nn.ConvTranspose2d):
    """A 2×2 transposed convolution of stride 2: (B, in, H, W) → (B, out, 2H, 2W).

    In training it is computed as what it is, one product of matrices whose results do not overlap:
    the same values, and gradients in less than half the time of the general ones on a CPU.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=2, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Enlarge (B, in, H, W) to (B, out, 2H, 2W); `output_size` is the base class's."""
        assert output_size is None, "always twice the size"
        if not self.training:  # one operation, which exports know
            return super().forward(x)
        assert self.bias is not None, "built with one"
        batch, channels, height, width = x.shape
        weight = self.weight.permute(2, 3, 1, 0).reshape(-1, channels)  # (2·2·out, in)
        pixels = nn.functional.linear(x.permute(0, 2, 3, 1), weight, self.bias.repeat(4))
        blocks = pixels.view(batch, height, width, 2, 2, self.out_channels)
        enlarged = blocks.transpose(2, 3).reshape(batch, 2 * height, 2 * width, -1)
        return enlarged.permute(0, 3, 1, 2)


def conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice a 3×3 convolution, BatchNorm and ReLU: (B, in, H, W) → (B, out, H, W)."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [
            nn.Conv2d(channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def plain_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """Twice a 3×3 convolution and ReLU: (B, in, H, W) → (B, out, H, W)."""
    layers: list[nn.Module] = []
    for channels in (in_channels, out_channels):
        layers += [nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def start_as_he(module: nn.Module) -> None:
    """Draw a convolution's weights anew, of variance 2 / fan-in; its bias starts at 0.

    Source: He et al., *Delving deep into rectifiers*, ICCV 2015, Eq. 10.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
