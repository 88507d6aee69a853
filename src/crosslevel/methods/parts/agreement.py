"""Eq. 2 as CLCC uses it: at one number of tiles, or at several."""

from __future__ import annotations

import torch
from torch import Tensor

from crosslevel.losses import cross_level_consistency_loss
from crosslevel.methods.parts.clcc_options import CLCCArgs
from crosslevel.methods.parts.levels import Maps
from crosslevel.methods.parts.tile_views import TilePass
from crosslevel.models.segmenter import SegmentationNet


class Agreement:
    """Eq. 2, and its mean over further n.

    Args:
        args: The options.
        see_tiles: Cuts further tiles.
    """

    def __init__(self, args: CLCCArgs, see_tiles: TilePass) -> None:
        self._args, self._see_tiles = args, see_tiles

    def __call__(self, net: SegmentationNet, logits: Tensor, source: Tensor, tiles: Maps) -> Tensor:
        """Return the loss.

        Args:
            net: Sees the tiles.
            logits: h(Z) of the full images, (B, C, H, W).
            source: What tiles are cut from.
            tiles: z of the first n.
        """
        args, losses = self._args, list[Tensor]()
        logits = self._see_tiles.enlarged(logits)
        for n in (args.tiles, *args.further_tiles):
            if losses:
                tiles = self._see_tiles(net.f, source, n)
            losses.append(
                cross_level_consistency_loss(
                    logits,
                    net.h(tiles.predicted),
                    n,
                    reduction=args.reduction,
                    detach_global=args.detach_global,
                    confidence=args.confidence,
                )
            )
        return torch.stack(losses).mean()
