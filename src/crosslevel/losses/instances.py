"""Contrast of whole images, or of cells of their maps: a vector finds its partner among others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from crosslevel.errors import InputError
from crosslevel.logits import widen

SMALLEST = 1e-12
"""Of a squared distance, so that its root has a gradient."""


def nt_xent_loss(
    first: Tensor, second: Tensor, *, temperature: float = 0.07, groups: Tensor | None = None
) -> Tensor:
    """Let each vector find its other view among all vectors of the batch.

    Source: Chen et al., *A simple framework for contrastive learning of visual representations*,
    ICML 2020, Eq. 1, averaged over both directions. Differs from the paper: images of one group
    are not each other's negatives, if groups are given.

    Args:
        first: (N, D), one vector an image; they are scaled to unit length.
        second: (N, D), of another view of the same images.
        temperature: τ > 0.
        groups: (N,) the group of each image.

    Returns:
        Scalar.

    Raises:
        InputError: If the shapes differ or τ is not positive.

    Example:
        >>> same = torch.ones(2, 4)  # of 3 candidates, none is better than another: ln 3
        >>> round(float(nt_xent_loss(same, same, temperature=1.0)), 4)
        1.0986
    """
    _check(first, second, temperature)
    with torch.autocast(first.device.type, enabled=False):
        vectors = F.normalize(torch.cat([widen(first), widen(second)]), dim=1)
        similar = vectors @ vectors.T / temperature  # (2N, 2N)
    count = len(first)
    positive = similar.roll(count, dims=1).diagonal()
    itself = torch.eye(2 * count, dtype=torch.bool, device=similar.device)
    left_out = itself
    if groups is not None:
        both = torch.cat([groups, groups])
        partner = itself.roll(count, dims=1)
        left_out = itself | ((both.unsqueeze(1) == both) & ~partner)
    candidates = similar.masked_fill(left_out, float("-inf"))
    return (candidates.logsumexp(dim=1) - positive).mean()


def queue_contrast_loss(
    queries: Tensor,
    keys: Tensor,
    kept: Tensor,
    is_negative: Tensor,
    *,
    temperature: float = 0.07,
    shares: Tensor | None = None,
) -> Tensor:
    """Let each query find its key among vectors of earlier steps.

    Source: He et al., *Momentum contrast for unsupervised visual representation learning*, CVPR
    2020, Eq. 1.

    Args:
        queries: (N, D), with gradient; they are scaled to unit length, as the keys are.
        keys: (N, D), without gradient.
        kept: (Q, D), of unit length.
        is_negative: (N, Q) bool, which of them each query is compared with.
        temperature: τ > 0.
        shares: (N,) how much each query counts in the mean, or whether it does; alike if left out.

    Returns:
        Scalar; 0 where nothing is a negative, or nothing counts.

    Raises:
        InputError: If the shapes differ or τ is not positive.

    Example:
        >>> one, none = torch.ones(1, 1), torch.zeros(1, 1, dtype=torch.bool)
        >>> float(queue_contrast_loss(one, one, one, none, temperature=0.2))
        0.0
        >>> round(float(queue_contrast_loss(one, one, one, ~none, temperature=0.2)), 4)  # ln 2
        0.6931
    """
    _check(queries, keys, temperature)
    if kept.shape[1:] != keys.shape[1:] or is_negative.shape != (len(keys), len(kept)):
        raise InputError(
            f"Kept vectors must be (Q, D) and is_negative (N, Q) for keys {tuple(keys.shape)}; "
            f"found {tuple(kept.shape)} and {tuple(is_negative.shape)}."
        )
    with torch.autocast(queries.device.type, enabled=False):
        queries = F.normalize(widen(queries), dim=1)
        keys = F.normalize(widen(keys.detach()), dim=1)
        positive = (queries * keys).sum(dim=1, keepdim=True) / temperature
        others = queries @ widen(kept).to(queries.dtype).T / temperature
    candidates = torch.cat([positive, others.masked_fill(~is_negative, float("-inf"))], dim=1)
    terms = candidates.logsumexp(dim=1) - positive[:, 0]
    if shares is None:
        return terms.mean()
    weights = shares.to(terms.dtype)
    return (weights * terms).sum() / weights.sum().clamp_min(SMALLEST)


def margin_pair_loss(
    first: Tensor, second: Tensor, *, margin: float, groups: Tensor | None = None
) -> Tensor:
    """Pull views of one image together, and push different images a margin apart.

    Source: Hadsell et al., *Dimensionality reduction by learning an invariant mapping*, CVPR 2006,
    Eq. 4, with all pairs of an image of one view and another of the other. Differs from the paper:
    like and unlike pairs are averaged apart, since there are many more of these.

    Args:
        first: (N, D), one vector an image.
        second: (N, D), of another view of the same images.
        margin: m > 0, in the units of the vectors.
        groups: (N,) the group of each image; images of one group are not pushed apart.

    Returns:
        Scalar.

    Raises:
        InputError: If the shapes differ or the margin is not positive.

    Example:
        >>> points = torch.tensor([[0.0], [0.4]])  # ½ (1 - 0.4)² from each side
        >>> round(float(margin_pair_loss(points, points, margin=1.0)), 4)
        0.18
    """
    _check(first, second, margin, "margin")
    first, second = widen(first), widen(second)
    squared = (first.unsqueeze(1) - second).square().sum(dim=2)  # (N, N)
    own = torch.arange(len(first), device=first.device) if groups is None else groups
    is_other = (own.unsqueeze(1) != own).to(squared.dtype)
    missing = (margin - squared.clamp_min(SMALLEST).sqrt()).clamp_min(0).square()
    apart = (is_other * missing).sum() / is_other.sum().clamp_min(1)
    return 0.5 * (squared.diagonal().mean() + apart)


def _check(first: Tensor, second: Tensor, value: float, name: str = "temperature") -> None:
    if first.shape != second.shape or first.ndim != 2:
        raise InputError(
            "Both views must have vectors of one shape (N, D); found "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    if value <= 0:
        raise InputError(f"{name} is {value}; it must be greater than 0.")
