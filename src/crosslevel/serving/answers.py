"""What the service says of an image and of its model, in the words of its OpenAPI description."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field

from crosslevel.data.annotations.coco import compress
from crosslevel.data.annotations.shapes import Runs
from crosslevel.data.annotations.tracing import trace
from crosslevel.inference.segmenter import Segmenter
from crosslevel.serving.predictor import Predicted

Shape = Literal["polygons", "rle"]
Polygon = list[list[tuple[float, float]]]
"""Rings of corners x, y: the outer one, then holes."""


class CocoRle(BaseModel):
    """COCO's compressed run-length encoding."""

    size: tuple[int, int] = Field(description="Height and width.")
    counts: str


class ClassFound(BaseModel):
    """One class in one image."""

    name: str
    index: int = Field(description="In the mask; 0 is background.")
    area_px: int
    area_mm2: float | None = Field(default=None, description="Where the size of a pixel is known.")
    polygons: list[Polygon] | None = Field(
        default=None,
        description="With `format=polygons`: of each its outer ring of corners x, y in pixels from "
        "the upper left corner, then its holes. Pixels whose middle is inside are of the class.",
    )
    rle: CocoRle | None = Field(default=None, description="With `format=rle`.")


class Prediction(BaseModel):
    """What was found in an image."""

    height: int
    width: int
    confidence: float = Field(
        description="About the Dice to expect if the network's own probabilities were right, in "
        "[0, 1]; often too high."
    )
    expected_dice: float | None = Field(
        default=None,
        description="The Dice that such masks had on average on images held out, in [0, 1]; of a "
        "mask without foreground, the chance that nothing is there. Left out where it was not "
        "measured: a model without a calibration, or flips, a sliding window or another threshold "
        "than it was measured with.",
    )
    spacing_mm: tuple[float, float] | None = Field(
        default=None, description="Height, width of a pixel."
    )
    warning: str | None = Field(
        default=None, description="How it differs from the training's images."
    )
    classes: list[ClassFound]
    model: str = Field(description="The `id` that `/v1/model` gives.")


class Model(BaseModel):
    """The segmenter that answers."""

    id: str = Field(description="The beginning of the SHA-256 of its weights.")
    method: str = Field(description="That trained it.")
    network: str
    classes: list[str] = Field(
        description="Foreground classes, in the order of their index from 1."
    )
    size: int = Field(description="Side in pixels to which images are resized for it.")
    threshold: float = Field(description="Of one class: foreground from this probability on.")
    runtime: str
    flips: bool
    sliding_window: bool
    has_expected_dice: bool = Field(description="Whether predictions have an `expected_dice`.")
    max_pixels: int = Field(description="Of an image that is sent.")
    version: str = Field(description="Of Crosslevel.")


class Problem(BaseModel):
    """Why there is no answer, and what to do."""

    detail: str | list[dict[str, Any]] = Field(description="A list where a parameter does not fit.")


def about_model(segmenter: Segmenter, weights: str, max_pixels: int) -> Model:
    """Return what `/v1/model` says.

    Args:
        segmenter: That answers.
        weights: SHA-256 of its weights.
        max_pixels: Of an image that is sent.
    """
    card = segmenter.card
    return Model(
        id=weights[:12],
        method=card.method,
        network=card.model.name,
        classes=card.classes,
        size=card.size,
        threshold=card.threshold,
        runtime=segmenter.runtime.name,
        flips=segmenter.flips,
        sliding_window=segmenter.sliding_window,
        has_expected_dice=segmenter.judge is not None,
        max_pixels=max_pixels,
        version=version("crosslevel"),
    )


def described(found: Predicted, model: Model, shape: Shape) -> Prediction:
    """Return what was found in an image, its classes in this shape."""
    height, width = found.mask.shape
    return Prediction(
        height=height,
        width=width,
        confidence=round(found.confidence, 4),
        expected_dice=None if found.expected_dice is None else round(found.expected_dice, 4),
        spacing_mm=found.spacing_mm,
        warning=found.note or None,
        classes=[_class(found, i, name, shape) for i, name in enumerate(model.classes, start=1)],
        model=model.id,
    )


def _class(found: Predicted, index: int, name: str, shape: Shape) -> ClassFound:
    region = found.mask == index
    area = int(np.count_nonzero(region))
    one = ClassFound(name=name, index=index, area_px=area)
    if found.spacing_mm:
        one.area_mm2 = area * found.spacing_mm[0] * found.spacing_mm[1]
    if shape == "polygons":
        parts = trace(region).parts if area else ()
        one.polygons = [[[(x, y) for x, y in ring.tolist()] for ring in part] for part in parts]
    else:
        height, width = region.shape
        one.rle = CocoRle(
            size=(height, width), counts=compress(Runs.of(region, by_column=True).counts)
        )
    return one
