"""The smallest configuration that runs every part of a method."""

from typing import Any

import torch

from crosslevel.config.model import ModelConfig
from crosslevel.config.pretrain import PretrainConfig
from crosslevel.config.settled import SettledConfig
from crosslevel.config.train import TrainConfig
from crosslevel.types import Batch

NEEDED: dict[str, dict[str, Any]] = {
    "clcc": {"args": {"tiles": 2}},
    "urpc": {"model": ModelConfig(widths=(4, 4, 4, 4, 4))},
}
"""Settings without which a method cannot work on 32 px."""


def tiny_config(method: str = "clcc", **changes: Any) -> SettledConfig:
    """32 px, a U-Net of two levels, 3 epochs of 2 steps."""
    of_8_bits: dict[str, Any] = {"window": ()}
    return SettledConfig(**of_8_bits | tiny_settings(method, **changes))


def tiny_auto(**changes: Any) -> TrainConfig:
    """As `tiny_config`, but for method, length and checks, which are "auto"."""
    settings = {"method": "auto", "args": {}, "epochs": "auto", "check_every": "auto"}
    return TrainConfig(**tiny_settings(**{**settings, **changes}))


def tiny_settings(method: str = "clcc", **changes: Any) -> dict[str, Any]:
    """The fields of these configurations."""
    settings: dict[str, Any] = {
        "method": method,
        "size": 32,
        "labelled": 4,
        "batch_labelled": 2,
        "batch_unlabelled": 2,
        "epochs": 3,
        "warmup": 0.1,
        "check_every": 1,
        "precision": "fp32",
        "model": ModelConfig(widths=(4, 8)),
    }
    return {**settings, **NEEDED.get(method, {}), **changes}


def tiny_batch() -> Batch:
    """2 labelled and 3 unlabelled images of 32 px, and all of 64 px, always the same."""
    generator = torch.Generator().manual_seed(1)
    return Batch(
        images=torch.randn(2, 3, 32, 32, generator=generator),
        masks=torch.randint(0, 2, (2, 32, 32), generator=generator),
        unlabelled=torch.randn(3, 3, 32, 32, generator=generator),
        finer=torch.randn(5, 3, 64, 64, generator=generator),
    )


TASK_ARGS: dict[str, dict[str, Any]] = {
    "clcc": {"tiles": 2},
    "densecl": {"queue": 8, "decay": 0.5},
    "moco": {"queue": 8, "decay": 0.5},
}
"""Arguments that let a pretext task show all of itself in a few steps."""


def tiny_pretraining(method: str = "simclr", **changes: Any) -> PretrainConfig:
    """32 px, a U-Net of two levels, 2 epochs of steps of 4 images."""
    settings: dict[str, Any] = {
        "method": method,
        "args": TASK_ARGS.get(method, {}),
        "size": 32,
        "batch": 4,
        "epochs": 2,
        "folds": 0,
        "precision": "fp32",
        "model": ModelConfig(widths=(4, 8)),
    }
    return PretrainConfig(**{**settings, **changes})
