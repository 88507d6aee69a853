"""CLCC: cross-level contrastive learning and consistency constraint, the heart of Crosslevel."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from crosslevel.errors import InputError
from crosslevel.losses import cross_level_consistency_loss
from crosslevel.losses.consistency import Confidence, Reduction
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.average import Buffers, MovingAverage
from crosslevel.methods.parts.clcc_checks import refuse_in_vain
from crosslevel.methods.parts.contrast import Contrast, ContrastArgs
from crosslevel.methods.parts.levels import Maps, Network, Pair, maps_of, projector_for
from crosslevel.methods.parts.options import Count, Share
from crosslevel.methods.parts.stages import Stage, stage_at
from crosslevel.methods.parts.tile_views import TileArgs, TilePass
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.tiles import from_tiles
from crosslevel.types import Batch


class CLCC(Method):
    """The full image and its n×n tiles are seen by one network, and must agree.

    Source: Zhao et al., *Cross-level contrastive learning and consistency constraint for
    semi-supervised medical image segmentation*, ISBI 2022. Differs from the paper: the first stage
    learns from masks alone and the second has both losses, where the paper has contrast alone and
    then consistency alone; the vectors of Eq. 1 are L2-normalised and their loss weighs a tenth,
    Eq. 2 is averaged over the tiles and weighs three times as much, and the tile pass does not move
    BatchNorm's running statistics, which are those of full images when the network is evaluated.
    The presets `kvasir` and `isic2018` have the paper's stages, weights and sum. Options that no
    paper has are off; *Paper and code* says what each is worth.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(ContrastArgs, TileArgs):
        """Options of CLCC, with those of its contrast and its tiles.

        Stages, temperature and reduction were chosen on validation images.

        Attributes:
            stages: Parts of the training with their weights α and β.
            reduction: Over the tiles in Eq. 2; the paper's "sum" weighs it n² times more, which
                hurt in short runs.
            detach_global: No gradient into the full image's prediction in Eq. 2.
            confidence: Whether Eq. 2 weighs pixels by how sure the full image's prediction is.
            further_tiles: Other n that Eq. 2 also compares, as the mean over all.
            vectors: Whose p(Z) Eq. 1 has: the network's, or its moving average's ("teacher").
            target: Likewise whose h(Z) Eq. 2 has. What a teacher sees in full, the student need
                not, but for the labelled images.
            decay: Of that average.
            evaluated: Which of the two networks is validated and shipped.
            buffers: BatchNorm's running statistics of the teacher are those of the "student" now,
                or an "average" of them, as its weights are.
        """

        stages: tuple[Stage, ...] = (
            Stage(epochs=100, alpha=0.0, beta=0.0),
            Stage(epochs=200, alpha=0.1, beta=3.0),
        )
        reduction: Reduction = "mean"
        detach_global: bool = True
        confidence: Confidence = "ignored"
        further_tiles: tuple[Count, ...] = ()
        vectors: Network = "student"
        target: Network = "student"
        decay: Share = 0.99
        evaluated: Network = "student"
        buffers: Buffers = "student"

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        if not args.stages:
            raise InputError("args.stages is empty; it needs at least one stage.")
        refuse_in_vain(args)
        self.p = projector_for(self.net.f, task.size // args.tiles, args)
        self.contrast = Contrast(args, num_classes=max(2, task.num_channels))
        self.see_tiles = TilePass(args, self.net.f, args.depth)
        has_teacher = "teacher" in (args.vectors, args.target, args.evaluated)
        student = self._pair("student")
        self.teacher = MovingAverage(student, args.decay, args.buffers) if has_teacher else None

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
        images = torch.cat([batch.images, others])
        whole = self._full_maps(batch.images, others, stage)  # Z, of student and teacher
        is_target = stage.beta > 0 and args.target == "student"
        seen = whole["student"].predicted
        logits = self.net.h(seen if is_target else seen[: len(batch.images)])
        labelled = logits[: len(batch.images)]
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        source = self.see_tiles.source(images, batch) if stage.alpha or stage.beta else images
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
                logits = self._pair("teacher").net.h(whole["teacher"].predicted)
            losses["consistency"] = stage.beta * self._consistency(logits, source, tiles)
        yield losses

    def phase(self, clock: Clock) -> Hashable:
        """Return the stage: its weights decide which passes a step has."""
        return stage_at(self.args.stages, clock)

    def _full_maps(self, labelled: Tensor, others: Tensor, stage: Stage) -> dict[Network, Maps]:
        """Z of those who are asked; the student alone sees labelled images for their masks."""
        asked = {self.args.vectors} if stage.alpha else set()
        asked |= {self.args.target} if stage.beta else set()
        first, *rest = self.task.batches(labelled, others if "student" in asked else others[:0])
        maps = [maps_of(self.net.f, first, self.args.depth)]
        has_gradient = (
            stage.alpha > 0 and self.args.vectors == "student"
        ) or not self.args.detach_global
        with torch.set_grad_enabled(has_gradient):  # `rest` are unlabelled images alone
            maps += [maps_of(self.net.f, images, self.args.depth) for images in rest]
        whole: dict[Network, Maps] = {"student": Maps.join(maps)}
        if "teacher" in asked:
            images = torch.cat([labelled, others])
            with torch.no_grad():
                whole["teacher"] = maps_of(self._pair("teacher").net.f, images, self.args.depth)
        return whole

    def _contrast(self, whole: dict[Network, Maps], tiles: Maps, masks: Tensor) -> Tensor:
        keys = self._pair(self.args.vectors)
        vectors = keys.p(whole[self.args.vectors].projected)  # p(Z): (B, D, n, n)
        with torch.set_grad_enabled(not self.args.detach_local):
            tile_vectors = self.p(tiles.projected)  # p(z): (B·n², D, 1, 1)
        shares = None
        if self.args.needs_classes:
            judge: Network = "teacher" if "teacher" in whole else "student"
            predicted = whole[judge].predicted[len(masks) :].detach()
            shares = self.contrast.shares(
                masks, self._pair(judge).net.h(predicted), self.args.tiles
            )
        loss: Tensor = self.contrast(vectors, from_tiles(tile_vectors, self.args.tiles), shares)
        return loss

    def _consistency(self, logits: Tensor, source: Tensor, tiles: Maps) -> Tensor:
        """Eq. 2, and its mean over further n."""
        losses: list[Tensor] = []
        logits = self.see_tiles.enlarged(logits)
        for n in (self.args.tiles, *self.args.further_tiles):
            if losses:
                tiles = self.see_tiles(self.net.f, source, n)
            losses.append(
                cross_level_consistency_loss(
                    logits,
                    self.net.h(tiles.predicted),
                    n,
                    reduction=self.args.reduction,
                    detach_global=self.args.detach_global,
                    confidence=self.args.confidence,
                )
            )
        return torch.stack(losses).mean()

    def _pair(self, who: Network) -> Pair:
        if who == "student":
            return Pair(self.net, self.p)
        assert self.teacher is not None, "built where it is asked"
        return cast(Pair, self.teacher.module.eval())

    def after_step(self, clock: Clock) -> None:
        """Move the teacher and the queue, if there are any."""
        self.contrast.after_step()
        if self.teacher is not None:
            self.teacher.update_parameters(self._pair("student"))

    @property
    def inference_model(self) -> SegmentationNet:
        """The student, or the teacher if asked for."""
        return self._pair(self.args.evaluated).net
