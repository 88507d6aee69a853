"""An exponential moving average of a network's weights: a teacher, or simply a better network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Tensors = list[Tensor] | tuple[Tensor, ...]


def moving_average_of(net: nn.Module, decay: float) -> AveragedModel:
    """Return the average of the weights; call `update_parameters(net)` on it each step.

    The decay starts low, min(1 - 1 / (step + 1), decay), so the random start is soon forgotten.
    Buffers (BatchNorm's running statistics) are those of the network now.

    Source: Tarvainen and Valpola, *Mean teachers are better role models*, 2017.
    """

    def average(averaged: Tensors, current: Tensors, num_averaged: Tensor | int) -> None:
        kept = min(1 - 1 / (int(num_averaged) + 1), decay)
        get_ema_multi_avg_fn(kept)(averaged, current, num_averaged)  # type: ignore[no-untyped-call]

    return AveragedModel(net, multi_avg_fn=average).requires_grad_(False)
