"""Global and local contrast: first whole images by the encoder, then places by the decoder."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from crosslevel.errors import InputError
from crosslevel.losses import cross_level_contrastive_loss, nt_xent_loss
from crosslevel.methods.parts.batchnorm import frozen_running_statistics
from crosslevel.methods.parts.heads import head, pooled
from crosslevel.methods.parts.options import Count, Positive, Share
from crosslevel.methods.parts.other_views import other_view
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.pretraining.views import ViewArgs, two_views
from crosslevel.types import Batch


class GlobalLocal(PretextTask):
    """The encoder tells images apart, then the decoder tells places of one image apart.

    Choose it where masks are few, so that the decoder is to be pretrained, too. A step takes twice
    as long as one of `simclr`.

    Source: Chaitanya et al., *Contrastive learning of global and local features for medical image
    segmentation with limited annotations*, NeurIPS 2020. Differs from the paper: it takes slices of
    one place of several volumes for alike, which photographs do not have; here images of one group
    are not negatives. Both parts are one training, and the whole decoder learns, where the paper
    has three of its blocks and the two parts one after the other.
    """

    learns = "backbone"

    @dataclass(frozen=True, kw_only=True)
    class Args(ViewArgs):
        """Options of global and local contrast.

        Attributes:
            encoder_share: Of the training, in which the encoder learns; then it is fixed.
            temperature: τ of both.
            grid: Places along an axis.
            dim: Length of the vectors.
        """

        encoder_share: Share = 0.5
        temperature: Positive = 0.1
        grid: Count = 6
        dim: Count = 128

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        side = setting.size // self.f.reduction
        if not 1 < args.grid <= side:
            raise InputError(
                f"args.grid is {args.grid}; between 2 and {side} places along an axis can be "
                "distinguished in a map of this size."
            )
        self.global_head = head(self.deepest_channels, args.dim)
        self.local_head = head(self.f.out_channels, args.dim)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "global", then "local"."""
        if self.phase(clock) == "global":
            return {"global": self._global(batch)}
        return {"local": self._local(batch.unlabelled)}

    def phase(self, clock: Clock) -> Hashable:
        """Return which of the two learns."""
        return "global" if clock.step < self.args.encoder_share * clock.num_steps else "local"

    def _global(self, batch: Batch) -> Tensor:
        first, second = two_views(batch.unlabelled, self.args)
        maps = pooled(self.deepest(torch.cat([first.images, second.images])))
        vectors = self.global_head(maps).flatten(1).chunk(2)
        groups = self.groups(batch)
        return nt_xent_loss(*vectors, temperature=self.args.temperature, groups=groups)

    def _local(self, images: Tensor) -> Tensor:
        """Contrast of places in two views in which no pixel moves."""
        views = torch.cat([other_view(images, "all") for _ in range(2)])
        with torch.no_grad(), frozen_running_statistics(self.f):
            features = self.f.encode(views)
        places = adaptive_avg_pool2d(self.f.decode(features), self.args.grid)
        first, second = self.local_head(places).chunk(2)
        options: dict[str, Any] = {"temperature": self.args.temperature, "negatives": "both"}
        there = cross_level_contrastive_loss(first, second, **options)
        return 0.5 * (there + cross_level_contrastive_loss(second, first, **options))
