"""Cells of two maps of one image: which show the same place, and how alike they must be."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from crosslevel.errors import InputError
from crosslevel.logits import widen

EPSILON = 1e-6


def cell_similarity_loss(found: Tensor, targets: Tensor, is_pair: Tensor) -> Tensor:
    """Let cells that show the same place be alike: 1 - the mean cosine of an image's pairs.

    Source: Xie et al., *Propagate yourself*, CVPR 2021, Eq. 5, one direction. Differs from the
    paper: 1 is added, so that 0 is the least.

    Args:
        found: (B, P, D), with gradient.
        targets: (B, P, D), without.
        is_pair: (B, P, P), whether cell i of `found` and cell j of `targets` are compared.

    Returns:
        Scalar in [0, 2]; images without a pair count 0.

    Raises:
        InputError: If the shapes do not fit.

    Example:
        >>> cells = torch.eye(2).unsqueeze(0)
        >>> float(cell_similarity_loss(cells, cells.flip(1), torch.eye(2, dtype=torch.bool)[None]))
        1.0
    """
    if found.shape != targets.shape or is_pair.shape != (*found.shape[:2], found.shape[1]):
        raise InputError(
            "Cells must be two of (B, P, D) and pairs (B, P, P); found "
            f"{tuple(found.shape)}, {tuple(targets.shape)} and {tuple(is_pair.shape)}."
        )
    with torch.autocast(found.device.type, enabled=False):
        cosine = unit(found) @ unit(targets.detach()).transpose(1, 2)
    shares = is_pair.to(cosine.dtype)
    num_pairs = shares.sum(dim=(1, 2))
    return (((1 - cosine) * shares).sum(dim=(1, 2)) / num_pairs.clamp_min(1)).mean()


def near_cells(first: Tensor, second: Tensor, reach: Tensor) -> Tensor:
    """Return which cells of two crops lie near each other in the image they are of.

    Args:
        first: (B, P, 2), centres of cells in coordinates of the image.
        second: (B, P, 2).
        reach: (B,), the distance up to which they are near.

    Returns:
        (B, P, P) bool.

    Example:
        >>> points = torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])
        >>> near_cells(points, points, torch.tensor([4.9])).tolist()
        [[[True, False], [False, True]]]
    """
    distance = (first.unsqueeze(2) - second.unsqueeze(1)).square().sum(dim=3).sqrt()
    return distance <= reach.view(-1, 1, 1)


def propagate(cells: Tensor, changed: Tensor, sharpness: float) -> Tensor:
    """Let each cell gather from those it resembles: y_i = Σ_j max(cos(x_i, x_j), 0)^s g(x_j).

    Source: Xie et al., *Propagate yourself*, CVPR 2021, Eq. 3 and 4.

    Args:
        cells: (B, P, D), x.
        changed: (B, P, D), g(x).
        sharpness: s > 0.

    Returns:
        (B, P, D).

    Example:
        >>> cells = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])  # each resembles itself alone
        >>> torch.equal(propagate(cells, cells, 2.0), cells)
        True
    """
    vectors = unit(cells)
    alike = (vectors @ vectors.transpose(1, 2)).clamp_min(0) ** sharpness
    return alike.to(changed.dtype) @ changed


def most_similar(queries: Tensor, others: Tensor) -> Tensor:
    """Return, for each cell, the number of the other map's cell that it resembles most.

    Source: Wang et al., *Dense contrastive learning*, CVPR 2021, Eq. 4.

    Args:
        queries: (B, P, D).
        others: (B, Q, D).

    Returns:
        (B, P) int64.

    Example:
        >>> cells = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
        >>> most_similar(cells, cells.flip(1)).tolist()
        [[1, 0]]
    """
    return (unit(queries) @ unit(others).transpose(1, 2)).argmax(dim=2)


def unit(cells: Tensor) -> Tensor:
    """Scale vectors (…, D) to unit length, in float32 or wider."""
    return F.normalize(widen(cells), dim=-1, eps=EPSILON)
