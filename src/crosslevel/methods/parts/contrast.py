"""Eq. 1 as a method uses it: its options, what it asks of a prediction, a queue of negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from crosslevel.errors import InputError
from crosslevel.logits import to_log_class_probabilities
from crosslevel.losses import cross_level_contrastive_loss
from crosslevel.losses.contrastive import Negatives, Normalisation, Selection
from crosslevel.losses.places import (
    Anchors,
    Positives,
    SameClass,
    anchor_shares,
    class_shares,
    negative_shares,
    positive_shares,
)
from crosslevel.methods.parts.class_queue import ClassQueue
from crosslevel.methods.parts.levels import ProjectionArgs
from crosslevel.methods.parts.options import Positive, Range
from crosslevel.types import IGNORED

SWAPPED: dict[Negatives, Negatives] = {"global": "local", "local": "global", "both": "both"}


@dataclass(frozen=True, kw_only=True)
class ContrastArgs(ProjectionArgs):
    """Options of the contrastive loss; the first four are of the paper and its authors' code.

    Attributes:
        temperature: τ of Eq. 1.
        normalize: Norm of the vectors of Eq. 1.
        negatives: Which level's other positions are negatives in Eq. 1.
        detach_local: No gradient into the tiles' vectors in Eq. 1.
        anchor: Whose vector is compared with the others: the image's place, as in Eq. 1, or the
            tile.
        negative_images: Negatives are places of the anchor's own image, or of all of the batch.
        same_class: What places of the anchor's class, as masked or predicted, are: a "negative" as
            any other, "left_out", or "weighed" by how much they differ.
        anchors: Which places are anchors: "all", "balanced" (each class counts the same), or those
            of a "lesion" alone.
        queue: Vectors of each class kept from earlier steps as further negatives; 0 for none.
        positives: What an anchor is pulled to: its "own" place, or, where several classes meet
            ("mixed"), in part also the places that share them (see `positive_shares`).
    """

    temperature: Positive = 0.5
    normalize: Normalisation = "l2"
    negatives: Negatives = "global"
    detach_local: bool = False
    anchor: Literal["image", "tile"] = "image"
    negative_images: Literal["own", "batch"] = "own"
    same_class: SameClass = "negative"
    anchors: Anchors = "all"
    queue: Annotated[int, Range(0)] = 0
    positives: Positives = "own"

    @property
    def needs_classes(self) -> bool:
        """Whether the loss must be told which class each place is of."""
        kinds = (self.same_class, self.anchors, self.positives)
        return kinds != ("negative", "all", "own") or self.queue > 0


class Contrast(nn.Module):
    """The contrastive loss as options say, with the queue if there is one.

    Args:
        args: The options.
        num_classes: K, background included.

    Raises:
        InputError: If places are pulled to some that are left out of what they are told from.
    """

    def __init__(self, args: ContrastArgs, num_classes: int) -> None:
        super().__init__()
        if args.positives == "mixed" and args.same_class == "left_out":
            raise InputError(
                "With args.positives 'mixed' a place is pulled to others of its classes, which "
                "args.same_class 'left_out' takes out of what it is told from: nothing would "
                "bound the loss. Choose same_class 'negative' or 'weighed'."
            )
        self.args = args
        length, dim = args.queue, args.projection_dim
        self.queue = ClassQueue(num_classes, length, dim) if length else None
        self._latest: tuple[Tensor, Tensor] | None = None

    def forward(self, global_map: Tensor, local_map: Tensor, shares: Tensor | None) -> Tensor:
        """Return Eq. 1; the vectors are for the queue, after the step.

        Args:
            global_map: p(Z), (B, D, n, n).
            local_map: p(z), (B, D, n, n).
            shares: (B, n², K) class shares of the places; None unless `args.needs_classes`.
        """
        args = self.args
        assert (shares is not None) == args.needs_classes, "classes come where they are asked for"
        if args.negative_images == "batch":
            global_map, local_map = _as_one_image(global_map), _as_one_image(local_map)
            shares = None if shares is None else shares.flatten(0, 1).unsqueeze(0)
        if args.detach_local:
            local_map = local_map.detach()
        is_image = args.anchor == "image"
        loss = cross_level_contrastive_loss(
            *((global_map, local_map) if is_image else (local_map, global_map)),
            temperature=args.temperature,
            normalize=args.normalize,
            negatives=args.negatives if is_image else SWAPPED[args.negatives],
            selection=Selection() if shares is None else self._select(shares),
        )
        if self.queue is not None and shares is not None:
            kept = local_map if args.negatives == "local" else global_map
            vectors = kept.detach().flatten(2).transpose(1, 2).flatten(0, 1)
            self._latest = vectors, shares.flatten(0, 1)
        return loss

    def after_step(self) -> None:
        """Put the step's vectors into the queue, if there is one."""
        if self.queue is not None and self._latest is not None:
            self.queue.push(*self._latest)
        self._latest = None

    def shares(self, masks: Tensor, logits: Tensor, n: int) -> Tensor:
        """Return which class each place is of: by the masks, then as predicted.

        Args:
            masks: (L, H, W) class indices of the labelled images, or `IGNORED`: such pixels have
                no share, and a place of them alone is of the background.
            logits: (U, C, H, W) of the others.
            n: Places along each axis.

        Returns:
            (L + U, n², K) class shares.
        """
        predicted = to_log_class_probabilities(logits.detach()).exp()
        counted = (masks != IGNORED).unsqueeze(1)
        kinds = one_hot(masks * counted[:, 0], predicted.shape[1]).movedim(-1, 1)
        true, known = (class_shares(x.to(predicted.dtype), n) for x in (kinds * counted, counted))
        background = one_hot(masks.new_zeros(()), predicted.shape[1])
        true = torch.where(known > 0, true / known, background.to(true.dtype))
        return torch.cat([true, class_shares(predicted, n)])

    def _select(self, shares: Tensor) -> Selection:
        args = self.args
        anchors = anchor_shares(shares, args.anchors)
        negatives = negative_shares(shares, shares, args.same_class)
        positives = positive_shares(shares, args.positives)
        if self.queue is None:
            return Selection(anchors=anchors, negatives=negatives, positives=positives)
        vectors, classes, filled = self.queue.kept()
        of_kept = negative_shares(shares, classes, args.same_class)
        of_kept = filled.expand(*shares.shape[:2], -1) if of_kept is None else of_kept * filled
        return Selection(
            anchors=anchors,
            negatives=negatives,
            kept=vectors,
            kept_negatives=of_kept,
            positives=positives,
        )


def _as_one_image(maps: Tensor) -> Tensor:
    """Map (B, D, n, n) → (1, D, B·n, n): the places of all images, in their order."""
    return maps.transpose(0, 1).flatten(1, 2).unsqueeze(0)
