"""What the full image and its tiles become: maps of the backbone, at its end and deeper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor, nn

from crosslevel.errors import InputError
from crosslevel.methods.parts.options import Count, Range
from crosslevel.models.backbone import Backbone
from crosslevel.models.projector import End, Projector
from crosslevel.models.segmenter import SegmentationNet

Network = Literal["student", "teacher"]


@dataclass(frozen=True, kw_only=True)
class ProjectionArgs:
    """Options of p.

    Attributes:
        projection_dim: D, the length of a tile's vector.
        projection_end: What p ends in: "linear", its third convolution, or "relu", BatchNorm and
            ReLU after it, as in the authors' code.
        depth: Levels of the decoder between its end and the map that p projects; 0 is the paper's.
    """

    projection_dim: Count = 128
    projection_end: End = "linear"
    depth: Annotated[int, Range(0)] = 0


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


def projector_for(f: Backbone, tile_side: int, args: ProjectionArgs) -> Projector:
    """Return p for tiles of `tile_side` px.

    Raises:
        InputError: If the backbone has no map so deep, or three convolutions do not suit a tile.
    """
    channels = f.level_channels
    if args.depth >= len(channels):
        raise InputError(
            f"args.depth is {args.depth}; the decoder of this backbone has the levels 0 to "
            f"{len(channels) - 1}."
        )
    side = tile_side // f.reduction >> args.depth
    return Projector(channels[args.depth], side, dim=args.projection_dim, end=args.projection_end)
