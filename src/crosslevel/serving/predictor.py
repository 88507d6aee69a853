"""From an upload to its mask: what `predict` does with a file, for many callers at a time."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray

from crosslevel.data.formats.readers import read_header
from crosslevel.data.reading import read_as_trained
from crosslevel.images.preprocess import resize_image
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.inference.runtimes import Image, Probabilities
from crosslevel.inference.segmenter import Segmenter, at_size
from crosslevel.logits import to_classes
from crosslevel.serving.batcher import Batcher
from crosslevel.serving.pixel_limit import check_pixels
from crosslevel.serving.uploads import Upload, frame_meant, kept


@dataclass(frozen=True, slots=True)
class Predicted:
    """What is known of an image.

    Attributes:
        mask: (H, W) class indices.
        confidence: That of the mask, in [0, 1].
        expected_dice: That such masks have on average, in [0, 1]; None where nothing measured it.
        spacing_mm: Height and width of a pixel, where the file says them.
        note: How the image differs from what the segmenter was trained on, "" if it does not.
    """

    mask: NDArray[np.uint8]
    confidence: float
    expected_dice: float | None
    spacing_mm: tuple[float, float] | None
    note: str


class Predictor:
    """A segmenter that many threads may ask.

    A few at a time read and draw, so that memory is bounded whatever is asked; the network
    computes their images together.

    Args:
        segmenter: What computes.
        max_pixels: Of an image, before it is decoded.
    """

    def __init__(self, segmenter: Segmenter, max_pixels: int) -> None:
        self.segmenter, self.max_pixels = segmenter, max_pixels
        most = 1 if segmenter.sliding_window else segmenter.runtime.batch_size + 1
        self._hands = threading.BoundedSemaphore(most)
        size = segmenter.card.size
        self._batcher = Batcher(segmenter.forward, segmenter.runtime.batch_size)
        self._batcher(np.zeros((size, size, 3), np.uint8))  # the first takes longer
        if not segmenter.sliding_window:
            # The network's thread keeps its cores; of those that read and draw, each would
            # else start as many helpers, which spin on the cores that the network wants.
            torch.set_num_threads(1)
        self._folder = tempfile.TemporaryDirectory(prefix="crosslevel-uploads-")

    def close(self) -> None:
        """End the thread and remove the folder of uploads."""
        self._batcher.close()
        self._folder.cleanup()

    def predict(self, content: BinaryIO, name: str | None, frame: int | None = None) -> Predicted:
        """Return the mask of an image.

        Args:
            content: Of the file, from its first byte.
            name: As its sender calls it.
            frame: Which one of its frames, from 0; None for the only one.

        Raises:
            InputError: If it cannot be read, is too large, or has several frames.
        """
        with kept(content, name, Path(self._folder.name)) as upload, self._hands:
            image, spacing_mm, note = self._read(upload, frame)
            size = image.shape[:2]
            if self.segmenter.sliding_window:
                return _drawn(self.segmenter, self.segmenter.bands(image), spacing_mm, note)
            small = resize_image(image, self.segmenter.card.size)
            del image
        probability = self._batcher(small)
        with self._hands:
            return _drawn(self.segmenter, [at_size(probability, size)], spacing_mm, note)

    def _read(
        self, upload: Upload, frame: int | None
    ) -> tuple[Image, tuple[float, float] | None, str]:
        check_pixels(upload.path, self.max_pixels)
        how = self.segmenter.card.reading
        image, note = read_as_trained(upload.path, how, frame_meant(upload, frame, how))
        return image, read_header(upload.path, how.axis).spacing_mm, note


def _drawn(
    segmenter: Segmenter,
    bands: Iterable[Probabilities],
    spacing_mm: tuple[float, float] | None,
    note: str,
) -> Predicted:
    masks, confidence = [], MaskConfidence(segmenter.card.threshold)
    for probability in bands:
        masks.append(to_classes(probability, segmenter.card.threshold))
        confidence.update(probability, masks[-1])
    return Predicted(
        np.concatenate(masks),
        confidence.compute(),
        segmenter.expected_dice(confidence),
        spacing_mm,
        note,
    )
