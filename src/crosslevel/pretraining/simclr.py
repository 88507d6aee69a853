"""SimCLR: two views of an image must be more alike than views of different images."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from crosslevel.losses import margin_pair_loss, nt_xent_loss
from crosslevel.methods.parts.heads import head, pooled
from crosslevel.methods.parts.options import Count, Positive
from crosslevel.pretraining.base import Clock, PretextTask, Setting
from crosslevel.pretraining.views import ViewArgs, two_views
from crosslevel.types import Batch


class SimCLR(PretextTask):
    """Whole images are distinguished by one vector each, whatever their crop and colours.

    Choose it as the plainest contrast, where whole images differ from each other and large batches
    fit into memory: negatives are of the batch alone.

    Source: Chen et al., *A simple framework for contrastive learning of visual representations*,
    ICML 2020. Differs from the paper: AdamW instead of LARS, small batches, milder views, and
    images of one group are not negatives. The loss "margin" is that of Hadsell et al.,
    *Dimensionality reduction by learning an invariant mapping*, CVPR 2006.
    """

    @dataclass(frozen=True, kw_only=True)
    class Args(ViewArgs):
        """Options of SimCLR.

        Attributes:
            loss: "nt_xent", the paper's, or "margin", Hadsell's.
            temperature: τ of "nt_xent".
            margin: Distance from which on "margin" leaves vectors of unit length alone.
            dim: Length of the vectors.
        """

        loss: Literal["nt_xent", "margin"] = "nt_xent"
        temperature: Positive = 0.2
        margin: Positive = 1.0
        dim: Count = 128

    args: Args

    def __init__(self, args: Args, setting: Setting) -> None:
        super().__init__(args, setting)
        self.head = head(self.deepest_channels, args.dim)

    def training_step(self, batch: Batch, clock: Clock) -> dict[str, Tensor]:
        """Gives "contrast"."""
        first, second = two_views(batch.unlabelled, self.args)
        maps = self.deepest(torch.cat([first.images, second.images]))
        vectors = self.head(pooled(maps)).flatten(1).chunk(2)
        groups = self.groups(batch)
        if self.args.loss == "margin":
            units = [normalize(part, dim=1) for part in vectors]
            return {"contrast": margin_pair_loss(*units, margin=self.args.margin, groups=groups)}
        temperature = self.args.temperature
        return {"contrast": nt_xent_loss(*vectors, temperature=temperature, groups=groups)}

    def phase(self, clock: Clock) -> Hashable:
        """Return one and the same."""
        return ()
