"""A model folder without a training, whose masks have both values, and a service of it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastapi import FastAPI
from numpy.typing import NDArray

from crosslevel.config.model import ModelConfig
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import ModelCard, save_model
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.serving.options import ServerOptions, ServiceOptions
from crosslevel.serving.service import create_service
from crosslevel.types import Reading


def picture(height: int = 40, width: int = 50, seed: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3): a bright blot on dark ground, with noise."""
    noise = np.random.default_rng(seed).integers(0, 60, (height, width, 3))
    rows, columns = np.mgrid[:height, :width]
    inside = (rows / height - 0.4) ** 2 + (columns / width - 0.6) ** 2 < 0.08
    return np.asarray(noise + 180 * inside[..., None], np.uint8)


def write_model(folder: Path, *, classes: int = 1, window: tuple[float, ...] = ()) -> Path:
    """Write a random network of 32 px; of one class, half of a `picture` is foreground."""
    torch.manual_seed(3)
    model = ModelConfig(widths=(4, 8))
    num_channels = 1 if classes == 1 else 1 + classes
    net = build_segmentation_net(model, num_channels)
    card = ModelCard(
        method="supervised",
        model=model,
        classes=[f"class{number}" for number in range(1, classes + 1)],
        num_channels=num_channels,
        size=32,
        reading=Reading(window=window),
    )
    save_model(folder, net, card)
    if classes == 1:
        probabilities = Segmenter.load(folder, runtime="torch").probabilities(picture())
        values = {**vars(card), "threshold": float(np.median(probabilities))}
        save_model(folder, net, ModelCard(**values))
    return folder


def service_of(folder: Path, service: ServiceOptions | None = None, **options: Any) -> FastAPI:
    """Return the app of a service."""
    return create_service(
        folder, ServerOptions(**options), service or ServiceOptions(), runtime="torch"
    )
