"""Files to masks on disk: `crosslevel.predict`, by each runtime, against a plain loop."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.contest import Effort, Row, contest
from benchmarks.plain.predict import predict_plain
from benchmarks.step import config_of
from crosslevel.config.train import TrainConfig
from crosslevel.data.synthetic import write_synthetic
from crosslevel.export.write import export
from crosslevel.inference.predict import predict
from crosslevel.methods.build import build_method
from crosslevel.models.folder import ModelCard, save_model
from crosslevel.training.train import train
from crosslevel.types import ExportPrecision, RuntimeName

SHARE_RTOL = 1e-3
"""Of the foreground: a few pixels lie so near the threshold that rounding decides."""
INT8_RTOL = 0.1
"""What 8 bits change is for the Dice to judge; here only that both find the same lesions."""
RUNTIMES: tuple[tuple[Literal["torch", "onnx", "openvino"], ExportPrecision], ...] = (
    ("torch", "fp32"),
    ("onnx", "fp32"),
    ("openvino", "fp32"),
    ("onnx", "int8"),
    ("openvino", "int8"),
)


def measure(effort: Effort) -> list[Row]:
    """Time for a folder and peak memory: the paper's U-Net, then the recipe's network exported."""
    size, original, count = (64, 80, 3) if effort.is_quick else (320, 560, 24)
    with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as name:
        folder = Path(name)
        images = write_synthetic(folder / "data", count, size=original, masks=0) / "images"
        settings = {"run": make_run(folder / "run", size), "images": images, "out": folder}
        what = f"prediction of {count} {original} px JPEGs at {size} px"
        rows = contest(what, OurPrediction, PlainPrediction, settings, effort.repeats, SHARE_RTOL)
        return [*rows, *_measure_runtimes(folder / "runtimes", effort)]


def _measure_runtimes(folder: Path, effort: Effort) -> Iterator[Row]:
    size, original, count, epochs = (64, 80, 24, 1) if effort.is_quick else (256, 560, 160, 5)
    data = write_synthetic(folder / "data", count, size=original)
    config = TrainConfig(method="supervised", size=size, epochs=epochs, precision="fp32")
    trained = train(data, folder / "trained", config).path
    for runtime, precision in RUNTIMES:
        run = shutil.copytree(trained, folder / f"{runtime}-{precision}")
        if runtime != "torch":
            record = export(run, runtime, precision).record
            # what is measured is time, and few images tell little of a Dice
            replace(record, dice_exported=record.dice_original).save(run / "model" / "exported")
        settings = {"run": run, "images": data / "images", "out": run, "runtime": runtime}
        what = f"{count} {original} px JPEGs at {size} px, Lite0, {runtime} {precision}"
        rtol = SHARE_RTOL if precision == "fp32" else INT8_RTOL
        yield from contest(what, OurPrediction, PlainPrediction, settings, effort.repeats, rtol)


def make_run(path: Path, size: int) -> Path:
    """Return a run folder with the model a training starts with."""
    config = config_of("supervised", size)
    card = ModelCard(
        method="supervised", model=config.model, classes=["lesion"], num_channels=1, size=size
    )
    save_model(path / "model", build_method(config).net, card)
    return path


class OurPrediction:
    """`crosslevel.predict`."""

    def __init__(self, run: Path, images: Path, out: Path, runtime: RuntimeName = "auto") -> None:
        self.run_folder, self.images, self.out = run, images, out / "ours"
        self.runtime = runtime

    def check(self) -> dict[str, float]:
        """Return share of the foreground in all masks."""
        self.run()
        return {"foreground": foreground(self.out)}

    def run(self) -> object:
        """Return all images."""
        return predict(self.run_folder, self.images, self.out, runtime=self.runtime)


class PlainPrediction(OurPrediction):
    """`predict_plain`."""

    def __init__(self, run: Path, images: Path, out: Path, runtime: RuntimeName = "auto") -> None:
        self.run_folder, self.images, self.out = run, images, out / "plain"

    def run(self) -> object:
        """Return all images."""
        predict_plain(self.run_folder, self.images, self.out)
        return None


def foreground(folder: Path) -> float:
    """Return mean over the masks in a folder."""
    return float(
        np.mean([np.asarray(Image.open(path)) > 0 for path in sorted(folder.glob("*.png"))])
    )
