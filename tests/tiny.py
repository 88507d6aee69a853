"""The smallest configuration that runs every part of a method."""

from typing import Any

from crosslevel.config import ModelConfig, TrainConfig

NEEDED: dict[str, dict[str, Any]] = {
    "clcc": {"args": {"tiles": 2}},
    "urpc": {"model": ModelConfig(widths=(4, 4, 4, 4, 4))},
}
"""Settings without which a method cannot work on 32 px."""


def tiny_config(method: str = "clcc", **changes: Any) -> TrainConfig:
    """32 px, a U-Net of two levels, 3 epochs of 2 steps."""
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
    return TrainConfig(**{**settings, **NEEDED.get(method, {}), **changes})
