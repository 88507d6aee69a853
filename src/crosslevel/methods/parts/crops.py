"""Random crops of images, and where in the image each pixel of a crop is.

Everything is drawn and computed on the images' device, and nothing waits for the host.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

ASPECT = (3 / 4, 4 / 3)
"""Of a crop, width by height."""


@dataclass(frozen=True)
class Crops:
    """One box of each image; coordinates are -1 to 1 from edge to edge of the image.

    Attributes:
        matrix: (B, 2, 3), from coordinates of the crop to those of the image.
    """

    matrix: Tensor

    @property
    def _scale(self) -> Tensor:
        """Width and height, a width below 0 for a mirrored box: (B, 2)."""
        return self.matrix[:, :, :2].diagonal(dim1=1, dim2=2)

    @torch.no_grad()
    def of(self, images: Tensor) -> Tensor:
        """Return the boxes, each enlarged to the size of its image: (B, C, H, W) → same."""
        grid = affine_grid(self.matrix, list(images.shape), align_corners=False)
        boxes = grid_sample(images, grid, "bilinear", "border", align_corners=False)
        return boxes.contiguous(memory_format=torch.channels_last)

    def centres(self, rows: int, columns: int) -> Tensor:
        """Return where in the image the cells of a map of the crop are: (B, rows·columns, 2)."""
        shape = [len(self.matrix), 1, rows, columns]
        return affine_grid(self.matrix, shape, align_corners=False).flatten(1, 2)

    def coordinates(self, places: Tensor) -> Tensor:
        """Return where in the crop places (B, P, 2) of the image are; beyond ±1 they are outside.

        It undoes what `centres` does.
        """
        return (places - self.matrix[:, None, :, 2]) / self._scale.unsqueeze(1)

    def cell_diagonal(self, rows: int, columns: int) -> Tensor:
        """Return the diagonal of a cell of such a map, in coordinates of the image: (B,)."""
        sides = self._scale.abs()
        width, height = 2 * sides[:, 0] / columns, 2 * sides[:, 1] / rows
        return (width.square() + height.square()).sqrt()


def draw_crops(images: Tensor, least: float) -> Crops:
    """Draw a box of each image, left and right exchanged in half of them.

    Source: Szegedy et al., *Going deeper with convolutions*, CVPR 2015, Sec. 6.

    Args:
        images: (B, C, H, W).
        least: The smallest share of the image's area that a box covers; the largest is 1.
    """

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(len(images), device=images.device).to(images.dtype)
        return low + (high - low) * drawn

    area, aspect = uniform(least, 1), uniform(*map(math.log, ASPECT)).exp()
    width, height = (area * aspect).sqrt().clamp_max(1), (area / aspect).sqrt().clamp_max(1)
    x, y = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    mirrored = torch.where(uniform(0, 1) < 0.5, -width, width)
    nothing = torch.zeros_like(x)
    rows = [mirrored, nothing, x, nothing, height, y]
    return Crops(torch.stack(rows, dim=1).view(-1, 2, 3))
