"""CLCC: cross-level contrastive learning and consistency constraint, the heart of Crosslevel."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.agreement import Agreement
from crosslevel.methods.parts.clcc_checks import refuse_in_vain
from crosslevel.methods.parts.clcc_options import CLCCArgs
from crosslevel.methods.parts.contrast import Contrast
from crosslevel.methods.parts.levels import Maps, Network, Pair, projector_for
from crosslevel.methods.parts.sides import Sides
from crosslevel.methods.parts.stages import stage_at
from crosslevel.methods.parts.tile_views import TilePass
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.tiles import from_tiles
from crosslevel.types import Batch


class CLCC(Method):
    """The full image and its n×n tiles are seen by one network, and must agree.

    Choose it to reproduce the paper. With tiles of two sizes it was better than masks alone in as
    many steps (Kvasir-SEG, ISIC 2018 with 25 masks), and not distinguishable in as much time.

    Source: Zhao et al., *Cross-level contrastive learning and consistency constraint for
    semi-supervised medical image segmentation*, ISBI 2022. Differs from the paper: masks alone come
    first, then both losses (there contrast, then consistency); Eq. 1 has L2-normalised vectors and
    weighs a tenth, Eq. 2 is a mean over tiles and weighs three times as much (presets `kvasir` and
    `isic2018`: as the paper); tiles do not move running statistics.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(CLCCArgs):
        """Options of CLCC, with those of its contrast and its tiles."""

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        refuse_in_vain(args)
        self.p = projector_for(self.net.f, task.size // args.tiles, args)
        self.contrast = Contrast(args, num_classes=max(2, task.num_channels))
        self.see_tiles = TilePass(args, self.net.f, args.depth, task.size)
        self.agree = Agreement(args, self.see_tiles)
        student = Pair(self.net, self.p)
        self.teacher = args.teacher_of(student)
        self.sides = Sides(args, task, student, self.teacher)

    def check_size(self) -> None:
        """See that the tiles suit the network, too."""
        for n in (self.args.tiles, *self.args.further_tiles):
            self.net.check_size(self.task.size, n)

    @property
    def detail(self) -> int:
        """That of the tiles."""
        return self.args.detail

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Eq. 3: "supervised", and whichever of "contrast" and "consistency" the stage weighs."""
        parts = self.training_parts(batch, clock)
        return {name: loss for part in parts for name, loss in part.items()}

    def training_parts(self, batch: Batch, clock: Clock) -> Iterator[dict[str, Tensor]]:
        """Yield losses, the tiles' last; apart if only Eq. 2 needs them, without the full graph."""
        args, stage = self.args, stage_at(self.args.stages, clock)
        others = batch.unlabelled if stage.alpha or stage.beta else batch.unlabelled[:0]
        whole = self.sides.full_maps(batch.images, others, stage)  # Z, of student and teacher
        is_target = stage.beta > 0 and args.target == "student"
        seen = whole["student"].predicted
        logits = self.net.h(seen if is_target else seen[: len(batch.images)])
        supervised = self.task.supervised_loss(logits[: len(batch.images)], batch.masks)
        losses = {"supervised": supervised}
        source = self.see_tiles.source(torch.cat([batch.images, others]), batch)
        if stage.alpha:
            with torch.set_grad_enabled(stage.beta > 0 or not args.detach_local):
                tiles = self.see_tiles(self.net.f, source, args.tiles)  # z
            losses["contrast"] = stage.alpha * self._contrast(whole, tiles, batch.masks)
        elif stage.beta:
            if args.detach_global:
                logits = logits.detach()
                del whole["student"], seen
                yield losses
                losses = {}
            tiles = self.see_tiles(self.net.f, source, args.tiles)
        if stage.beta:
            if not is_target:
                logits = self.sides.pair("teacher").net.h(whole["teacher"].predicted)
            losses["consistency"] = stage.beta * self.agree(self.net, logits, source, tiles)
        yield losses

    def phase(self, clock: Clock) -> Hashable:
        """Return the stage: its weights decide which passes a step has."""
        return stage_at(self.args.stages, clock)

    def _contrast(self, whole: dict[Network, Maps], tiles: Maps, masks: Tensor) -> Tensor:
        who, n, shares = self.args.vectors, self.args.tiles, None
        vectors = self.sides.pair(who).p(whole[who].projected)  # p(Z): (B, D, n, n)
        with torch.set_grad_enabled(not self.args.detach_local):
            tile_vectors = self.p(tiles.projected)  # p(z): (B·n², D, 1, 1)
        if self.args.needs_classes:
            shares = self.contrast.shares(masks, self.sides.judge(whole, len(masks)), n)
        loss: Tensor = self.contrast(vectors, from_tiles(tile_vectors, n), shares)
        return loss

    def after_step(self, clock: Clock) -> None:
        """Move the teacher and the queue, if there are any."""
        self.contrast.after_step()
        self.sides.after_step()

    @property
    def inference_model(self) -> SegmentationNet:
        """The student, or the teacher if asked for."""
        return self.sides.pair(self.args.evaluated).net
