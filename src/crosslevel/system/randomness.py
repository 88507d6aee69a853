"""Torch's global random generators: started from a seed, and given back as the caller had them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

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


def _generators(device: torch.device) -> list[torch.Generator]:
    if device.type != "cuda":
        return [torch.default_generator]
    torch.cuda.init()  # type: ignore[no-untyped-call] # until then it has no generators
    index = torch.cuda.current_device() if device.index is None else device.index
    return [torch.default_generator, torch.cuda.default_generators[index]]
