"""PixPro: cells of two views that show the same place must be alike, without negatives."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from crosslevel.losses.cells import cell_similarity_loss, near_cells, propagate
from crosslevel.methods.parts.average import MovingAverage
from crosslevel.methods.parts.heads import cells
from crosslevel.methods.parts.options import Count, Positive, Share
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.pretraining.views import Seen, ViewArgs, two_views
from crosslevel.types import Batch


class PixPro(PretextTask):
    """What a cell and those it resembles say together must agree with the same place elsewhere.

    Choose it where images are few or much alike, so that negatives would show the same: it has
    none. It compares places, as `densecl` does.

    Source: Xie et al., *Propagate yourself: exploring pixel-level consistency for unsupervised
    visual representation learning*, CVPR 2021. Differs from the paper: AdamW instead of LARS, a
    fixed decay of the average instead of one that rises to 1, and smaller heads.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(ViewArgs):
        """Options of PixPro.

        Attributes:
            reach: Cells are of one place if their centres are nearer than this many diagonals of
                the larger cell.
            sharpness: The power of a cosine with which a cell gathers from another.
            decay: Of the moving average that gives the targets.
            dim: Length of the vectors.
        """

        reach: Positive = 0.7
        sharpness: Positive = 2.0
        decay: Share = 0.99
        dim: Count = 128

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        channels = self.deepest_channels
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, args.dim, 1),
        )
        self.change = nn.Conv2d(args.dim, args.dim, 1)
        self.average = MovingAverage(self._networks(), args.decay)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "cells"."""
        views = two_views(batch.unlabelled, self.args)
        images = torch.cat([view.images for view in views])
        maps = self.head(self.deepest(images))
        found = propagate(cells(maps), cells(self.change(maps)), self.args.sharpness).chunk(2)
        targets = cells(self._targets(images)).chunk(2)
        is_pair = self._of_one_place(*views, *maps.shape[2:])
        there = cell_similarity_loss(found[0], targets[1], is_pair)
        back = cell_similarity_loss(found[1], targets[0], is_pair.transpose(1, 2))
        return {"cells": there + back}

    @torch.no_grad()
    def _targets(self, images: Tensor) -> Tensor:
        encoder, project = cast(Any, self.average.train().module)
        found: Tensor = project(encoder.encode(images)[-1])
        return found

    def _of_one_place(self, first: Seen, second: Seen, rows: int, columns: int) -> Tensor:
        """Return which cells of the two maps are of one place: (B, P, P) bool."""
        both = (first.crops, second.crops)
        here, there = (crops.centres(rows, columns) for crops in both)
        largest = torch.stack([crops.cell_diagonal(rows, columns) for crops in both]).amax(dim=0)
        return near_cells(here, there, self.args.reach * largest)

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()

    def after_step(self, clock: Clock) -> None:
        """Move the average."""
        self.average.update_parameters(self._networks())

    def _networks(self) -> nn.ModuleList:
        return nn.ModuleList([self.f, self.head])
