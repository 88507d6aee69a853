"""CAC: a place seen in two crops must look alike, and what is less sure follows what is surer."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, grid_sample

from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses import queue_contrast_loss
from crosslevel.losses.cells import unit
from crosslevel.losses.ramp import exponential_ramp
from crosslevel.methods.base import Clock, Method, Task
from crosslevel.methods.parts.class_queue import ClassQueue
from crosslevel.methods.parts.crops import Crops, draw_crops
from crosslevel.methods.parts.heads import cells, head
from crosslevel.methods.parts.options import Count, InnerShare, Positive, Share, Weight
from crosslevel.methods.parts.other_views import other_view
from crosslevel.types import Batch


class CAC(Method):
    """Features of a place may not depend on what is around it: two crops contrast it.

    Choose it where surroundings mislead the network, and objects fill whole cells of its grid.

    Source: Lai et al., *Semi-supervised semantic segmentation with directional context-aware
    consistency*, CVPR 2021. Differs from the paper: crops are any two boxes, read between cells,
    the weight rises from the first step on, and negatives are the newest vectors of each class.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args:
        """Options of CAC.

        Attributes:
            weight: Of the contrast, at the end of its ramp.
            temperature: τ.
            sure: Least probability that the surer crop gives its class.
            least_crop: The smallest share of an image's area that a crop covers.
            grid: Places along an axis of a crop.
            queue: Vectors of each class kept as negatives.
            kept: Vectors of a step that are put there.
            dim: Length of the vectors.
        """

        weight: Weight = 0.1
        temperature: Positive = 0.1
        sure: Share = 0.75
        least_crop: InnerShare = 0.4
        grid: Count = 12
        queue: Count = 256
        kept: Count = 128
        dim: Count = 128

    args: Args

    def __init__(self, args: Args, task: Task) -> None:
        super().__init__(args, task)
        self.project = head(self.net.f.out_channels, args.dim)
        self.queue = ClassQueue(max(2, task.num_channels), args.queue, args.dim)
        self._latest: tuple[Tensor, Tensor] | None = None

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "supervised" and, with unlabelled images, "contrast"."""
        images, views, crops = batch.unlabelled, batch.unlabelled, []
        if len(images):
            crops = [draw_crops(images, self.args.least_crop) for _ in range(2)]
            views = torch.cat([other_view(one.of(images), "colour") for one in crops])
        labelled, others = self.forward_both(batch.images, views, self.net.f)
        losses = {"supervised": self.task.supervised_loss(self.net.h(labelled), batch.masks)}
        if crops:
            vectors = self.project(adaptive_avg_pool2d(others, self.args.grid))
            probabilities = to_log_class_probabilities(self.net.h(others.detach()).detach()).exp()
            shares = adaptive_avg_pool2d(probabilities, self.args.grid)
            sides = list(zip(vectors.chunk(2), shares.chunk(2), crops, strict=True))
            both = self._contrast(*sides) + self._contrast(*reversed(sides))
            losses["contrast"] = self.args.weight * exponential_ramp(clock.progress) * both / 2
            flat, classes = (cells(maps.detach()).flatten(0, 1) for maps in (vectors, shares))
            chosen = torch.randint(len(flat), (self.args.kept,), device=flat.device)
            self._latest = unit(flat[chosen]), classes[chosen]
        return losses

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same: the weight's ramp knows `progress` alone."""
        return ()

    def _contrast(
        self, ours: tuple[Tensor, Tensor, Crops], theirs: tuple[Tensor, Tensor, Crops]
    ) -> Tensor:
        """Let our places follow theirs, where these are surer."""
        vectors, shares, crops = ours
        there = theirs[2].coordinates(crops.centres(self.args.grid, self.args.grid))  # (B, P, 2)
        grid = there.unsqueeze(1)  # (B, 1, P, 2)
        found, partners = (
            grid_sample(maps.detach(), grid, "bilinear", "border", align_corners=False)[:, :, 0]
            for maps in (theirs[1].to(there.dtype), theirs[0].to(there.dtype))
        )  # (B, K, P) and (B, D, P)
        surer, own = found.amax(dim=1), shares.flatten(2).amax(dim=1)  # (B, P)
        counts = (there.abs() <= 1).all(dim=2) & (surer > own) & (surer >= self.args.sure)
        kept, classes, filled = self.queue.kept()
        of_anchor = found.argmax(dim=1).flatten()  # (N,)
        is_negative = (classes.argmax(dim=1) != of_anchor.unsqueeze(1)) & (filled > 0)
        return queue_contrast_loss(
            cells(vectors).flatten(0, 1),
            partners.transpose(1, 2).flatten(0, 1),
            kept,
            is_negative,
            temperature=self.args.temperature,
            shares=counts.flatten(),
        )

    def after_step(self, clock: Clock) -> None:
        """Put the step's vectors into the queue."""
        if self._latest is not None:
            self.queue.push(*self._latest)
        self._latest = None
