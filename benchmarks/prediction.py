"""Files to masks on disk: `crosslevel.predict` against a plain loop."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.contest import Effort, Row, contest
from benchmarks.plain.predict import predict_plain
from benchmarks.step import config_of
from crosslevel.data.synthetic import write_synthetic
from crosslevel.memory import keep_freed_memory
from crosslevel.model_folder import ModelCard, save_model
from crosslevel.prediction import predict
from crosslevel.training import build_method

SHARE_RTOL = 1e-3
"""Of the foreground: a few pixels lie so near the threshold that rounding decides."""


def measure(effort: Effort) -> list[Row]:
    """Time for a folder, and images a second."""
    size, original, count = (64, 80, 3) if effort.is_quick else (320, 560, 24)
    with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as name:
        folder = Path(name)
        images = write_synthetic(folder / "data", count, size=original, masks=0) / "images"
        settings = {"run": make_run(folder / "run", size), "images": images, "out": folder}
        what = f"prediction of {count} {original} px JPEGs at {size} px"
        return contest(what, OurPrediction, PlainPrediction, settings, effort.repeats, SHARE_RTOL)


def make_run(path: Path, size: int) -> Path:
    """A run folder with the model a training starts with."""
    config = config_of("supervised", size)
    card = ModelCard(
        method="supervised", model=config.model, classes=["lesion"], num_channels=1, size=size
    )
    save_model(path / "model", build_method(config).net, card)
    return path


class OurPrediction:
    """`crosslevel.predict`."""

    def __init__(self, run: Path, images: Path, out: Path) -> None:
        keep_freed_memory()
        self.run_folder, self.images, self.out = run, images, out / "ours"

    def check(self) -> dict[str, float]:
        """Share of the foreground in all masks."""
        self.run()
        return {"foreground": foreground(self.out)}

    def run(self) -> object:
        """All images."""
        return predict(self.run_folder, self.images, self.out)


class PlainPrediction(OurPrediction):
    """`predict_plain`."""

    def __init__(self, run: Path, images: Path, out: Path) -> None:
        self.run_folder, self.images, self.out = run, images, out / "plain"

    def run(self) -> object:
        """All images."""
        predict_plain(self.run_folder, self.images, self.out)
        return None


def foreground(folder: Path) -> float:
    """Mean over the masks in a folder."""
    return float(np.mean([np.asarray(Image.open(path)) > 0 for path in sorted(folder.iterdir())]))
