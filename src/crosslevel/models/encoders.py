"""Backbones from segmentation-models-pytorch: optional, `pip install crosslevel[encoders]`."""

from __future__ import annotations

from importlib import import_module
from textwrap import shorten
from typing import Any

from torch import Tensor, nn

from crosslevel.config import ModelConfig
from crosslevel.errors import InputError
from crosslevel.models.backbone import Backbone

NUM_FEATURES = 16
"""F, the channels of the full-resolution map, as many as the U-Net has."""
NAMES_URL = "https://smp.readthedocs.io/en/latest/encoders.html"


class SmpBackbone(Backbone):
    """Any model of segmentation-models-pytorch as the backbone `f`.

    Its segmentation head keeps the upsampling but gives features instead of logits, so that `h`
    and `p` see a full-resolution map as they do with the U-Net.

    Args:
        model: The library's model, made for `out_channels` classes.
        out_channels: F, features of the full-resolution map.
    """

    def __init__(self, model: nn.Module, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = 32
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) → (B, F, H, W)."""
        return self.model(x)  # type: ignore[no-any-return]


def build_smp(config: ModelConfig) -> SmpBackbone:
    """The backbone that `model.architecture`, `model.encoder` and `model.weights` name.

    Raises:
        InputError: If the extra is not installed, a name is unknown, or weights cannot be had.
    """
    smp = _import("segmentation_models_pytorch")
    hub_error = _import("huggingface_hub.errors").HfHubHTTPError
    try:
        model = smp.create_model(
            config.architecture,
            config.encoder,
            encoder_weights=config.weights,
            classes=NUM_FEATURES,
        )
    except (OSError, *hub_error.__bases__) as error:  # one base is that of its HTTP library
        raise InputError(
            f"The weights {config.weights!r} of the encoder {config.encoder!r} cannot be fetched: "
            f"{_reason(error)} Connect to huggingface.co once (they are kept then), or train "
            "without pretrained weights (--model.weights null)."
        ) from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The architecture {config.architecture!r} with the encoder {config.encoder!r} and "
            f"weights {config.weights!r} cannot be built: {_reason(error)} "
            f"See the names at {NAMES_URL}."
        ) from error
    return SmpBackbone(model, NUM_FEATURES)


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            "--model.name smp needs segmentation-models-pytorch: "
            "install it with `pip install 'crosslevel[encoders]'`."
        ) from error


def _reason(error: Exception) -> str:
    """Its message as a short sentence on one line (a KeyError's own text is in quotes)."""
    message = error.args[0] if isinstance(error, KeyError) else error
    return shorten(str(message), 200, placeholder=" …").removesuffix(".") + "."
