"""CLCC's own Eq. 1 as a pretext task: a tile must find its place in the whole image."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from torch import Tensor

from crosslevel.losses import cross_level_contrastive_loss
from crosslevel.methods.parts.levels import ProjectionArgs, maps_of, projector_for
from crosslevel.methods.parts.options import Count, Positive
from crosslevel.methods.parts.other_views import View
from crosslevel.methods.parts.tile_views import TileArgs, TilePass
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.tiles import from_tiles
from crosslevel.types import Batch


class CrossLevel(PretextTask):
    """A tile of another view finds its place in the full image among the image's other places.

    Choose it to pretrain the decoder, too, where a detail's place in the image means something, and
    to study Eq. 1 alone. Its step is the dearest of all tasks.

    Source: Zhao et al., *Cross-level contrastive learning and consistency constraint for
    semi-supervised medical image segmentation*, ISBI 2022, Eq. 1. Differs from the paper: no mask
    is beside it, and tiles are cut from another view, since the mean colour of a tile of the same
    pixels alone finds its place.
    """

    learns = "backbone"

    @dataclass(frozen=True, kw_only=True)
    class Args(ProjectionArgs, TileArgs):
        """Options of the contrast, its projector and its tiles.

        Attributes:
            temperature: τ of Eq. 1.
            tiles: n, tiles along each axis.
            view: What is changed in the view tiles are cut from.
        """

        temperature: Positive = 0.2
        tiles: Count = 4
        view: View = "all"

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        self.p = projector_for(self.f, setting.size // args.tiles, args)
        self.see_tiles = TilePass(args, self.f, args.depth, setting.size)

    def check_size(self) -> None:
        """See that the tiles suit the backbone."""
        self.f.check_size(self.setting.size, self.args.tiles)

    @property
    def detail(self) -> int:
        """That of the tiles."""
        return self.args.detail

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "contrast"."""
        images, n = batch.unlabelled, self.args.tiles
        whole = self.p(maps_of(self.f, images, self.args.depth).projected)  # p(Z): (B, D, n, n)
        source = self.see_tiles.source(images, batch)
        tiles = self.p(self.see_tiles(self.f, source, n).projected)  # p(z): (B·n², D, 1, 1)
        temperature = self.args.temperature
        loss = cross_level_contrastive_loss(whole, from_tiles(tiles, n), temperature=temperature)
        return {"contrast": loss}

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()
