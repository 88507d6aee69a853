"""Further decoders of one encoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from crosslevel.methods.base import Task
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.system.sharing import shared_out


class FurtherDecoder(nn.Module):
    """A decoder and a head of the task's network, with a random start of their own.

    Args:
        task: Its network decides the shape of the features.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        net = build_segmentation_net(task.model.untrained(), task.num_channels)
        net.f.drop_encoder()
        self.f, self.h = net.f, net.h

    @shared_out
    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return logits (B, C, H, W) of what the network's encoder gave."""
        logits: Tensor = self.h(self.f.decode(features))
        return logits
