"""Vectors of earlier steps, kept on the device as further negatives of a contrastive loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crosslevel.losses.places import majority


class ClassQueue(nn.Module):
    """The newest vectors of each class: so the rare class is not crowded out by the background.

    Its buffers have one size from the start and are part of the method's state, so that a resumed
    run goes on with them. What is put in does not change any shape, and nothing waits for the host.

    Source: He et al., *Momentum contrast*, CVPR 2020, for the queue; Alonso et al.,
    *Semi-supervised semantic segmentation with pixel-level contrastive learning from a class-wise
    memory bank*, ICCV 2021, for one queue a class.

    Args:
        num_classes: K.
        length: Q, vectors kept of each class.
        dim: D, of a vector.
    """

    vectors: Tensor
    filled: Tensor

    def __init__(self, num_classes: int, length: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.zeros(num_classes, length, dim))
        self.register_buffer("filled", torch.zeros(num_classes, length))

    def kept(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return copies of what is kept, which a later `push` does not change.

        Returns:
            Vectors (K·Q, D), their classes (K·Q, K) as ones and zeros, and 1 for each place that
            holds a vector already, else 0: (K·Q,).
        """
        num_classes, length, _ = self.vectors.shape
        classes = torch.eye(num_classes, device=self.vectors.device, dtype=self.vectors.dtype)
        return (
            self.vectors.flatten(0, 1).clone(),
            classes.repeat_interleave(length, dim=0),
            self.filled.flatten().clone(),
        )

    @torch.no_grad()
    def push(self, vectors: Tensor, shares: Tensor) -> None:
        """Keep each vector in the queue of the class most of its place belongs to.

        Args:
            vectors: (N, D), newest first.
            shares: (N, K) class shares.
        """
        length = self.vectors.shape[1]
        for of_class, kept, filled in zip(
            majority(shares).T, self.vectors, self.filled, strict=True
        ):
            is_there = torch.cat([of_class.to(filled.dtype), filled])
            newest = is_there.argsort(descending=True, stable=True)[:length]
            kept.copy_(torch.cat([vectors.to(kept.dtype), kept])[newest])
            filled.copy_(is_there[newest])
