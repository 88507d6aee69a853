"""A network's pass shared out: each process computes some images of a batch, all get the whole.

A method goes on seeing whole batches and whole predictions, so its losses, queues and critics are
those of one process without knowing of several. Where a network begins, each process takes its
images; where it ends, the results are put together. BatchNorm's statistics are those of all.

Gradients: what is whole has its whole gradient in every process. Between, a process has `world`
times its part of it, so that the *mean* over the processes is right for every weight: one that was
used within a shared pass, outside, or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from crosslevel.system.batchnorm import BatchNormOfAll
from crosslevel.system.devices import Place
from crosslevel.system.distributed import parts_of_all

P = ParamSpec("P")
R = TypeVar("R")

_place: ContextVar[Place | None] = ContextVar("place", default=None)
"""Whose processes share passes just now; None outside of `sharing`, and within a shared pass."""


@contextmanager
def sharing(place: Place) -> Iterator[None]:
    """Within it networks compute a share of their batch each, if there are several processes."""
    token = _place.set(place if place.world > 1 else None)
    try:
        yield
    finally:
        _place.reset(token)


def shared_out(forward: Callable[P, R]) -> Callable[P, R]:
    """Let a module's pass be shared out, within `sharing`.

    Args:
        forward: (module, tensors or sequences of them (B, …)) → the same kind of values. Images
            must not depend on each other but through BatchNorm, and nothing may be drawn in it.
    """

    @wraps(forward)
    def passed(*args: P.args, **kwargs: P.kwargs) -> R:
        place = _place.get()
        if place is None:
            return forward(*args, **kwargs)
        module, *inputs = args
        count = len(_first(inputs))
        if count < place.world:  # everyone computes the few
            with _outside():
                return forward(*args, **kwargs)
        share = _Share(place, count)
        own = [_each(x, partial(_apply, _Take, share)) for x in inputs]
        with _outside(), BatchNormOfAll():
            found = forward(module, *own, **kwargs)  # type: ignore[arg-type]
        whole: R = _each(found, partial(_apply, _Join, share))
        return whole

    return passed


class _Share:
    """Which rows of a batch this process computes.

    Args:
        place: Of this process.
        count: Rows of the batch, at least one for each process.
    """

    def __init__(self, place: Place, count: int) -> None:
        least, more = divmod(count, place.world)
        self.sizes = [least + (rank < more) for rank in range(place.world)]
        start = sum(self.sizes[: place.rank])
        self.own = slice(start, start + self.sizes[place.rank])
        self.world = place.world


class _Take(torch.autograd.Function):
    """From a whole batch, the rows of this process."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, share: _Share) -> Tensor:
        ctx.share = share
        return whole[share.own].clone(memory_format=torch.preserve_format)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        share: _Share = ctx.share
        return parts_of_all(slope, share.sizes) / share.world, None


class _Join(torch.autograd.Function):
    """From the rows of this process, the whole batch."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, share: _Share) -> Tensor:
        ctx.share = share
        return parts_of_all(own, share.sizes)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        share: _Share = ctx.share
        return slope[share.own] * share.world, None


def _apply(function: type[torch.autograd.Function], share: _Share, tensor: Tensor) -> Any:
    return function.apply(tensor, share)  # type: ignore[no-untyped-call]


@contextmanager
def _outside() -> Iterator[None]:
    token = _place.set(None)
    try:
        yield
    finally:
        _place.reset(token)


def _first(values: Any) -> Tensor:
    while not isinstance(values, Tensor):
        values = values[0]
    return values


def _each(values: Any, change: Callable[[Tensor], Any]) -> Any:
    if isinstance(values, Tensor):
        return change(values)
    return [_each(value, change) for value in values]
