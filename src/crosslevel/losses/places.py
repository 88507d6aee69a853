"""What class each place of an image is taken for, and which places Eq. 1 therefore counts."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

SameClass = Literal["negative", "left_out", "weighed"]
Anchors = Literal["all", "balanced", "lesion"]
Positives = Literal["own", "mixed"]

EPSILON = 1e-6


def class_shares(probabilities: Tensor, n: int) -> Tensor:
    """Return how much of each place belongs to each class.

    Args:
        probabilities: (B, K, H, W) of the K classes, background first; sides divisible by n.
        n: Places along each axis.

    Returns:
        (B, n², K) without gradient, row-major, each place's summing to 1.

    Example:
        >>> import torch
        >>> lesion = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
        >>> class_shares(torch.stack([1 - lesion, lesion])[None], 1)
        tensor([[[0.2500, 0.7500]]])
    """
    pooled = F.adaptive_avg_pool2d(probabilities.detach(), n)
    return pooled.flatten(2).transpose(1, 2)


def majority(shares: Tensor) -> Tensor:
    """Return 1 for the class most of a place belongs to, 0 for the others: (…, K) → (…, K)."""
    return F.one_hot(shares.argmax(dim=-1), shares.shape[-1]).to(shares.dtype)


def negative_shares(anchors: Tensor, others: Tensor, same_class: SameClass) -> Tensor | None:
    """Return how much each other place counts as a negative of each anchor.

    Args:
        anchors: (…, P, K) class shares.
        others: (…, Q, K) class shares.
        same_class: What places of the anchor's class are: negatives as any other ("negative"),
            left out ("left_out", by the majority of each), or weighed by 1 - Σ_k q_k r_k, the
            probability that a pixel of one and a pixel of the other differ ("weighed").

    Returns:
        (…, P, Q) in [0, 1]; None if all count fully.

    Example:
        >>> import torch
        >>> lesion, background = torch.tensor([0.2, 0.8]), torch.tensor([1.0, 0.0])
        >>> places = torch.stack([lesion, background])
        >>> negative_shares(places, places, "left_out")
        tensor([[0., 1.],
                [1., 0.]])
    """
    if same_class == "negative":
        return None
    if same_class == "left_out":
        anchors, others = majority(anchors), majority(others)
    return (1 - anchors @ others.transpose(-1, -2)).clamp(0, 1)


def anchor_shares(shares: Tensor, anchors: Anchors) -> Tensor | None:
    """Return how much each place counts as an anchor.

    Args:
        shares: (…, P, K) class shares, background first.
        anchors: "all" alike; "balanced": the places of each class, by their majority, count the
            same together; "lesion": those of the background do not count.

    Returns:
        (…, P) in [0, 1]; None if all count fully.

    Example:
        >>> import torch
        >>> places = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.3, 0.7]])
        >>> anchor_shares(places, "balanced")
        tensor([0.5000, 0.5000, 1.0000])
    """
    if anchors == "all":
        return None
    classes = majority(shares)
    if anchors == "lesion":
        return 1 - classes[..., 0]
    counts = classes.flatten(0, -2).sum(dim=0)
    return classes @ (1 / counts.clamp_min(1))


def positive_shares(shares: Tensor, positives: Positives) -> Tensor | None:
    """Return how much each place is the positive of each anchor, instead of its own place alone.

    A place of one class has its own place as its target. Of a place of several classes, the share
    m_i = 1 - Σ_k q_ik², the probability that two of its pixels differ in class, is dealt out to the
    other places in proportion to r_ij = Σ_k q_ik q_jk, the probability that a pixel of one and a
    pixel of the other do not: t_ij = m_i r_ij / Σ_{l≠i} r_il for j ≠ i, and t_ii = 1 - m_i. Where
    no other place has a class of the anchor's, t_ii is 1.

    Args:
        shares: (…, P, K) class shares.
        positives: "own": each anchor's own place; "mixed": as above.

    Returns:
        (…, P, P), each row summing to 1; None for the own places.

    Example:
        >>> lesion, background = torch.tensor([0.2, 0.8]), torch.tensor([1.0, 0.0])
        >>> positive_shares(torch.stack([lesion, background]), "mixed")
        tensor([[0.6800, 0.3200],
                [0.0000, 1.0000]])
    """
    if positives == "own":
        return None
    itself = torch.eye(shares.shape[-2], dtype=torch.bool, device=shares.device)
    agreement = (shares @ shares.transpose(-1, -2)).masked_fill(itself, 0)
    total = agreement.sum(dim=-1, keepdim=True)
    mixed = (1 - shares.square().sum(dim=-1, keepdim=True)).clamp(0, 1) * (total > EPSILON)
    others = mixed * agreement / total.clamp_min(EPSILON)
    return others + torch.diag_embed(1 - mixed.squeeze(-1))
