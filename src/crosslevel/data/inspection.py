"""A training batch as pictures, to look at when something is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from crosslevel.data.preprocess import denormalise
from crosslevel.files import atomic_file
from crosslevel.types import Batch


def write_batch(batch: Batch, folder: Path) -> None:
    """Write `labelled-0.png`, `mask-0.png`, …, `unlabelled-0.png`, … as the network got them.

    Masks are stretched to the grey values 0 to 255.
    """
    for name, images in (("labelled", batch.images), ("unlabelled", batch.unlabelled)):
        for number, image in enumerate(denormalise(images)):
            _write(image.permute(1, 2, 0) * 255, folder / f"{name}-{number}.png")
    for number, mask in enumerate(batch.masks):
        _write(mask * (255 / max(1, int(mask.max()))), folder / f"mask-{number}.png")


def _write(pixels: Tensor, path: Path) -> None:
    with atomic_file(path) as file:
        Image.fromarray(pixels.round().cpu().numpy().astype(np.uint8)).save(file, format="PNG")
