"""Crops of images, and views with other colours, less sharp, and with noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from kornia.filters import gaussian_blur2d
from torch import Tensor

from benchmarks.plain.methods import statistics


@dataclass
class Boxes:
    """A box of each image: middle and half of its width and height, from -1 to 1.

    Attributes:
        middle: (B, 2), x and y.
        half: (B, 2), a width below 0 if left and right are exchanged.
    """

    middle: Tensor
    half: Tensor

    def crop(self, images: Tensor) -> Tensor:
        """Return the boxes at the size of the images."""
        where = self.in_image(images.shape[2])
        return F.grid_sample(images, where, padding_mode="border", align_corners=False)

    def in_image(self, side: int) -> Tensor:
        """Return where in the image the side×side cells of the box are: (B, side, side, 2)."""
        line = (2 * torch.arange(side, device=self.half.device) + 1) / side - 1
        y, x = torch.meshgrid(line.to(self.half.dtype), line.to(self.half.dtype), indexing="ij")
        cells = torch.stack([x, y], dim=2)
        return self.middle[:, None, None] + cells * self.half[:, None, None]

    def in_crop(self, points: Tensor) -> Tensor:
        """Return where in the box points of the image are."""
        return (points - self.middle[:, None, None]) / self.half[:, None, None]


def draw_boxes(images: Tensor, least: float) -> Boxes:
    """Draw a box of each image with at least this share of its area, half of them mirrored."""
    area, aspect, x, y, mirror = torch.rand(5, len(images), device=images.device).to(images.dtype)
    area = least + (1 - least) * area
    ratio = torch.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * aspect)
    width, height = ((area * ratio) ** 0.5).clamp(max=1), ((area / ratio) ** 0.5).clamp(max=1)
    middle = torch.stack([(2 * x - 1) * (1 - width), (2 * y - 1) * (1 - height)], dim=1)
    return Boxes(middle, torch.stack([torch.where(mirror < 0.5, -width, width), height], dim=1))


def other_colours(images: Tensor) -> Tensor:
    """Return the images with other hues, saturation, contrast and brightness."""
    return normalised(colours(unnormalised(images)))


def other_view(images: Tensor) -> Tensor:
    """Return the images with other colours, less sharp, and with noise."""
    seen = colours(unnormalised(images))
    sigma = 0.1 + 1.9 * uniform(seen).view(-1, 1).expand(-1, 2)
    seen = gaussian_blur2d(seen, (13, 13), sigma, "reflect")
    noise = torch.randn(seen.shape, dtype=seen.dtype, device=seen.device)
    return normalised((seen + noise * 0.1 * uniform(seen)).clamp(0, 1))


def colours(images: Tensor) -> Tensor:
    """Turn hues by up to a tenth of a circle, and scale the rest by 0.6 to 1.4."""
    angle = (2 * uniform(images)[:, 0] - 1) * 0.2 * math.pi
    saturation, contrast, brightness = (0.6 + 0.8 * uniform(images) for _ in range(3))
    eye = torch.eye(3, dtype=images.dtype, device=images.device)
    across = (eye.roll(-1, 1) - eye.roll(1, 1)) / math.sqrt(3)  # turns about the axis of greys
    turned = torch.cos(angle) * eye + torch.sin(angle) * across
    grey = images.mean(1, keepdim=True)
    chroma = torch.einsum("bij,bjhw->bihw", turned, images - grey)
    changed = grey + saturation * chroma
    mean = changed.mean((1, 2, 3), keepdim=True)
    return (brightness * (mean + contrast * (changed - mean))).clamp(0, 1)


def uniform(images: Tensor) -> Tensor:
    """Draw a number from 0 to 1 for each image: (B, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, device=images.device)


def unnormalised(images: Tensor) -> Tensor:
    """Return values from 0 to 1."""
    mean, std = statistics(images)
    return images * std + mean


def normalised(images: Tensor) -> Tensor:
    """Return what the network sees."""
    mean, std = statistics(images)
    return (images - mean) / std
