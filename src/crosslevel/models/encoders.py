"""Backbones from segmentation-models-pytorch: optional, `pip install crosslevel[encoders]`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from textwrap import shorten
from typing import Any

from torch import Tensor, nn

from crosslevel.config.model import SmpArgs
from crosslevel.errors import InputError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.models.backbone import Backbone, Renormalise

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
        renormalise: To the mean and std the encoder was trained with.
    """

    encoder_parts = ("renormalise", "model.encoder")

    def __init__(self, model: Any, out_channels: int, renormalise: Renormalise) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.stride = 32
        self.renormalise = renormalise
        self.model = model

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return the encoder's features, the image itself first."""
        return list(self.model.encoder(self.renormalise(x)))

    @property
    def encoder_channels(self) -> Sequence[int]:
        """Channels of the image, then of the encoder's maps."""
        channels: Sequence[int] = self.model.encoder.out_channels
        return channels

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, F, H, W)."""
        decoded: Tensor = self.model.segmentation_head(self.model.decoder(list(features)))
        return decoded

    @property
    def pretrained(self) -> nn.Module:
        """The encoder."""
        encoder: nn.Module = self.model.encoder
        return encoder


def build_smp(args: SmpArgs) -> SmpBackbone:
    """Build the backbone that `model.architecture`, `model.encoder` and `model.weights` name.

    Raises:
        InputError: If the extra is not installed, a name is unknown, or weights cannot be had.
    """
    smp = _import("segmentation_models_pytorch")
    if args.architecture == "dpt":
        raise InputError("The architecture 'dpt' is not supported; choose another decoder.")
    if ":" in args.encoder:  # names another place, from which timm would load
        raise InputError(f"The encoder {args.encoder!r} is not known. See {NAMES_URL}.")
    hub_error = _import("huggingface_hub.errors").HfHubHTTPError
    try:
        model = smp.create_model(
            args.architecture,
            args.encoder,
            encoder_weights=args.weights,
            classes=NUM_FEATURES,
        )
        renormalise = _own_normalisation(smp, args)
    except (OSError, *hub_error.__bases__) as error:  # one base is that of its HTTP library
        raise InputError(
            f"The weights {args.weights!r} of the encoder {args.encoder!r} cannot be fetched: "
            f"{_reason(error)} Connect to huggingface.co once (they are kept then), or train "
            "without pretrained weights (--model.weights null)."
        ) from error
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The architecture {args.architecture!r} with the encoder {args.encoder!r} and "
            f"weights {args.weights!r} cannot be built: {_reason(error)} "
            f"See the names at {NAMES_URL}."
        ) from error
    return SmpBackbone(model, NUM_FEATURES, renormalise)


def _own_normalisation(smp: Any, args: SmpArgs) -> Renormalise:
    """Return what the pretrained weights expect; ImageNet's mean and std without any."""
    own = {}
    if args.weights is not None:
        own = smp.encoders.get_preprocessing_params(args.encoder, pretrained=args.weights)
    return Renormalise(own.get("mean") or IMAGENET_MEAN, own.get("std") or IMAGENET_STD)


def _import(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            "--model.name smp needs segmentation-models-pytorch: "
            "install it with `pip install 'crosslevel[encoders]'`."
        ) from error


def _reason(error: Exception) -> str:
    """Return its message as a short sentence on one line (a KeyError's own text is in quotes)."""
    message = error.args[0] if isinstance(error, KeyError) else error
    return shorten(str(message), 200, placeholder=" …").removesuffix(".") + "."
