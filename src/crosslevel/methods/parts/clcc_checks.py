"""Options of cross-level losses that would do nothing, or nothing good: refused at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from crosslevel.errors import InputError

if TYPE_CHECKING:
    from crosslevel.methods.parts.clcc_options import CLCCArgs

OF_CONTRAST = (
    *("depth", "anchor", "negative_images", "same_class", "anchors", "queue", "positives"),
    "vectors",
)
OF_CONSISTENCY = ("confidence", "further_tiles", "target")
OF_TILES = ("view", "tile_flips", "context", "detail")
"""Options beyond the paper's, by what they change. The paper's own stay where its ablations set a
weight to 0."""


def refuse_in_vain(args: CLCCArgs) -> None:
    """Refuse options that have no effect, and contrasts in which nothing is pushed apart.

    Raises:
        InputError: Naming the option and what it waits for.
    """
    if not args.stages:
        raise InputError("args.stages is empty; it needs at least one stage.")
    has_contrast = any(stage.alpha for stage in args.stages)
    has_consistency = any(stage.beta for stage in args.stages)
    if not has_contrast:
        refuse(args, OF_CONTRAST, "no stage has an alpha greater than 0")
    if not has_consistency:
        refuse(args, OF_CONSISTENCY, "no stage has a beta greater than 0")
    if not (has_contrast or has_consistency):
        refuse(args, OF_TILES, "no stage has an alpha or a beta greater than 0")
    if not args.has_teacher:
        refuse(args, ("decay", "buffers"), "vectors, target and evaluated are all of the student")
    if args.target == "teacher":
        refuse(args, ("detach_global",), "the target is the teacher's, which has no gradient")
    if has_contrast and not _pushes_apart(args):
        raise InputError(
            "Only the positive pair of the contrast would have a gradient, which pulls every "
            f"vector to one: with vectors {args.vectors!r}, anchor {args.anchor!r}, negatives "
            f"{args.negatives!r} and detach_local {args.detach_local}, neither anchors nor "
            "negatives learn. With vectors 'teacher' choose anchor 'tile' and no detach_local."
        )


def _pushes_apart(args: CLCCArgs) -> bool:
    learns = {"global": args.vectors == "student", "local": not args.detach_local}
    anchor = "global" if args.anchor == "image" else "local"
    negatives = ["global", "local"] if args.negatives == "both" else [args.negatives]
    return any(learns[level] for level in (anchor, *negatives))


def refuse(args: Any, names: Sequence[str], why: str) -> None:
    """Refuse options that differ from their defaults, since they would change nothing.

    Args:
        args: An instance of a method's `Args`.
        names: Of the options.
        why: They would not.

    Raises:
        InputError: Naming the first such option.
    """
    defaults = {field.name: field.default for field in fields(args)}
    for name in names:
        if (value := getattr(args, name)) != defaults[name]:
            raise InputError(
                f"args.{name} is {value!r}, which has no effect: {why}. Leave it at "
                f"{defaults[name]!r}."
            )
