"""An exponential moving average of a network's weights: a teacher, or simply a better network."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn


class MovingAverage(nn.Module):
    """The average of a network's weights; call `update_parameters(net)` on it each step.

    The decay starts low, min(1 - 1 / (step + 1), decay), so the random start is soon forgotten.
    Buffers (BatchNorm's running statistics) are those of the network now. Unlike torch's
    `AveragedModel`, the host never waits for the device, so that a step can be recorded.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, 2017.

    Args:
        net: What is averaged; the average starts as a copy of it.
        decay: Share of the average that a step keeps, in [0, 1].
    """

    n_averaged: Tensor

    def __init__(self, net: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.module = deepcopy(net).requires_grad_(False)
        self.register_buffer("n_averaged", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the averaged network gives."""
        return self.module(x)  # type: ignore[no-any-return]

    @torch.no_grad()
    def update_parameters(self, net: nn.Module) -> None:
        """Move the average towards the network's weights, and take its buffers."""
        kept = (1 - 1 / (self.n_averaged + 1)).clamp_max(self.decay)
        averaged: list[Tensor] = list(self.module.parameters())
        current: list[Tensor] = list(net.parameters())
        behind = torch._foreach_sub(current, averaged)
        torch._foreach_mul_(behind, kept)
        torch._foreach_copy_(averaged, torch._foreach_sub(current, behind))
        for buffer, value in zip(self.module.buffers(), net.buffers(), strict=True):
            buffer.copy_(value)
        self.n_averaged += 1
