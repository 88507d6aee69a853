"""Running an app: a socket of its own, a time limit for silent connections, a graceful stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from crosslevel.errors import InputError
from crosslevel.serving.options import address
from crosslevel.serving.request_log import LOG

SILENCE_S = 15.0
"""A connection is closed that has brought no request for so long."""
STOP_S = 20
"""Requests that are under way when the server is stopped have so long to end."""
MOST_CONNECTIONS = 512


def run_server(
    app: FastAPI,
    host: str,
    port: int,
    *,
    announce: Callable[[str], None] | None = None,
    logs_requests: bool = True,
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first.

    Args:
        app: From `create_app`.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        announce: Told the address of the server once it answers.
        logs_requests: Write a line for each request; else only of those that fail here.

    Raises:
        InputError: If it cannot listen there.
    """
    level = logging.INFO if logs_requests else logging.ERROR
    with listening(host, port) as bound, _logged(level), _term_is_no_failure():
        make_server(app, announce).run(sockets=[bound])


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that is bound.

    Raises:
        InputError: If it cannot be.
    """
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server((str(place[0]), int(place[1])), family=family)
    except OSError as error:
        raise InputError(
            f"Cannot listen on {host}, port {port} ({error.strerror or error}): choose another "
            "--port or --host."
        ) from error
    with bound:
        yield bound


def make_server(app: FastAPI, announce: Callable[[str], None] | None = None) -> uvicorn.Server:
    """Return a server to be run with a socket of `listening`."""
    config = uvicorn.Config(
        app,
        http=_ImpatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
    )
    return _Server(config, app.state.stopping, announce)


class _Server(uvicorn.Server):
    """Says where it is, and tells endless answers when it stops."""

    def __init__(
        self,
        config: uvicorn.Config,
        stopping: threading.Event,
        announce: Callable[[str], None] | None,
    ) -> None:
        super().__init__(config)
        self._stopping, self._announce = stopping, announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._announce and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._announce(address(host, port))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)


class _ImpatientProtocol(H11Protocol):
    """Closes connections that bring no request: uvicorn itself waits for headers without end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._seen: Any = None
        self._timer = self.loop.call_later(SILENCE_S, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        is_busy = self.cycle is not None and not self.cycle.response_complete
        if not is_busy and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle
        self._timer = self.loop.call_later(SILENCE_S, self._close_if_silent)


@contextmanager
def _logged(level: int) -> Iterator[None]:
    """Write the log to standard error from a level on, errors of uvicorn with it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    levels = {LOG: level, logging.getLogger("uvicorn"): logging.WARNING}
    for log, least in levels.items():
        log.addHandler(handler)
        log.setLevel(least)
    try:
        yield
    finally:
        for log in levels:
            log.removeHandler(handler)


@contextmanager
def _term_is_no_failure() -> Iterator[None]:
    """End with exit code 0 after SIGTERM, which uvicorn raises again when it has stopped."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
