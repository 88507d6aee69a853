"""The trained segmenter as its users hold it: images in, masks of the same size out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from crosslevel.data.preprocess import normalise, resize_image
from crosslevel.data.reading import read_image
from crosslevel.files import atomic_file
from crosslevel.losses.probability import to_probabilities
from crosslevel.metrics import to_classes
from crosslevel.model_folder import ModelCard, load_model
from crosslevel.models.segmenter import SegmentationNet
from crosslevel.precision import pick_device
from crosslevel.run_folder import RunFolder

Image = NDArray[np.uint8]
Probabilities = NDArray[np.float32]
MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-1, -2))
"""Axes along which the four test-time views are flipped; the first is the image itself."""


class Segmenter:
    """A trained network with all it takes to use it.

    Args:
        net: The network.
        card: How images are prepared and classes are told.
        device: Where to compute; a CUDA device if there is one, else the CPU.
        flips: Average over the image and its mirror images, four passes instead of one.

    Example:
        >>> from crosslevel.config import ModelConfig
        >>> from crosslevel.models.segmenter import build_segmentation_net
        >>> model = ModelConfig(widths=(4, 8))
        >>> card = ModelCard(method="supervised", model=model, classes=["lesion"],
        ...                  num_channels=1, size=32)
        >>> segmenter = Segmenter(build_segmentation_net(model, 1), card)
        >>> segmenter.predict(np.zeros((50, 70, 3), np.uint8)).shape
        (50, 70)
    """

    def __init__(
        self,
        net: SegmentationNet,
        card: ModelCard,
        device: torch.device | None = None,
        *,
        flips: bool = False,
    ) -> None:
        self.card = card
        self.flips = flips
        self.device = device or pick_device()
        net = net.to(self.device)
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net: SegmentationNet = net.eval()

    @classmethod
    def load(cls, run: str | Path, *, flips: bool = False) -> Segmenter:
        """The best segmenter of a run folder (or a model folder by itself).

        Args:
            run: The folder.
            flips: As of the class.

        Raises:
            InputError: If there is no model, or it cannot be read.
        """
        folder = Path(run)
        has_card = (folder / "model.json").is_file()
        net, card = load_model(folder if has_card else RunFolder(folder).model_folder)
        return cls(net, card, flips=flips)

    def predict(self, image: str | Path | Image) -> NDArray[np.uint8]:
        """Class indices (H, W) of one image, at its own size: 0 background, 1 foreground, ….

        Args:
            image: A path, or an (H, W, 3) uint8 RGB array.
        """
        return to_classes(self.probabilities(image), self.card.threshold)

    def probabilities(self, image: str | Path | Image) -> Probabilities:
        """Probabilities (C, H, W) of one image, at its own size; C = 1 for a binary task."""
        array = image if isinstance(image, np.ndarray) else read_image(Path(image))
        return next(self.stream([array]))

    def stream(self, images: Iterable[Image], batch_size: int = 8) -> Iterator[Probabilities]:
        """Probabilities (C, H, W) of many images of any sizes, at most a batch in memory."""
        for batch, small in self._batches(images, batch_size):
            for image, probability in zip(batch, small, strict=True):
                yield _at_size(probability, image.shape[:2])

    def stream_small(self, images: Iterable[Image], batch_size: int = 8) -> Iterator[Probabilities]:
        """As `stream`, but (C, size, size): what the network itself puts out."""
        for _, small in self._batches(images, batch_size):
            yield from (probability.numpy() for probability in small)

    @torch.inference_mode()
    def _batches(
        self, images: Iterable[Image], batch_size: int
    ) -> Iterator[tuple[list[Image], Tensor]]:
        remaining = iter(images)
        while batch := list(islice(remaining, batch_size)):
            small = np.stack([resize_image(image, self.card.size) for image in batch])
            images_now = normalise(torch.from_numpy(small).to(self.device))
            yield batch, self._forward(images_now).cpu()

    def _forward(self, images: Tensor) -> Tensor:
        axes = MIRRORS if self.flips else MIRRORS[:1]
        views = [to_probabilities(self.net(images.flip(a))).flip(a) for a in axes]
        return torch.stack(views).mean(dim=0)


def write_mask(path: Path, classes: NDArray[np.uint8], num_channels: int) -> None:
    """A PNG of class indices (H, W); of a binary task (one channel) 0 and 255."""
    drawn = classes * np.uint8(255) if num_channels == 1 else classes
    with atomic_file(path) as file:
        PIL.Image.fromarray(drawn).save(file, format="PNG")


def _at_size(probability: Tensor, size: tuple[Any, ...]) -> Probabilities:
    resized = interpolate(probability[None], size=size, mode="bilinear", align_corners=False)
    array: Probabilities = resized[0].numpy()
    return array
