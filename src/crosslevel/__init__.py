"""Crosslevel: from a folder of images and a few masks to a trained, scored segmenter.

The public names are imported when they are first used, so that `import crosslevel` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosslevel.config import ModelConfig, TrainConfig, preset
    from crosslevel.data.cases import index_cases
    from crosslevel.evaluation import evaluate
    from crosslevel.inference import Segmenter
    from crosslevel.methods.base import Clock, Method, Task
    from crosslevel.prediction import predict
    from crosslevel.training import train
    from crosslevel.types import Batch, Case

_HOMES = {
    "Batch": "types",
    "Case": "types",
    "Clock": "methods.base",
    "Method": "methods.base",
    "ModelConfig": "config",
    "Segmenter": "inference",
    "Task": "methods.base",
    "TrainConfig": "config",
    "evaluate": "evaluation",
    "index_cases": "data.cases",
    "predict": "prediction",
    "preset": "config",
    "train": "training",
}

__all__ = [
    "Batch",
    "Case",
    "Clock",
    "Method",
    "ModelConfig",
    "Segmenter",
    "Task",
    "TrainConfig",
    "evaluate",
    "index_cases",
    "predict",
    "preset",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'crosslevel' has no attribute {name!r}")
    return getattr(import_module(f"crosslevel.{_HOMES[name]}"), name)
