"""Pictures as files: predicted masks, and a training batch to look at when something is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from crosslevel.images.preprocess import denormalise
from crosslevel.system.files import atomic_file
from crosslevel.types import IGNORED, Batch


def write_batch(batch: Batch, folder: Path) -> None:
    """Write `labelled-0.png`, `mask-0.png`, …, `unlabelled-0.png`, … as the network got them.

    Masks are stretched to the grey values 0 to 255, what is `IGNORED` is black.
    """
    for name, images in (("labelled", batch.images), ("unlabelled", batch.unlabelled)):
        for number, image in enumerate(denormalise(images)):
            _write(image.permute(1, 2, 0) * 255, folder / f"{name}-{number}.png")
    for number, mask in enumerate(batch.masks.masked_fill(batch.masks == IGNORED, 0)):
        _write(mask * (255 / max(1, int(mask.max()))), folder / f"mask-{number}.png")


def _write(pixels: Tensor, path: Path) -> None:
    with atomic_file(path) as file:
        Image.fromarray(pixels.round().cpu().numpy().astype(np.uint8)).save(file, format="PNG")


def write_mask(path: Path, classes: NDArray[np.uint8], num_channels: int) -> None:
    """Write class indices (H, W) as PNG; those of a binary task (one channel) as 0 and 255."""
    with atomic_file(path) as file:
        save_mask(file, classes, num_channels)


def save_mask(file: IO[bytes], classes: NDArray[np.uint8], num_channels: int) -> None:
    """Do as `write_mask`, to an open file."""
    drawn = classes * np.uint8(255) if num_channels == 1 else classes
    # masks compress well at any level; 1 takes half the time
    Image.fromarray(drawn).save(file, format="PNG", compress_level=1)
