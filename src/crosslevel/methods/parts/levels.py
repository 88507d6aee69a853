"""What the full image and its tiles become: maps of the backbone, at its end and deeper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.models.backbone import Backbone
from crosslevel.models.projector import Projector
from crosslevel.models.segmenter import SegmentationNet

Network = Literal["student", "teacher"]


class Pair(nn.Module):
    """A network and its projection head, of the student or of its teacher.

    Args:
        net: f and h.
        p: From maps of f to vectors.
    """

    def __init__(self, net: SegmentationNet, p: Projector) -> None:
        super().__init__()
        self.net, self.p = net, p


class Maps(NamedTuple):
    """What one pass gives, of the full images or of tiles.

    Attributes:
        predicted: Z or z, (B, F, H/r, W/r), from which h predicts.
        projected: What p projects: Z or z itself, or a deeper map of the decoder.
    """

    predicted: Tensor
    projected: Tensor

    @classmethod
    def join(cls, parts: Sequence[Maps]) -> Maps:
        """Put the maps of one pass after those of another, image by image."""
        if len(parts) == 1:
            return parts[0]
        predicted = torch.cat([part.predicted for part in parts])
        if parts[0].is_one:
            return cls(predicted, predicted)
        return cls(predicted, torch.cat([part.projected for part in parts]))

    @property
    def is_one(self) -> bool:
        """Whether p projects the very map that h predicts from."""
        return self.projected is self.predicted

    def each(self, change: Callable[[Tensor], Tensor]) -> Maps:
        """Return both maps changed; one map is changed once."""
        predicted = change(self.predicted)
        return Maps(predicted, predicted if self.is_one else change(self.projected))


def maps_of(f: Backbone, images: Tensor, depth: int) -> Maps:
    """Return what the backbone makes of images (B, 3, H, W), with a map `depth` levels deeper."""
    if not depth:
        features = f(images)
        return Maps(features, features)
    pyramid = f.decode_pyramid(f.encode(images))
    return Maps(pyramid[0], pyramid[depth])


def projector_for(f: Backbone, tile_side: int, depth: int, dim: int) -> Projector:
    """Return p for tiles of `tile_side` px, on the map `depth` levels below the decoder's end.

    Raises:
        InputError: If the backbone has no such level, or a tile is less than a pixel of it.
    """
    channels = f.level_channels
    if depth >= len(channels):
        raise InputError(
            f"args.depth is {depth}; the decoder of this backbone has the levels 0 to "
            f"{len(channels) - 1}."
        )
    return Projector(channels[depth], tile_side // f.reduction >> depth, dim=dim)
