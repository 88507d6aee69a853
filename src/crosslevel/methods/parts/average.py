"""An exponential moving average of a network's weights: a teacher, or simply a better network."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn

Buffers = Literal["student", "average"]


class MovingAverage(nn.Module):
    """The average of a network's weights; call `update_parameters(net)` on it each step.

    The decay starts low, min(1 - 1 / (step + 1), decay), so the random start is soon forgotten.
    Unlike torch's `AveragedModel`, the host never waits for the device, so that a step can be
    recorded.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, 2017.

    Args:
        net: What is averaged; the average starts as a copy of it.
        decay: Share of the average that a step keeps, in [0, 1].
        buffers: BatchNorm's running statistics are those of the "student" now, which are of its
            weights; or an "average" of them, too.
    """

    n_averaged: Tensor

    def __init__(self, net: nn.Module, decay: float, buffers: Buffers = "student") -> None:
        super().__init__()
        self.decay, self.buffers_are = decay, buffers
        self.module = deepcopy(net).requires_grad_(False)
        self.register_buffer("n_averaged", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the averaged network gives."""
        return self.module(x)  # type: ignore[no-any-return]

    @torch.no_grad()
    def update_parameters(self, net: nn.Module) -> None:
        """Move the average towards the network's weights, and take or average its buffers."""
        averaged: list[Tensor] = list(self.module.parameters())
        current: list[Tensor] = list(net.parameters())
        for buffer, value in zip(self.module.buffers(), net.buffers(), strict=True):
            if self.buffers_are == "average" and buffer.is_floating_point():
                averaged.append(buffer)
                current.append(value)
            else:
                buffer.copy_(value)
        kept = (1 - 1 / (self.n_averaged + 1)).clamp_max(self.decay)
        behind = torch._foreach_sub(current, averaged)
        torch._foreach_mul_(behind, kept)
        torch._foreach_copy_(averaged, torch._foreach_sub(current, behind))
        self.n_averaged += 1
