"""Does anything grow with the number of images? Generated data sets of very small files."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.contest import MIB, Effort, Row, Worker
from benchmarks.epoch import data_module
from benchmarks.step import config_of, our_optimisation
from crosslevel.config.model import ModelConfig
from crosslevel.config.settled import SettledConfig
from crosslevel.data.prepare import prepare
from crosslevel.methods.build import with_all_args
from crosslevel.system.console import Reporter
from crosslevel.system.memory import keep_freed_memory, return_freed_memory

NUM_MASKS = 40
UNITS = {"index + check": "files / CPU s", "cache": "files / CPU s", "step": "CPU s",
         "resident": "MiB"}  # fmt: skip


def measure(effort: Effort) -> list[Row]:
    """Return a row for each size and quantity; "plain" is the smallest size of ours."""
    counts = [60, 120] if effort.is_quick else [1_000, 10_000] + [100_000] * effort.is_full
    size, num_steps = (32, 3) if effort.is_quick else (64, 200)
    rows: list[Row] = []
    smallest: dict[str, float] = {}
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as name:
            data = write_many(Path(name) / "data", count, size)
            settings = {"data": data, "cache": Path(name), "size": size, "num_steps": num_steps}
            with Worker(Scale, settings) as worker:
                found = worker.ask("check")
        smallest = smallest or found
        for quantity, value in found.items():
            ratio = value / smallest[quantity] if quantity in ("index + check", "cache") else None
            ratio = ratio or smallest[quantity] / value
            what = f"{count} images: {quantity} (against {counts[0]})"
            unit = UNITS[quantity]
            rows.append(
                Row(what=what, unit=unit, ours=value, plain=smallest[quantity], ratio=ratio)
            )
    return rows


def write_many(folder: Path, count: int, size: int) -> Path:
    """Small PNGs of which no two look alike, the first of them with masks."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    mask = np.zeros((size, size), np.uint8)
    mask[: size // 3] = 255
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index:06}.png", compress_level=1)
        if index < NUM_MASKS:
            Image.fromarray(mask).save(folder / "masks" / f"{index:06}.png")
    return folder


class Scale:
    """Prepare, pack and train on a data set, once."""

    def __init__(self, data: Path, cache: Path, size: int, num_steps: int) -> None:
        keep_freed_memory()
        os.environ["CROSSLEVEL_CACHE"] = str(cache)
        self.folder, self.num_steps = data, num_steps
        self.config: SettledConfig = with_all_args(
            replace(config_of("mean_teacher", size), model=ModelConfig(widths=(8, 16)), args={})
        )

    def check(self) -> dict[str, float]:
        """Rates, seconds a step, and resident memory after the steps."""
        count = sum(1 for _ in (self.folder / "images").iterdir())
        start = time.process_time()
        prepared = prepare(self.folder, self.config, Reporter(quiet=True))
        checked = time.process_time()
        data = data_module(prepared, self.config)
        packed = time.process_time()
        del prepared
        return_freed_memory()
        optimisation = our_optimisation(self.config)
        seconds = []
        for step in range(self.num_steps):
            before = time.process_time()
            optimisation.step(step, data.batch(step))
            seconds.append(time.process_time() - before)
        return {
            "index + check": count / (checked - start),
            "cache": count / (packed - checked),
            "step": statistics.median(seconds),
            "resident": resident() / MIB,
        }

    def run(self) -> object:
        """Return nothing: everything is measured in `check`."""
        return None


def resident() -> int:
    """Return bytes of this process in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
