"""Passes that BatchNorm is to forget: of images unlike those the network is evaluated on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """Within it BatchNorm normalises by the batch as in training, but remembers nothing of it."""
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d) and m.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
