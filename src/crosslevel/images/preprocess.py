"""The one way an image or mask becomes the network's input: resize, then normalise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize_image(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Stretch (H, W, 3) uint8 to (size, size, 3) uint8, bilinear and antialiased."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))


def resize_mask(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Stretch (H, W) class indices to (size, size), nearest neighbour."""
    return np.asarray(Image.fromarray(mask).resize((size, size), Image.Resampling.NEAREST))


@lru_cache
def imagenet_statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ImageNet's mean and standard deviation (3,) of images in [0, 1], on the device.

    They are brought there once: a copy from the host would make a step wait.
    """
    return torch.tensor(IMAGENET_MEAN).to(device), torch.tensor(IMAGENET_STD).to(device)


def denormalise(images: Tensor) -> Tensor:
    """Turn normalised images (B, 3, H, W) back into what was seen, in [0, 1]."""
    mean, std = (x.view(1, 3, 1, 1) for x in imagenet_statistics(images.device))
    return (images.float() * std + mean).clamp(0, 1)


def normalise(images: Tensor) -> Tensor:
    """Normalise (B, H, W, 3) uint8 to (B, 3, H, W) float32, channels last, as ImageNet."""
    mean, std = imagenet_statistics(images.device)
    return ((images.float() - mean * 255) / (std * 255)).permute(0, 3, 1, 2)


class Normalise(nn.Module):
    """`normalise` for a network that is traced: its constants move with it to another device."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN) * 255)
        self.register_buffer("std", torch.tensor(IMAGENET_STD) * 255)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, H, W, 3) uint8 → (B, 3, H, W) float32."""
        return ((images.float() - self.mean) / self.std).permute(0, 3, 1, 2)
