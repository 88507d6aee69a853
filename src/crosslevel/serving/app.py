"""The application every server of Crosslevel is: routers in, one guarded FastAPI app out.

To build on it (the page does, and `serve`):

    options = ServerOptions(host=..., port=..., token=...)      # refuses what is unsafe
    app = create_app([router, ...], options, title="...", static={"/static": folder},
                     open_paths=["/"], lifespan=lifespan)
    run_server(app, options.host, options.port, announce=reporter.say)   # in `server`

- A router is FastAPI's `APIRouter`. State of a session goes into its closure, or is set by the
  `lifespan` (an async context manager that gets the app).
- With a token, every path needs it but `static`, `/docs`, `/openapi.json`, `/healthz` and
  `open_paths`. A page sends `Authorization: Bearer TOKEN`; what a browser fetches by itself
  (`<img>`, `EventSource`) has `?token=TOKEN` in its address. There are no cookies and no CORS.
- `request.state.request_id` is in the log and in the answer's `X-Request-Id`.
- Answers have a Content-Security-Policy that forbids inline scripts, `Cache-Control: no-store`
  unless they set their own, and no-referrer.
- Errors of a user are `InputError`s: they become 422 with the message as `detail`. Raise FastAPI's
  `HTTPException` for any other status.
- What streams without end (server-sent events) ends itself when `app.state.stopping.is_set()`.
- Work that blocks belongs in `def` routes (a thread each) or `run_in_threadpool`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.middleware import Middleware

from crosslevel.errors import InputError
from crosslevel.serving.guards import DOCS, BodyLimit, KnownHosts, SafeHeaders, TokenNeeded, refusal
from crosslevel.serving.options import ServerOptions
from crosslevel.serving.request_log import RequestLog

HEALTH = "/healthz"
_DOCS_FILES = "/static-offline-docs"
_OPEN = (DOCS, f"{DOCS}/oauth2-redirect", f"{_DOCS_FILES}/", "/openapi.json", HEALTH)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


def create_app(
    routers: Sequence[APIRouter],
    options: ServerOptions,
    *,
    title: str,
    static: Mapping[str, Path] | None = None,
    open_paths: Iterable[str] = (),
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Return an app with these routers behind the guards.

    Args:
        routers: What it answers, beside `/healthz` and `/docs`.
        options: Who may call, and how much may be sent.
        title: Of the page `/docs`.
        static: Path → folder of files that everybody may see.
        open_paths: Further paths that need no token; one that ends in "/" stands for all below.
        lifespan: What is set up before the first request and put away after the last.
    """
    folders = static or {}
    is_open = [*_OPEN, *(f"{path}/" for path in folders), *open_paths]
    app = FastAPIOffline(
        title=title,
        version=version("crosslevel"),
        redoc_url=None,
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog),
            Middleware(SafeHeaders),
            Middleware(KnownHosts, options=options),
            Middleware(TokenNeeded, token=options.token, open_paths=is_open),
            Middleware(BodyLimit, options=options),
        ],
        exception_handlers={InputError: _say_what_to_do, RequestValidationError: _say_where},
    )
    app.state.stopping = threading.Event()
    app.add_api_route(HEALTH, _is_healthy, tags=["service"], summary="Whether it can answer")
    said = [Security(HTTPBearer(auto_error=False))] if options.token else []  # so /docs asks for it
    for router in routers:
        app.include_router(router, dependencies=said)
    for path, folder in folders.items():
        app.mount(path, StaticFiles(directory=folder))
    return app


def _is_healthy() -> dict[str, str]:
    """Return that the server answers; whoever asks needs no token."""
    return {"status": "ok"}


def _say_what_to_do(_: Request, error: Exception) -> JSONResponse:
    return refusal(422, str(error))


def _say_where(_: Request, error: Exception) -> JSONResponse:
    """Answer as FastAPI does, without what was sent: JSON may hold what no JSON is made of."""
    assert isinstance(error, RequestValidationError), "it is the handler of these alone"
    problems = [{name: one[name] for name in ("type", "loc", "msg")} for one in error.errors()]
    return JSONResponse({"detail": problems}, 422)
