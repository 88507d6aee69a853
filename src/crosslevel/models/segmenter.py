"""The segmenter: the backbone `f` and the prediction head `h`, and how each is built by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from crosslevel.config.model import EfficientNetLiteArgs, ModelConfig, UNetArgs
from crosslevel.models.backbone import Backbone
from crosslevel.models.encoders import build_smp
from crosslevel.models.pretrained import load_pretrained
from crosslevel.models.segformer import SegFormer
from crosslevel.models.unet import UNet
from crosslevel.system.sharing import shared_out


class SegmentationNet(nn.Module):
    """f and h together: what is trained, evaluated and shipped.

    Args:
        backbone: f.
        num_channels: Logit channels C.
    """

    def __init__(self, backbone: Backbone, num_channels: int) -> None:
        super().__init__()
        self.f = backbone
        self.h = Head(backbone.out_channels, num_channels, backbone.reduction)

    def check_size(self, size: int, tiles: int = 1) -> None:
        """See that images of `size` px, cut into tiles×tiles, suit the backbone.

        Raises:
            InputError: As `Backbone.check_size`.
        """
        self.f.check_size(size, tiles)

    @shared_out
    def forward(self, x: Tensor) -> Tensor:
        """Return logits of normalised images: (B, 3, H, W) → (B, C, H, W)."""
        return self.h(self.f(x))  # type: ignore[no-any-return]


class Head(nn.Conv2d):
    """h: a 1×1 convolution to logits, enlarged (bilinear) if the features are smaller.

    Args:
        in_channels: F.
        num_channels: Logit channels C.
        reduction: r, how much smaller the features are than the image.
    """

    def __init__(self, in_channels: int, num_channels: int, reduction: int) -> None:
        super().__init__(in_channels, num_channels, kernel_size=1)
        self.reduction = reduction

    @shared_out
    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F, H/r, W/r) → (B, C, H, W)."""
        logits = super().forward(features)
        if self.reduction == 1:
            return logits
        return interpolate(logits, scale_factor=float(self.reduction), mode="bilinear")


def build_segmentation_net(config: ModelConfig, num_channels: int) -> SegmentationNet:
    """Build the segmenter a configuration describes, with freshly initialised weights.

    Raises:
        InputError: If optional packages are missing, or pretrained weights cannot be had.
    """
    return SegmentationNet(build_backbone(config), num_channels)


def build_backbone(config: ModelConfig) -> Backbone:
    """Build the backbone alone, with weights of ImageNet or of a pretraining if they are asked for.

    Raises:
        InputError: As `build_segmentation_net`.
    """
    folder = config.pretraining
    if folder is None:
        return BACKBONES[config.name](config.args)
    backbone = BACKBONES[config.name](config.untrained().args)
    load_pretrained(folder, backbone, config)
    return backbone


def build_without_weights(config: ModelConfig, num_channels: int) -> SegmentationNet:
    """Build the same without memory for its weights, whatever sizes the configuration asks for.

    The sizes of a model of "smp" lie in its names; some of these compute while they are built.

    Raises:
        InputError: As `build_segmentation_net`.
    """
    with torch.device("cpu" if config.name == "smp" else "meta"):
        return build_segmentation_net(config.untrained(), num_channels)


def _unet(args: UNetArgs) -> Backbone:
    return UNet(args.widths, decoder=args.decoder, initial=args.initial)


def _efficientnet_lite(number: int, args: EfficientNetLiteArgs) -> Backbone:
    from crosslevel.models.efficientnet_lite import build_efficientnet_lite

    return build_efficientnet_lite(number, args)


BACKBONES: dict[str, Callable[[Any], Backbone]] = {
    "unet": _unet,
    "segformer": lambda args: SegFormer(args.widths),
    "smp": build_smp,
    **{f"efficientnet_lite{i}": partial(_efficientnet_lite, i) for i in range(3)},
}
"""Name → builder from the `Args` that `config.model` has for it."""
