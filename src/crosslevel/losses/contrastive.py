"""The cross-level contrastive loss: a tile's vector against the full image's vectors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from crosslevel.errors import InputError
from crosslevel.logits import widen

Normalisation = Literal["l2", "l1", "none"]
Negatives = Literal["global", "local", "both"]


def cross_level_contrastive_loss(
    global_map: Tensor,
    local_map: Tensor,
    *,
    temperature: float = 0.07,
    normalize: Normalisation = "l2",
    negatives: Negatives = "global",
    detach_local: bool = False,
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

    Returns:
        Scalar: the mean over all positions of all images.

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
    )
    return terms.mean()


def contrastive_terms(
    global_map: Tensor,
    local_map: Tensor,
    *,
    temperature: float,
    normalize: Normalisation,
    negatives: Negatives,
) -> Tensor:
    """Eq. 1 for every position, not averaged.

    Args and raises as `cross_level_contrastive_loss`.

    Returns:
        (B, n²) non-negative terms, positions row-major.
    """
    _check(global_map, local_map, temperature, negatives)
    with torch.autocast(global_map.device.type, enabled=False):  # τ magnifies rounding
        queries = _vectors(global_map, normalize)  # (B, n², D)
        keys = _vectors(local_map, normalize)
        to_local = queries @ keys.transpose(1, 2) / temperature  # (B, n², n²)
        to_global = queries @ queries.transpose(1, 2) / temperature
    positive = to_local.diagonal(dim1=1, dim2=2)
    itself = torch.eye(positive.shape[1], dtype=torch.bool, device=positive.device)
    pools = {"global": [to_global], "local": [to_local], "both": [to_global, to_local]}[negatives]
    others = [pool.masked_fill(itself, float("-inf")) for pool in pools]
    candidates = torch.cat([positive.unsqueeze(-1), *others], dim=-1)
    return candidates.logsumexp(dim=-1) - positive


def _vectors(feature_map: Tensor, normalize: Normalisation) -> Tensor:
    vectors = widen(feature_map).flatten(2).transpose(1, 2)
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
