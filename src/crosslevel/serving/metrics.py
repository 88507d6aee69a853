"""Counts and times of the service, as Prometheus reads them."""

from __future__ import annotations

import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crosslevel.serving.places import Places

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
_OTHER = "other"


class Metrics:
    """What is counted.

    Args:
        places: The queue, whose length is told.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, places: Places) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "crosslevel_requests",
            "Requests answered",
            ("path", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "crosslevel_request_seconds",
            "Time from the head of a request to the end of its answer",
            ("path",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        waiting = Gauge(
            "crosslevel_waiting_requests", "Requests in the queue", registry=self._registry
        )
        waiting.set_function(lambda: places.num_taken)

    def text(self) -> bytes:
        """Return them all."""
        return generate_latest(self._registry)


class Measured:
    """Counts every request, by path and status, and its seconds.

    Args:
        app: What answers.
        metrics: Where to count.
        paths: Those counted by name; all others are one, since a stranger may ask for any number.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer and count."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else _OTHER
        begun, status = time.perf_counter(), "500"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - begun)
