"""DenseCL: MoCo for whole images, and for each cell of the map with the cell it resembles."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from crosslevel.losses.cells import most_similar
from crosslevel.methods.parts.heads import cells, head, pooled
from crosslevel.methods.parts.options import Share
from crosslevel.pretraining.base import Clock
from crosslevel.pretraining.moco import MoCo
from crosslevel.pretraining.views import two_views
from crosslevel.types import Batch


class DenseCL(MoCo):
    """A cell of one view must find the cell of the other view whose features are most like its own.

    Choose it where places within an image differ, as for segmentation they should: half of its loss
    is of cells. A step takes a third longer than one of `moco`.

    Source: Wang et al., *Dense contrastive learning for self-supervised visual pre-training*, CVPR
    2021. Differs from the paper: as `moco` from its own.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(MoCo.Args):
        """Options of DenseCL.

        Attributes:
            dense_weight: λ, the share of the cells' loss; the rest is the images'.
        """

        dense_weight: Share = 0.5

    args: Args

    def build_heads(self) -> nn.ModuleList:
        """Return one head for images and one for cells."""
        return nn.ModuleList(head(self.deepest_channels, self.args.dim) for _ in range(2))

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "contrast" and "dense"."""
        first, second = two_views(batch.unlabelled, self.args)
        of_keys, of_queries = self.maps_of_keys(second.images), self.deepest(first.images)
        keys = self.head_of_keys(0)(pooled(of_keys)).flatten(1)
        queries = self.heads[0](pooled(of_queries)).flatten(1)
        dense_keys = cells(self.head_of_keys(1)(of_keys))  # (B, P, D)
        dense_queries = cells(self.heads[1](of_queries))
        match = most_similar(cells(of_queries.detach()), cells(of_keys))  # (B, P)
        matched = dense_keys.gather(1, match.unsqueeze(2).expand_as(dense_queries))
        groups = self.groups(batch)
        self._latest = [keys, dense_keys.mean(dim=1)], groups
        of_cells = groups.repeat_interleave(match.shape[1])
        dense = self.contrast(1, dense_queries.flatten(0, 1), matched.flatten(0, 1), of_cells)
        weight = self.args.dense_weight
        return {
            "contrast": (1 - weight) * self.contrast(0, queries, keys, groups),
            "dense": weight * dense,
        }
