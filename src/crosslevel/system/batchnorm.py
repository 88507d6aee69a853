"""BatchNorm over a batch whose images lie in several processes, on any device.

Torch's own (`SyncBatchNorm`) is for GPUs alone, and changes the modules of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.overrides import TorchFunctionMode

from crosslevel.system.distributed import sum_over_processes


class BatchNormOfAll(TorchFunctionMode):
    """Within it BatchNorm in training has the statistics of the images of all processes."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace `batch_norm`, leave all else."""
        if func is F.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(  # noqa: PLR0913 - the arguments of torch's
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    normalised, mean, var, count = _Normalise.apply(x, eps)  # type: ignore[no-untyped-call]
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            unbiased = var * (count / (count - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
    if weight is not None:
        normalised = normalised * _along_channels(weight, x)
    if bias is not None:
        normalised = normalised + _along_channels(bias, x)
    found: Tensor = normalised.to(x.dtype)
    return found


class _Normalise(torch.autograd.Function):
    """(b, C, …) → mean 0 and variance 1 of each channel over the images of all processes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        dims = [dim for dim in range(x.ndim) if dim != 1]
        wide = x if x.dtype == torch.float64 else x.float()
        count = wide.new_full((1,), x.numel() // x.shape[1])
        sums = torch.cat([wide.sum(dims), count])
        sum_over_processes(sums)
        mean, count = sums[:-1] / sums[-1], sums[-1]
        centred = wide - _along_channels(mean, x)
        squares = centred.square().sum(dims)
        sum_over_processes(squares)
        var = squares / count
        scale = (var + eps).rsqrt()
        normalised = centred * _along_channels(scale, x)
        ctx.save_for_backward(normalised, scale, count)
        ctx.mark_non_differentiable(mean, var, count)
        return normalised, mean, var, count

    @staticmethod
    def backward(ctx: Any, slope: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        normalised, scale, count = ctx.saved_tensors
        dims = [dim for dim in range(slope.ndim) if dim != 1]
        sums = torch.stack([slope.sum(dims), (slope * normalised).sum(dims)])
        sum_over_processes(sums)
        of_slope, along = (_along_channels(total / count, slope) for total in sums)
        return (slope - of_slope - normalised * along) * _along_channels(scale, slope), None


def _along_channels(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (like.ndim - 2))
