"""A device that is not the CPU, for machines that have no other: it computes on the CPU, but its
tensors may no more be mixed with those of the CPU than those of a GPU may.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map

from crosslevel.system import devices
from crosslevel.training import steps

aten = torch.ops.aten
DEVICE = torch.device("lazy:0")
"""Of a type that CPU builds of torch know and have no kernels for."""

FREE_BYTES = 2**30
"""Of its memory, so that the images of a test fit."""

MAY_MIX = {
    aten.copy_.default,
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
"""Operations that take tensors of the CPU beside those of a GPU."""

ASK_FOR_SIZES = {
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.unique_consecutive.default,
    aten.repeat_interleave.Tensor,
    aten.bincount.default,
}
"""Operations that make the CPU wait for a GPU, since their result or its size depends on values."""


class Elsewhere(torch.Tensor):
    """A tensor on that device, around the one on the CPU that has its values."""

    there: torch.Tensor

    @staticmethod
    def __new__(cls, values: torch.Tensor) -> "Elsewhere":
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=values.storage_offset(),
            dtype=values.dtype,
            device=DEVICE,
            requires_grad=values.requires_grad,
        )
        made.there = values.detach()
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.there.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return compute(func, args, kwargs or {})


class Waits(TorchDispatchMode):
    """Within it tensors can be made on that device.

    Attributes:
        count: How often the CPU waited for it. On a GPU each wait empties its queue of work.
        uploads: How many tensors of the CPU were copied to it.
        operations: What ran there, with every argument that is not a tensor of that device.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = self.uploads = 0
        self.operations: list[tuple[Any, ...]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
        ours = [t for t in tensors if isinstance(t, Elsewhere)]
        foreign = [t for t in tensors if not isinstance(t, Elsewhere)]
        target = _type(kwargs.get("device"))
        if ours or target == DEVICE.type:
            self.operations.append((func, *map(_frozen, tree_iter((args, kwargs)))))
        self.count += bool(ours) and (target == "cpu" or _reads(func, args))
        is_moved = target == DEVICE.type or (ours and any(t.ndim for t in foreign))
        self.uploads += len(foreign) if is_moved and not _reads(func, args) else 0
        return compute(func, args, kwargs)


def compute(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation, on the CPU, if a GPU would do it.

    Raises:
        RuntimeError: If it mixes devices.
    """
    tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)]
    ours = [t for t in tensors if isinstance(t, Elsewhere)]
    foreign = [t for t in tensors if not isinstance(t, Elsewhere) and t.ndim]
    if ours and foreign and func not in MAY_MIX:
        raise RuntimeError(f"{func} mixes devices: {[tuple(t.shape) for t in foreign]} is not ours")
    target = _type(kwargs.get("device"))
    args_there, kwargs_there = tree_map(_values, (args, kwargs))
    if target is not None:
        kwargs_there["device"] = torch.device("cpu")
    result = func(*args_there, **kwargs_there)
    if func is aten.copy_.default:
        return args[0]
    if target == "cpu":
        return result.clone()
    if target is None and not ours:
        return result
    moved = tree_map(lambda x: Elsewhere(x) if isinstance(x, torch.Tensor) else x, result)
    return return_and_correct_aliasing(func, args, kwargs, moved) if ours else moved


def _reads(func: Any, args: Any) -> bool:
    """Whether an operation on tensors of that device tells the CPU something of their values."""
    if func is aten.copy_.default:
        return not isinstance(args[0], Elsewhere)
    if func in MAY_MIX:
        return any(t is not None and t.dtype == torch.bool for t in args[1])
    return func is aten._local_scalar_dense.default or func in ASK_FOR_SIZES


def _frozen(x: Any) -> Any:
    """What a recording keeps of an argument: its shape, or its value if the CPU has it."""
    if not isinstance(x, torch.Tensor):
        return x
    return tuple(x.shape) if isinstance(x, Elsewhere) or x.ndim else x.item()


def _values(x: Any) -> Any:
    return x.there if isinstance(x, Elsewhere) else x


def _type(device: Any) -> str | None:
    return None if device is None else torch.device(device).type


@contextmanager
def other_device(patch: pytest.MonkeyPatch) -> Iterator[Waits]:
    """Within it Crosslevel computes on that device, as it does on a GPU where there is one."""
    make_tensor, autocast = torch.tensor, torch.autocast

    def tensor(*args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        made = make_tensor(*args, **kwargs)
        return made if device is None else made.to(device)

    def autocast_on(kind: str, *args: Any, **kwargs: Any) -> Any:
        return nullcontext() if kind == DEVICE.type else autocast(kind, *args, **kwargs)

    with patch.context() as inside, Waits() as waits:
        inside.setattr(devices, "pick_device", lambda: DEVICE)
        inside.setattr(steps, "free_memory", lambda _: FREE_BYTES)
        inside.setattr(torch, "tensor", tensor)  # makes its tensor where no mode sees it
        inside.setattr(torch, "autocast", autocast_on)
        inside.setattr(
            sys.modules[torch.optim.Optimizer.__module__],
            "_get_fused_kernels_supported_devices",
            lambda: ["cpu", DEVICE.type],
        )
        before = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        try:
            yield waits
        finally:
            torch.__future__.set_overwrite_module_params_on_conversion(before)
