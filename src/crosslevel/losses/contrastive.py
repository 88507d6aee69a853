"""The cross-level contrastive loss: a tile's vector against the full image's vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from crosslevel.errors import InputError
from crosslevel.logits import widen

Normalisation = Literal["l2", "l1", "none"]
Negatives = Literal["global", "local", "both"]

EPSILON = 1e-6


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which places take part in Eq. 1, and how much; what is None takes part as in the paper.

    P = n² places of an image, row-major. All shares are in [0, 1] and carry no gradient; with 0 a
    place is left out. They are weights and not indices, so that no shape depends on the data.

    Attributes:
        anchors: (B, P), the share of each place in the mean.
        negatives: (B, P, P), the share of place j (last) among the negatives of anchor i.
        kept: (Q, D), further negatives of every anchor, from elsewhere.
        kept_negatives: (B, P, Q), the share of each of these.
        positives: (B, P, P), the share of place j (last) in the target of anchor i, each row
            summing to 1; its own place in the paper. Place j stands for what it is compared with
            otherwise: the other level's vector if it is the anchor's own place, else the negative
            of that place (of both levels, the mean of the two similarities).
    """

    anchors: Tensor | None = None
    negatives: Tensor | None = None
    kept: Tensor | None = None
    kept_negatives: Tensor | None = None
    positives: Tensor | None = None


EVERYTHING = Selection()
"""Eq. 1 as it is printed."""


def cross_level_contrastive_loss(
    global_map: Tensor,
    local_map: Tensor,
    *,
    temperature: float = 0.07,
    normalize: Normalisation = "l2",
    negatives: Negatives = "global",
    detach_local: bool = False,
    selection: Selection = EVERYTHING,
) -> Tensor:
    """Tie each tile's vector to the vector of the same place in the full image (Eq. 1).

    Source: Zhao et al., *Cross-level contrastive learning and consistency constraint for
    semi-supervised medical image segmentation*, ISBI 2022, Eq. 1. Differs from the paper: the
    paper names no normalisation of the vectors; here they have unit L2 norm unless told otherwise.

    Args:
        global_map: p(Z), (B, D, n, n): one vector a tile, seen in the full image.
        local_map: p(z), (B, D, n, n): one vector a tile, seen alone.
        temperature: τ > 0; the paper does not give it, 0.07 is its authors'.
        normalize: Norm to which every vector is scaled, or "none".
        negatives: Where the other positions n ≠ i of the same image are taken from: the global
            map (the paper), the local map (its authors' code), or both.
        detach_local: Let no gradient flow into the tiles' vectors.
        selection: Which positions count; all of them in the paper.

    Returns:
        Scalar: the mean over all positions of all images that are anchors, 0 if none is.

    Raises:
        InputError: If the shapes differ, or an option is unknown or out of range.

    Example:
        >>> same = torch.ones(1, 8, 2, 2)  # every position alike: no better than chance, ln 4
        >>> round(float(cross_level_contrastive_loss(same, same)), 4)
        1.3863
    """
    terms = contrastive_terms(
        global_map,
        local_map.detach() if detach_local else local_map,
        temperature=temperature,
        normalize=normalize,
        negatives=negatives,
        selection=selection,
    )
    if selection.anchors is None:
        return terms.mean()
    return (selection.anchors * terms).sum() / selection.anchors.sum().clamp_min(EPSILON)


def contrastive_terms(
    global_map: Tensor,
    local_map: Tensor,
    *,
    temperature: float,
    normalize: Normalisation,
    negatives: Negatives,
    selection: Selection = EVERYTHING,
) -> Tensor:
    """Eq. 1 for every position, not averaged.

    Args and raises as `cross_level_contrastive_loss`.

    Returns:
        (B, n²) terms, positions row-major: ln Σ_c w_c exp(s_c) - Σ_j t_ij s_ij over candidates c of
        share w_c, with s the similarity / τ and t the positives. They are not negative where every
        w is 1, or the anchor's own place is its target.
    """
    _check(global_map, local_map, temperature, negatives)
    with torch.autocast(global_map.device.type, enabled=False):  # τ magnifies rounding
        queries = _vectors(global_map, normalize)  # (B, P, D)
        keys = _vectors(local_map, normalize)
        to_local = queries @ keys.transpose(1, 2) / temperature  # (B, P, P)
        to_global = queries @ queries.transpose(1, 2) / temperature
        positive = to_local.diagonal(dim1=1, dim2=2)
        pools = {"global": [to_global], "local": [to_local], "both": [to_global, to_local]}
        candidates = [_others(pool, selection) for pool in pools[negatives]]
        if selection.kept is not None:
            kept = _normalised(widen(selection.kept), normalize).to(queries.dtype)
            candidates.append(_shared(queries @ kept.T / temperature, selection.kept_negatives))
        target = _target(positive, torch.stack(pools[negatives]).mean(dim=0), selection.positives)
    together = torch.cat([positive.unsqueeze(-1), *candidates], dim=-1)
    return together.logsumexp(dim=-1) - target


def _target(positive: Tensor, others: Tensor, shares: Tensor | None) -> Tensor:
    """Return the mean similarity (B, P) to an anchor's positives, by their shares."""
    if shares is None:
        return positive
    itself = torch.eye(others.shape[1], dtype=torch.bool, device=others.device)
    of_places = torch.where(itself, positive.unsqueeze(-1), others)
    return (shares * of_places).sum(dim=-1)


def _others(similarities: Tensor, selection: Selection) -> Tensor:
    """Leave out of (B, P, P) each anchor's own place, and weigh others by their share."""
    itself = torch.eye(similarities.shape[1], dtype=torch.bool, device=similarities.device)
    return _shared(similarities, selection.negatives).masked_fill(itself, float("-inf"))


def _shared(similarities: Tensor, shares: Tensor | None) -> Tensor:
    """Add ln(share), so that the exponential counts `share` times; 0 leaves out."""
    return similarities if shares is None else similarities + shares.log()


def _vectors(feature_map: Tensor, normalize: Normalisation) -> Tensor:
    return _normalised(widen(feature_map).flatten(2).transpose(1, 2), normalize)


def _normalised(vectors: Tensor, normalize: Normalisation) -> Tensor:
    if normalize == "none":
        return vectors
    orders = {"l1": 1.0, "l2": 2.0}
    if normalize not in orders:
        raise InputError(f"normalize is {normalize!r}; it must be 'l2', 'l1' or 'none'.")
    return F.normalize(vectors, p=orders[normalize], dim=-1)


def _check(global_map: Tensor, local_map: Tensor, temperature: float, negatives: str) -> None:
    if global_map.shape != local_map.shape or global_map.ndim != 4:
        raise InputError(
            "Both maps must have one shape (B, D, n, n); found "
            f"{tuple(global_map.shape)} and {tuple(local_map.shape)}."
        )
    if temperature <= 0:
        raise InputError(f"temperature is {temperature}; it must be greater than 0.")
    if negatives not in ("global", "local", "both"):
        raise InputError(f"negatives is {negatives!r}; it must be 'global', 'local' or 'both'.")
