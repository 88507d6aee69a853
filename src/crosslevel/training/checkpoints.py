"""Checkpoints: the whole state of a training, written atomically, loaded without running code.

A file is a line with the SHA-256 of the rest, then what `torch.save` writes. The newest file's
predecessor is kept, for the day the newest turns out to be damaged.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from crosslevel.errors import InputError
from crosslevel.system.files import atomic_file


@dataclass
class TrainingState:
    """Where a training is; together with the weights, all that a resumed run needs to know.

    Attributes:
        step: Steps done.
        rows: One dict for each finished epoch, the rows of `log.csv`.
        sums: Sums of the losses by name over the steps of the epoch under way.
        counts: Of those steps, how many had the loss.
        best_dice: Best validation Dice so far, -1 before the first check.
        seconds: Time spent training, over all restarts.
    """

    step: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    best_dice: float = -1.0
    seconds: float = 0.0

    def add_loss(self, name: str, value: float) -> None:
        """Count a loss of the step just done."""
        self.sums[name] = self.sums.get(name, 0.0) + value
        self.counts[name] = self.counts.get(name, 0) + 1

    def take_mean_losses(self) -> dict[str, float]:
        """Return each loss's mean over this epoch's steps that had it, and start the next epoch."""
        means = {name: total / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means


class DamagedCheckpointError(InputError):
    """A checkpoint is not what was written."""


def save_checkpoint(
    path: Path,
    progress: TrainingState,
    method: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    keep_predecessor: bool = False,
) -> None:
    """Write everything needed to go on to `path`, atomically.

    Args:
        path: Replaced, unless `keep_predecessor` moves what is there to `predecessor(path)`.
        progress: Where the training is.
        method: Its weights and buffers are saved.
        optimizer: Its state is saved.
        keep_predecessor: See `path`.
    """
    state = {
        "progress": asdict(progress),
        "method": method.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    saved = io.BytesIO()
    torch.save(state, saved)
    with atomic_file(path) as file:
        file.write(hashlib.sha256(saved.getbuffer()).hexdigest().encode() + b"\n")
        file.write(saved.getbuffer())
        if keep_predecessor and path.is_file():
            path.replace(predecessor(path))


def predecessor(path: Path) -> Path:
    """Return where the checkpoint before this one is."""
    return path.with_suffix(f".before{path.suffix}")


def load_newest(
    path: Path, method: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[TrainingState, list[str]] | None:
    """Bring method and optimiser to the newest whole state, of `path` or its predecessor.

    Returns:
        Where the training was, and a line for each damaged file that was passed over; None if
        nothing has been saved yet.

    Raises:
        InputError: If files are there but none is whole.
    """
    damages: list[str] = []
    for file in _existing(path):
        try:
            return load_checkpoint(file, method, optimizer), damages
        except DamagedCheckpointError as error:
            damages.append(str(error))
    if damages:
        raise InputError(
            "\n".join(damages) + f"\nDelete {path.parent} to start this run's training anew."
        )
    return None


def load_checkpoint(
    path: Path, method: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> TrainingState:
    """Bring method and optimiser to the saved state and say where the training was.

    Raises:
        DamagedCheckpointError: If its checksum is wrong; nothing is loaded then.
        InputError: If it is whole, but of another model or version.
    """
    digest, _, saved = path.read_bytes().partition(b"\n")
    if hashlib.sha256(saved).hexdigest().encode() != digest:
        raise DamagedCheckpointError(f"The checkpoint {path} is damaged (wrong checksum).")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
        method.load_state_dict(state["method"])
        optimizer.load_state_dict(state["optimizer"])
        return TrainingState(**state["progress"])
    except Exception as error:  # torch raises many kinds for what does not fit
        raise InputError(
            f"The checkpoint {path} is of another model or version ({error}): choose another --out."
        ) from error


def _existing(path: Path) -> Iterator[Path]:
    return (file for file in (path, predecessor(path)) if file.is_file())
