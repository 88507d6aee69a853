"""The routes of the service: an image in, its mask out."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Query, Response, UploadFile

from crosslevel.errors import InputError
from crosslevel.images.writing import save_mask
from crosslevel.serving.answers import Model, Prediction, Problem, described
from crosslevel.serving.metrics import Metrics
from crosslevel.serving.places import Places, placed
from crosslevel.serving.predictor import Predicted, Predictor

CONFIDENCE_HEADER = "X-Confidence"
EXPECTED_DICE_HEADER = "X-Expected-Dice"
WARNING_HEADER = "X-Warning"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The form cannot be understood."},
    401: {"model": Problem, "description": "The token is missing or wrong."},
    408: {"model": Problem, "description": "The request came too slowly."},
    413: {"model": Problem, "description": "Too many bytes or pixels."},
    422: {"model": Problem, "description": "What was sent does not fit, and what to do."},
    503: {"model": Problem, "description": "The queue is full; `Retry-After` says when to ask."},
}
_PNG = {
    "description": "With `format=png` the mask: 0 and 255 of one class, else class indices; its "
    f"confidence is in `{CONFIDENCE_HEADER}`, its expected Dice, where it was measured, in "
    f"`{EXPECTED_DICE_HEADER}`. With the others JSON.",
    "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    "model": Prediction,
}


def prediction_router(predictor: Predictor, model: Model, places: Places) -> APIRouter:
    """Return `POST /v1/predict`.

    Args:
        predictor: What computes.
        model: What is said of it.
        places: The queue.
    """
    router = APIRouter(route_class=placed(places), tags=["segmentation"])

    @router.post(
        "/v1/predict",
        summary="The mask of an image",
        response_class=Response,
        responses={200: _PNG, **PROBLEMS},
    )
    def predict(
        image: Annotated[UploadFile, File(description="Any kind of file that `predict` reads.")],
        format: Annotated[
            Literal["png", "polygons", "rle"],
            Query(description="The mask as a picture, or what was found as JSON with shapes."),
        ] = "png",
        frame: Annotated[
            int | None,
            Query(ge=0, le=1_000_000, description="Which page, frame or slice, where several are."),
        ] = None,
        spacing_mm: Annotated[
            list[float] | None,
            Query(
                min_length=2,
                max_length=2,
                description="Height and width of a pixel, where the file does not say them.",
            ),
        ] = None,
    ) -> Response:
        """Predict as the command `predict` does, bit for bit."""
        found = _with_spacing(predictor.predict(image.file, image.filename, frame), spacing_mm)
        if format != "png":
            content = described(found, model, format).model_dump_json(exclude_none=True)
            return Response(content, media_type="application/json")
        return _as_png(found, predictor.segmenter.card.num_channels)

    return router


def _as_png(found: Predicted, num_channels: int) -> Response:
    content = io.BytesIO()
    save_mask(content, found.mask, num_channels)
    headers = {CONFIDENCE_HEADER: f"{found.confidence:.4f}"}
    if found.expected_dice is not None:
        headers[EXPECTED_DICE_HEADER] = f"{found.expected_dice:.4f}"
    if found.note:
        headers[WARNING_HEADER] = found.note.encode("ascii", "replace").decode()
    return Response(content.getvalue(), headers=headers, media_type="image/png")


def _with_spacing(found: Predicted, told: list[float] | None) -> Predicted:
    if told is None:
        return found
    height, width = told
    if not (0 < height < math.inf and 0 < width < math.inf):
        raise InputError(f"spacing_mm is {told}; both sides of a pixel must be above 0 mm.")
    if found.spacing_mm and found.spacing_mm != (height, width):
        raise InputError(
            f"spacing_mm is {told}, but the file says {list(found.spacing_mm)}: leave it out."
        )
    return replace(found, spacing_mm=(height, width))


def service_router(model: Model, metrics: Metrics) -> APIRouter:
    """Return `GET /v1/model` and `GET /metrics`."""
    router = APIRouter(tags=["service"])

    @router.get("/v1/model", summary="The segmenter that answers", responses={401: PROBLEMS[401]})
    def about() -> Model:
        return model

    @router.get(
        "/metrics",
        summary="Counts and times, as Prometheus reads them",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, 401: PROBLEMS[401]},
    )
    def show() -> Response:
        return Response(metrics.text(), media_type=metrics.media_type)

    return router
