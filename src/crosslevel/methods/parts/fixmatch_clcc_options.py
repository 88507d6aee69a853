"""The options of FixMatch with CLCC's losses, and which of them would do nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from crosslevel.errors import InputError
from crosslevel.losses.consistency import Confidence
from crosslevel.losses.places import Anchors, SameClass
from crosslevel.methods.fixmatch import FixMatch
from crosslevel.methods.parts.clcc_checks import OF_CONTRAST, OF_TILES, refuse
from crosslevel.methods.parts.contrast import ContrastArgs
from crosslevel.methods.parts.options import Count, Range, Weight
from crosslevel.methods.parts.other_views import View
from crosslevel.methods.parts.tile_views import TileArgs


@dataclass(frozen=True, kw_only=True)
class FixMatchCLCCArgs(FixMatch.Args, ContrastArgs, TileArgs):
    """Options of FixMatch, of the contrast, and of the tiles.

    Attributes:
        alpha: Weight of the contrastive loss, after FixMatch's ramp; 0 for none.
        beta: Weight of the consistency loss, likewise.
        confidence: Whether Eq. 2 weighs pixels by how sure the teacher is.
        tiles: n, tiles along each axis.
        view: What is changed in the view tiles are cut from.
        anchor: Whose vector is compared with the others.
        negative_images: Negatives are places of the anchor's own image, or of all.
        same_class: What places of the anchor's class, as predicted, are.
        anchors: Which places are anchors.
        queue: Vectors of each class kept from earlier steps as further negatives.
    """

    alpha: Weight = 0.1
    beta: Weight = 1.0
    confidence: Confidence = "weighed"
    tiles: Count = 4
    view: View = "all"
    anchor: Literal["image", "tile"] = "tile"
    negative_images: Literal["own", "batch"] = "batch"
    same_class: SameClass = "weighed"
    anchors: Anchors = "balanced"
    queue: Annotated[int, Range(0)] = 64


def refuse_in_vain(args: FixMatchCLCCArgs) -> None:
    """Refuse options that have no effect, and a contrast in which nothing is pushed apart.

    Raises:
        InputError: Naming the option.
    """
    if not args.alpha:
        refuse(args, [name for name in OF_CONTRAST if name != "vectors"], "alpha is 0")
    if not args.beta:
        refuse(args, ["confidence"], "beta is 0")
    if not (args.alpha or args.beta):
        refuse(args, OF_TILES, "alpha and beta are 0")
    only_positive = args.anchor == "image" and args.negatives == "global"
    if args.alpha and (only_positive or args.detach_local):
        raise InputError(
            "Only the positive pair of the contrast would have a gradient, which pulls every "
            "vector to one: the full image's side is the teacher's here. Leave out anchor "
            "'image' or choose negatives 'local', and leave out detach_local."
        )
