"""Backbones from segmentation-models-pytorch: optional, `pip install crosslevel[encoders]`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from textwrap import shorten
from typing import Any

import torch
from torch import Tensor, nn

from crosslevel.config.model import SmpArgs
from crosslevel.errors import InputError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.models.backbone import Backbone, Renormalise

NUM_FEATURES = 16
"""F, the channels of the full-resolution map, as many as the U-Net has."""
NAMES_URL = "https://smp.readthedocs.io/en/latest/encoders.html"
TRANSFORMER = "dpt"
"""The architecture for vision transformers (Ranftl et al., arXiv 2103.13413)."""


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

    def check_size(self, size: int, tiles: int = 1) -> None:
        """See that images of `size` px, and their tiles, suit decoder and encoder.

        Raises:
            InputError: As `Backbone.check_size`, or since the encoder is made for one size.
        """
        super().check_size(size, tiles)
        for side in {size, size // tiles}:
            self._try_size(side)

    @torch.no_grad()
    def _try_size(self, side: int) -> None:
        was_training = self.training
        try:
            self.eval().encode(torch.zeros(1, 3, side, side))
        except (AssertionError, RuntimeError) as error:
            raise InputError(
                f"The encoder does not take images of {side} px: {_reason(error)} "
                "Choose a size that it takes, or another encoder."
            ) from error
        finally:
            self.train(was_training)

    @property
    def pretrained(self) -> nn.Module:
        """The encoder."""
        encoder: nn.Module = self.model.encoder
        return encoder


class DptBackbone(SmpBackbone):
    """A vision transformer with the decoder of DPT, without its class and register tokens.

    Its four maps have one resolution; the decoder enlarges or halves them.

    Args as of `SmpBackbone`.
    """

    def __init__(self, model: Any, out_channels: int, renormalise: Renormalise) -> None:
        super().__init__(model, out_channels, renormalise)
        self.model.encoder.model.prune_intermediate_layers(prune_norm=True)  # of the classifier

    def encode(self, x: Tensor) -> list[Tensor]:
        """Return the maps of four depths."""
        maps, _ = self.model.encoder(self.renormalise(x))
        return list(maps)

    def fix_size(self, size: int) -> None:
        """Keep the embeddings of positions as images of this size have them."""
        self.model.encoder.model.set_input_size(img_size=size)

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, F, H, W)."""
        decoded: Tensor = self.model.decoder(list(features), [None] * len(features))
        full: Tensor = self.model.segmentation_head(decoded)
        return full


def build_smp(args: SmpArgs) -> SmpBackbone:
    """Build the backbone that `model.architecture`, `model.encoder` and `model.weights` name.

    Raises:
        InputError: If the extra is not installed, a name is unknown, or weights cannot be had.
    """
    smp = _import("segmentation_models_pytorch")
    if ":" in args.encoder:  # names another place, from which timm would load
        raise InputError(f"The encoder {args.encoder!r} is not known. See {NAMES_URL}.")
    weights = _weights(args)
    hub_error = _import("huggingface_hub.errors").HfHubHTTPError
    try:
        model = smp.create_model(
            args.architecture,
            args.encoder,
            encoder_weights=weights,
            classes=NUM_FEATURES,
            **_options(args),
        )
        renormalise = _own_normalisation(smp, args)
    except (OSError, *hub_error.__bases__) as error:  # one base is that of its HTTP library
        raise InputError(
            f"The weights {args.weights!r} of the encoder {args.encoder!r} cannot be fetched: "
            f"{_reason(error)} Connect to huggingface.co once (they are kept then), or train "
            "without pretrained weights (--model.weights null)."
        ) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"The architecture {args.architecture!r} with the encoder {args.encoder!r} and "
            f"weights {args.weights!r} cannot be built: {_reason(error)} "
            f"See the names at {NAMES_URL}; {TRANSFORMER!r} is for vision transformers, and they "
            f"for {TRANSFORMER!r} (tu-vit_small_patch14_dinov2)."
        ) from error
    kind = DptBackbone if args.architecture == TRANSFORMER else SmpBackbone
    return kind(model, NUM_FEATURES, renormalise)


def _weights(args: SmpArgs) -> str | bool | None:
    """Return what the library takes: the weights of timm's encoders are part of their names.

    Raises:
        InputError: If such an encoder is to have weights of another name.
    """
    if not args.encoder.startswith("tu-") or args.weights is None:
        return args.weights
    if args.weights != SmpArgs.weights:
        raise InputError(
            f"model.weights is {args.weights!r}; an encoder of timm has its weights in its name "
            f"({args.encoder.partition('.')[0]}.{args.weights}), or null."
        )
    return True


def _options(args: SmpArgs) -> dict[str, Any]:
    """Return what a vision transformer is built with besides, so that it takes images of any size.

    The decoder halves and doubles, so patches of 14 px, as DINOv2 has, become ones of 16; timm
    resamples their weights (as Beyer et al., FlexiViT, arXiv 2212.08013).
    """
    if args.architecture != TRANSFORMER:
        return {}
    options: dict[str, Any] = {"decoder_readout": "ignore", "dynamic_img_size": True}
    return options | ({"patch_size": 16} if "_patch14" in args.encoder else {})


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
