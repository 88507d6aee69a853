"""Predicted objects as annotations of a tool, for a person to correct there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosslevel.data.annotations.found import Drawing
from crosslevel.data.annotations.objects import shapes_of_mask
from crosslevel.data.annotations.writing import check_new, names_of, write_annotations
from crosslevel.inference.runtimes import Probabilities
from crosslevel.types import AnnotationTool


@dataclass
class Suggestions:
    """What is collected while images are predicted, and written when all of them are.

    Attributes:
        tool: For which tool.
        folder: Where they are written, a new one.
        classes: Names of the foreground classes.
        images: All that are predicted, here or by others that share them.
    """

    tool: AnnotationTool
    folder: Path
    classes: Sequence[str]
    images: Iterable[Path]
    _drawings: dict[Path, Drawing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a folder with anything in it, before long work.

        Raises:
            InputError: There is something.
        """
        self._names = names_of(self.images)
        check_new(self.folder)

    def add(
        self, image: Path, masks: Sequence[NDArray[np.uint8]], sure: NDArray[np.uint8] | None
    ) -> str:
        """Take the objects of an image.

        Args:
            image: Its file.
            masks: (H, W) class indices of each of its frames.
            sure: (H, W), how sure the segmenter is of each pixel; 255 is certain.

        Returns:
            Why nothing is suggested for it, "" if something is.
        """
        if len(masks) > 1 or sure is None:
            return f"{image}: holds several images, which annotations cannot name"
        (mask,) = masks
        height, width = mask.shape
        shapes = shapes_of_mask(mask, self.classes, sure)
        name = self._names[image]
        self._drawings[image] = Drawing(name, image, (height, width), shapes, is_suggested=True)
        return ""

    def write(self) -> None:
        """Write all of them, in the order of the images."""
        drawings = [self._drawings[image] for image in self._names if image in self._drawings]
        if drawings:
            write_annotations(self.tool, drawings, dict.fromkeys(self.classes), self.folder)


def sureness(probability: Probabilities, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the probability of what each pixel was taken for, 255 is 1.

    Args:
        probability: (C, H, W).
        mask: (H, W) class indices.
    """
    if len(probability) == 1:
        chosen = np.where(mask > 0, probability[0], 1 - probability[0])
    else:
        chosen = np.take_along_axis(probability, mask[None].astype(np.int64), axis=0)[0]
    return np.asarray((chosen * 255).round().astype(np.uint8))
