"""FixMatch with the two losses of CLCC beside it: tiles agree with the teacher's full image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.losses import cross_level_consistency_loss
from crosslevel.losses.pseudo_label import pseudo_labels
from crosslevel.losses.ramp import linear_ramp
from crosslevel.methods.base import Clock, Task
from crosslevel.methods.fixmatch import FixMatch
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.contrast import Contrast
from crosslevel.methods.parts.fixmatch_clcc_options import FixMatchCLCCArgs, refuse_in_vain
from crosslevel.methods.parts.levels import Maps, maps_of, projector_for
from crosslevel.methods.parts.tile_views import TilePass
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.tiles import from_tiles
from crosslevel.types import Batch


class FixMatchCLCC(FixMatch):
    """The teacher of FixMatch, which sees the whole image, also teaches the student's tiles.

    Choose it to study CLCC in the recipe. With 20 masks in all and three draws it was not
    distinguishable from `fixmatch`, whose step is shorter.

    Source: Sohn et al., *FixMatch*, NeurIPS 2020, and Zhao et al., ISBI 2022, Eq. 1 and 2, of which
    only unlabelled images have tiles here. Differs from both: the full image's side is the
    teacher's, tiles are of another view, and in Eq. 1 the tile is the anchor, with places of this
    batch's and of earlier images as negatives, the more, the more their class differs.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(FixMatchCLCCArgs):
        """Options of FixMatch, of the contrast, and of the tiles."""

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        refuse_in_vain(args)
        f = self.net.f
        self.p = projector_for(f, task.size // args.tiles, args) if args.alpha else None
        self.taught_p = MovingAverage(self.p, args.decay, args.buffers) if self.p else None
        self.contrast = Contrast(args, num_classes=max(2, task.num_channels))
        self.see_tiles = TilePass(args, f, args.depth, task.size)

    def check_size(self) -> None:
        """See that the tiles suit the network, too."""
        self.net.check_size(self.task.size, self.args.tiles)

    @property
    def detail(self) -> int:
        """That of the tiles."""
        return self.args.detail

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives FixMatch's losses and, with unlabelled images, "contrast" and "consistency"."""
        parts = self.training_parts(batch, clock)
        return {name: loss for part in parts for name, loss in part.items()}

    def training_parts(self, batch: Batch, clock: Clock) -> Iterator[dict[str, Tensor]]:
        """Yield the tiles come last, alone; the teacher sees the images once for both."""
        args, images = self.args, batch.unlabelled
        if not len(images) or not (args.alpha or args.beta):
            yield super().training_step(batch, clock)
            return
        taught, logits = self._ask_teacher(images)
        yield self.learn(batch, clock, *pseudo_labels(logits))
        ramp = linear_ramp(clock.progress, args.ramp)
        source = self.see_tiles.source(images, batch)
        tiles = self.see_tiles(self.net.f, source, args.tiles)
        losses = {}
        if args.alpha:
            losses["contrast"] = args.alpha * ramp * self._contrast(taught, tiles, logits)
        if args.beta:
            whole, local = self.see_tiles.enlarged(logits), self.net.h(tiles.predicted)
            losses["consistency"] = (
                args.beta
                * ramp
                * cross_level_consistency_loss(
                    whole, local, args.tiles, reduction="mean", confidence=args.confidence
                )
            )
        yield losses

    @torch.no_grad()
    def _ask_teacher(self, images: Tensor) -> tuple[Maps, Tensor]:
        """Z and logits (U, C, H, W) of the teacher, with BatchNorm's running statistics."""
        net = self.teacher.eval().module
        assert isinstance(net, SegmentationNet), "of the student's kind"
        maps = maps_of(net.f, images, self.args.depth)
        return maps, net.h(maps.predicted)

    def _contrast(self, taught: Maps, tiles: Maps, logits: Tensor) -> Tensor:
        """Eq. 1 of the teacher's p(Z) and the student's p(z)."""
        assert self.p is not None, "built where alpha is greater than 0"
        assert self.taught_p is not None, "likewise"
        n, no_masks = self.args.tiles, logits.new_zeros((0, *logits.shape[2:]), dtype=torch.long)
        shares = self.contrast.shares(no_masks, logits, n) if self.args.needs_classes else None
        vectors = self.taught_p.eval()(taught.projected)
        loss: Tensor = self.contrast(vectors, from_tiles(self.p(tiles.projected), n), shares)
        return loss

    def after_step(self, clock: Clock) -> None:
        """Move the teacher, its p and the queue."""
        super().after_step(clock)
        self.contrast.after_step()
        if self.taught_p is not None and self.p is not None:
            self.taught_p.update_parameters(self.p)
