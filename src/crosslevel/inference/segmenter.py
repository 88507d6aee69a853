"""The trained segmenter as its users hold it: images in, masks of the same size out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from crosslevel.data.reading import read_image
from crosslevel.errors import InputError
from crosslevel.images.preprocess import resize_image
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.inference.options import InferenceKeywords, InferenceOptions
from crosslevel.inference.runtimes import (
    Image,
    Probabilities,
    Runtime,
    TorchRuntime,
    load_runtime,
)
from crosslevel.inference.windows import window_bands
from crosslevel.logits import to_classes
from crosslevel.models.calibration import Calibration, load_calibration
from crosslevel.models.folder import ModelCard, load_card
from crosslevel.models.hub import fetch, is_address
from crosslevel.runs.folder import RunFolder
from crosslevel.system.devices import this_place

MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-1, -2))
"""Axes of (…, H, W) along which the four test-time views are flipped; the first is the image."""


class Segmenter:
    """A trained network with all it takes to use it.

    Args:
        runtime: What computes probabilities.
        card: How images are prepared and classes are told.
        flips: Average over the image and its mirror images, four passes instead of one.
        sliding_window: Look at the image at its own scale, window by window, instead of resizing
            it to the network's size.
        calibration: What its own numbers are worth, if that was measured.

    Example:
        >>> from crosslevel.config.model import ModelConfig
        >>> from crosslevel.models.segmenter import build_segmentation_net
        >>> from crosslevel.inference.runtimes import ImagesToProbabilities, TorchRuntime
        >>> model = ModelConfig(widths=(4, 8))
        >>> card = ModelCard(method="supervised", model=model, classes=["lesion"],
        ...                  num_channels=1, size=32)
        >>> module = ImagesToProbabilities(build_segmentation_net(model, 1))
        >>> segmenter = Segmenter(TorchRuntime(module, torch.device("cpu")), card)
        >>> segmenter.predict(np.zeros((50, 70, 3), np.uint8)).shape
        (50, 70)
    """

    def __init__(
        self,
        runtime: Runtime,
        card: ModelCard,
        *,
        flips: bool = False,
        sliding_window: bool = False,
        calibration: Calibration | None = None,
    ) -> None:
        self.runtime = runtime
        self.card = card
        self.calibration = calibration
        self.flips = flips
        self.sliding_window = sliding_window

    @classmethod
    def load(cls, run: str | Path, **options: Unpack[InferenceKeywords]) -> Segmenter:
        """Load the best segmenter of a run folder (or of a model folder by itself).

        Args:
            run: The folder, or "hf:owner/name@revision".
            options: Fields of `InferenceOptions`: `flips`, `sliding_window`, `runtime`,
                `threshold`.

        Raises:
            InputError: If there is no model, it cannot be read, or the runtime cannot be used.
        """
        chosen = InferenceOptions(**options)
        folder = model_folder(run)
        loaded = load_runtime(folder, chosen.runtime, this_place().device)
        card = load_card(folder)
        calibration = load_calibration(folder)
        if chosen.threshold is not None:
            card = _at_threshold(card, chosen.threshold)
        return cls(
            loaded,
            card,
            flips=chosen.flips,
            sliding_window=chosen.sliding_window,
            calibration=calibration,
        )

    @property
    def computes_on_cpu(self) -> bool:
        """Whether the CPU computes; exports are for the CPU."""
        runtime = self.runtime
        return not isinstance(runtime, TorchRuntime) or runtime.device.type == "cpu"

    @property
    def judge(self) -> Calibration | None:
        """What tells the expected Dice of a mask: None unless it was measured on such masks."""
        known = self.calibration
        if known is None or self.flips or self.sliding_window:
            return None
        return known if known.threshold == self.card.threshold else None

    def expected_dice(self, confidence: MaskConfidence) -> float | None:
        """Return the Dice that masks like one have on average; None if there is no `judge`."""
        judge = self.judge
        if judge is None:
            return None
        return judge.expected_dice(confidence.certainty(), is_empty=confidence.is_empty)

    def calibrated(self, probability: Probabilities) -> NDArray[np.floating[Any]]:
        """Map probabilities (C, …) as the network gives them to those that hold on average.

        They stay as they are without a calibration, or with flips or a sliding window, for which
        none was measured.
        """
        if self.calibration is None or self.flips or self.sliding_window:
            return probability
        return self.calibration.probabilities(probability)

    def predict(self, image: str | Path | Image) -> NDArray[np.uint8]:
        """Return class indices (H, W) of one image, at its own size: 0 background, 1 foreground, ….

        Args:
            image: A path, or an (H, W, 3) uint8 RGB array.
        """
        return to_classes(self.probabilities(image), self.card.threshold)

    def probabilities(self, image: str | Path | Image) -> Probabilities:
        """Return probabilities (C, H, W) of one image, at its own size; C = 1 for a binary task."""
        array = (
            image if isinstance(image, np.ndarray) else read_image(Path(image), self.card.reading)
        )
        return next(self.stream([array]))

    def stream(self, images: Iterable[Image]) -> Iterator[Probabilities]:
        """Yield probabilities (C, H, W) of many images of any sizes, at most a batch in memory."""
        if self.sliding_window:
            yield from (np.concatenate(list(self.bands(image)), axis=1) for image in images)
            return
        for batch in _batches(images, self.runtime.batch_size):
            small = [resize_image(image, self.card.size) for image in batch]
            for image, probability in zip(batch, self.forward(small), strict=True):
                yield at_size(probability, image.shape[:2])

    def stream_small(self, images: Iterable[Image]) -> Iterator[Probabilities]:
        """Do as `stream`, but (C, size, size): what the network itself puts out."""
        for batch in _batches(images, self.runtime.batch_size):
            yield from self.forward([resize_image(image, self.card.size) for image in batch])

    def bands(self, image: Image) -> Iterator[Probabilities]:
        """Return probabilities (C, rows, W) of one image by a sliding window, from the top."""
        return window_bands(image, self.card.size, self.forward, self.runtime.batch_size)

    def forward(self, images: Sequence[Image]) -> Probabilities:
        """Return probabilities (B, C, size, size) of B images that are (size, size, 3) already."""
        batch = np.stack(images)
        axes = MIRRORS if self.flips else MIRRORS[:1]
        views = [np.flip(self.runtime(_flip_images(batch, a)), a) for a in axes]
        mean: Probabilities = views[0] if len(views) == 1 else np.mean(views, axis=0)
        return mean


def _at_threshold(card: ModelCard, threshold: float) -> ModelCard:
    """Return the card with another threshold.

    Raises:
        InputError: If there are several classes, of which the most probable one wins.
    """
    if card.num_channels > 1:
        raise InputError(
            f"The model has the classes {', '.join(card.classes)}: of each pixel the most probable "
            "one wins, and a threshold is without effect. Leave out --threshold."
        )
    return replace(card, threshold=threshold)


def model_folder(run: str | Path) -> Path:
    """Return the folder of the model itself: of a run folder, given as such, or on a hub.

    Raises:
        InputError: If it is on a hub and not to be had from there (see `models.hub.fetch`).
        RunError: If that hub cannot be reached.
    """
    folder = fetch(run) if is_address(run) else Path(run)
    return folder if (folder / "model.json").is_file() else RunFolder(folder).model_folder


def at_size(probability: Probabilities, size: tuple[Any, ...]) -> Probabilities:
    """Map (C, S, S) → (C, H, W), bilinear."""
    enlarged = interpolate(torch.from_numpy(probability)[None], size=size, mode="bilinear")
    array: Probabilities = enlarged[0].numpy()
    return array


def _batches(images: Iterable[Image], size: int) -> Iterator[list[Image]]:
    remaining = iter(images)
    while batch := list(islice(remaining, size)):
        yield batch


def _flip_images(batch: Image, axes: tuple[int, ...]) -> Image:
    """Return (B, H, W, 3) flipped along the axes that (…, H, W) would be."""
    return np.ascontiguousarray(np.flip(batch, tuple(axis - 1 for axis in axes)))
