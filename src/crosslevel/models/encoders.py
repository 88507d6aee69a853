"""Backbones from segmentation-models-pytorch, an optional part (`pip install crosslevel[encoders]`)."""

from __future__ import annotations

from importlib import import_module

from torch import Tensor, nn

from crosslevel.config import ModelConfig
from crosslevel.errors import InputError
from crosslevel.models.backbone import Backbone


class SmpBackbone(Backbone):
    """Any architecture of segmentation-models-pytorch as the backbone `f`.

    Its segmentation head keeps the upsampling but gives features instead of logits, so that `h`
    and `p` see a full-resolution map as they do with the U-Net.

    Args:
        architecture: As named by `smp.create_model`, for instance "unet".
        encoder: As named by the library, for instance "resnet34".
        weights: Pretrained weights by name ("imagenet"), or None for random ones.
        out_channels: F, features of the full-resolution map.
    """

    def __init__(
        self, architecture: str, encoder: str, weights: str | None, out_channels: int = 16
    ) -> None:
        super().__init__()
        smp = _import_smp()
        self.out_channels = out_channels
        self.stride = 32
        self.model: nn.Module = smp.create_model(
            architecture, encoder, encoder_weights=weights, classes=out_channels
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, F, H, W)."""
        return self.model(x)  # type: ignore[no-any-return]


def build_smp(config: ModelConfig) -> SmpBackbone:
    """The backbone that `model.architecture`, `model.encoder` and `model.weights` name.

    Raises:
        InputError: If the extra is not installed, a name is unknown, or weights cannot be had.
    """
    try:
        return SmpBackbone(config.architecture, config.encoder, config.weights)
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"The encoder {config.encoder!r} with weights {config.weights!r} cannot be built: "
            f"{error}. Check both names, or train without pretrained weights "
            "(--model.weights null)."
        ) from error


def _import_smp():  # type: ignore[no-untyped-def]  # noqa: ANN202 - an optional module
    try:
        return import_module("segmentation_models_pytorch")
    except ImportError as error:
        raise InputError(
            "--model.name smp needs segmentation-models-pytorch: "
            "install it with `pip install 'crosslevel[encoders]'`."
        ) from error
