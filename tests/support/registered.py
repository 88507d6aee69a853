"""The entries of a registry, as a contract runs over them."""

from dataclasses import fields
from typing import Any

import pytest

from crosslevel.config.model import MODELS, ModelConfig
from crosslevel.models.segmenter import BACKBONES

every_backbone = pytest.mark.parametrize(
    "backbone",
    [
        pytest.param(name, marks=[pytest.mark.encoders] if name == "smp" else [])
        for name in BACKBONES
    ],
)
"""By name; the one that needs the `encoders` extra runs with `make test-encoders`."""


def random_start(backbone: str) -> ModelConfig:
    """The backbone with random weights, whatever else it has as it is by default."""
    options: dict[str, Any] = {"weights": None}
    known = {option.name for option in fields(MODELS[backbone])}
    return ModelConfig(name=backbone, **{k: v for k, v in options.items() if k in known})
