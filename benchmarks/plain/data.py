"""A data set as most research code has it: each image is decoded and resized at every access."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class PlainDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images with masks (or without: then the mask is empty).

    Args:
        images: Files.
        masks: Files, None for unlabelled images.
        size: Side to which everything is resized.
        is_turned: Flip and turn at random.
    """

    def __init__(
        self,
        images: Sequence[Path],
        masks: Sequence[Path] | None,
        size: int,
        *,
        is_turned: bool = True,
    ) -> None:
        self.images, self.masks, self.size, self.is_turned = images, masks, size, is_turned

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (3, H, W) and mask (H, W)."""
        size = (self.size, self.size)
        image = (
            Image.open(self.images[index]).convert("RGB").resize(size, Image.Resampling.BILINEAR)
        )
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        mask = torch.zeros(0, 0, dtype=torch.long)
        if self.masks is not None:
            grey = Image.open(self.masks[index]).convert("L").resize(size, Image.Resampling.NEAREST)
            mask = torch.from_numpy((np.array(grey) > 127).astype(np.int64))
        if self.is_turned:
            turns, is_flipped = int(torch.randint(4, ())), bool(torch.rand(()) < 0.5)
            pixels, mask = (torch.rot90(x, turns, (-2, -1)) for x in (pixels, mask))
            if is_flipped:
                pixels, mask = pixels.flip(-1), mask.flip(-1)
        return pixels, mask
