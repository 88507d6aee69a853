"""Several processes that train or score together, as `torchrun` starts them.

They are of one mind: each draws the same random numbers, sees the same batch and decides the same.
What each computes of a network's passes alone is in `system.sharing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from crosslevel.errors import InputError, RunError
from crosslevel.system.devices import Place, pick_device

T = TypeVar("T")

PATIENCE = timedelta(hours=6)
"""How long processes wait for each other, for instance for one that lists a large data set; one
that has ended is noticed at once."""
LOST = (
    "Another process of this command has ended, so all of them stop. What was saved last is kept: "
    "repair its cause (see what it said, and the memory), then repeat the command, with as many "
    "processes as you like."
)


def num_processes() -> int:
    """Return how many processes this one was started together with, 1 if it is alone.

    Raises:
        InputError: If the environment contradicts itself.
    """
    return _number("WORLD_SIZE", 1)


@contextmanager
def joined_place() -> Iterator[Place]:
    """Within it this process works with those it was started together with, if there are any.

    Raises:
        InputError: If there are fewer GPUs than processes on this machine.
        RunError: If the others cannot be reached.
    """
    world = num_processes()
    if world == 1:
        yield Place(pick_device())
        return
    place = Place(_own_device(), _number("RANK", 0), world)
    backend = "cpu:gloo,cuda:nccl" if place.device.type == "cuda" else "gloo"
    with _noticing_ends():
        found = rendezvous("env://", place.rank, world, timeout=PATIENCE)
        store, _, _ = next(iter(found))
        _STORES.append(store)
        dist.init_process_group(
            backend, store=store, rank=place.rank, world_size=world, timeout=PATIENCE
        )
    try:
        yield place
    finally:
        dist.destroy_process_group()


def wait_for_all(place: Place) -> None:
    """Go on when every process has come here."""
    if place.world > 1:
        anywhere(place, is_so=False)


def anywhere(place: Place, *, is_so: bool) -> bool:
    """Return whether it is so for any process; all call it at the same point."""
    if place.world == 1:
        return is_so
    found = torch.tensor([float(is_so)])
    with _noticing_ends():
        dist.all_reduce(found, dist.ReduceOp.MAX)
    return bool(found)


def gathered(place: Place, own: T) -> list[T]:
    """Return what each process gives, in the order of their numbers, to every process."""
    if place.world == 1:
        return [own]
    found: list[Any] = [None] * place.world
    with _noticing_ends():
        dist.all_gather_object(found, own)
    return found


def average(place: Place, tensors: Iterable[Tensor | None]) -> None:
    """Set tensors, of one shape everywhere, to their mean over the processes.

    A value that is not finite somewhere is not finite everywhere afterwards.
    """
    there = [x for x in tensors if x is not None]
    if place.world == 1 or not there:
        return
    flat = torch.cat([x.flatten() for x in there])
    sum_over_processes(flat)
    flat /= place.world
    parts = torch.split(flat, [x.numel() for x in there])
    torch._foreach_copy_(there, [part.view_as(x) for part, x in zip(parts, there, strict=True)])


def sum_over_processes(tensor: Tensor) -> None:
    """Add up a tensor over the processes, in place."""
    with _noticing_ends():
        dist.all_reduce(tensor)


def parts_of_all(own: Tensor, sizes: list[int]) -> Tensor:
    """Return the tensors of all processes, one after the other along dimension 0.

    Args:
        own: (sizes[rank], …).
        sizes: How many rows each process has.
    """
    padded = own.new_zeros(max(sizes), *own.shape[1:])
    padded[: len(own)] = own
    found = [torch.empty_like(padded) for _ in sizes]
    with _noticing_ends():
        dist.all_gather(found, padded)
    return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])


def is_first_to_tell() -> bool:
    """Return whether this process is the first of its command to say why it ends.

    One message is enough: the others fail for the same reason, or because the first did.
    """
    if not _STORES:
        return os.environ.get("RANK", "0") == "0"
    try:
        return int(_STORES[0].add("crosslevel/told", 1)) == 1
    except RuntimeError:  # the store has ended with its process, which could not tell
        return True


_STORES: list[Any] = []
"""Where the processes leave each other notes; it outlives their group."""


@contextmanager
def _noticing_ends() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise RunError(LOST) from error


def _own_device() -> torch.device:
    """Return the GPU of this process's number on its machine, or the CPU."""
    number = _number("LOCAL_RANK", 0)
    if pick_device().type != "cuda":
        return torch.device("cpu")
    if number >= torch.cuda.device_count():
        raise InputError(
            f"There are {torch.cuda.device_count()} GPUs for process {number + 1} of this machine: "
            "lower --nproc_per_node, or use the CPU (CUDA_VISIBLE_DEVICES= before the command)."
        )
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device


def _number(name: str, otherwise: int) -> int:
    value = os.environ.get(name, "")
    if value and not value.isdecimal():
        raise InputError(f"The environment variable {name} is {value!r}; it must be a number.")
    return int(value or otherwise)
