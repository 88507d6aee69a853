"""Where to compute and in which number format: measured, because a CPU flag does not tell.

Some CPUs that list avx512_bf16 multiply bf16 matrices at half the speed of fp32 ones.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch

from crosslevel.errors import InputError
from crosslevel.system.apple import apple_gpu_problem
from crosslevel.system.randomness import CPU
from crosslevel.types import SettledPrecision

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

VARIABLE = "CROSSLEVEL_DEVICE"

WORTHWHILE = 1.3
"""bf16 is chosen from this ratio of speeds on: below it, the casts eat the gain."""


@dataclass(frozen=True)
class Place:
    """Where a command computes; made once when it begins, and handed to all below.

    Attributes:
        device: A GPU, or the CPU.
        rank: Number of this process among those that share the work, from 0.
        world: Number of these processes.
    """

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and tells for all."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return every `world`-th of the items, from the one at `rank` on.

        Example:
            >>> Place(torch.device("cpu"), rank=1, world=3).share("abcdefg")
            'be'
        """
        return items[self.rank :: self.world]

    @cached_property
    def faster_precision(self) -> SettledPrecision:
        """The faster of fp32 and bf16 on this device, measured when it is first asked for."""
        if self.device.type == "mps":
            return "fp32"
        if self.device.type == "cuda":
            is_native = torch.cuda.is_bf16_supported(including_emulation=False)
            return "bf16" if is_native else "fp32"
        return "bf16" if bf16_speedup() >= WORTHWHILE else "fp32"


def this_place() -> Place:
    """Return the place of a process that works alone."""
    return Place(pick_device())


def pick_device() -> torch.device:
    """Return a CUDA device if there is one, else an Apple GPU that computes rightly, else the CPU.

    `CROSSLEVEL_DEVICE=cpu` asks for the CPU.

    Raises:
        InputError: If that variable has another value.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked not in ("", "cpu"):
        raise InputError(f"{VARIABLE} is {asked!r}; write cpu, or leave it out.")
    if asked or not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        return CPU
    if torch.cuda.is_available():
        return torch.device("cuda")
    if problem := apple_gpu_problem():
        _LOG.warning("The Apple GPU is not used, since %s: computing on the CPU.", problem)
        return CPU
    return torch.device("mps")


def widest_float(device: torch.device) -> torch.dtype:
    """Return the most exact number format of a device; Apple's GPU has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def describe_device(device: torch.device) -> str:
    """Return the name of a GPU, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def free_memory(device: torch.device) -> int:
    """Return the bytes of a GPU that nobody uses; 0 for a device that does not tell."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0


def autocast(precision: SettledPrecision, device: torch.device) -> AbstractContextManager[None]:
    """Return the context in which a forward pass runs in that precision.

    Weights that were cast are not kept for the next pass: until the end of 2025 torch kept those of
    a pass without gradients, too, and later passes had none.
    """
    return torch.autocast(
        device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False
    )


def bf16_speedup(side: int = 768, repeats: int = 20) -> float:
    """Measure how many times faster this CPU multiplies matrices in bf16 than in fp32.

    Both take turns, and the fastest of each counts: the first products of a process are slow.
    """
    formats = torch.float32, torch.bfloat16
    matrices = [torch.ones(side, side, dtype=dtype) for dtype in formats]
    seconds = [[_seconds_of_product(matrix) for matrix in matrices] for _ in range(repeats)]
    return min(fp32 for fp32, _ in seconds) / min(bf16 for _, bf16 in seconds)


def _seconds_of_product(matrix: torch.Tensor) -> float:
    start = time.perf_counter()
    torch.mm(matrix, matrix)
    return time.perf_counter() - start
