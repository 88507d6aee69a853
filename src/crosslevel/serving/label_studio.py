"""Label Studio's protocol of a machine-learning back end: `/health`, `/setup`, `/predict`.

As Label Studio 1.x calls it: https://labelstud.io/guide/ml_create. Training is not offered.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from crosslevel.data.annotations.packing import pack
from crosslevel.data.annotations.shapes import Outlines
from crosslevel.data.annotations.tracing import trace, without_holes
from crosslevel.errors import InputError
from crosslevel.serving.answers import Model
from crosslevel.serving.api import PROBLEMS
from crosslevel.serving.labelling import Labelling, read_labelling
from crosslevel.serving.places import Places, placed
from crosslevel.serving.predictor import Predicted, Predictor
from crosslevel.serving.request_log import LOG
from crosslevel.serving.task_images import opened_image

MOST_TASKS = 256
_CHANNELS = 4
"""Of a brush: red, green, blue and alpha."""
_BODY_PROBLEMS = {status: problem for status, problem in PROBLEMS.items() if status != 503}


class Setup(BaseModel):
    """What Label Studio says when it connects; other fields it sends are not needed."""

    label_interface: str = Field(default="", alias="schema", description="The labelling interface.")


class Version(BaseModel):
    """That the back end is ready."""

    model_version: str


class Health(BaseModel):
    """That the back end is there."""

    status: str = "UP"
    model_class: str = "Crosslevel"


class Task(BaseModel):
    """A task; its image is a `data:` address or a file below the folder of `--files`."""

    data: dict[str, Any]


class Tasks(BaseModel):
    """Tasks to be predicted, with the labelling interface of their project."""

    tasks: list[Task] = Field(max_length=MOST_TASKS)
    label_config: str = ""


class TaskPrediction(BaseModel):
    """Regions of one task."""

    result: list[dict[str, Any]]
    score: float = Field(description="The expected Dice, else the confidence.")
    model_version: str
    error: str | None = Field(default=None, description="Why there are no regions.")


class Predictions(BaseModel):
    """Of each task, in their order."""

    results: list[TaskPrediction]
    model_version: str


@dataclass(frozen=True, slots=True)
class Backend:
    """What answers Label Studio.

    Attributes:
        predictor: What computes.
        model: What is said of it.
        files: Folder whose files tasks may name.
        max_bytes: Of such a file.
    """

    predictor: Predictor
    model: Model
    files: Path | None
    max_bytes: int

    def predict(self, asked: Tasks) -> Predictions:
        """Return the regions of tasks.

        Raises:
            InputError: If the interface does not fit, or no image could be read.
        """
        labelling = read_labelling(asked.label_config, self.model.classes)
        results = [self._predict(task, labelling) for task in asked.tasks]
        if results and all(one.error for one in results):
            raise InputError(str(results[0].error))
        return Predictions(results=results, model_version=self.model.id)

    def _predict(self, task: Task, labelling: Labelling) -> TaskPrediction:
        version = self.model.id
        try:
            named = str(task.data.get(labelling.key, ""))
            with opened_image(named, self.files, self.max_bytes) as (content, name):
                found = self.predictor.predict(content, name)
        except InputError as error:
            LOG.warning("a task has no prediction: %s", error)
            return TaskPrediction(result=[], score=0, model_version=version, error=str(error))
        sure = found.confidence if found.expected_dice is None else found.expected_dice
        score = round(sure, 4)
        regions = list(_regions(found, labelling, score))
        return TaskPrediction(result=regions, score=score, model_version=version)


def label_studio_router(backend: Backend, places: Places) -> APIRouter:
    """Return the routes that Label Studio calls."""
    router = APIRouter(tags=["Label Studio"], responses={401: PROBLEMS[401]})
    queued = APIRouter(route_class=placed(places), tags=["Label Studio"], responses=PROBLEMS)

    @router.get("/health", summary="Whether the back end is there")
    def health() -> Health:
        return Health()

    @router.post("/setup", summary="See that the project's labels fit", responses=_BODY_PROBLEMS)
    def setup(asked: Setup) -> Version:
        read_labelling(asked.label_interface, backend.model.classes)
        return Version(model_version=backend.model.id)

    @queued.post("/predict", summary="Regions of tasks", response_model_exclude_none=True)
    def predict(asked: Tasks) -> Predictions:
        return backend.predict(asked)

    router.include_router(queued)
    return router


def _regions(found: Predicted, labelling: Labelling, score: float) -> Iterator[dict[str, Any]]:
    height, width = found.mask.shape
    for index, label in labelling.labels.items():
        region = found.mask == index
        for shape in _shapes(region, labelling):
            kind = f"{labelling.tool}labels"
            yield {
                "id": secrets.token_hex(5),
                "type": kind,
                "from_name": labelling.from_name,
                "to_name": labelling.to_name,
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "score": score,
                "value": {**shape, kind: [label]},
            }


def _shapes(region: NDArray[np.bool_], labelling: Labelling) -> Iterator[dict[str, Any]]:
    """One brush for a class that has a pixel, or a polygon for each part, in percent."""
    if not region.any():
        return
    if labelling.tool == "brush":
        values = np.repeat(region.ravel().astype(np.uint8) * 255, _CHANNELS)
        yield {"format": "rle", "rle": list(pack(values))}
        return
    percent = 100 / np.array(region.shape[::-1])
    for part in trace(region).parts:
        ring = without_holes(Outlines((part,)))
        yield {"points": (ring * percent).round(5).tolist(), "closed": True}
