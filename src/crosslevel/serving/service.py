"""The service as a whole: a run folder becomes an app that answers requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Unpack

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from crosslevel.inference.options import InferenceKeywords
from crosslevel.inference.segmenter import Segmenter, model_folder
from crosslevel.models.folder import weights_hash
from crosslevel.serving.answers import about_model
from crosslevel.serving.api import prediction_router, service_router
from crosslevel.serving.app import create_app
from crosslevel.serving.guards import refusal
from crosslevel.serving.label_studio import Backend, label_studio_router
from crosslevel.serving.metrics import Measured, Metrics
from crosslevel.serving.options import ServerOptions, ServiceOptions
from crosslevel.serving.pixel_limit import TooManyPixelsError
from crosslevel.serving.places import Places
from crosslevel.serving.predictor import Predictor

TITLE = "Crosslevel"


def create_service(
    run: str | Path,
    options: ServerOptions,
    service: ServiceOptions,
    **inference: Unpack[InferenceKeywords],
) -> FastAPI:
    """Return an app that segments images.

    Args:
        run: A run folder, or a model folder.
        options: Who may call, and how much may be sent.
        service: What is taken.
        inference: Fields of `InferenceOptions`.

    Raises:
        InputError: If there is no model, or the runtime cannot be used.
    """
    segmenter = Segmenter.load(run, **inference)
    return app_of(segmenter, weights_hash(model_folder(run)), options, service)


def app_of(
    segmenter: Segmenter, weights: str, options: ServerOptions, service: ServiceOptions
) -> FastAPI:
    """Return an app with a segmenter.

    Args:
        segmenter: What computes.
        weights: SHA-256 of its weights.
        options: Who may call, and how much may be sent.
        service: What is taken.
    """
    places = Places()
    metrics = Metrics(places)
    predictor = Predictor(segmenter, service.max_pixels)
    model = about_model(segmenter, weights, service.max_pixels)

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        yield
        predictor.close()

    backend = Backend(predictor, model, service.files, options.max_bytes)
    routers = _routers(backend, places, metrics)
    app = create_app(routers, options, title=TITLE, lifespan=closing)
    app.add_exception_handler(TooManyPixelsError, _say_it_is_too_large)
    paths = frozenset(app.openapi()["paths"])
    app.add_middleware(Measured, metrics=metrics, paths=paths)
    app.state.places = places
    return app


def _routers(backend: Backend, places: Places, metrics: Metrics) -> list[APIRouter]:
    return [
        prediction_router(backend.predictor, backend.model, places),
        service_router(backend.model, metrics),
        label_studio_router(backend, places),
    ]


def description() -> dict[str, Any]:
    """Return the OpenAPI description of the service, which is the same for every model."""
    none: Any = None  # routes ask for the model when they are called
    places = Places()
    routers = _routers(Backend(none, none, None, 0), places, Metrics(places))
    return create_app(routers, ServerOptions(), title=TITLE).openapi()


def _say_it_is_too_large(_: Request, error: Exception) -> JSONResponse:
    return refusal(413, str(error))
