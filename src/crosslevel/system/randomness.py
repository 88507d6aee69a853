"""Torch's global random generators: started from a seed, and given back as the caller had them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

CPU = torch.device("cpu")


def seed_generators(seed: int, device: torch.device = CPU) -> None:
    """Start the generators of the CPU and of the device from a seed; no other device's."""
    for generator in _generators(device):
        generator.manual_seed(seed)


@contextmanager
def preserved_generators(device: torch.device = CPU) -> Iterator[None]:
    """Give the generators of the CPU and of the device back as they were before.

    Example:
        >>> before = torch.get_rng_state()
        >>> with preserved_generators():
        ...     seed_generators(1)
        ...     drawn = torch.rand(3)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    generators = _generators(device)
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


class Generator(Protocol):
    """What torch's generators have in common."""

    def manual_seed(self, seed: int) -> object:
        """Start from a seed."""

    def get_state(self) -> Tensor:
        """Return where it is."""

    def set_state(self, state: Tensor) -> object:
        """Go on from there."""


class _AppleGenerator:
    """That of an Apple GPU, which torch has functions for."""

    def manual_seed(self, seed: int) -> None:
        torch.mps.manual_seed(seed)

    def get_state(self) -> Tensor:
        return torch.mps.get_rng_state()

    def set_state(self, state: Tensor) -> None:
        torch.mps.set_rng_state(state)


def _generators(device: torch.device) -> list[Generator]:
    if device.type == "mps":
        return [torch.default_generator, _AppleGenerator()]
    if device.type != "cuda":
        return [torch.default_generator]
    torch.cuda.init()  # type: ignore[no-untyped-call] # until then it has no generators
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]
