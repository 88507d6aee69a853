"""Checkpoints: the whole state of a training, written atomically, loaded without running code."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from crosslevel.errors import InputError
from crosslevel.files import atomic_file


@dataclass
class Progress:
    """Where a training is; together with the weights, all that a resumed run needs to know.

    Attributes:
        step: Steps done.
        rows: One dict for each finished epoch, the rows of `log.csv`.
        sums: Sums of the losses by name over the steps of the epoch under way.
        best_dice: Best validation Dice so far, -1 before the first check.
        seconds: Time spent training, over all restarts.
    """

    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    best_dice: float = -1.0
    seconds: float = 0.0


def save_checkpoint(
    path: Path, progress: Progress, method: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write everything needed to go on to `path`, atomically."""
    state = {
        "progress": asdict(progress),
        "method": method.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    with atomic_file(path) as file:
        torch.save(state, file)


def load_checkpoint(
    path: Path, method: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    """Bring method and optimiser to the saved state and say where the training was.

    Raises:
        InputError: If the file is damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        method.load_state_dict(state["method"])
        optimizer.load_state_dict(state["optimizer"])
        return Progress(**state["progress"])
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(
            f"The checkpoint {path} cannot be read ({error}). Delete it to start this run anew, "
            f"or copy {path.with_name('best.ckpt').name} over it to go on from the best epoch."
        ) from error
