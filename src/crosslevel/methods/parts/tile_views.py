"""The pass of the tiles: from which view of the image they are cut, and what the backbone sees.

Where a tile shows the same pixels as its place in the image, its mean colour alone finds the place
(see *Paper and code*), so that a contrast teaches nothing. Here tiles may be of another view. No
pixel stays moved, so that tile and place go on belonging together.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from crosslevel.errors import InputError
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.methods.parts.levels import Maps, maps_of
from crosslevel.methods.parts.options import Count, Range
from crosslevel.methods.parts.other_views import View, other_view
from crosslevel.models.backbone import Backbone
from crosslevel.tiles import to_tiles
from crosslevel.types import Batch


@dataclass(frozen=True, kw_only=True)
class TileArgs:
    """Options of the tiles and their pass.

    Attributes:
        tiles: n, tiles along each axis.
        tile_batchnorm: "frozen": the tile pass normalises by its own batch but leaves the running
            statistics alone; "update": it moves them too.
        view: What is changed in the view tiles are cut from: nothing ("same"), "colour", "blur",
            "noise", or "all" three.
        tile_flips: Each tile is flipped at random, and its features are flipped back.
        context: Pixels around each tile that the network also sees, but nothing is compared with.
        detail: k: tiles are cut from images with k times as many pixels a side, so that they show
            more than the full image does; the tile pass takes k² times as long. Images must be
            larger than their full view.
    """

    tiles: Count = 5
    tile_batchnorm: Literal["frozen", "update"] = "frozen"
    view: View = "same"
    tile_flips: bool = False
    context: Annotated[int, Range(0)] = 0
    detail: Count = 1


class TilePass:
    """Cuts images into tiles as the options say, and shows them to a backbone.

    Args:
        args: The options.
        f: The backbone; its stride must suit what is around the tiles.
        depth: Of the map that p projects.
        size: Side of the images in pixels, of which what is around a tile is a part or a mirror.

    Raises:
        InputError: If it does not, or more is asked for than an image has.
    """

    def __init__(self, args: TileArgs, f: Backbone, depth: int, size: int) -> None:
        step = max(f.stride // 2, f.reduction)
        if args.context % step:
            below = args.context // step * step
            raise InputError(
                f"args.context is {args.context} px; around tiles for a backbone of stride "
                f"{f.stride} it must be a multiple of {step}, such as {below} or {below + step}."
            )
        if args.context >= size * args.detail:
            raise InputError(
                f"args.context is {args.context} px; around tiles of images of "
                f"{size * args.detail} px it must be less than these."
            )
        self.args, self.depth = args, depth

    def __call__(self, f: Backbone, images: Tensor, n: int) -> Maps:
        """Return z of each tile.

        Args:
            f: The backbone.
            images: (B, 3, k·H, k·W), normalised, as `source` gives them.
            n: Tiles along each axis.

        Returns:
            (B·n², F, k·H/(n·r), k·W/(n·r)), row-major, and what p projects: that without detail,
            or the mean of each k×k of its cells.
        """
        tiles = with_context(other_view(images, self.args.view), n, self.args.context)
        flips = Flips.draw(tiles) if self.args.tile_flips else None
        with frozen_running_statistics(f) if self._is_frozen else nullcontext():
            maps = maps_of(f, tiles if flips is None else flips(tiles), self.depth)
        side = tiles.shape[2]
        maps = maps.each(lambda features: self._restore(features, flips, side))
        if self.args.detail == 1:
            return maps
        return Maps(maps.predicted, F.avg_pool2d(maps.projected, self.args.detail))

    def source(self, images: Tensor, batch: Batch) -> Tensor:
        """Return what the tiles of some images are cut from: with detail, finer ones.

        Args:
            images: (B, 3, H, W), the last ones of the batch, labelled images first.
            batch: What they are of.

        Raises:
            InputError: If the batch has no finer images.
        """
        if self.args.detail == 1:
            return images
        if batch.finer is None:
            raise InputError(
                f"args.detail is {self.args.detail}, but the batch has no finer images: give "
                "`Sampling` the `detail` of the method."
            )
        return batch.finer[len(batch.finer) - len(images) :]

    def enlarged(self, logits: Tensor) -> Tensor:
        """Return the full image's logits (B, C, H, W) at the size of what tiles are cut from."""
        if self.args.detail == 1:
            return logits
        return F.interpolate(logits, scale_factor=self.args.detail, mode="bilinear")

    @property
    def _is_frozen(self) -> bool:
        return self.args.tile_batchnorm == "frozen"

    def _restore(self, features: Tensor, flips: Flips | None, side: int) -> Tensor:
        """Return the maps of the tiles alone, the way round they are in the image."""
        margin = self.args.context * features.shape[2] // side
        if margin:
            features = features[:, :, margin:-margin, margin:-margin]
        return features if flips is None else flips(features)


@dataclass(frozen=True)
class Flips:
    """Which tiles are flipped along which axis; done twice, nothing has changed.

    Attributes:
        rows: (N, 1, 1, 1) bool, upside down.
        columns: (N, 1, 1, 1) bool, left to right.
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def draw(cls, tiles: Tensor) -> Flips:
        """Draw each with probability ½ for (N, C, h, w), on their device."""
        rows, columns = torch.rand(2, len(tiles), 1, 1, 1, device=tiles.device) < 0.5
        return cls(rows, columns)

    def __call__(self, maps: Tensor) -> Tensor:
        """Map (N, C, h, w) → the same, flipped."""
        maps = torch.where(self.rows, maps.flip(2), maps)
        return torch.where(self.columns, maps.flip(3), maps)


def with_context(images: Tensor, n: int, margin: int) -> Tensor:
    """Cut into n×n tiles, each with `margin` pixels around it; beyond the image is its mirror.

    Args:
        images: (B, C, H, W).
        n: Tiles along each axis.
        margin: In pixels.

    Returns:
        (B·n², C, H/n + 2·margin, W/n + 2·margin), in the order of `to_tiles`.

    Example:
        >>> with_context(torch.arange(4.0).view(1, 1, 2, 2), 2, 1)[1, 0]
        tensor([[2., 3., 2.],
                [0., 1., 0.],
                [2., 3., 2.]])
    """
    if not margin:
        return to_tiles(images, n)
    height, width = images.shape[2] // n, images.shape[3] // n
    padded = F.pad(images, (margin, margin, margin, margin), "reflect")
    tiles = padded.unfold(2, height + 2 * margin, height).unfold(3, width + 2 * margin, width)
    return tiles.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
