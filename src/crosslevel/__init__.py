"""Crosslevel: from a folder of images and a few masks to a trained, scored segmenter.

The public names are imported when they are first used, so that `import crosslevel` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosslevel.config.files import preset
    from crosslevel.config.model import ModelConfig
    from crosslevel.config.train import TrainConfig
    from crosslevel.data.cases import index_cases
    from crosslevel.evaluation.evaluate import evaluate
    from crosslevel.inference.predict import predict
    from crosslevel.inference.segmenter import Segmenter
    from crosslevel.methods.base import Clock, Method, Task
    from crosslevel.training.train import train
    from crosslevel.types import Batch, Case

_HOMES = {
    "Batch": "types",
    "Case": "types",
    "Clock": "methods.base",
    "Method": "methods.base",
    "ModelConfig": "config.model",
    "Segmenter": "inference.segmenter",
    "Task": "methods.base",
    "TrainConfig": "config.train",
    "evaluate": "evaluation.evaluate",
    "index_cases": "data.cases",
    "predict": "inference.predict",
    "preset": "config.files",
    "train": "training.train",
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
