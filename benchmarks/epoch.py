"""An epoch from disk: the memory-mapped pack against decoding at every access."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from benchmarks.contest import Effort, Row, contest
from benchmarks.plain.data import PlainDataset
from benchmarks.step import PlainStep, config_of, our_optimisation
from crosslevel.config.settled import SettledConfig
from crosslevel.data.datamodule import DataModule, Sampling
from crosslevel.data.prepare import Prepared, prepare
from crosslevel.data.synthetic import write_synthetic
from crosslevel.system.console import Reporter
from crosslevel.system.memory import keep_freed_memory
from crosslevel.types import Batch

BATCH = 4


def measure(effort: Effort) -> list[Row]:
    """Data alone, data with a supervised step, and what the pack costs once."""
    size, original, count = (32, 48, 20) if effort.is_quick else (320, 560, 40)
    rows = []
    with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as folder:
        data = write_synthetic(Path(folder) / "data", count, size=original)
        settings = {"data": data, "cache": Path(folder) / "cache", "size": size, "trains": False}
        what = f"epoch of {original} px JPEGs at {size} px"
        rows += contest(f"{what}, data alone", OurEpoch, PlainEpoch, settings, effort.repeats)[:1]
        settings["trains"] = True
        rows += contest(f"{what}, supervised", OurEpoch, PlainEpoch, settings, effort.repeats)[:1]
        settings["trains"] = False
        what = f"building the pack of {count} images, against one plain pass"
        rows += contest(what, OurPack, PlainPass, settings, effort.repeats)[:1]
    return rows


class OurEpoch:
    """Every step of an epoch from a `DataModule`."""

    def __init__(self, data: Path, cache: Path, size: int, *, trains: bool) -> None:
        keep_freed_memory()
        os.environ["CROSSLEVEL_CACHE"] = str(cache)
        self.config = _config(size, trains=trains)
        self.prepared = prepare(data, self.config, Reporter(quiet=True))
        self.data = data_module(self.prepared, self.config)
        self.optimisation = our_optimisation(self.config) if trains else None

    def check(self) -> dict[str, float]:
        """Return mean of the validation images and masks."""
        images, masks = zip(*self.data.validation_batches(), strict=True)
        share = sum(float(m.sum()) for m in masks) / sum(m.size for m in masks)
        return {"mean pixel": float(torch.cat(images).mean()), "foreground": share}

    def run(self) -> object:
        """Return one epoch."""
        for step in range(self.data.steps_per_epoch):
            batch = self.data.batch(step)
            if self.optimisation:
                self.optimisation.step(step, batch)
        return None


class PlainEpoch:
    """Every step of an epoch from plain data sets, of the same cases."""

    def __init__(self, data: Path, cache: Path, size: int, *, trains: bool) -> None:
        os.environ["CROSSLEVEL_CACHE"] = str(cache)
        parts = prepare(data, _config(size, trains=trains), Reporter(quiet=True)).parts
        masks = [file for case in parts["train_labelled"] for file in case.mask_files]
        labelled = [case.image for case in parts["train_labelled"]]
        unlabelled = [case.image for case in parts["train_unlabelled"]]
        self.labelled = PlainDataset(labelled, masks, size)
        self.unlabelled = PlainDataset(unlabelled, None, size)
        val_masks = [file for case in parts["val"] for file in case.mask_files]
        val_images = [case.image for case in parts["val"]]
        self.validation = PlainDataset(val_images, val_masks, size, is_turned=False)
        self.contender = PlainStep("supervised", 0.5, size, BATCH) if trains else None

    def check(self) -> dict[str, float]:
        """As ours."""
        images, masks = zip(*(self.validation[i] for i in range(len(self.validation))), strict=True)
        mean, share = torch.stack(images).mean(), torch.stack(masks).float().mean()
        return {"mean pixel": mean.item(), "foreground": share.item()}

    def run(self) -> object:
        """Return one epoch."""
        for batch in self.batches():
            if self.contender:
                self.contender.step(batch)
        return None

    def batches(self) -> Iterator[Batch]:
        """Labelled batches; the unlabelled ones begin again when they end."""
        others = DataLoader(self.unlabelled, BATCH, shuffle=True, drop_last=True)
        if self.contender:
            others = []  # type: ignore[assignment]
        labelled = DataLoader(self.labelled, BATCH, shuffle=True)
        nothing = torch.zeros(0)
        cycle = itertools.cycle(others) if len(others) else itertools.repeat((nothing, nothing))
        for (images, masks), (unlabelled, _) in zip(labelled, cycle, strict=False):
            yield Batch(images, masks, unlabelled)


class OurPack(OurEpoch):
    """The pack, built anew."""

    def run(self) -> object:
        """Build it in a folder of its own."""
        with tempfile.TemporaryDirectory() as cache:
            os.environ["CROSSLEVEL_CACHE"] = cache
            return data_module(self.prepared, self.config)


class PlainPass(PlainEpoch):
    """Every image of the pack, decoded and resized once."""

    def run(self) -> object:
        """Return training and validation images."""
        for dataset in (self.labelled, self.unlabelled, self.validation):
            for index in range(len(dataset)):
                dataset[index]
        return None


def data_module(prepared: Prepared, config: SettledConfig) -> DataModule:
    """Return the `DataModule` of a training."""
    sampling = Sampling(
        batch_labelled=config.batch_labelled, batch_unlabelled=config.batch_unlabelled, seed=0
    )
    hashes = prepared.split.hashes
    return DataModule(prepared.parts, hashes, config.mask_classes, config.size, sampling)


def _config(size: int, *, trains: bool) -> SettledConfig:
    config = replace(config_of("supervised", size), labelled=0.5)
    return replace(config, batch_unlabelled=0) if trains else config
