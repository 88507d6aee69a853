"""CLCC: cross-level contrastive learning and consistency constraint, the heart of Crosslevel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.losses import cross_level_consistency_loss, cross_level_contrastive_loss
from crosslevel.losses.consistency import Reduction
from crosslevel.losses.contrastive import Negatives, Normalisation
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.options import Count, Positive, Weight
from crosslevel.models.projector import Projector
from crosslevel.tiles import from_tiles, to_tiles
from crosslevel.types import Batch


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training with its own weights in Eq. 3.

    Attributes:
        epochs: Length relative to the other stages (`--epochs` scales all of them).
        alpha: Weight α of the contrastive loss.
        beta: Weight β of the consistency loss.
    """

    epochs: Count
    alpha: Weight
    beta: Weight


class CLCC(Method):
    """The full image and its n×n tiles are seen by one network, and must agree.

    Source: Zhao et al., *Cross-level contrastive learning and consistency constraint for
    semi-supervised medical image segmentation*, ISBI 2022. Differs from the paper: the first stage
    learns from masks alone and the second has both losses, where the paper has contrast alone and
    then consistency alone; the vectors of Eq. 1 are L2-normalised and their loss weighs a tenth,
    Eq. 2 is averaged over the tiles and weighs three times as much, and the tile pass does not move
    BatchNorm's running statistics, which are those of full images when the network is evaluated.
    The presets `kvasir` and `isic2018` have the paper's stages, weights and sum.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of CLCC; stages, temperature and reduction were chosen on validation images.

        Attributes:
            tiles: n, tiles along each axis.
            stages: Parts of the training with their weights α and β.
            temperature: τ of Eq. 1.
            normalize: Norm of the vectors of Eq. 1.
            negatives: Which level's other positions are negatives in Eq. 1.
            detach_local: No gradient into the tiles' vectors in Eq. 1.
            reduction: Over the tiles in Eq. 2; the paper's "sum" weighs it n² times more, which
                hurt in short trainings.
            detach_global: No gradient into the full image's prediction in Eq. 2.
            projection_dim: D, the length of a tile's vector.
            tile_batchnorm: "frozen": the tile pass normalises by its own batch but leaves the
                running statistics alone; "update": it moves them too.
        """

        tiles: Count = 5
        stages: tuple[Stage, ...] = (
            Stage(epochs=100, alpha=0.0, beta=0.0),
            Stage(epochs=200, alpha=0.1, beta=3.0),
        )
        temperature: Positive = 0.5
        normalize: Normalisation = "l2"
        negatives: Negatives = "global"
        detach_local: bool = False
        reduction: Reduction = "mean"
        detach_global: bool = True
        projection_dim: Count = 128
        tile_batchnorm: Literal["frozen", "update"] = "frozen"

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        if not args.stages:
            raise InputError("args.stages is empty; it needs at least one stage.")
        tile_side = task.size // args.tiles // self.net.f.reduction
        self.p = Projector(self.net.f.out_channels, tile_side, dim=args.projection_dim)

    def check_size(self) -> None:
        """See that the tiles suit the network, too."""
        self.net.check_size(self.task.size, self.args.tiles)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Eq. 3: "supervised", and whichever of "contrast" and "consistency" the stage weighs."""
        parts = self.training_parts(batch, clock)
        return {name: loss for part in parts for name, loss in part.items()}

    def training_parts(self, batch: Batch, clock: Clock) -> Iterator[dict[str, Tensor]]:
        """The tiles come last; alone if only Eq. 2 needs them, with no gradient to full images."""
        stage = stage_at(self.args.stages, clock)
        others = batch.unlabelled if stage.alpha or stage.beta else batch.unlabelled[:0]
        features = self._full_features(batch.images, others, stage)  # Z: (B, F, H, W)
        seen = features if stage.beta else features[: len(batch.images)]
        logits = self.net.h(seen)
        labelled = logits[: len(batch.images)]
        losses = {"supervised": self.task.supervised_loss(labelled, batch.masks)}
        if stage.alpha:
            with torch.set_grad_enabled(stage.beta > 0 or not self.args.detach_local):
                tile_features = self._tile_features(batch.images, others)
            losses["contrast"] = stage.alpha * self._contrast(features, tile_features)
        elif stage.beta:
            if self.args.detach_global:
                logits = logits.detach()
                del features, seen
                yield losses
                losses = {}
            tile_features = self._tile_features(batch.images, others)
        if stage.beta:
            losses["consistency"] = stage.beta * self._consistency(logits, tile_features)
        yield losses

    def _full_features(self, labelled: Tensor, others: Tensor, stage: Stage) -> Tensor:
        first, *rest = self.task.batches(labelled, others)
        features = [self.net.f(first)]
        has_gradient = stage.alpha > 0 or not self.args.detach_global
        with torch.set_grad_enabled(has_gradient):  # `rest` are unlabelled images alone
            features += [self.net.f(images) for images in rest]
        return torch.cat(features) if rest else features[0]

    def _contrast(self, features: Tensor, tile_features: Tensor) -> Tensor:
        vectors = self.p(features)  # p(Z): (B, D, n, n)
        with torch.set_grad_enabled(not self.args.detach_local):
            tile_vectors = self.p(tile_features)  # p(z): (B·n², D, 1, 1)
        return cross_level_contrastive_loss(
            vectors,
            from_tiles(tile_vectors, self.args.tiles),
            temperature=self.args.temperature,
            normalize=self.args.normalize,
            negatives=self.args.negatives,
            detach_local=self.args.detach_local,
        )

    def _consistency(self, logits: Tensor, tile_features: Tensor) -> Tensor:
        return cross_level_consistency_loss(
            logits,
            self.net.h(tile_features),
            self.args.tiles,
            reduction=self.args.reduction,
            detach_global=self.args.detach_global,
        )

    def _tile_features(self, labelled: Tensor, others: Tensor) -> Tensor:
        tiles = to_tiles(torch.cat([labelled, others]), self.args.tiles)
        is_frozen = self.args.tile_batchnorm == "frozen"
        with frozen_running_statistics(self.net.f) if is_frozen else nullcontext():
            features: Tensor = self.net.f(tiles)  # z: (B·n², F, H/n, W/n)
        return features


def stage_at(stages: tuple[Stage, ...], clock: Clock) -> Stage:
    """The stage the clock's step falls into; stages share the training in proportion.

    Example:
        >>> parts = (Stage(epochs=1, alpha=1, beta=0), Stage(epochs=2, alpha=0, beta=1))
        >>> [stage_at(parts, Clock(step, num_steps=6)).beta for step in range(6)]
        [0, 0, 1, 1, 1, 1]
    """
    total = sum(stage.epochs for stage in stages)
    end = 0
    for stage in stages:
        end += stage.epochs
        if clock.step * total < end * clock.num_steps:
            return stage
    return stages[-1]


@contextmanager
def frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """Within it BatchNorm normalises by the batch as in training, but remembers nothing of it."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
