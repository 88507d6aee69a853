"""Keys of earlier steps: negatives that cost no pass, in one buffer that no step copies."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

NOBODY = -1
"""The group of a place that has held nothing yet."""


class KeyQueue(nn.Module):
    """The newest vectors, each with the group of its image, oldest overwritten first.

    Source: He et al., *Momentum contrast for unsupervised visual representation learning*, CVPR
    2020, Sec. 3.2. Differs from the paper: it starts empty instead of random, and remembers whose
    vectors it has, since in a small data set an image would meet its own keys as negatives.

    Args:
        length: Q.
        dim: D.
    """

    vectors: Tensor
    groups: Tensor
    place: Tensor

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(length, dim))
        self.register_buffer("groups", torch.full((length,), NOBODY))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))

    def is_negative(self, groups: Tensor) -> Tensor:
        """Return which places hold a vector of another group: (N,) → (N, Q) bool."""
        return (self.groups != NOBODY) & (self.groups != groups.unsqueeze(1))

    @torch.no_grad()
    def push(self, vectors: Tensor, groups: Tensor) -> None:
        """Keep vectors (N, D), scaled to unit length, with their groups (N,)."""
        length = len(self.vectors)
        newest = normalize(vectors[-length:].to(self.vectors.dtype), dim=1)
        numbers = torch.arange(len(newest), device=newest.device)
        places = (self.place + numbers) % length
        self.vectors.index_copy_(0, places, newest)
        self.groups.index_copy_(0, places, groups[-length:])
        self.place.copy_((self.place + len(newest)) % length)
