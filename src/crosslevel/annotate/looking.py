"""What a network says of an image before a person does: its mask, how sure it is, how it looks.

One pass gives both probabilities and encoder features, which `rankings` order images by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosslevel.annotate.options import Doubt
from crosslevel.images.preprocess import normalise, resize_image
from crosslevel.inference.confidence import MaskConfidence
from crosslevel.inference.segmenter import at_size, model_folder
from crosslevel.logits import to_classes, to_probabilities
from crosslevel.models.calibration import load_calibration
from crosslevel.models.folder import load_model
from crosslevel.system.devices import this_place

LOGIT_RANGE = 8.0
"""Levels go from -8 to 8, probabilities from 0.0003 to 0.9997: beyond, a network is just sure."""
BATCH = 4


@dataclass(frozen=True, slots=True)
class Look:
    """What a network says of one image.

    Attributes:
        levels: (classes, S, S), the logit of each foreground class against all others in steps
            of 1/16 from -8 (0) to 8 (255).
        features: (F,), the mean of the deepest encoder features over the image, of length 1.
        confidence: Of its mask, in [0, 1]; see `MaskConfidence`.
        certainty: Of its mask, in [0, 1]; see `MaskConfidence.certainty`.
        is_empty: Its mask has no foreground.
        expected_dice: That masks like its own have on average, in [0, 1]; None where nothing
            measured it.
    """

    levels: NDArray[np.uint8]
    features: NDArray[np.float32]
    confidence: float
    certainty: float
    is_empty: bool
    expected_dice: float | None

    @property
    def doubt_from(self) -> Doubt:
        """What `uncertainty` is taken from."""
        return "confidence" if self.expected_dice is None else "expected_dice"

    @property
    def sureness(self) -> float:
        """What its mask is worth, in [0, 1]: the expected Dice, else the confidence."""
        return self.confidence if self.expected_dice is None else self.expected_dice

    @property
    def uncertainty(self) -> float:
        """The sureness turned round."""
        return 1 - self.sureness

    def to_json(self) -> dict[str, Any]:
        """Return what the page says of its mask."""
        return {
            "sureness": round(self.sureness, 4),
            "doubt_from": self.doubt_from,
            "is_empty": self.is_empty,
        }

    def mask(self, size: tuple[int, int], threshold: float) -> NDArray[np.uint8]:
        """Return the (H, W) class indices it suggests at the size of the image.

        Args:
            size: Height and width.
            threshold: Binary only: foreground where the probability is at least this.
        """
        foreground = to_probability(self.levels)
        if len(foreground) == 1:
            return to_classes(at_size(foreground, size), threshold)
        background = 1 - foreground.sum(axis=0, keepdims=True)
        return to_classes(at_size(np.concatenate([background, foreground]), size))


class Looker:
    """A trained network that looks at images.

    Args:
        run: A run folder, or a model folder.

    Raises:
        InputError: If it holds no model.
    """

    def __init__(self, run: Path) -> None:
        folder = model_folder(run)
        net, self.card = load_model(folder)
        known = load_calibration(folder)
        self._judge = known if known and known.threshold == self.card.threshold else None
        self._device = this_place().device
        self._net = net.to(self._device)

    def look(self, images: Sequence[NDArray[np.uint8]]) -> list[Look]:
        """Return a look at each image (H, W, 3), of any sizes; a few fit in memory at once."""
        small = np.stack([resize_image(image, self.card.size) for image in images])
        with torch.inference_mode():
            batch = normalise(torch.from_numpy(small).to(self._device))
            maps = self._net.f.encode(batch)
            probabilities = to_probabilities(self._net.h(self._net.f.decode(maps)))
            features = torch.nn.functional.normalize(maps[-1].float().mean(dim=(2, 3)))
        return [
            self._look(probability, feature)
            for probability, feature in zip(
                probabilities.cpu().numpy(), features.cpu().numpy(), strict=True
            )
        ]

    def expected_dice(self, certainty: float, *, is_empty: bool) -> float | None:
        """Return what `Look.expected_dice` is."""
        judge = self._judge
        return None if judge is None else judge.expected_dice(certainty, is_empty=is_empty)

    def _look(self, probability: NDArray[np.float32], features: NDArray[np.float32]) -> Look:
        said = MaskConfidence(self.card.threshold)
        said.update(probability, to_classes(probability, self.card.threshold))
        certainty = said.certainty()
        return Look(
            levels=to_levels(probability if len(probability) == 1 else probability[1:]),
            features=features,
            confidence=said.compute(),
            certainty=certainty,
            is_empty=said.is_empty,
            expected_dice=self.expected_dice(certainty, is_empty=said.is_empty),
        )


def to_levels(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return probabilities as levels, (C, S, S) each; what is not a number is 0.

    Example:
        >>> to_levels(np.array([[[0.0, 0.5, 1.0]]], np.float32)).tolist()
        [[[0, 128, 255]]]
    """
    known = np.nan_to_num(probability.astype(np.float64), nan=0.0)
    sure = np.exp(-LOGIT_RANGE)
    inside = known.clip(sure / 2, 1 - sure / 2)
    logits = np.log(inside / (1 - inside)).clip(-LOGIT_RANGE, LOGIT_RANGE)
    return np.asarray((logits * 16 + 128).round().clip(0, 255), np.uint8)


def to_probability(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the probabilities of levels, (C, S, S) each."""
    logits = (levels.astype(np.float32) - 128) / 16
    return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
