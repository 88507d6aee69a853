"""What every backbone `f` promises, and how an image's normalisation is changed for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.system.sharing import shared_out


class Backbone(nn.Module, ABC):
    """f: (B, 3, H, W) → (B, F, H/r, W/r): an encoder, then a decoder.

    Attributes:
        out_channels: F.
        stride: H and W must be divisible by this many pixels.
        reduction: r, pixels of the image along one side of a pixel of the map; 1 unless changed.
        encoder_parts: Names of the modules that `encode` alone uses.
        is_pretrained: Whether the encoder has weights of a pretraining.
    """

    out_channels: int
    stride: int
    reduction: int = 1
    encoder_parts: ClassVar[tuple[str, ...]]
    is_pretrained: bool = False

    @property
    @abstractmethod
    def encoder_channels(self) -> Sequence[int]:
        """Channels of each map that `encode` gives."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let several processes share what a backbone computes."""
        super().__init_subclass__(**kwargs)
        for name in ("encode", "decode", "decode_pyramid"):
            if name in vars(cls):
                setattr(cls, name, shared_out(vars(cls)[name]))

    @abstractmethod
    def encode(self, x: Tensor) -> list[Tensor]:
        """Encoder features of (B, 3, H, W), from shallow to deep."""

    @abstractmethod
    def decode(self, features: Sequence[Tensor]) -> Tensor:
        """Return (B, F, H/r, W/r) from what `encode` gave."""

    @property
    def level_channels(self) -> Sequence[int]:
        """Channels of each map that `decode_pyramid` gives."""
        return (self.out_channels,)

    def decode_pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return what `decode` gives, then deeper maps, each at half the resolution."""
        return [self.decode(features)]

    @property
    def pretrained(self) -> nn.Module | None:
        """The encoder, if its weights were learned elsewhere; None if all start at random."""
        parts = [self.get_submodule(name) for name in self.encoder_parts]
        return nn.ModuleList(parts) if self.is_pretrained else None

    def encoder_state(self) -> dict[str, Tensor]:
        """Return weights and buffers of the encoder, by their names in `state_dict`."""
        prefixes = tuple(f"{name}." for name in self.encoder_parts)
        return {n: value for n, value in self.state_dict().items() if n.startswith(prefixes)}

    def check_size(self, size: int, tiles: int = 1) -> None:
        """See that images of `size` px, cut into tiles×tiles, suit it.

        Raises:
            InputError: If a tile's side is not a multiple of the stride; the message
                names the nearest sizes that are.
        """
        if tiles < 1:
            raise InputError(f"{tiles} tiles along an axis: there must be at least 1.")
        step = tiles * self.stride
        if size % step:
            below, above = size // step * step, (size // step + 1) * step
            sizes = f"{below} or {above}" if below else str(above)
            raise InputError(
                f"A size of {size} px cannot be used: it must be divisible by {step} "
                f"(backbone stride {self.stride} × {tiles} tiles). Choose {sizes}."
            )

    def fix_size(self, size: int) -> None:
        """Compute what depends on the side of an image alone: no other size comes from now on."""

    def drop_encoder(self) -> None:
        """Forget the encoder: from then on only `decode` works, on features of another one."""
        for name in self.encoder_parts:
            self.set_submodule(name, nn.Identity())

    @shared_out
    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) → (B, F, H/r, W/r); H and W divisible by `stride`."""
        return self.decode(self.encode(x))


class Renormalise(nn.Module):
    """Images normalised by ImageNet's mean and std, as all are here, to another mean and std.

    Args:
        mean: Of each channel of images in [0, 1].
        std: Likewise.

    Example:
        >>> to_half = Renormalise(mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> white = (1 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
        >>> to_half(white.view(1, 3, 1, 1)).flatten().round(decimals=4).tolist()
        [1.0, 1.0, 1.0]
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        from_mean, from_std, to_mean, to_std = (
            np.array(values, np.float32) for values in (IMAGENET_MEAN, IMAGENET_STD, mean, std)
        )  # arithmetic on tensors of the device "meta" would import torch's compiler
        for name, values in (("scale", from_std), ("offset", from_mean - to_mean)):
            self.register_buffer(name, torch.from_numpy(values / to_std).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W) → (B, 3, H, W)."""
        return x * self.scale + self.offset
