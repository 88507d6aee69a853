"""Other views of images in which no pixel moves: other colours, less sharp, with noise.

Milder than `strong_views`, and written so that a GPU never waits: parameters are drawn on the
images' device, and every image goes through every operation. A library's random augmentations
choose images on the host, and its blur reads its width back to check it.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from crosslevel.images.preprocess import IMAGENET_MEAN, IMAGENET_STD
from crosslevel.logits import widen

View = Literal["same", "colour", "blur", "noise", "all"]

FACTOR, HUE = 0.4, 0.1 * 2 * math.pi
"""Of colours: brightness, contrast and saturation change by ± so much; hue in radians either way.

Those of SimCLR (Chen et al., ICML 2020) at its strength ½."""
BLUR, KERNEL = (0.1, 2.0), 13
"""Standard deviation of the blur and width of its kernel, in pixels."""
NOISE = 0.1
"""Largest standard deviation of the noise, of images in [0, 1]."""


@torch.no_grad()
def other_view(images: Tensor, view: View) -> Tensor:
    """Change colour, sharpness and noise, each image by its own random amount.

    Args:
        images: (B, 3, H, W), normalised.
        view: What changes; "all" is colour, then blur, then noise; "same" gives the images.

    Returns:
        The same shape, normalised, float32 or wider; without a copy if nothing changes.
    """
    if view == "same" or not len(images):
        return images
    with torch.autocast(images.device.type, enabled=False):  # half precision loses grey levels
        seen = _scaled(widen(images), IMAGENET_STD, IMAGENET_MEAN)  # in [0, 1]
        if view in ("colour", "all"):
            seen = change_colours(seen)
        if view in ("blur", "all"):
            seen = blur(seen, _uniform(seen, *BLUR))
        if view in ("noise", "all"):
            seen = (seen + torch.randn_like(seen) * _uniform(seen, 0, NOISE)).clamp(0, 1)
        back = [(-m / s, 1 / s) for m, s in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
        offsets, factors = zip(*back, strict=True)
        return _scaled(seen, factors, offsets)


def change_colours(images: Tensor) -> Tensor:
    """Turn hues and change saturation, contrast and brightness, in this order.

    Args:
        images: (B, 3, H, W) in [0, 1].

    Returns:
        The same shape, in [0, 1].
    """
    angle = _uniform(images, -HUE, HUE)
    saturation, contrast, brightness = (_uniform(images, 1 - FACTOR, 1 + FACTOR) for _ in range(3))
    grey = images.mean(dim=1, keepdim=True)
    chroma = turn_hues(images - grey, angle) * saturation
    changed = grey + chroma
    middle = changed.mean(dim=(1, 2, 3), keepdim=True)
    return ((middle + (changed - middle) * contrast) * brightness).clamp(0, 1)


def turn_hues(chroma: Tensor, angle: Tensor) -> Tensor:
    """Rotate colours about the axis of greys, which leaves their mean over the channels at 0.

    Args:
        chroma: (B, 3, H, W) of mean 0 over the channels.
        angle: (B, 1, 1, 1) in radians; a third of a circle makes red green.
    """
    across = (chroma.roll(1, dims=1) - chroma.roll(-1, dims=1)) / math.sqrt(3)
    return angle.cos() * chroma + angle.sin() * across


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own standard deviation; edges are mirrored.

    Args:
        images: (B, 3, H, W), sides greater than half the kernel's.
        sigma: (B, 1, 1, 1) in pixels.
    """
    batch, channels, height, width = images.shape
    half = KERNEL // 2
    offsets = torch.arange(-half, half + 1, device=images.device)
    kernel = (-0.5 * (offsets / sigma.flatten().unsqueeze(1)).square()).exp()
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = F.pad(images, (half, half, half, half), "reflect").reshape(
        1, batch * channels, height + 2 * half, width + 2 * half
    )
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=batch * channels)
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=batch * channels)
    return flat.reshape(images.shape)


def _uniform(images: Tensor, low: float, high: float) -> Tensor:
    """Return (B, 1, 1, 1), drawn on the images' device."""
    drawn = torch.rand(len(images), 1, 1, 1, device=images.device).to(images.dtype)
    return low + (high - low) * drawn


def _scaled(images: Tensor, factors: tuple[float, ...], offsets: tuple[float, ...]) -> Tensor:
    """Scale each channel and add its offset; no constant is copied to the device."""
    channels = zip(images.unbind(1), factors, offsets, strict=True)
    return torch.stack([x * factor + offset for x, factor, offset in channels], dim=1)
